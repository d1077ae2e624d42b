"""A model of images on clips, frame by frame, with nothing that links the frames: what tracking must beat."""

from collections.abc import Iterator
from itertools import islice

import torch
from jaxtyping import Int64
from torch import Tensor

from dias.evaluation.clips.views import ShownFrame
from dias.evaluation.passes import backbone_of, device_of, final_pass
from dias.evaluation.protocol import EvaluationConfig, MapSource
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


def _map(output: SlotOutput, source: MapSource) -> Tensor:
    """The map that the protocol names, or else the one there is."""
    if source == "decoder" and output.decoder_attention is not None:
        return output.decoder_attention
    return output.attention[-1]
