import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from jaxtyping import config
from sklearn.metrics.cluster import contingency_matrix

from dias.errors import DiasError
from dias.metrics import adjusted_rand_index, contingency_table, mean_best_overlap

WILD = [0, -(2**63), 2**63 - 1, -1, 255, 2**40, 16_777_215, 7]


@given(seed=st.integers(0, 2**32 - 1), pixels=st.integers(1, 50), wild=st.booleans())
def test_counts_equal_scikit_learn(seed: int, pixels: int, wild: bool) -> None:
    rng = np.random.default_rng(seed)
    names = np.array(WILD) if wild else np.arange(-3, 5)
    pred, target = names[rng.integers(0, 8, (2, 3, pixels))]
    found = contingency_table(torch.tensor(pred), torch.tensor(target))
    for i in range(3):
        counts = found.counts[i]
        counts = counts[counts.sum(dim=1) > 0][:, counts.sum(dim=0) > 0]
        assert counts.tolist() == contingency_matrix(pred[i], target[i]).tolist()
        in_background = int(found.counts[i][:, found.background[i]].sum())
        assert in_background == (target[i] == 0).sum()


@given(seed=st.integers(0, 2**32 - 1))
def test_every_pixel_is_counted_once_as_valid_or_not(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    pred, target = torch.randint(5, (2, 3, 40), generator=generator)
    valid = torch.rand(3, 40, generator=generator) < 0.5
    found = contingency_table(pred, target, valid=valid)
    whole = contingency_table(pred, target)
    assert torch.equal(found.counts.sum(dim=2) + found.invalid, whole.counts.sum(dim=2))
    assert found.invalid.sum(dim=1).tolist() == (~valid).sum(dim=1).tolist()
    assert not whole.invalid.any()


@given(seed=st.integers(0, 2**32 - 1))
def test_wild_names_mean_the_same(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    pred, target = torch.randint(8, (2, 4, 3, 9), generator=generator)
    valid = torch.rand(4, 3, 9, generator=generator) < 0.7
    names = torch.tensor(WILD)
    for metric in (adjusted_rand_index, mean_best_overlap):
        for flag in (False, True):  # foreground_only and include_background: both ask which label is 0
            tame, strange = (
                metric(p, t, flag, valid=valid) for p, t in ((pred, target), (names[pred], names[target]))
            )
            torch.testing.assert_close(tame, strange, rtol=0, atol=1e-14, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_any_integer_type(dtype: torch.dtype) -> None:
    ends = torch.iinfo(dtype)
    names = torch.tensor([ends.min, ends.max, 0, 1], dtype=dtype)
    pred, target = names[torch.randint(4, (2, 3, 20), generator=torch.Generator().manual_seed(0))]
    for metric in (adjusted_rand_index, mean_best_overlap):
        for flag in (False, True):
            expected = metric(pred.long(), target.long(), flag)
            torch.testing.assert_close(metric(pred, target, flag), expected, rtol=0, atol=0)
            torch.testing.assert_close(metric(pred.long(), target, flag), expected, rtol=0, atol=0)


def test_pixels_that_are_not_valid_leave_no_trace() -> None:
    pred, target = torch.tensor([[0, 1, 99]]), torch.tensor([[0, 1, -1]])
    found = contingency_table(pred, target, valid=torch.tensor([[True, True, False]]))
    assert found.counts.sum() == 2
    assert (found.counts.sum(dim=1) > 0).sum() == 2


@pytest.mark.parametrize("other", [(2, 4, 3), (1, 3, 4), (2, 12)])
def test_maps_of_other_shapes_are_refused(other: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "jaxtyping_disable", True)  # as for a user: annotations are not checked
    maps = torch.zeros(2, 3, 4, dtype=torch.int64)
    with pytest.raises(DiasError, match=r"prediction has shape \(2, 3, 4\)"):
        contingency_table(maps, torch.zeros(other, dtype=torch.int64))
    with pytest.raises(DiasError, match="valid has"):
        contingency_table(maps, maps, valid=torch.ones(other, dtype=torch.bool))


@pytest.mark.parametrize("soft", [torch.rand(2, 4, 4), np.zeros((2, 4, 4), dtype=np.int64)])
def test_what_is_no_tensor_of_integers_is_refused(soft: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "jaxtyping_disable", True)
    labels = torch.zeros(2, 4, 4, dtype=torch.int64)
    with pytest.raises(DiasError, match=r"the target is .*; give a tensor of integer labels"):
        contingency_table(labels, soft)
