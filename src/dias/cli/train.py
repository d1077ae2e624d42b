"""dias train."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from dias.cli.options import DataSettings


def train(
    recipe: Annotated[str, Argument(help="A recipe file, or a shipped recipe (`dias recipes list`).")],
    change: Annotated[
        list[str] | None, Option("--set", help="KEY=VALUE for any setting, e.g. training.steps=500.")
    ] = None,
    out: Annotated[Path | None, Option(help="The run's folder; runs/RECIPE if not given.")] = None,
    data: Annotated[
        Path | None,
        Option(
            help="Train on this data set or folder of pictures. Of the recipe's kind and with splits "
            "(coco, voc, ...), it keeps the recipe's other settings, and its validation set if that is "
            "of the same path; of any other, pictures are held out."
        ),
    ] = None,
    data_set: DataSettings = None,
    cache: Annotated[Path | None, Option(help="Features that `dias cache` wrote for that data.")] = None,
    seed: Annotated[int | None, Option(help="The same as --set training.seed=SEED.")] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with the run in the folder, exactly.")] = False,
    accelerator: Annotated[
        Literal["auto", "cpu", "gpu"], Option(help="auto takes a GPU when there is one.")
    ] = "auto",
    devices: Annotated[int, Option(min=1, help="Processes a node (DDP when more than one).")] = 1,
    nodes: Annotated[
        int, Option(min=1, help="Machines; start the command on each, as torchrun or SLURM do.")
    ] = 1,
    logger: Annotated[
        Literal["tensorboard", "wandb", "none"], Option(help="Where curves go.")
    ] = "tensorboard",
) -> None:
    """Train a model by a recipe.

    Examples: `dias train scenes-cpu --out runs/mine`,
    `dias train coco --data ~/pictures --set training.steps=9`.
    """
    from dias.training.elsewhere import changes_for
    from dias.training.processes import is_first
    from dias.training.recipe import read_recipe, recipe_file
    from dias.training.run import Machine
    from dias.training.run import train as run

    changes = changes_for(
        recipe, data=data, data_settings=data_set or [], cache=cache, seed=seed, more=change or []
    )
    folder = out or Path("runs") / recipe_file(recipe).stem
    best = run(
        read_recipe(recipe, changes=changes),
        folder,
        machine=Machine(accelerator=accelerator, devices=devices, nodes=nodes, logger=logger),
        resume=resume,
    )
    if is_first():
        print(f"best checkpoint: {best}")
