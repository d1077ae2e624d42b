"""Ways to finer masks than the grid of tokens, one by one and together: what each gains, what it costs.

python benchmarks/refinement.py [--checkpoint FILE] [--data data/scenes/test] [--every 1] [--name NAME]
python benchmarks/refinement.py --choose [--data data/scenes/val]

What `dias segment` writes, at the pictures' own size. Milliseconds are CPU time of one thread, a picture at a
time, the ways in turn, median over the pictures; the filter's alone is taken off where it is left out.
`--choose` compares windows and epsilons of the filter, which is how its defaults were chosen.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from dias import load
from dias.data.samples import ImageSample
from dias.data.sources import pictures_at
from dias.data.transforms import as_tensor
from dias.inference import Segmentation, Segmenter
from dias.inference.views import Views
from dias.masks.guided import guided_label_map
from dias.masks.resize import label_map
from dias.metrics import boundary_f, segmentation_scores
from dias.models import ImageModel
from harness import Row, markdown, save

TITLES = ("ARI", "ARIfg", "mBO", "mIoU", "boundary F")
WINDOWS = (1 / 14, 1 / 7, 1 / 5, 1 / 4, 1 / 3)
EPSILONS = (1e-4, 1e-3, 1e-2)


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, help="the model that ships if not given")
    parser.add_argument("--data", type=Path, default=Path("data/scenes/test"))
    parser.add_argument("--every", type=int, default=1, help="of so many pictures one is taken")
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--name", default="refinement", help="of the result")
    given = parser.parse_args()
    torch.set_num_threads(1)
    source = pictures_at(given.data)
    samples = [source[index] for index in range(0, len(source), given.every)]
    model = load(given.checkpoint, device="cpu")
    rows = list(chosen_from(model, samples) if given.choose else ways(model, samples))
    print(markdown(rows))
    which = given.checkpoint or "the model that ships"
    about = f"{which}, {given.data}, {len(samples)} pictures of {samples[0].image.shape[1]} pixels, percent"
    print(save(given.name, rows, about=about))


def ways(model: ImageModel, samples: list[ImageSample]) -> Iterator[Row]:
    """Every way on every picture, in turn."""
    segmenters = _segmenters(model)
    scores: dict[tuple[str, str, bool], list[list[float]]] = {}
    times: dict[tuple[str, str, bool], list[float]] = {}
    for sample in samples:
        for (name, map), segmenter in segmenters.items():
            found, total = _timed(lambda segmenter=segmenter, sample=sample: segmenter([sample.image])[0])
            plain = label_map(_maps(found), grid=found.grid, size=sample.image.shape[:2])
            _, filtering = _timed(lambda found=found, sample=sample: _guided(found, sample))
            _, stretching = _timed(
                lambda found=found, sample=sample: label_map(
                    _maps(found), grid=found.grid, size=sample.image.shape[:2]
                )
            )
            for edges, labels, ms in (
                (False, plain, total - filtering + stretching),
                (True, torch.from_numpy(found.labels)[None].long(), total),
            ):
                scores.setdefault((name, map, edges), []).append(_scores(labels, sample))
                times.setdefault((name, map, edges), []).append(ms)
    first = np.median(times[next(iter(times))])
    for (name, map, edges), values in scores.items():
        means = (100 * np.nanmean(values, axis=0)).tolist()
        ms = float(np.median(times[name, map, edges]))
        yield {
            "the model sees": name,
            "map": map,
            "follows edges": "yes" if edges else "no",
            **{title: f"{value:.1f}" for title, value in zip(TITLES, means, strict=True)},
            "ms": f"{ms:.0f}",
            "times the first": f"{ms / first:.2f}",
        }


def chosen_from(model: ImageModel, samples: list[ImageSample]) -> Iterator[Row]:
    """Windows and epsilons of the filter, on the maps of one view."""
    for map in ("decoder", "aggregation"):
        segmenter = Segmenter(model, map=map, batch=1)  # type: ignore[arg-type]
        found = [segmenter([sample.image])[0] for sample in samples]
        both = list(zip(found, samples, strict=True))
        plain = [_scores(torch.from_numpy(one.labels)[None].long(), sample) for one, sample in both]
        yield _choice(map, "no filter", "", plain)
        for window in WINDOWS:
            for epsilon in EPSILONS:
                values = [
                    _scores(_guided(one, sample, window=window, epsilon=epsilon), sample)
                    for one, sample in both
                ]
                yield _choice(map, f"1/{1 / window:.0f}", f"{epsilon:g}", values)


def _choice(map: str, window: str, epsilon: str, values: list[list[float]]) -> Row:
    means = (100 * np.nanmean(values, axis=0)).tolist()
    return {
        "map": map,
        "window": window,
        "epsilon": epsilon,
        **{title: f"{value:.1f}" for title, value in zip(TITLES, means, strict=True)},
        "mean of these": f"{np.mean(means):.1f}",
    }


def _segmenters(model: ImageModel) -> dict[tuple[str, str], Segmenter]:
    """Each with the filter; without it, maps are the same."""
    own = Segmenter(model, batch=1).size
    found = {
        ("the whole", map): Segmenter(model, map=map, batch=1, quality="fine")
        for map in ("decoder", "aggregation")
    }
    found["four times, half a patch apart", "decoder"] = Segmenter(
        model, map="decoder", batch=1, quality="best"
    )
    for side in (own * 3 // 2, own * 2):
        name = f"{side} x {side} pixels"
        found[name, "aggregation"] = Segmenter(model, size=side, batch=1, quality="fine")
    tiles = Segmenter(model, map="decoder", batch=1, quality="fine")
    starts = tuple((y, x) for y in (0, own) for x in (0, own))
    tiles.views = Views(side=2 * own, size=own, starts=starts, cell=tiles.backbone.patch)
    found["four tiles, each as large", "decoder"] = tiles
    return found


def _maps(found: Segmentation) -> torch.Tensor:
    return torch.from_numpy(found.attention)[None]


def _guided(found: Segmentation, sample: ImageSample, **settings: float) -> torch.Tensor:
    return guided_label_map(_maps(found), as_tensor(sample.image)[None], grid=found.grid, **settings)


def _scores(labels: torch.Tensor, sample: ImageSample) -> list[float]:
    assert sample.mask is not None
    truth = torch.from_numpy(sample.mask.astype(np.int64))[None]
    told = segmentation_scores(labels, truth)
    each = (told.ari, told.ari_foreground, told.mbo, told.miou, boundary_f(labels, truth))
    return [float(one) for one in each]


def _timed(call):
    start = time.process_time()
    result = call()
    return result, 1e3 * (time.process_time() - start)


if __name__ == "__main__":
    main()
