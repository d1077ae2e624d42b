"""Is it the gradient through the merge? `dias train`, with none through slots that were merged.

python benchmarks/merge_gradient.py scenes-cpu --out runs/detached-11 --set model.queries.slots=11 [...]

The method's merged query is the mean of its members, so each of k members gets a k-th of the gradient of
the round after the merge. Here it gets none of it; slots and queries that were not merged get theirs. What
such a model is worth: `benchmarks/redundancy.py RUN --as-trained`.
"""

import sys
from unittest import mock

import torch
from jaxtyping import Float
from torch import Tensor

from dias.cli.main import main
from dias.nn.slots.redundancy import merge


def merge_without_gradient(
    average: Float[Tensor, "b n n"], values: Float[Tensor, "b n d"]
) -> Float[Tensor, "b n d"]:
    """`merge`, whose means of several pass no gradient."""
    merged = merge(average, values)
    several = (average > 0).sum(dim=2, keepdim=True) > 1
    return torch.where(several, merged.detach(), merged)


if __name__ == "__main__":
    sys.argv[1:1] = ["train"]
    with mock.patch("dias.nn.slots.aggregation.merge", merge_without_gradient):
        main()
