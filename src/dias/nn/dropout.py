"""Dropout whose numbers are a step's own: those of `dias.nn.chance`, not of the global random state."""

from jaxtyping import Shaped
from torch import Tensor, nn

from dias.nn.chance import Chance, uniform


class ChanceDropout(nn.Module):
    """As `nn.Dropout`; which numbers are dropped is drawn from `chance`, image by image.

    Attributes:
        share: of the numbers that is dropped in training; the others grow by 1 / (1 - share).
        chance: where its random numbers come from at the next call; the first axis is the batch.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.chance: Chance = None

    def forward(self, values: Shaped[Tensor, "b *rest"]) -> Shaped[Tensor, "b *rest"]:
        """Drop some numbers in training; change nothing in evaluation."""
        if not self.training:
            return values
        drawn = uniform(*values.shape, chance=self.chance, device=values.device).to(values.device)
        return values * (drawn >= self.share).to(values.dtype) / (1 - self.share)


def draw_dropout_from_chance(module: nn.Module) -> list[ChanceDropout]:
    """Put a `ChanceDropout` in the place of every `nn.Dropout` inside a library's module.

    Returns:
        those that drop anything; their `chance` is to be set before each call.
    """
    made = []
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Dropout) and child.p > 0:
                replacement = ChanceDropout(child.p)
                parent.add_module(name, replacement)
                made.append(replacement)
            elif isinstance(child, nn.Dropout):
                parent.add_module(name, nn.Identity())
    return made
