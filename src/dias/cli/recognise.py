"""dias recognise: train, eval, run."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from dias.cli.options import DataSettings, Device, Weights

app = typer.Typer(help="Name objects and give their boxes from frozen slots.", no_args_is_help=True)

Slots = Annotated[Path, Argument(metavar="SLOTS", help="A folder that `dias slots` wrote.")]
DataFolder = Annotated[
    Path | None, Option("--data", help="Where their data set lies now; where it lay if not given.")
]


@app.command("train")
def train(
    folder: Slots,
    out: Annotated[Path, Option(help="The head's file.")] = Path("head.safetensors"),
    data: DataFolder = None,
    data_set: DataSettings = None,
    iou: Annotated[
        float, Option(min=0, max=1, help="A slot is matched with an object if their IoU is above this.")
    ] = 0.1,
    steps: Annotated[int, Option(min=1, help="Of the optimizer.")] = 2000,
    batch: Annotated[int, Option(min=1, help="Objects a step.")] = 128,
    lr: Annotated[float, Option(help="Peak of the learning rate.")] = 1e-3,
    seed: Annotated[int, Option(min=0, help="Of first weights, order and dropout.")] = 42,
) -> None:
    """Train a head on the slots of labelled pictures: class and box of each object.

    Example: `dias recognise train slots-train --out head.safetensors`.
    """
    from dias.config import from_dict
    from dias.files import check_writable
    from dias.progress import ProgressLine
    from dias.recognition import FitConfig, fit, labelled, match_objects, save_head
    from dias.recognition.trained import trained_on
    from dias.slots.read import load

    settings = {"steps": steps, "batch": batch, "lr": lr, "seed": seed}
    config = from_dict(FitConfig, settings, where="dias recognise train")
    check_writable(out)
    files = load(folder)
    source = labelled(files, path=data, settings=data_set or [])
    with ProgressLine("match", total=len(files)) as line:
        objects = match_objects(files, source, threshold=iou, on_picture=line.step)
    with ProgressLine("train", total=config.steps) as line:
        head, classes = fit(objects, config, on_step=line.step)
    trained = trained_on(head, classes, objects=objects, files=files, fit=config, iou=iou)
    save_head(out, trained)
    matched = int(objects.matched.sum())
    print(
        f"{out}: {len(classes)} classes, trained on {matched} of {len(objects)} objects in "
        f"{objects.pictures} pictures; the others have no slot with an IoU above {iou:g}"
    )


@app.command("eval")
def evaluate(
    head: Annotated[Path, Argument(help="What `dias recognise train` wrote.")],
    folder: Slots,
    out: Annotated[Path, Option(help="Where the result goes.")] = Path("recognition.json"),
    data: DataFolder = None,
    data_set: DataSettings = None,
    iou: Annotated[
        float | None, Option(min=0, max=1, help="As in training; the head's own if not given.")
    ] = None,
) -> None:
    """Measure a head: top-1, top-3, box IoU and R2, beside how many of all objects were matched.

    Example: `dias recognise eval head.safetensors slots-test`.
    """
    import sys

    from rich.console import Console

    from dias.config import to_dict
    from dias.files import check_writable, sha256
    from dias.progress import ProgressLine
    from dias.recognition import labelled, load_head, match_objects, recognise, score
    from dias.recognition.tables import by_class, table
    from dias.slots.read import load

    check_writable(out)
    trained, files = load_head(head), load(folder)
    trained.check(folder, files.header.extraction)
    source = labelled(files, path=data, settings=data_set or [])
    if files.header.fingerprint == trained.fingerprint:
        print(f"warning: {head}: was trained on these very pictures; measure it on others", file=sys.stderr)
    threshold = trained.iou if iou is None else iou
    with ProgressLine("match", total=len(files)) as line:
        objects = match_objects(files, source, threshold=threshold, on_picture=line.step)
    trained.check_names(objects.names)
    found = score(objects, recognise(trained, objects), classes=trained.classes)
    notes = {
        "head": sha256(head),
        "iou": threshold,
        "data": files.header.data,
        "fingerprint": files.header.fingerprint,
        "extraction": to_dict(files.header.extraction),
        "fit": to_dict(trained.fit),
    }
    found.save(out, notes=notes)
    console = Console()
    console.print(table(found))
    console.print(by_class(found))
    if found.unseen:
        told = ", ".join(f"{name} ({count})" for name, count in found.unseen.items())
        print(f"classes that the head has never seen, counted as wrong: {told}")
    print(f"the same as JSON: {out}")


@app.command("run")
def run(
    head: Annotated[Path, Argument(help="What `dias recognise train` wrote.")],
    checkpoint: Annotated[Path, Argument(help="The model whose slots it was trained on.")],
    path: Annotated[Path, Argument(metavar="PICTURES", help="A picture, a folder, or any data set.")],
    out: Annotated[Path, Option(help="Folder for pictures and JSON.")],
    data_set: DataSettings = None,
    agreement: Annotated[
        float,
        Option(min=0, max=1, help="Draw slots whose told box and mask's box have at least this IoU."),
    ] = 0.1,
    batch: Annotated[int, Option(min=1, help="Pictures at once.")] = 16,
    weights: Weights = None,
    device: Device = "auto",
) -> None:
    """Name and box the objects in pictures.

    Example: `dias recognise run head.safetensors runs/demo ~/pictures --out named`.
    """
    import sys

    from dias.data.sources import pictures_at
    from dias.errors import SettingError
    from dias.inference.shortcuts import load
    from dias.progress import ProgressLine
    from dias.recognition import load_head
    from dias.recognition.naming import save_named, segmenter_for

    if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
        raise SettingError("--out", str(out), f"lies in {path}: its pictures would be read the next time")
    trained = load_head(head)
    source = pictures_at(path, settings=data_set or [])
    model = load(checkpoint, weights=weights, device=device)
    segmenter = segmenter_for(trained, model, checkpoint, batch=batch)
    with ProgressLine("recognise", total=len(source)) as line:
        done = save_named(
            trained, segmenter, source, out, agreement=agreement, on_picture=lambda name: line.step()
        )
    print(f"{out}: objects of {done.pictures} pictures, {len(done.skipped)} skipped")
    for one in done.skipped:
        print(f"skipped {one.name}: {one.reason}", file=sys.stderr)
