"""What clips that are folders of frame files have in common."""

from pathlib import Path

from dias.data.samples import fingerprint_below


class FrameFiles:
    """Clips, each a folder below `folder` with a file a frame.

    Attributes:
        folder: where the clips' folders are.
        clips: of each, the path of its folder and the names of its frames.
    """

    folder: Path
    clips: list[tuple[str, list[str]]]

    def __len__(self) -> int:
        return len(self.clips)

    def length(self, index: int) -> int:
        """Number of frames of a clip."""
        return len(self.clips[index][1])

    def name(self, index: int) -> str:
        """Path of a clip's folder below `folder`, with forward slashes, such as `bike-packing`."""
        return self.clips[index][0]

    def encoded(self, index: int, frame: int) -> bytes:
        """The file of a frame."""
        return self.frame_file(index, frame).read_bytes()

    def frame_file(self, index: int, frame: int) -> Path:
        """Where a frame is."""
        name, files = self.clips[index]
        return self.folder / name / files[frame]

    def fingerprint(self) -> str:
        """SHA-256 over names and sizes of the frames."""
        return fingerprint_below(
            self.folder, (f"{name}/{file}" for name, files in self.clips for file in files)
        )
