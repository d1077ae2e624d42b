"""Files that a data set's own files name: never outside its folder, whatever the name says."""

from pathlib import Path, PurePosixPath

from dias.errors import FileError


def inside(folder: Path, name: object, *, named_by: Path) -> Path:
    """Path of the file `name` (with forward slashes) below `folder`.

    Links that the user has put into the folder may lead out of it; a name may not.

    Args:
        folder: where the data set keeps such files.
        name: what stands in `named_by`.
        named_by: file of the data set that names it, for the error.

    Raises:
        FileError: the name is no relative path, or leads out of the folder.
    """
    if not isinstance(name, str):
        raise FileError(named_by, f"names a file by {type(name).__name__} {name!r}, expected text")
    path = PurePosixPath(name)
    odd = "\0" in name or "\\" in name or ":" in name or path.is_absolute() or ".." in path.parts
    if odd or not path.parts:
        raise FileError(
            named_by,
            f"names the file {name[:200]!r}, which is not a path below {folder}",
            do="do not trust this copy: download it again from the data set's own site",
        )
    return folder / path
