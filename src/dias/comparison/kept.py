"""What was measured is kept beside its run, and read again while weights, pictures and rules are the same."""

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from dias.checkpoints import find
from dias.comparison.plan import Plan, Run
from dias.config import to_dict
from dias.data.samples import ImageSource
from dias.files import sha256, write_json
from dias.inference.shortcuts import device_called
from dias.provenance import record

_REPEATS = 3


def device_for(plan: Plan) -> str:
    """Where `dias.load` should put models."""
    chosen = plan.wish.accelerator
    return {"auto": "auto", "cpu": "cpu", "gpu": "cuda"}[chosen]


def hashes_of(run: Run, source: ImageSource) -> dict[str, str]:
    """Of what was measured, and on what."""
    return {"checkpoint": sha256(find(run.folder)), "data": source.fingerprint()}


def are_of(provenances: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, str]]) -> bool:
    """Whether scores are of these very weights and pictures (`hashes_of`), in this order."""
    return [
        {name: one["hashes"].get(name) for name in ("checkpoint", "data")} for one in provenances
    ] == list(wanted)


def key_of(plan: Plan, run: Run) -> dict[str, Any]:
    """Of what is measured by the plan's rules: nothing that is kept under another key is read again."""
    return hashes_of(run, plan.source) | {"config": to_dict(plan.wish.evaluation)}


def read_kept(file: Path, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a file holds, if it was made under this key."""
    with suppress(OSError, ValueError, KeyError):
        known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if known["key"] == key:
            return known
    return None


def keep(file: Path, key: Mapping[str, Any], **made: Any) -> None:
    """Write what was made under a key, and where it comes from."""
    write_json(file, {**made, "key": key, "provenance": record().to_dict()})


def kept_rate(plan: Plan, run: Run, file: Path, *, name: str, measure: Callable[[], float]) -> float:
    """A speed; from its file, if it was measured by these rules on this kind of device before."""
    key = key_of(plan, run) | {"device": device_called(device_for(plan)).type}
    known = read_kept(file, key)
    if known is not None:
        return float(known[name])
    rate = measure()
    keep(file, key, **{name: rate})
    return rate


def median_rate(once: Callable[[], object], *, count: int, device: torch.device) -> float:
    """How many of `count` things a second `once` does: median of three times, the first try apart."""

    def seconds() -> float:
        start = time.perf_counter()
        once()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    seconds()
    return count / statistics.median(seconds() for _ in range(_REPEATS))
