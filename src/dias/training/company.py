"""Processes of one run end well: all take leave, and when one is gone, the others end too, with a line."""

import os
import sys
import threading
from collections.abc import Callable

import lightning as L
from lightning.fabric.plugins.environments.lightning import LightningEnvironment

from dias.training.processes import part_at_exit

_EVERY = 1.0  # seconds
_PATIENCE = 10.0  # seconds in which a process may notice by itself, and say more


class Company(L.Callback):
    """Ends this process with 2 when one that belongs to it is gone and it does not notice by itself.

    gloo tells at once that another process is gone; a GPU that waits for it may wait for ever. Lightning
    kills all within five seconds, before they can say anything. Under SLURM and torchrun the launcher ends
    the others.
    """

    def __init__(self) -> None:
        self._over = threading.Event()

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Watch the processes that this one has started, or the one that has started this one."""
        part_at_exit()
        started = getattr(trainer.strategy.launcher, "procs", [])
        environment = getattr(trainer.strategy, "cluster_environment", None)
        if started:
            children = list(started)
            started.clear()  # Lightning watches this very list
            self._watch(lambda: any(child.poll() for child in children))
        elif isinstance(environment, LightningEnvironment) and trainer.local_rank > 0:
            parent = os.getppid()
            self._watch(lambda: os.getppid() != parent)

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Let each end when it likes: all are done."""
        self._over.set()

    def _watch(self, gone: Callable[[], bool]) -> None:
        threading.Thread(target=self._end_with, args=(gone,), daemon=True).start()

    def _end_with(self, gone: Callable[[], bool]) -> None:
        while not gone():
            if self._over.wait(_EVERY):
                return
        if self._over.wait(_PATIENCE):
            return
        line = "dias: another process failed; go on with --resume from the last saved state"
        print(line, file=sys.stderr, flush=True)
        os._exit(2)
