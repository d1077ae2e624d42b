"""What a user can mend: one line that says where, what was found, and what to do."""

from pathlib import Path


class DiasError(Exception):
    """A fault that the user can mend. The command line prints its message and exits with 2."""


class SettingError(DiasError):
    """A setting with a value that cannot work."""

    def __init__(self, key: str, value: object, problem: str) -> None:
        super().__init__(f"setting {key}: {value!r} {problem}")


class FileError(DiasError):
    """A file that cannot be used as it is."""

    def __init__(self, file: Path | str, problem: str, *, do: str = "") -> None:
        super().__init__(f"{file}: {problem}" + (f"; {do}" if do else ""))
        self.file = Path(file)
        self.problem = problem
        self._do = do

    def __reduce__(self) -> tuple[type["FileError"], tuple[Path, str], dict[str, object]]:
        """Survive the way from a worker process."""
        return type(self), (self.file, self.problem), {"args": self.args, "_do": self._do}


class SampleError(FileError):
    """An image or a mask of a data set that cannot be read."""


class CheckpointError(FileError):
    """A checkpoint that is damaged, or of another architecture."""


class CacheError(FileError):
    """A feature cache that is damaged, incomplete, or made with other weights or data."""


class SlotsError(FileError):
    """Slot files that are damaged, unfinished, or of another checkpoint or data set."""


class WeightsError(DiasError):
    """Backbone weights that cannot be found, or are not what they should be."""


class LoadingError(DiasError):
    """A batch that cannot be made: a file is bad, or a process that reads them died."""


class TrainingError(DiasError):
    """Training that cannot go on, such as a loss that is not a number."""


class Interrupted(TrainingError):
    """Training that a signal ended, after its state was saved.

    Attributes:
        code: what the command line exits with: 0 when a scheduler wants its machine back, as that is no
            failure; 130 after Ctrl-C, as shells expect.
    """

    def __init__(self, line: str, *, code: int) -> None:
        super().__init__(line)
        self.code = code


def how_to_install(extra: str) -> str:
    """The command that brings what an extra of `pyproject.toml` names, for a package and for a checkout."""
    return f"pip install 'dias-ocl[{extra}]' (in a checkout: pip install -e '.[{extra}]')"
