"""What the round after the merge adds, and what it loses: same weights, same clusters, other last steps.

python benchmarks/reinitialization.py runs/sweep/dias-* [--data data/scenes/test] [--threshold auto]

"Counted" means that a merged slot weighs as much as the slots it stands for: its logits rise by the logarithm
of their number, in the competition for tokens or in the decoder's cross-attention (as proportional attention
does for merged tokens, Bolya et al. 2023). Computed by copies: each slot becomes its cluster's mean, and
their maps add up.
"""

import argparse
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from dias.backbones import Tokens
from dias.checkpoints import load_model
from dias.config import from_dict
from dias.evaluation.results import METRIC_NAMES, Metric
from dias.models.image import ImageModel
from dias.nn.decoders import Target
from dias.nn.decoders.counted import decode
from dias.nn.slots.aggregation import Aggregation, AggregationConfig
from dias.nn.slots.redundancy import merge, merge_matrix
from dias.nn.slots.thresholds import Evidence, Threshold
from every_cut import MEASURED, Pictures, batches, pictures_of, scores_of, without_reduction
from harness import Row, markdown, save

Maps = tuple[Float[Tensor, "b n m"], Bool[Tensor, "b n"]]


class Ways:
    """All last steps for one batch, from the clusters that the model's own threshold finds."""

    def __init__(self, model: ImageModel, seen: Tokens, queries: Float[Tensor, "b n d"]) -> None:
        assert isinstance(model.aggregation, Aggregation)
        self.model, self.queries, self.competition = model, queries, model.aggregation.competition
        self.target = model.reduce_features(seen.features)
        tokens = model.projection(self.target)
        self.keys, self.values = self.competition.keys_values(tokens)
        before = without_reduction(model)(tokens, queries)
        self.slots, attention = before.slots, before.logits[-1].softmax(dim=1)
        labels = model.aggregation.clusters(self.slots, Evidence(attention=attention, tokens=self.keys))
        self.average = merge_matrix(labels)
        self.kept = (self.average > 0).any(dim=2)
        self.first = (labels[:, :, None] == labels[:, None, :]).int().argmax(dim=2)  # of each slot's cluster

    def found(self) -> dict[str, Maps]:
        """Maps and kept slots of each way."""
        merged, born = merge(self.average, self.slots), merge(self.average, self.queries)
        copies = self._copied(merged)
        again = self._rounds(merged, 1)
        return {
            "nothing merged": self._maps(self.slots, torch.ones_like(self.kept)),
            "merged, no further round": self._maps(merged, self.kept),
            "one round more (the method)": self._maps(again, self.kept),
            "two rounds more": self._maps(self._rounds(merged, 2), self.kept),
            "three rounds from the merged queries": self._maps(self._rounds(born, 3), self.kept),
            "one round more, counted there": self._maps(self._counted(copies), self.kept),
            "one round more, counted in the decoder": self._summed(self._copied(again)),
            "one round more, counted in both": self._summed(self._counted(copies)),
            "merged, counted in the decoder": self._summed(copies),
        }

    def _rounds(self, slots: Float[Tensor, "b n d"], rounds: int) -> Float[Tensor, "b n d"]:
        for _ in range(rounds):
            slots, _ = self.competition.forward(slots, self.keys, self.values, self.kept)
        return slots

    def _counted(self, copies: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        slots, _ = self.competition.forward(copies, self.keys, self.values)
        return slots

    def _copied(self, slots: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return slots.gather(1, self.first[..., None].expand_as(slots))

    def _maps(self, slots: Float[Tensor, "b n d"], kept: Bool[Tensor, "b n"]) -> Maps:
        maps = decode(self.model.decoder, slots, kept, Target(tokens=self.target)).attention
        assert maps is not None
        return maps, kept

    def _summed(self, copies: Float[Tensor, "b n d"]) -> Maps:
        maps, _ = self._maps(copies, torch.ones_like(self.kept))
        return merge(self.average > 0, maps), self.kept


@torch.no_grad()
def rows_of(name: str, model: ImageModel, pictures: Pictures) -> list[Row]:
    """One row a way."""
    scores: dict[str, dict[Metric, list[Float64[Tensor, " b"]]]] = {}
    for seen, queries, masks in batches(model, pictures):
        for way, (maps, kept) in Ways(model, seen, queries).found().items():
            place = scores.setdefault(way, {metric: [] for metric in MEASURED})
            for metric, values in scores_of(maps, kept, seen.grid, masks).items():
                place[metric].append(values)
    return [
        {
            "model": name,
            "after the merge": way,
            **{METRIC_NAMES[name]: f"{_percent(values):.1f}" for name, values in found.items()},
        }
        for way, found in scores.items()
    ]


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoints", type=Path, nargs="+", help="of one backbone")
    parser.add_argument("--data", type=Path, default=Path("data/scenes/test"))
    parser.add_argument("--threshold", default="auto", help="a number, auto, or a kind")
    parser.add_argument("--name", default="reinitialization")
    given = parser.parse_args()
    told = from_dict(AggregationConfig, {"threshold": given.threshold}, where="--threshold").threshold
    models = {
        f"{path.parent.name}/{path.stem}": load_model(path).with_threshold(told) for path in given.checkpoints
    }
    backbone = next(iter(models.values())).backbone
    assert backbone is not None
    pictures = pictures_of(given.data, backbone)
    rows = [row for name, model in models.items() for row in rows_of(name, model, pictures)]
    print(markdown(rows))
    print(save(given.name, rows, about=f"{given.data}, threshold {_word(told)}, percent"))


def _percent(values: list[Float64[Tensor, " b"]]) -> float:
    return 100 * float(torch.cat(values).nanmean())


def _word(threshold: Threshold) -> str:
    return f"{threshold:g}" if isinstance(threshold, float) else threshold.kind


if __name__ == "__main__":
    main()
