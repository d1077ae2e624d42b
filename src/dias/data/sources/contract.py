"""What the settings of every data set promise."""

from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from dias.data.samples import ClipSource, ImageSource

# What a data set is opened for. It chooses the split, where the user names none; for `check`, which is as
# `evaluate` else, every sum is looked at that the files carry.
Use = Literal["train", "evaluate", "check"]


@runtime_checkable
class SourceConfig(Protocol):
    """Settings of a data set: a frozen dataclass with a `kind` of its own, `path`, and what can be chosen."""

    @classmethod
    def at(cls, path: Path, *, use: Use) -> "SourceConfig | None":
        """Settings of the data set that lies at a path, by the files that mark it; None if it is another.

        Args:
            path: what the user named; it may not exist.
            use: chooses the split, where there are several; and whether sums are checked that are costly.
        """
        ...

    def splits(self) -> tuple[str, ...]:
        """The values of `split` that are there; none where a data set has no splits."""
        ...

    def build(self) -> ImageSource | ClipSource:
        """List the samples, reading no picture.

        Raises:
            DiasError: files are missing or damaged, so that the samples cannot be listed.
        """
        ...


@runtime_checkable
class SeveralSets(Protocol):
    """Settings of a path that may hold several data sets, of which `build` needs one chosen."""

    def several(self) -> "tuple[tuple[str, SourceConfig], ...]":
        """Name and settings of each that fits what is chosen already; none where that is a single one."""
        ...
