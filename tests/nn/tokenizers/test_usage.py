import pytest
import torch

from dias.nn.tokenizers.usage import usage


def test_all_codes_alike_often() -> None:
    found = usage(torch.arange(8).repeat(3, 2), size=8)
    assert (found.used, found.perplexity) == (1.0, pytest.approx(8))


def test_one_code_alone() -> None:
    found = usage(torch.full((3, 5), 2), size=8)
    assert (found.used, found.perplexity) == (1 / 8, pytest.approx(1))


def test_a_rare_code_counts_less() -> None:
    found = usage(torch.tensor([[0, 0, 0, 1]]), size=4)
    assert found.used == 0.5
    assert found.perplexity == pytest.approx(4 / 3**0.75)  # exp(-(3/4 log 3/4 + 1/4 log 1/4))
