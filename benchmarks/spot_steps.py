"""What a step of SPOT costs, in both of its stages, beside one of DIAS; pictures in, weights out.

python benchmarks/spot_steps.py [--device cuda] [--size cpu|paper] [--batch 32] [--repeats 7]
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from dias.models import ImageModel
from dias.objectives import image_loss
from dias.training.recipe import Recipe, read_recipe
from dias.training.teacher import Teacher
from harness import Row, compare, markdown, save

RECIPES = {"paper": ("scenes", "spot-stage-1", "spot"), "cpu": ("scenes-cpu", "spot-stage-1-cpu", "spot-cpu")}


class Step:
    """Backbone, forward, loss, backward, clipping and Adam, as training does them."""

    def __init__(self, recipe: Recipe, device: str) -> None:
        torch.manual_seed(0)
        backbone = recipe.model.backbone.build()
        self.recipe, self.teacher = recipe, None
        if recipe.earlier is not None:
            self.teacher = Teacher(recipe.of_earlier().model.build(backbone=backbone)).to(device)
        self.model: ImageModel = recipe.model.build(backbone=backbone).to(device).train()
        self.weights = [value for value in self.model.parameters() if value.requires_grad]
        self.optimizer = torch.optim.Adam(self.weights, lr=recipe.training.lr, fused=True)

    def __call__(self, images: Tensor) -> float:
        """One step from pictures, late in training, when all parts of the loss count; the loss."""
        config, device = self.recipe.objective, images.device.type
        reduce = self.recipe.training.reduction_at(1.0) > 0
        with torch.autocast(device, torch.bfloat16, enabled=self.recipe.training.precision == "bf16"):
            seen = self.model.see(images)
            taught = None if self.teacher is None else self.teacher(seen)
            loss = image_loss(
                self.model.from_tokens(seen, reduce=reduce), config=config, progress=1.0, teacher=taught
            )
        self.optimizer.zero_grad()
        loss.total.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, self.recipe.training.clip)
        self.optimizer.step()
        return float(loss.total.detach())


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", choices=sorted(RECIPES), default="paper")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    images = torch.randint(0, 256, (given.batch, 3, 224, 224)).to(torch.uint8).to(given.device)
    dias, first, second = RECIPES[given.size]
    steps = {name: Step(read_recipe(name), given.device) for name in (dias, first, second)}
    backbone = steps[dias].model.backbone
    assert backbone is not None
    calls: dict[str, Callable[[Tensor], object]] = {"the frozen backbone alone": backbone, **steps}
    clock = time.process_time if given.device == "cpu" else time.perf_counter
    found = compare(
        {name: partial(call, images) for name, call in calls.items()},
        repeats=given.repeats,
        warm_up=1,
        clock=clock,
    )
    base = found[dias].median
    rows: list[Row] = [
        {"step": name, "ms": time_.median, "IQR": time_.spread, "of DIAS": time_.median / base}
        | {"trained weights (M)": sum(w.numel() for w in steps[name].weights) / 1e6 if name in steps else 0.0}
        | ({"peak MB": _peak_mb(calls[name], images)} if given.device != "cpu" else {})
        for name, time_ in found.items()
    ]
    print(markdown(rows))
    both = found[first].median + found[second].median
    print(f"\nSPOT, a step of each stage: {both:.0f} ms, {both / base:.2f} of DIAS's")
    clocked = "CPU time of all threads" if given.device == "cpu" else "wall clock"
    about = f"a step from {given.batch} pictures, recipes {dias}, {first}, {second}; {clocked}"
    print(save(f"spot-steps-{given.size}-{given.device}", rows, about=about))


def _peak_mb(call: Callable[[Tensor], object], images: Tensor) -> float:
    torch.cuda.reset_peak_memory_stats()
    call(images)
    return torch.cuda.max_memory_allocated() / 2**20


if __name__ == "__main__":
    main()
