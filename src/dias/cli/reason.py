"""dias reason: train, eval, ask."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from dias.cli.options import DataSettings, Device, Weights

app = typer.Typer(help="Answer questions about clips from their slots.", no_args_is_help=True)

Slots = Annotated[Path, Argument(metavar="SLOTS", help="A folder that `dias slots` wrote, of whole clips.")]
DataFolder = Annotated[
    Path | None, Option("--data", help="Where their videos lie now; where they lay if not given.")
]
Predictor = Annotated[
    Path | None,
    Option(help="What `dias predict train` wrote: foretells slots for questions about what comes next."),
]


@app.command("train")
def train(
    recipe: Annotated[str, Argument(help="clevrer-cpu, clevrer, or a file like them.")],
    folder: Slots,
    out: Annotated[Path, Option(help="The network's file.")] = Path("reasoner.safetensors"),
    change: Annotated[
        list[str] | None, Option("--set", help="KEY=VALUE for any setting, e.g. fit.steps=500.")
    ] = None,
    question_only: Annotated[
        bool, Option("--question-only", help="The same network without slots, to compare with.")
    ] = False,
    predictor: Predictor = None,
    data: DataFolder = None,
    data_set: DataSettings = None,
    seed: Annotated[int | None, Option(min=0, help="The same as --set fit.seed=SEED.")] = None,
    resume: Annotated[
        bool, Option("--resume", help="Go on with a training that was stopped, exactly.")
    ] = False,
    device: Device = "auto",
) -> None:
    """Train a network on the questions about clips, CLEVRER's or those of `dias synth clevrer`.

    Example: `dias reason train clevrer-cpu slots-train --out reasoner.safetensors`.
    """
    import sys

    from dias.files import check_writable
    from dias.inference.shortcuts import device_called
    from dias.progress import ProgressLine
    from dias.reasoning import evidence_of, material_of, read_recipe, save_reasoner, train_on
    from dias.reasoning.foresight import for_training
    from dias.slots.read import load

    changes = [*(change or []), *([] if seed is None else [f"fit.seed={seed}"])]
    changes += ["network.sees=false"] if question_only else []
    settings = read_recipe(recipe, changes=changes)
    check_writable(out)
    where = device_called(device)
    state = out.with_suffix(".state.safetensors")
    if not resume:
        state.unlink(missing_ok=True)
    files = load(folder)
    material = material_of(files, path=data, settings=data_set or [])
    foresight = for_training(predictor, files.header.extraction, settings.view)
    evidence = evidence_of(material.clips, settings.view, foresight=foresight)
    with ProgressLine("train", total=settings.fit.steps) as line:
        trained = train_on(
            material,
            evidence,
            files.header,
            recipe=settings,
            foresight=foresight,
            device=where,
            state=state,
            on_step=lambda step, loss: line.to(step, note=f"loss {loss:.3f}"),
        )
    save_reasoner(out, trained)
    language = trained.language
    print(
        f"{out}: trained on {len(material.asked)} questions about {len(material.clips)} clips, "
        f"{len(language.vocabulary.words)} words, {len(language.answers)} answers"
    )
    if material.lost:
        print(f"{material.lost} questions are about clips that have no slots: left out", file=sys.stderr)


@app.command("eval")
def evaluate(
    network: Annotated[Path, Argument(help="What `dias reason train` wrote.")],
    folder: Slots,
    beside: Annotated[
        list[Path] | None,
        Option(help="Another network for a row of its own, such as one trained with --question-only."),
    ] = None,
    out: Annotated[Path, Option(help="Where the result goes.")] = Path("reasoning.json"),
    predictor: Predictor = None,
    data: DataFolder = None,
    data_set: DataSettings = None,
    device: Device = "auto",
) -> None:
    """Measure a network: accuracy of each type of question, of choices per option and per question.

    Example: `dias reason eval reasoner.safetensors slots-test --beside question-only.safetensors`.
    """
    import sys

    from rich.console import Console

    from dias.config import to_dict
    from dias.files import check_writable, sha256
    from dias.inference.shortcuts import device_called
    from dias.progress import ProgressLine
    from dias.reasoning import contender, load_reasoner, material_of
    from dias.reasoning import evaluate as measure
    from dias.reasoning.foresight import for_network
    from dias.reasoning.tables import by_kind, table
    from dias.slots.read import load

    check_writable(out)
    where = device_called(device)
    names = [network, *(beside or [])]
    all_trained = [load_reasoner(file) for file in names]
    files = load(folder)
    for file, trained in zip(names, all_trained, strict=True):
        trained.check(folder, files.header.extraction)
        if files.header.fingerprint == trained.fingerprint:
            print(f"warning: {file}: was trained on these very videos; measure it on others", file=sys.stderr)
    material = material_of(files, path=data, settings=data_set or [])
    contenders = [
        contender(trained, foresight=for_network(predictor, trained), device=where) for trained in all_trained
    ]
    with ProgressLine("eval", total=len(contenders)) as line:
        found = measure(contenders, material, on_row=line.step)
    notes = {
        "networks": [
            {"file": str(file), "sha256": sha256(file), "recipe": to_dict(trained.recipe)}
            for file, trained in zip(names, all_trained, strict=True)
        ],
        "data": files.header.data,
        "fingerprint": files.header.fingerprint,
        "extraction": to_dict(files.header.extraction),
        "lost": material.lost,
    }
    found.save(out, notes=notes)
    console = Console()
    console.print(table(found))
    kinds = by_kind(found)
    if kinds is not None:
        console.print(kinds)
    if found.unseen:
        print(f"{found.unseen} questions have an answer that no training question has: counted as wrong")
    if material.lost:
        print(f"{material.lost} questions are about clips that have no slots: left out", file=sys.stderr)
    print(f"the same as JSON: {out}")


@app.command("ask")
def ask(
    network: Annotated[Path, Argument(help="What `dias reason train` wrote.")],
    checkpoint: Annotated[Path, Argument(help="The model whose slots it was trained on.")],
    video: Annotated[
        str, Argument(metavar="VIDEO|FOLDER|-", help="A video, the folder of a clip's frames, or a pipe.")
    ],
    question: Annotated[str, Argument(help="In words of the training questions.")],
    choices: Annotated[
        list[str] | None, Option("--choice", help="A statement to be judged; may be given again.")
    ] = None,
    out: Annotated[Path, Option(help="Picture of where it looked; a JSON goes beside it.")] = Path(
        "asked.png"
    ),
    predictor: Predictor = None,
    start: Annotated[float, Option(min=0, help="Seconds at the beginning that are left out.")] = 0.0,
    every: Annotated[
        int, Option(min=1, help="Take one of so many frames, if the clip has more a second than trained on.")
    ] = 1,
    rate: Annotated[
        float | None, Option(min=0.01, help="Frames a second of a folder of pictures; 25 if not given.")
    ] = None,
    batch: Annotated[int, Option(min=1, help="Frames that the backbone sees at once.")] = 8,
    weights: Weights = None,
    device: Device = "auto",
) -> None:
    """Answer a question about a clip, and show at which slots the network looked.

    Example: `dias reason ask reasoner.safetensors data/models/clips-cpu.safetensors toys.mp4 "How many
    collisions happen?"`.
    """
    from dias.checkpoints import find
    from dias.data.streams import chosen, open_stream
    from dias.errors import SettingError
    from dias.files import check_writable, sha256
    from dias.inference.shortcuts import load_tracking
    from dias.progress import ProgressLine
    from dias.provenance import record
    from dias.reasoning import load_reasoner
    from dias.reasoning.asking import ask as answer
    from dias.reasoning.asking import check_words, tracker_for, watch
    from dias.reasoning.foresight import for_question
    from dias.reasoning.shown import looked_at, save_asked

    if out.suffix.lower() != ".png":
        raise SettingError("--out", str(out), "must end with .png")
    check_writable(out)
    trained = load_reasoner(network)
    said = tuple(choices or ())
    check_words(trained, question, said)
    foresight = for_question(predictor, trained)
    stream = open_stream(video, start=start, rate=rate)
    model = load_tracking(checkpoint, weights=weights, device=device)
    tracker = tracker_for(trained, model, checkpoint, batch=batch)
    view = trained.recipe.view
    with ProgressLine("watch", total=view.needs) as line:
        frames = chosen(iter(stream), start=start, seconds=None, every=every)
        clip = watch(tracker, frames, view, name=stream.name, on_frame=line.step)
    answers = answer(trained, clip, question, said, foresight=foresight)
    origin = record(network=sha256(network), checkpoint=sha256(find(checkpoint)))
    beside = save_asked(out, clip, question, answers, origin=origin)
    for one in answers:
        others = "".join(f", {word} {100 * chance:.0f}%" for word, chance in one.others)
        looked = ", ".join(f"slot {slot} {100 * share:.0f}%" for slot, share in looked_at(one))
        told = f"{one.answer} ({100 * one.probability:.0f}%{others}); looked at {looked}"
        print(f"{one.text}: {told}" if said else told)
    print(f"where it looked: {out}; the same as numbers: {beside}")
