"""Members of a tar file in memory: the same bytes for the same content, and nothing but plain files read."""

import tarfile
from collections.abc import Mapping

_BLOCK = 512
END = bytes(2 * _BLOCK)  # what closes a tar file


def packed(files: Mapping[str, bytes]) -> bytes:
    """Files as members, without the end of the tar file; owner and time are zero, so nothing else decides."""
    parts = []
    for name, content in files.items():
        info = tarfile.TarInfo(name)
        info.size = len(content)
        parts += [info.tobuf(tarfile.USTAR_FORMAT), content, bytes(-len(content) % _BLOCK)]
    return b"".join(parts)


def unpacked(members: bytes) -> dict[str, bytes]:
    """The files that `packed` was given.

    Raises:
        ValueError: there is anything but plain files, or an end that is missing.
    """
    files, place = {}, 0
    while place < len(members):
        try:
            info = tarfile.TarInfo.frombuf(members[place : place + _BLOCK], "utf-8", "strict")
        except (tarfile.HeaderError, UnicodeError) as error:
            raise ValueError(f"no tar header at byte {place}: {error}") from None
        start, stop = place + _BLOCK, place + _BLOCK + info.size
        if not info.isreg() or not start <= stop <= len(members):
            raise ValueError(f"the tar member at byte {place} is no whole, plain file")
        files[info.name] = members[start:stop]
        place = stop + -info.size % _BLOCK
    return files
