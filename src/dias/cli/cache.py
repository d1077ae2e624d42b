"""dias cache."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from dias.cli.options import DataSettings


def cache(
    data: Annotated[
        Path, Argument(help="A data set (its training split), a folder of pictures or videos, or `photos`.")
    ],
    out: Annotated[Path, Argument(help="The cache's folder; a run that was stopped goes on there.")],
    data_set: DataSettings = None,
    backbone: Annotated[str, Option(help="Any Hugging Face ViT by name.")] = "facebook/dinov2-small",
    weights: Annotated[str | None, Option(help="Local weights instead.")] = None,
    final_norm: Annotated[bool, Option("--final-norm", help="Features after the ViT's last norm.")] = False,
    keys: Annotated[
        bool, Option("--keys", help="Keep the last block's keys too (recipes with model.backbone.keys).")
    ] = False,
    last_blocks: Annotated[
        int, Option(min=0, help="Keep what so many last blocks are given too (recipes with tuned_blocks).")
    ] = 0,
    size: Annotated[int, Option(min=1, help="Side of a view in pixels.")] = 224,
    input_size: Annotated[int, Option(min=1, help="Side that the backbone resizes a view to.")] = 224,
    views: Annotated[int, Option(min=0, help="Random views a picture; 0 is the centre alone.")] = 1,
    seed: Annotated[
        int, Option(min=0, help="Of the random views; the recipe's seed gives the views of a live run.")
    ] = 42,
    batch: Annotated[int, Option(min=1, help="Views at a time.")] = 32,
    precision: Annotated[Literal["bf16", "fp32"], Option(help="What the backbone computes in.")] = "bf16",
    bad_images: Annotated[
        Literal["stop", "skip"], Option(help="At an unreadable picture: stop, or leave it out and list it.")
    ] = "stop",
) -> None:
    """Compute the frozen features of a data set once, to train on them."""
    import sys

    from dias.backbones import BackboneConfig
    from dias.data.frames import images_of
    from dias.data.sources import config_for
    from dias.data.sources.wording import in_words
    from dias.features import Views, build_cache, unreadable
    from dias.inference.shortcuts import device_called

    settings = BackboneConfig(
        name=backbone,
        path=weights,
        input_size=input_size,
        final_norm=final_norm,
        keys=keys,
        precision=precision,
    )
    chosen = config_for(data, use="train", settings=data_set or [])
    source = images_of(chosen.build())
    print(in_words(chosen, source), file=sys.stderr)
    vit = settings.build().to(device_called("auto"))
    made = build_cache(
        source,
        vit,
        out,
        views=Views(number=views, size=size, seed=seed),
        last_blocks=last_blocks,
        batch=batch,
        skip_bad=bad_images == "skip",
    )
    for name in (left_out := unreadable(made)):
        print(f"left out, unreadable: {name}")
    print(
        f"{out}: {len(made) - len(left_out)} pictures, {max(views, 1)} views each, "
        f"{made.layout.bytes / 1e9:.2f} GB, weights from {vit.weights.source}"
    )
