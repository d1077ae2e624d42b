"""A training step at the paper's size: ours in bf16 against a plain fp32 composition with the same weights.

python benchmarks/training_step.py [--device cuda] [--batch 32] [--curve 30] [--repeats 7]
"""

import argparse
from collections.abc import Callable

import torch
from torch import Tensor, nn

from dias.models import ImageModel, ImageModelConfig, SlotOutput
from dias.nn import reduce_redundancy
from dias.nn.decoders import RandomARConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.queries import NormalSharedConfig
from dias.objectives import ObjectiveConfig, image_loss
from harness import Row, compare, markdown, median_ms, save
from plain import PlainModel
from reduction import model_slots

PAPER = ImageModelConfig(
    queries=NormalSharedConfig(slots=7),
    aggregation=AggregationConfig(slot_dim=256, iterations=3, reduction=False, reinitialization=False),
    decoder=RandomARConfig(layers=4, heads=4),
)
LOSS = ObjectiveConfig()


class Step:
    """Forward, loss, backward, clipping and Adam, as training does them."""

    def __init__(self, forward: Callable[[Tensor], SlotOutput], module: nn.Module, *, bf16: bool) -> None:
        self.forward, self.module, self.bf16 = forward, module, bf16
        self.optimizer = torch.optim.Adam(module.parameters(), lr=2e-4, fused=True)

    def __call__(self, features: Tensor) -> float:
        """One step; its loss."""
        with torch.autocast(features.device.type, torch.bfloat16, enabled=self.bf16):
            loss = image_loss(self.forward(features), config=LOSS, progress=0.5).total
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        self.optimizer.step()
        return float(loss.detach())


def build(device: str) -> ImageModel:
    """The paper's model; the same weights each time."""
    torch.manual_seed(0)
    return PAPER.build().to(device).train()


def ours(device: str, *, bf16: bool) -> Step:
    """A step of the product."""
    model = build(device)
    return Step(lambda features: model.from_features(features, reduce=False), model, bf16=bf16)


def plain(device: str, *, bf16: bool = False) -> Step:
    """A step of the plain composition."""
    model = PlainModel(build(device)).to(device)
    return Step(model, model, bf16=bf16)


def curves(device: str, *, steps: int, batch: int) -> list[Row]:
    """Losses of both on the same features and the same random numbers, and of ours with other numbers."""
    generator = torch.Generator().manual_seed(1)
    data = 0.5 * torch.randn(64, 1, 384, generator=generator) + torch.randn(64, 256, 384, generator=generator)
    runs = {
        "plain fp32": (plain(device), 0),
        "ours bf16": (ours(device, bf16=True), 0),
        "plain fp32, other random numbers": (plain(device), 10_000),
    }
    losses: dict[str, list[float]] = {name: [] for name in runs}
    for step in range(steps):
        index = torch.randint(64, (batch,), generator=torch.Generator().manual_seed(step))
        for name, (run, shift) in runs.items():
            torch.manual_seed(shift + step)
            losses[name].append(run(data[index].to(device)))
    reference = torch.tensor(losses["plain fp32"])
    return [
        {
            "run": name,
            "first loss": values[0],
            "last loss": values[-1],
            "mean absolute difference to plain fp32": float((torch.tensor(values) - reference).abs().mean()),
        }
        for name, values in losses.items()
    ]


def reduction_share(device: str, *, batch: int, step_ms: float) -> Row:
    """Time of the reduction of a batch's slots beside a step's."""
    slots = model_slots(batch, 11).to(device)
    time = median_ms(lambda: reduce_redundancy(slots, 0.1)).median
    return {"reduction of": f"{batch} x 11 x 256", "ms": time, "percent of a bf16 step": 100 * time / step_ms}


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--curve", type=int, default=30, help="steps of the loss curves")
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    device, features = given.device, torch.randn(given.batch, 256, 384).to(given.device)
    steps = {
        "plain, fp32": plain(device),
        "plain, bf16": plain(device, bf16=True),
        "ours, fp32": ours(device, bf16=False),
        "ours, bf16": ours(device, bf16=True),
    }
    times, memory = {}, {}
    found = compare({n: lambda s=s: s(features) for n, s in steps.items()}, repeats=given.repeats, warm_up=1)
    for name, step in steps.items():
        times[name], memory[name] = found[name], _peak_mb(step, features)
    base = times["plain, fp32"].median
    rows: list[Row] = [
        {"step": name, "ms": time.median, "IQR": time.spread, "ratio": base / time.median}
        | ({"peak MB": memory[name]} if device != "cpu" else {})
        for name, time in times.items()
    ]
    share = reduction_share(device, batch=64, step_ms=times["ours, bf16"].median)
    curve = curves(device, steps=given.curve, batch=min(given.batch, 8))
    for table in (rows, [share], curve):
        print(markdown(table) + "\n")
    about = f"training step, batch {given.batch}, 256 tokens of 384, 7 slots of 256, 4 layers, 4 heads"
    print(save(f"training-step-{device}", [*rows, share, *curve], about=about))


def _peak_mb(step: Step, features: Tensor) -> float:
    if features.device.type != "cuda":
        return float("nan")
    torch.cuda.reset_peak_memory_stats()
    step(features)
    return torch.cuda.max_memory_allocated() / 2**20


if __name__ == "__main__":
    main()
