"""Metrics on label maps: ours against one-hot maps and a float64 einsum, in one run. The ratio is the result.

python benchmarks/metrics.py [--device cuda]
"""

import argparse
from collections.abc import Callable

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from dias.masks.resize import label_map
from dias.metrics import adjusted_rand_index, mean_best_overlap, mean_iou, segmentation_scores
from harness import Row, compare, markdown, save

SEGMENTS = 11


def label_maps(batch: int, size: int, *, device: str) -> tuple[Tensor, Tensor]:
    """Blobs, as models and scenes have them, predicted right for 9 of 10 pixels."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(batch, SEGMENTS, 8, 8, generator=generator)
    target = F.interpolate(logits, size=(size, size), mode="bicubic").argmax(dim=1)
    other = torch.randint(SEGMENTS, target.shape, generator=generator)
    wrong = torch.rand(target.shape, generator=generator) < 0.1
    return torch.where(wrong, other, (target + 3) % SEGMENTS).to(device), target.to(device)


def counted(pred: Tensor, target: Tensor) -> Tensor:
    """Pixels shared by each pair of segments, the usual way."""
    one, other = (F.one_hot(labels.flatten(1), SEGMENTS).double() for labels in (pred, target))
    return torch.einsum("bpk,bpd->bkd", one, other)


def einsum_ari(pred: Tensor, target: Tensor) -> Tensor:
    """Hubert and Arabie 1985, in float64."""
    counts = counted(pred, target)
    rows, columns, pixels = counts.sum(dim=2), counts.sum(dim=1), counts.sum(dim=(1, 2))
    together = (counts * (counts - 1)).sum(dim=(1, 2))
    in_pred, in_target = ((area * (area - 1)).sum(dim=1) for area in (rows, columns))
    expected = in_pred * in_target / (pixels * (pixels - 1))
    return (together - expected) / ((in_pred + in_target) / 2 - expected)


def einsum_iou(pred: Tensor, target: Tensor) -> Tensor:
    """IoU of each pair of segments."""
    counts = counted(pred, target)
    return counts / (counts.sum(dim=2, keepdim=True) + counts.sum(dim=1, keepdim=True) - counts)


def einsum_mbo(pred: Tensor, target: Tensor) -> Tensor:
    """Every label is there in these maps, so the mean needs no count."""
    return einsum_iou(pred, target).amax(dim=1).mean(dim=1)


def einsum_miou(pred: Tensor, target: Tensor) -> Tensor:
    """The same, matched one to one."""
    tables = einsum_iou(pred, target).cpu().numpy()
    values = [table[linear_sum_assignment(-table)].mean() for table in tables]
    return torch.tensor(values, device=pred.device)


def einsum_all(pred: Tensor, target: Tensor) -> Tensor:
    """ARI, mBO and mIoU, each from its own count as separate metric classes do."""
    return torch.stack([metric(pred, target) for metric in (einsum_ari, einsum_mbo, einsum_miou)])


def ours_all(pred: Tensor, target: Tensor) -> Tensor:
    """The same three (and ARIfg) from one count."""
    scores = segmentation_scores(pred, target)
    return torch.stack([scores.ari, scores.mbo, scores.miou])


Metric = Callable[[Tensor, Tensor], Tensor]
METRICS: dict[str, tuple[Metric, Metric]] = {
    "ARI": (adjusted_rand_index, einsum_ari),
    "mBO": (mean_best_overlap, einsum_mbo),
    "mIoU": (mean_iou, einsum_miou),
    "ARI, mBO, mIoU": (ours_all, einsum_all),
}


def measure(name: str, batch: int, size: int, *, device: str) -> Row:
    """One row; the same values, or no row at all."""
    ours, theirs = METRICS[name]
    maps = label_maps(batch, size, device=device)
    torch.testing.assert_close(ours(*maps), theirs(*maps), rtol=0, atol=1e-12)
    times = compare({"ours": lambda: ours(*maps), "theirs": lambda: theirs(*maps)}, repeats=7, warm_up=2)
    return _row(name, batch, size, theirs=times["theirs"].median, ours=times["ours"].median)


def measure_label_map(batch: int, size: int, *, device: str) -> Row:
    """Not a metric, but it comes before every one: attention on 16 x 16 tokens into labels."""
    attention = torch.randn(batch, SEGMENTS, 256, generator=torch.Generator().manual_seed(0)).to(device)

    def ours() -> Tensor:
        return label_map(attention, grid=(16, 16), size=(size, size))

    def theirs() -> Tensor:
        maps = attention.view(batch, SEGMENTS, 16, 16)
        return F.interpolate(maps, size=(size, size), mode="bilinear").argmax(dim=1)

    assert torch.equal(ours(), theirs())
    times = compare({"ours": ours, "theirs": theirs}, repeats=7, warm_up=2)
    return _row("label_map", batch, size, theirs=times["theirs"].median, ours=times["ours"].median)


def _row(name: str, batch: int, size: int, *, theirs: float, ours: float) -> Row:
    return {
        "what": name,
        "images": batch,
        "size": f"{size}x{size}",
        "plain (ms)": theirs,
        "ours (ms)": ours,
        "ratio": theirs / ours,
    }


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    rows = [measure(name, 32, 256, device=device) for name in METRICS]
    rows += [
        measure("ARI, mBO, mIoU", batch, size, device=device) for batch, size in [(1, 256), (8, 384), (1, 16)]
    ]
    rows.append(measure_label_map(32, 256, device=device))
    print(markdown(rows))
    about = "11 predicted and 11 true segments; plain: one_hot + float64 einsum, or interpolate + argmax"
    print(save(f"metrics-{device}", rows, about=about))


if __name__ == "__main__":
    main()
