"""Where to merge slots: automatic thresholds against the best fixed one that a sweep finds.

python benchmarks/thresholds.py runs/sweep/dias-* data/models/scenes-cpu.safetensors
    [--val data/scenes/val] [--data data/scenes/test data/scenes/ood] [--name thresholds] [--photos PNG]
    [--keep runs/cuts]

The sweep chooses for each model and data set apart, by its true masks: an oracle. Features are computed once,
and every cut of every image is scored once (every_cut.py), so that trying another way costs nothing.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from math import log
from pathlib import Path

import torch
from jaxtyping import Float64, Int64
from PIL import Image
from torch import Tensor

from dias.checkpoints import find, load_model
from dias.data.sources import pictures_at
from dias.files import sha256
from dias.inference.segment import Segmenter
from dias.models.image import ImageModel
from dias.nn.slots.cuts import removal_errors
from dias.nn.slots.thresholds import (
    BestSilhouette,
    ExplainedVariance,
    FirmClusters,
    LargestGap,
    RemovalError,
    Threshold,
    merges_while,
)
from dias.viz import contact_sheet, overlay
from every_cut import Cuts, Pictures, cuts_of, kept_cuts, labelled, pictures_of
from harness import Row, markdown, save

Held = Mapping[str, Cuts]  # a model's, by data set
Way = Callable[[Cuts, Cuts], torch.Tensor]  # of the data set at hand, and of the validation pictures

WAYS: dict[str, Way] = {
    "no merging": lambda here, _: here.below(0.0),
    "fixed, 0.1": lambda here, _: here.below(0.1),
    "fixed, 0.2": lambda here, _: here.below(0.2),
    "fixed, best on val's masks": lambda here, val: here.below(val.oracle),
    "pooled: Otsu of val's heights": lambda here, val: here.below(pooled_threshold(val.tree.heights)),
    "largest gap (`gap`)": lambda here, _: here.by(LargestGap()),
    "mean silhouette (`silhouette`)": lambda here, _: here.by(BestSilhouette()),
    "every silhouette (`firm`)": lambda here, _: here.by(FirmClusters()),
    "explained variance (`explained`)": lambda here, _: here.by(ExplainedVariance()),
    "error of what is removed (`removal`)": lambda here, _: here.by(RemovalError()),
    "`removal`, half the rise": lambda here, _: here.by(RemovalError(rise=0.023)),
    "`removal`, twice the rise": lambda here, _: here.by(RemovalError(rise=0.092)),
    "`removal`, 0.05 of the variance": lambda here, _: below_rise(here, 0.05),
    "`removal`, 0.03 of it a nat": lambda here, _: below_rise(here, 0.03 * log(here.slots)),
}
HELD_OUT = [Path("data/scenes/test"), Path("data/scenes/ood")]
_SHOWN = {"ari": "ARI", "ari_foreground": "ARIfg", "mbo": "mBO", "miou": "mIoU", "kept": "slots kept"}


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoints", type=Path, nargs="+", help="of one backbone")
    parser.add_argument("--val", type=Path, default=Path("data/scenes/val"))
    parser.add_argument("--data", type=Path, nargs="+", default=HELD_OUT)
    parser.add_argument("--name", default="thresholds")
    parser.add_argument("--photos", type=Path, help="also a PNG of the sample photos, by the first one")
    parser.add_argument("--keep", type=Path, help="folder of scored cuts; those that are there are taken")
    given = parser.parse_args()
    if len({folder.name for folder in (given.val, *given.data)}) <= len(given.data):
        parser.error("two sets have the same name; the table could not tell them apart")
    models = {path: load_model(path) for path in given.checkpoints}
    if given.photos:
        _draw_photos(models[given.checkpoints[0]], given.photos)
    backbone = models[given.checkpoints[0]].backbone
    assert backbone is not None
    sets = {folder: cache(partial(pictures_of, folder, backbone)) for folder in (given.val, *given.data)}
    held: dict[str, Held] = {}
    for path, model in sorted(models.items(), key=lambda one: one[1].config.queries.slots):
        name = f"{path.parent.name}/{path.stem}"
        held[name] = {
            folder.name: _cuts_of(path, model, folder, read, keep=given.keep) for folder, read in sets.items()
        }
        print(f"{name}: {len(held)} of {len(models)} models scored", flush=True)
    rows = [_summary(way, list(held.values()), val=given.val.name) for way in WAYS]
    details = [row for name, one in held.items() for data in one for row in _rows(name, one, data, given.val)]
    print(markdown(rows))
    print(markdown(details))
    about = (
        f"ARIfg / mBO in points against the best fixed threshold of each model and data set ({len(held)} "
        f"models; {', '.join(folder.name for folder in sets)}), the worst of each number of slots"
    )
    print(save(given.name, rows, about=about))
    print(save(f"{given.name}-all", details, about="every model and data set, percent"))


def _cuts_of(
    path: Path, model: ImageModel, folder: Path, read: Callable[[], Pictures], *, keep: Path | None
) -> Cuts:
    """The scored cuts of a checkpoint on what `read` reads of a folder; kept ones are of the very same."""
    if keep is None:
        return cuts_of(model, read())
    name = f"{sha256(find(path))[:12]}-{labelled(folder).fingerprint()[:12]}.pt"
    return kept_cuts(keep / name, lambda: cuts_of(model, read()))


def below_rise(cuts: Cuts, rise: float) -> Int64[Tensor, " b"]:
    """Merges whose removal costs less than `rise`: the same for every image, as `removal` was at first."""
    errors = removal_errors(cuts.tree, cuts.evidence.attention, cuts.evidence.tokens)
    return merges_while(errors < rise, cuts.tree)


@torch.no_grad()
def pooled_threshold(heights: Float64[Tensor, "b n"], *, floor: float = 0.01) -> float:
    """One distance for a model, from the merges that it makes on unlabelled images (Otsu 1979).

    Of all ways to split the heights in two, on a logarithmic scale, the one that leaves the least variance:
    merges of redundant slots below, of objects above. Without a histogram, so without bins.

    Args:
        heights: of many images' dendrograms; infinite ones do not count. At least two others.
        floor: distance (above 0) that is as good as none.
    """
    found = (heights[heights.isfinite()] + floor).log().sort().values
    below = torch.arange(1, len(found), device=found.device)
    above, sums = len(found) - below, found.cumsum(dim=0)
    apart = (sums[-1] - sums[:-1]) / above - sums[:-1] / below
    place = int((below * above * apart.square()).argmax())
    return float(((found[place] + found[place + 1]) / 2).exp() - floor)


def _draw_photos(model: ImageModel, file: Path) -> None:
    """Photos have no true masks: a picture of what each threshold keeps."""
    tried: dict[str, Threshold] = {"no merging": 0.0, "fixed, 0.1": 0.1, "fixed, 0.2": 0.2}
    ways = (LargestGap(), BestSilhouette(), FirmClusters(), ExplainedVariance(), RemovalError())
    tried |= {way.kind: way for way in ways}
    photos = pictures_at("photos")
    rows = [[photos[index].image] for index in range(len(photos))]
    for threshold in tried.values():
        segmenter = Segmenter(model.with_threshold(threshold), map="decoder", size=224)
        for row, one in zip(rows, segmenter([row[0] for row in rows]), strict=True):
            row.append(overlay(row[0], one.labels))
    Image.fromarray(contact_sheet(rows, titles=["photo", *tried])).save(file)


def _loss(cuts: Cuts, merges: torch.Tensor) -> tuple[float, float]:
    best, found = cuts.at(cuts.below(cuts.oracle)), cuts.at(merges)
    return found["ari_foreground"] - best["ari_foreground"], found["mbo"] - best["mbo"]


def _summary(name: str, held: Sequence[Held], *, val: str) -> Row:
    """One way: its distance to the oracle for each number of slots (the worst there), and overall."""
    row: Row = {"way": name}
    of_slots: dict[int, list[tuple[float, float]]] = {}
    for one in held:
        for cuts in one.values():
            of_slots.setdefault(cuts.slots, []).append(_loss(cuts, WAYS[name](cuts, one[val])))
    for slots, each in of_slots.items():
        worst = [min(loss[aim] for loss in each) for aim in (0, 1)]
        row[f"{slots} slots"] = f"{worst[0]:+.1f} / {worst[1]:+.1f}"
    losses = [loss for each in of_slots.values() for loss in each]
    means = [sum(loss[aim] for loss in losses) / len(losses) for aim in (0, 1)]
    row["mean of all"] = f"{means[0]:+.1f} / {means[1]:+.1f}"
    within = sum(min(loss) >= -2 for loss in losses)
    return row | {"within 2 points": f"{within} of {len(losses)}"}


def _rows(model: str, one: Held, data: str, val: Path) -> list[Row]:
    cuts = one[data]
    ways = {name: way(cuts, one[val.name]) for name, way in WAYS.items()}
    ways[f"oracle: fixed, {cuts.oracle:g}"] = cuts.below(cuts.oracle)
    rows: list[Row] = []
    for name, merges in ways.items():
        found = cuts.at(merges)
        scores = {shown: f"{found[metric]:.1f}" for metric, shown in _SHOWN.items()}
        rows.append({"model": model, "slots": cuts.slots, "data": data, "way": name, **scores})
    return rows


if __name__ == "__main__":
    main()
