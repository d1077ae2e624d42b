"""dias import-official."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def import_official(
    file: Annotated[Path, Argument(help="A .pth file that the authors released.")],
    out: Annotated[Path, Argument(help="The checkpoint to write, such as dias-coco.safetensors.")],
    heads: Annotated[int, Option(min=1, help="Of the decoder's attention; the file does not tell.")] = 4,
    slots: Annotated[
        int, Option(min=1, help="How many; the file does not tell. COCO 7, VOC 6, ClevrTex 11.")
    ] = 7,
) -> None:
    """Turn a checkpoint of the authors into one of ours; a ViT inside goes into OUT's name + .backbone."""
    from dias.backbones import BackboneConfig
    from dias.checkpoints import save_model
    from dias.errors import SettingError
    from dias.files import sha256
    from dias.interop import load_official
    from dias.provenance import record

    if out.suffix != ".safetensors":
        raise SettingError("out", str(out), "must end in .safetensors")
    folder = out.with_suffix(".backbone")
    model = load_official(file, heads, slots=slots, backbone_folder=folder)
    save_model(out, model, provenance=record(official=sha256(file)), notes={"imported_from": file.name})
    print(f"{out}: {sum(value.numel() for value in model.head_state().values()):,} parameters")
    if model.backbone is not None:
        print(f"{folder}: the ViT that was inside; keep it where it is")
    elif isinstance(model.config.backbone, BackboneConfig):
        print(f"no ViT inside: {model.config.backbone.name} will be used")
