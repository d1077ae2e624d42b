"""Whether training reaches every weight that it is to change."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def every_weight_moves(model: nn.Module) -> Iterator[None]:
    """Fail if training left a weight where it was, as Adam does where no gradient comes.

    A decoder can learn a few pictures by heart from slots that learn nothing, so errors alone do not tell.
    Weights that are frozen must not move.
    """
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    yield
    asked = {name for name, value in model.named_parameters() if value.requires_grad}
    moved = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert asked
    still, loose = sorted(asked - moved), sorted(moved - asked)
    assert not still, f"{len(still)} weights of {len(asked)} were left where they were: {still[:4]}"
    assert not loose, f"{len(loose)} frozen weights moved: {loose[:4]}"
