"""A training whose every step is written down; as a program: `watched_run.py RECIPE OUT DEVICES`."""

import atexit
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch.distributed as dist

from dias.data.loaders import Batch
from dias.training import run, trainer
from dias.training.module import Training
from dias.training.recipe import Recipe, read_recipe
from dias.training.run import Machine


def watched(recipe: Recipe, folder: Path, *, devices: int = 1) -> None:
    """Train with a line in the journal every step, and a `seen-RANK` file of the pictures in every part."""
    whole, every = Training.training_step, trainer._JOURNAL_EVERY

    def step(module: Training, batch: Batch, batch_idx: int) -> Any:
        with (folder / f"seen-{module.global_rank}").open("a") as stream:
            stream.write(json.dumps([module.global_step, batch.indices.tolist()]) + "\n")
        return whole(module, batch, batch_idx)

    trainer._JOURNAL_EVERY, Training.training_step = 1, step  # type: ignore[method-assign]
    try:
        run.train(
            recipe,
            folder,
            machine=Machine(accelerator="cpu", devices=devices, logger="none", progress=False),
        )
    finally:
        trainer._JOURNAL_EVERY, Training.training_step = every, whole  # type: ignore[method-assign]


def note_parting(folder: Path) -> None:
    """Write down whether this process has taken leave of the others, in `parted-RANK`."""
    (folder / f"parted-{os.environ.get('LOCAL_RANK', 0)}").write_text(json.dumps(not dist.is_initialized()))


if __name__ == "__main__":
    atexit.register(note_parting, Path(sys.argv[2]))  # first in, last out
    watched(read_recipe(sys.argv[1]), Path(sys.argv[2]), devices=int(sys.argv[3]))
