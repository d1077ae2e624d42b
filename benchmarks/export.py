"""`dias export onnx` in three precisions: what it costs in masks and bytes, and how quick it is on a CPU.

python benchmarks/export.py [--checkpoint FILE] [--data data/scenes/test] [--exported FOLDER] [--repeats 9]

Masks: all variants on the same pictures at the model's size, in one pass, by the rules of `dias eval`; the
PyTorch row is `dias.load`'s model in float32. Speed: slots, kept slots and attention of pictures that are
ready, in turns. Files that are in FOLDER already are not written again.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

from dias import load
from dias.checkpoints import describe
from dias.data.part import Part
from dias.data.sources import pictures_at
from dias.evaluation import EvaluationConfig, rules_of
from dias.evaluation.agreement import scores_by
from dias.evaluation.views import Reader
from dias.export import ExportConfig, export_onnx
from dias.export.graph import Graph
from dias.masks.resize import label_map
from dias.models.image import ImageModel
from dias.provenance import Provenance
from dias.runtime import Runtime
from harness import Row, compare, markdown, save

PRECISIONS = ("fp32", "fp16", "int8")
BATCHES = (1, 8)


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=Path("data/models/scenes-cpu.safetensors"))
    parser.add_argument("--data", type=Path, default=Path("data/scenes/test"))
    parser.add_argument("--exported", type=Path, help="a folder that is thrown away if not given")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--every", type=int, default=1, help="of so many pictures one is measured")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        # Not in inference mode: a graph of weights born there has no names of modules, which int8 asks for.
        model = load(given.checkpoint, device="cpu")
        files = exported(model, given.checkpoint, given.exported or Path(scratch))
        graph, threads = Graph(model), torch.get_num_threads()
        runs = {name: Runtime(file, threads=threads) for name, file in files.items()}
        rows = masks(graph, runs, files, given.data, given.every) + speed(graph, runs, repeats=given.repeats)
    about = (
        f"{given.checkpoint}, {given.data}; percent, the aggregation's masks; then milliseconds a batch of "
        f"224 x 224 pixels, median (interquartile range) of {given.repeats}, {threads} thread(s)"
    )
    save("export-cpu", rows, about=about)
    print(markdown([row for row in rows if "ARIfg" in row]))
    print(markdown([row for row in rows if "ARIfg" not in row]))


def exported(model: ImageModel, checkpoint: Path, folder: Path) -> dict[str, Path]:
    """A file of each precision."""
    origin = Provenance(**describe(checkpoint)["provenance"])
    files = {precision: folder / f"{precision}.onnx" for precision in PRECISIONS}
    for precision, file in files.items():
        if not file.exists():
            done = export_onnx(model, file, config=ExportConfig(precision=precision), provenance=origin)
            print(precision, done.agreement)
    return files


@torch.inference_mode()
def masks(
    graph: Graph, runs: dict[str, Runtime], files: dict[str, Path], data: Path, every: int
) -> list[Row]:
    """ARIfg and so on of each variant, and how many pixels have another object than PyTorch's."""
    rules = rules_of("dias", view=graph.size)
    source = pictures_at(data, settings=[])
    source = Part(source, range(0, len(source), every))
    reader = Reader(source, config=EvaluationConfig(rules=rules, batch=8))
    scores: dict[str, list[list[float]]] = {name: [] for name in ("PyTorch fp32", *runs)}
    kept: dict[str, list[float]] = {name: [] for name in scores}
    moved: dict[str, list[float]] = {name: [] for name in scores}
    for batch in reader:
        own = None
        for name in scores:
            slots = _given(graph, batch.images) if name not in runs else _found(runs[name], batch.images)
            there, attention = slots
            size = (rules.size, rules.size)
            labels = label_map(attention, grid=graph.grid, size=size, kept=there)
            own = labels if own is None else own
            told = scores_by(rules, labels, batch.masks, valid=batch.valid)
            scores[name] += torch.stack([told.ari, told.ari_foreground, told.mbo, told.miou], dim=1).tolist()
            kept[name] += there.sum(dim=1).tolist()
            moved[name] += (labels != own).double().mean(dim=(1, 2)).tolist()
    rows: list[Row] = []
    for name, found in scores.items():
        ari, foreground, mbo, miou = (100 * np.nanmean(np.array(found), axis=0)).tolist()
        megabytes = files[name].stat().st_size / 2**20 if name in files else 0.0
        rows.append(
            {
                "variant": name if name not in files else f"ONNX {name}",
                "file, MB": megabytes if megabytes else "-",
                "ARI": ari,
                "ARIfg": foreground,
                "mBO": mbo,
                "mIoU": miou,
                "slots kept": float(np.mean(kept[name])),
                "pixels of another object, %": 100 * float(np.mean(moved[name])),
            }
        )
    return rows


def _given(graph: Graph, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    _, kept, attention = graph(images)
    return kept, attention


def _found(runtime: Runtime, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    _, kept, attention = runtime.tensors(images.permute(0, 2, 3, 1).numpy())
    return torch.from_numpy(kept), torch.from_numpy(attention)


@torch.inference_mode()
def speed(graph: Graph, runs: dict[str, Runtime], *, repeats: int) -> list[Row]:
    """Milliseconds of a batch, PyTorch and the files in turn."""
    rows: list[Row] = []
    rng = np.random.default_rng(0)
    for count in BATCHES:
        squares = rng.integers(0, 256, (count, graph.size, graph.size, 3), dtype=np.uint8)
        images = torch.from_numpy(squares).permute(0, 3, 1, 2).contiguous()
        calls = {"PyTorch fp32": lambda images=images: graph(images)} | {
            f"onnxruntime {name}": lambda run=run, squares=squares: run.tensors(squares)
            for name, run in runs.items()
        }
        times = compare(calls, repeats=repeats, warm_up=2)
        own = times["PyTorch fp32"].median
        rows += [
            {
                "batch": count,
                "by": name,
                "ms": f"{time.median:.0f} ({time.spread:.0f})",
                "ms an image": time.median / count,
                "times PyTorch's speed": own / time.median,
            }
            for name, time in times.items()
        ]
    return rows


if __name__ == "__main__":
    main()
