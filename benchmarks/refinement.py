"""Ways to finer masks than the grid of tokens, one by one and together: what each gains, what it costs.

python benchmarks/refinement.py [--checkpoint FILE] [--data data/scenes/test] [--every 1] [--name NAME]
python benchmarks/refinement.py --choose [--data data/scenes/val]
python benchmarks/refinement.py --picture docs/quality.webp

What `dias segment` writes, at the pictures' own size. Milliseconds are CPU time of one thread, a picture at a
time, the ways in turn, median over the pictures.
`--choose` compares windows and epsilons of the filter, which is how its defaults were chosen.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dias import load
from dias.data.samples import ImageSample
from dias.data.sources import pictures_at
from dias.data.transforms import as_tensor
from dias.inference import Segmenter
from dias.inference.looking import ROUNDS
from dias.masks.guided import guided_label_map
from dias.masks.resize import label_map
from dias.metrics import boundary_f, segmentation_scores
from dias.models import ImageModel
from dias.viz import contact_sheet, overlay
from harness import Row, markdown, save
from shared_slots import Views, maps_of_views, shifted, tiled

Found = TypeVar("Found")
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
    parser.add_argument("--picture", type=Path, help="draw the three qualities, and measure nothing")
    parser.add_argument("--name", default="refinement", help="of the result")
    given = parser.parse_args()
    torch.set_num_threads(1)
    source = pictures_at(given.data)
    samples = [source[index] for index in range(0, len(source), given.every)]
    model = load(given.checkpoint, device="cpu")
    if given.picture:
        draw(model, [*samples[:3], *(pictures_at("photos")[index] for index in (0, 2))], given.picture)
        return
    rows = list(chosen_from(model, samples) if given.choose else ways(model, samples))
    print(markdown(rows))
    which = given.checkpoint or "the model that ships"
    about = f"{which}, {given.data}, {len(samples)} pictures of {samples[0].image.shape[1]} pixels, percent"
    print(save(given.name, rows, about=about))


def ways(model: ImageModel, samples: list[ImageSample]) -> Iterator[Row]:
    """Every way on every picture, in turn."""
    scores: dict[tuple[str, str, str], list[list[float]]] = {}
    times: dict[tuple[str, str, str], list[float]] = {}
    looks = _looks(model)
    for sample in samples:
        for (name, map), look in looks.items():
            (maps, grid), looking = _timed(partial(look, sample))
            for edges, labels_of in (
                ("no", partial(label_map, maps, grid=grid, size=sample.image.shape[:2])),
                ("once", partial(_guided, maps, grid, sample)),
                ("twice", partial(_guided, maps, grid, sample, rounds=2)),
            ):
                labels, drawing = _timed(labels_of)
                scores.setdefault((name, map, edges), []).append(_scores(labels, sample))
                times.setdefault((name, map, edges), []).append(looking + drawing)
    first = np.median(times[next(iter(times))])
    for (name, map, edges), values in scores.items():
        means = (100 * np.nanmean(values, axis=0)).tolist()
        ms = float(np.median(times[name, map, edges]))
        yield {
            "the model sees": name,
            "map": map,
            "follows edges": edges,
            **{title: f"{value:.1f}" for title, value in zip(TITLES, means, strict=True)},
            "mean of these": f"{np.mean(means):.1f}",
            "ms": f"{ms:.0f}",
            "times the first": f"{ms / first:.2f}",
        }


def chosen_from(model: ImageModel, samples: list[ImageSample]) -> Iterator[Row]:
    """Windows and epsilons of the filter, on the maps of one view."""
    looks = _looks(model)
    for map in ("decoder", "aggregation"):
        found = [(*looks["the whole", map](sample), sample) for sample in samples]
        plain = [
            _scores(label_map(maps, grid=grid, size=sample.image.shape[:2]), sample)
            for maps, grid, sample in found
        ]
        yield _choice(map, "no filter", "", plain)
        for window in WINDOWS:
            for epsilon in EPSILONS:
                values = [_scores(_guided(*one, window=window, epsilon=epsilon), one[2]) for one in found]
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


def draw(model: ImageModel, samples: list[ImageSample], out: Path) -> None:
    """Pictures, and their masks by each quality."""
    rows = []
    for sample in samples:
        row = [sample.image]
        for quality in ROUNDS:
            found = Segmenter(model, map="decoder", batch=1, quality=quality)([sample.image])[0]
            row.append(overlay(sample.image, found.labels))
        rows.append(row)
    sheet = contact_sheet(rows, titles=["picture", *(f"--quality {quality}" for quality in ROUNDS)], size=224)
    Image.fromarray(sheet).save(out, quality=88)


def _looks(
    model: ImageModel,
) -> dict[tuple[str, str], Callable[[ImageSample], tuple[Tensor, tuple[int, int]]]]:
    """What gives maps and their grid, by what is seen and whose maps they are."""
    whole = Segmenter(model, map="decoder", batch=1)
    own, patch = whole.size, whole.backbone.patch
    found = {
        ("the whole", "decoder"): partial(_seen_whole, whole),
        ("the whole", "aggregation"): partial(_seen_whole, Segmenter(model, batch=1)),
    }
    for side in (own * 3 // 2, own * 2):
        name = f"{side} x {side} pixels"
        found[name, "aggregation"] = partial(_seen_whole, Segmenter(model, size=side, batch=1))
    for name, views in (
        ("four views, half a patch apart", shifted(own, patch)),
        ("four tiles, each as large", tiled(own, patch)),
    ):
        found[name, "decoder"] = partial(_seen_in_views, whole, views)
    return found


def _seen_whole(segmenter: Segmenter, sample: ImageSample) -> tuple[Tensor, tuple[int, int]]:
    found = segmenter([sample.image])[0]
    return torch.from_numpy(found.attention)[None], found.grid


def _seen_in_views(segmenter: Segmenter, views: Views, sample: ImageSample) -> tuple[Tensor, tuple[int, int]]:
    return maps_of_views(segmenter, sample.image, views), views.cells


def _guided(maps: Tensor, grid: tuple[int, int], sample: ImageSample, **settings: float) -> Tensor:
    return guided_label_map(maps, as_tensor(sample.image)[None], grid=grid, **settings)


def _scores(labels: Tensor, sample: ImageSample) -> list[float]:
    assert sample.mask is not None
    truth = torch.from_numpy(sample.mask.astype(np.int64))[None]
    told = segmentation_scores(labels, truth)
    each = (told.ari, told.ari_foreground, told.mbo, told.miou, boundary_f(labels, truth))
    return [float(one) for one in each]


def _timed(call: Callable[[], Found]) -> tuple[Found, float]:
    start = time.process_time()
    result = call()
    return result, 1e3 * (time.process_time() - start)


if __name__ == "__main__":
    main()
