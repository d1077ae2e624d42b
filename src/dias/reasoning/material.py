"""Slots of clips, and the questions about them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dias.data.frames import ClipFrames
from dias.data.sources.clevrer import Clevrer
from dias.errors import SlotsError
from dias.reasoning.evidence import Slots
from dias.reasoning.questions import Asked
from dias.slots import SlotFiles, clips_of, source_of


@dataclass(frozen=True, kw_only=True)
class Material:
    """What is learned from, or asked.

    Attributes:
        clips: their slots.
        asked: questions, each with the place of its clip in `clips`.
        lost: questions about clips of which no frame could be read.
    """

    clips: Sequence[Slots]
    asked: tuple[Asked, ...]
    lost: int


def material_of(files: SlotFiles, *, path: Path | None = None, settings: Iterable[str] = ()) -> Material:
    """Slots of CLEVRER's videos with the questions of their split.

    Args:
        files: the slots; of whole clips.
        path: where the videos lie now; None: where they lay.
        settings: `KEY=VALUE` changes of the data set's settings.

    Raises:
        SlotsError: they are of other data, or of single pictures, or damaged.
        FileError: the questions are missing or damaged.
        DiasError: the data set is not there.
    """
    source = source_of(files, path=path, settings=settings)
    if not (isinstance(source, ClipFrames) and isinstance(source.clips, Clevrer)):
        raise SlotsError(
            files.folder,
            f"is of data that has no questions ({files.header.data.get('kind')})",
            do="extract slots of CLEVRER, or of what `dias synth clevrer` makes",
        )
    videos = source.clips
    clips = list(clips_of(files))
    asked = tuple(
        (place, question) for place, clip in enumerate(clips) for question in videos.questions(clip.clip)
    )
    every = sum(len(videos.questions(index)) for index in range(len(videos)))
    return Material(clips=clips, asked=asked, lost=every - len(asked))
