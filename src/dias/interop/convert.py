"""One model in another form: our file, Hugging Face's folder, Lightning's checkpoint."""

from pathlib import Path

from dias.errors import FileError
from dias.interop.hugging_face import checked, save_folder
from dias.interop.lightning import read_lightning, write_lightning
from dias.interop.stored import Stored, read_stored


def read_any(path: Path) -> Stored:
    """Read a model in any of the three forms; or the best of a run's folder.

    Raises:
        CheckpointError: it is none of them, or damaged.
    """
    return read_lightning(path) if path.suffix == ".ckpt" else read_stored(checked(path))


def convert(source: Path, target: Path, *, half: bool = False) -> Path:
    """Write a model in the form that the target's ending tells: .safetensors, .ckpt, or none: a folder.

    Weights, settings, provenance, notes and the backbone's hash stay as they are.

    Args:
        source: as `read_any` takes it.
        target: the file or folder; what stands there is replaced.
        half: store fp16.

    Raises:
        CheckpointError: as `read_any`.
        FileError: the ending says nothing, or the target cannot be written.
    """
    stored = read_any(source)
    stored = stored.half() if half else stored
    match target.suffix:
        case ".ckpt":
            write_lightning(stored, target)
        case ".safetensors":
            stored.write(target)
        case "":
            save_folder(stored, target)
        case other:
            raise FileError(
                target, f"has the ending {other}", do="name a file *.safetensors or *.ckpt, or a folder"
            )
    return target
