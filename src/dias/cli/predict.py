"""dias predict: train, eval, rollout."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from dias.cli.options import DataSettings, Device, Weights

app = typer.Typer(help="Predict what comes next, in slots.", no_args_is_help=True)

Slots = Annotated[Path, Argument(metavar="SLOTS", help="A folder that `dias slots` wrote of followed clips.")]
Predictor = Annotated[Path, Argument(help="What `dias predict train` wrote.")]
Model = Annotated[Path | None, Option(help="The model that the slots are of; where it lay if not given.")]
Steps = Annotated[int, Option(min=1, help="Frames to predict.")]


@app.command("train")
def train(
    folder: Slots,
    out: Annotated[Path, Option(help="The predictor's file.")] = Path("predictor.safetensors"),
    burn_in: Annotated[int, Option(min=1, help="Frames that it looks at.")] = 6,
    predicted: Annotated[int, Option(min=1, help="Frames that it predicts in training.")] = 10,
    stride: Annotated[int, Option(min=1, help="Take one of so many frames.")] = 1,
    residual: Annotated[
        bool, Option("--residual/--outright", help="Predict what is added to the last slots, or the slots.")
    ] = True,
    width: Annotated[int, Option(min=2, help="Channels inside.")] = 128,
    layers: Annotated[int, Option(min=1, help="Of the Transformer.")] = 2,
    heads: Annotated[int, Option(min=1, help="Of its attention.")] = 4,
    hidden: Annotated[int, Option(min=1, help="Channels of its feed-forward parts.")] = 512,
    steps: Annotated[int, Option(min=1, help="Of the optimizer.")] = 1000,
    batch: Annotated[int, Option(min=1, help="Windows a step.")] = 32,
    lr: Annotated[float, Option(help="Peak of the learning rate.")] = 1e-3,
    dropout: Annotated[float, Option(min=0, max=1, help="Of what each layer adds.")] = 0.0,
    noise: Annotated[
        float, Option(min=0, help="On the slots of burn-in, as a share of their spread; 0: none.")
    ] = 0.0,
    shift: Annotated[
        float, Option(min=0, help="The same vector on a slot in all frames of a window, likewise; 0: none.")
    ] = 1.0,
    weight_decay: Annotated[float, Option(min=0, help="Of AdamW.")] = 0.0,
    held_out: Annotated[
        float,
        Option(min=0, max=1, help="Share of the clips by which the weights are chosen; 0: the last weights."),
    ] = 0.2,
    features: Annotated[
        float,
        Option(min=0, help="Weight of the error of features that the frozen decoder makes; 0: not asked."),
    ] = 0.0,
    model: Model = None,
    seed: Annotated[int, Option(min=0, help="Of first weights and order.")] = 42,
) -> None:
    """Train a predictor on the slots of clips (SlotFormer): each frame from the frames before it.

    Example: `dias predict train slots-train --out predictor.safetensors`.
    """
    from dias.config import from_dict
    from dias.files import check_writable
    from dias.inference.shortcuts import load_tracking
    from dias.prediction import FitConfig, RollouterConfig, save_rollouter
    from dias.prediction.decoding import explains_alone
    from dias.prediction.trained import the_model
    from dias.prediction.training import train_on
    from dias.progress import ProgressLine
    from dias.slots import load

    where = "dias predict train"
    shape = {"burn_in": burn_in, "width": width, "layers": layers, "heads": heads, "hidden": hidden}
    shape |= {"residual": residual}
    config = from_dict(RollouterConfig, {**shape, "dropout": dropout}, where=where)
    how = {"steps": steps, "batch": batch, "lr": lr, "seed": seed, "predicted": predicted, "stride": stride}
    real = {"features_weight": features, "noise": noise, "shift": shift, "weight_decay": weight_decay}
    fitting = from_dict(FitConfig, {**how, **real}, where=where)
    check_writable(out)
    files = load(folder)
    decoder = None
    if features:
        own = the_model(model, files.header.extraction, files.header.checkpoint_name)
        decoder = explains_alone(load_tracking(own, device="cpu").image.requires_grad_(False))
    with ProgressLine("train", total=fitting.steps) as line:
        done = train_on(
            files, config, fitting, held_out=held_out, decoder=decoder,
            on_step=lambda loss: line.step(note=f"loss {loss:.4f}"),
        )  # fmt: skip
    save_rollouter(out, done.trained, notes=done.notes)
    print(f"{out}: {done.told}")


@app.command("eval")
def evaluate(
    predictor: Predictor,
    folder: Slots,
    out: Annotated[Path, Option(help="Where the result goes; its curves beside it as PNG.")] = Path(
        "prediction.json"
    ),
    steps: Steps = 40,
    model: Model = None,
    data: Annotated[
        Path | None, Option("--data", help="Where the clips lie now; where they lay if not given.")
    ] = None,
    data_set: DataSettings = None,
    weights: Weights = None,
    device: Device = "auto",
) -> None:
    """Measure a predictor: errors of slots, features and masks against the true future, step by step.

    Beside it "last frame stays", "linear extrapolation", and slots that saw the future.

    Example: `dias predict eval predictor.safetensors slots-test`.
    """
    import sys

    from rich.console import Console

    from dias.config import from_dict, to_dict
    from dias.files import check_writable, sha256
    from dias.prediction import HorizonConfig, load_rollouter
    from dias.prediction.curves import draw, table
    from dias.prediction.evaluation import clips_behind
    from dias.prediction.evaluation import evaluate as measure
    from dias.prediction.showing import tracker_for
    from dias.progress import ProgressLine
    from dias.slots import load

    check_writable(out)
    trained, files = load_rollouter(predictor), load(folder)
    trained.check(folder, files.header.extraction)
    clips = clips_behind(files, path=data, settings=data_set or [])
    if files.header.fingerprint == trained.fingerprint:
        print(f"warning: {predictor}: was trained on these very clips; measure it on others", file=sys.stderr)
    own = trained.model_file(model)
    image = tracker_for(trained, own, weights=weights, device=device).model.image
    config = from_dict(
        HorizonConfig,
        {"burn_in": trained.rollouter.config.burn_in, "steps": steps, "stride": trained.fit.stride},
        where="dias predict eval",
    )
    with ProgressLine("predict", total=len(clips)) as line:
        found = measure(
            {"predictor": trained.rollouter.rollout}, files, clips, image, config=config, on_clip=line.step
        )
    notes = {
        "predictor": sha256(predictor),
        "rollouter": to_dict(trained.rollouter.config),
        "fit": to_dict(trained.fit),
        "rules": to_dict(config.rules),
        "data": files.header.data,
        "fingerprint": files.header.fingerprint,
        "extraction": to_dict(files.header.extraction),
    }
    found.save(out, notes=notes)
    draw(found, out.with_suffix(".png"))
    Console().print(table(found))
    if found.left_out:
        print(f"{len(found.left_out)} clips have no frame after burn-in: left out", file=sys.stderr)
    print(f"the same as JSON: {out}, as curves: {out.with_suffix('.png')}")


@app.command("rollout")
def rollout(
    predictor: Predictor,
    video: Annotated[
        str,
        Argument(metavar="VIDEO", help="A video, the folder of a clip's frames, or - for standard input."),
    ],
    out: Annotated[Path, Option(help="Folder for the results.")],
    steps: Steps = 40,
    start: Annotated[float, Option(min=0, help="Seconds at the beginning that are left out.")] = 0.0,
    rate: Annotated[
        float | None, Option(min=0.01, help="Frames a second of a folder of pictures; 25 if not given.")
    ] = None,
    model: Model = None,
    weights: Weights = None,
    device: Device = "auto",
) -> None:
    """See the first frames of a video, predict what follows, and show it beside what came.

    Example: `dias predict rollout predictor.safetensors balls.mp4 --out rollout`.
    """
    from dias.data.streams import open_stream
    from dias.inference.tracks import check_apart
    from dias.prediction import load_rollouter
    from dias.prediction.showing import save_rollout, tracker_for
    from dias.progress import ProgressLine

    trained = load_rollouter(predictor)
    check_apart(video, out)
    stream = open_stream(video, start=start, rate=rate)
    own = trained.model_file(model)
    tracker = tracker_for(trained, own, weights=weights, device=device)
    with ProgressLine("see", total=stream.expected) as line:
        done = save_rollout(
            trained,
            tracker,
            stream,
            out,
            steps=steps,
            checkpoint=own,
            predictor=predictor,
            on_frame=line.step,
        )
    print(
        f"{out}: {done.burn_in} frames seen, {done.predicted} predicted, {done.beside_truth} of those beside "
        "what came"
    )
