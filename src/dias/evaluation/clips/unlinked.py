"""A model of images on clips, frame by frame, with nothing that links the frames: what tracking must beat."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import torch
from jaxtyping import Int64
from torch import Tensor

from dias.data.frames import ClipFrames
from dias.data.samples import ClipSource, ImageSource
from dias.errors import DiasError
from dias.evaluation.clips.results import ClipEvaluation
from dias.evaluation.clips.run import evaluate_clips
from dias.evaluation.clips.views import ShownFrame
from dias.evaluation.passes import backbone_of, device_of, final_pass
from dias.evaluation.protocol import EvaluationConfig, MapSource
from dias.evaluation.run import Candidate
from dias.files import check_writable
from dias.masks.resize import label_map
from dias.models.image import ImageModel
from dias.models.outputs import SlotOutput


class Unlinked:
    """A `ClipPredictor`: a segment's number is its slot's, whatever that slot holds in the next frame.

    Each frame draws its own queries, those of `dias.evaluation.evaluate` for the clips' frames as images: its
    per-frame scores are the same.

    Args:
        model: with its backbone.
        config: map, threshold, seed and batch are taken from it; its defaults when None.

    Raises:
        DiasError: the model has no backbone.
    """

    def __init__(self, model: ImageModel, *, config: EvaluationConfig | None = None) -> None:
        self._config = config or EvaluationConfig()
        threshold = self._config.threshold
        self._model = model.eval() if threshold is None else model.eval().with_threshold(threshold)
        self._device = device_of(backbone_of(model))

    @torch.no_grad()
    def __call__(self, frames: Iterator[ShownFrame], /) -> Iterator[Int64[Tensor, "h w"]]:
        """Segment a batch of frames at a time."""
        while batch := list(islice(frames, self._config.batch)):
            images = torch.stack([frame.image for frame in batch]).to(self._device)
            tokens = self._model.see(images)
            indices = [frame.index for frame in batch]
            output = final_pass(self._model, tokens, indices=indices, seed=self._config.seed)
            size = batch[0].size
            maps = _map(output, self._config.rules.map)
            yield from label_map(maps, grid=tokens.grid, size=(size, size), kept=output.mask)


def clips_for(source: ImageSource, file: Path) -> ClipSource:
    """The clips whose frames a data set of images is, to be measured as wholes too.

    Args:
        source: what `dias.data.frames.images_of` gave.
        file: where the result is to go.

    Raises:
        DiasError: these are images and no clips.
        FileError: nothing can be written there.
    """
    if not isinstance(source, ClipFrames):
        raise DiasError(f"{file}: would hold scores of clips, but the data set has images; give clips")
    check_writable(file)
    return source.clips


def evaluate_unlinked(
    candidates: Sequence[Candidate],
    clips: ClipSource,
    *,
    config: EvaluationConfig | None = None,
    progress: bool = True,
) -> tuple[ClipEvaluation, ...]:
    """Measure models of images on clips, one after another, each as `Unlinked`.

    Raises:
        DiasError: as `evaluate_clips`.
        SampleError: a frame cannot be read and `config.bad_images` is "stop".
    """
    config = config or EvaluationConfig()
    return tuple(
        evaluate_clips(
            Unlinked(one.model, config=config),
            clips,
            config.rules,
            name=f"{one.checkpoint or 'model'}, frames not linked",
            bad_clips=config.bad_images,
            progress=progress,
        )
        for one in candidates
    )


def _map(output: SlotOutput, source: MapSource) -> Tensor:
    """The map that the protocol names, or else the one there is."""
    if source == "decoder" and output.decoder_attention is not None:
        return output.decoder_attention
    return output.attention[-1]
