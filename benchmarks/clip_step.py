"""A training step on clips: frames encoded and explained at once, against a loop that does it one by one.

python benchmarks/clip_step.py [--device cuda] [--clips 8] [--frames 6] [--size 224] [--repeats 5]
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from dias.backbones import BackboneConfig
from dias.models import ClipModel, ClipModelConfig, ClipOutput, ImageModelConfig
from dias.nn.decoders import RandomARConfig
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.queries import NormalSharedConfig
from dias.objectives import ObjectiveConfig, clip_loss
from harness import Row, compare, markdown, save

LOSS = ObjectiveConfig()


def build(device: str, *, size: int) -> ClipModel:
    """The paper's model of MOVi-D, told nothing, with its backbone; the same weights each time."""
    torch.manual_seed(0)
    backbone = BackboneConfig(input_size=size)
    image = ImageModelConfig(
        backbone=backbone,
        positions=(size // 14) ** 2,
        queries=NormalSharedConfig(slots=21),
        aggregation=AggregationConfig(slot_dim=256, iterations=3),
        decoder=RandomARConfig(layers=4, heads=4),
    )
    return ClipModelConfig(image=image).build(backbone=backbone.build()).to(device).train()


def at_once(model: ClipModel, clips: Tensor) -> ClipOutput:
    """As training does it."""
    return model(clips)[0]


def frame_by_frame(model: ClipModel, clips: Tensor) -> ClipOutput:
    """Each frame through the backbone, the aggregation and the decoder before the next is looked at."""
    state, outputs = None, []
    for frame in clips.unbind(dim=1):
        state, output = model.step(state, model.image.see(frame))
        outputs.append(output)
    return ClipOutput(frames=tuple(outputs))


def seen_alone(model: ClipModel, clips: Tensor, *, together: bool) -> None:
    """The backbone's part of it."""
    for frames in [clips.flatten(0, 1)] if together else clips.unbind(dim=1):
        model.image.see(frames)


def step(
    model: ClipModel,
    optimizer: torch.optim.Optimizer,
    forward: Callable[[ClipModel, Tensor], ClipOutput],
    clips: Tensor,
    *,
    bf16: bool,
) -> None:
    """Forward, loss, backward, clipping and Adam."""
    with torch.autocast(clips.device.type, torch.bfloat16, enabled=bf16):
        loss = clip_loss(forward(model, clips), config=LOSS, progress=0.5).total
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    on_cpu = given.device == "cpu"
    model = build(given.device, size=given.size)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=2e-4, fused=True)
    shape = (given.clips, given.frames, 3, given.size, given.size)
    clips = torch.randint(256, shape, dtype=torch.uint8).to(given.device)
    calls: dict[str, Callable[[], None]] = {
        "step, frame by frame": lambda: step(model, optimizer, frame_by_frame, clips, bf16=not on_cpu),
        "step, at once": lambda: step(model, optimizer, at_once, clips, bf16=not on_cpu),
        "backbone alone, frame by frame": lambda: seen_alone(model, clips, together=False),
        "backbone alone, at once": lambda: seen_alone(model, clips, together=True),
    }
    # On a CPU the time that cores work for this process: others may want them meanwhile.
    clock = time.process_time if on_cpu else time.perf_counter
    found = compare(calls, repeats=given.repeats, warm_up=1, clock=clock)
    rows: list[Row] = []
    for name, timing in found.items():
        base = found[name.replace("at once", "frame by frame")].median
        rows.append(
            {"what": name, "ms": timing.median, "IQR": timing.spread, "times faster": base / timing.median}
        )
    print(markdown(rows))
    what = "ms of cores" if on_cpu else "ms"
    about = (
        f"{given.clips} clips of {given.frames} frames of {given.size}, DINOv2-S/14, 21 slots, 4 layers; "
        f"{'fp32' if on_cpu else 'bf16'}, {torch.get_num_threads()} threads; {what}"
    )
    print(save(f"clip-step-{given.device}", rows, about=about))


if __name__ == "__main__":
    main()
