import math
from dataclasses import replace
from itertools import pairwise

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from alike_slots import slots_of
from dias.config import from_dict, to_dict
from dias.errors import DiasError
from dias.nn.slots.aggregation import AggregationConfig
from dias.nn.slots.cuts import explained, removal_errors
from dias.nn.slots.dendrogram import Dendrogram, dendrogram
from dias.nn.slots.redundancy import agglomerate, keep_at_least_two, merge, merge_matrix
from dias.nn.slots.thresholds import (
    AUTOMATIC,
    Automatic,
    BestSilhouette,
    ClusterCount,
    Evidence,
    ExplainedVariance,
    FirmClusters,
    LargestGap,
    RemovalError,
)

WAYS = [LargestGap(), BestSilhouette(), FirmClusters(), ExplainedVariance(), RemovalError()]
every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.kind)


def evidence(seed: int, *, n: int, images: int = 8) -> Evidence:
    generator = torch.Generator().manual_seed(seed)
    attention = torch.randn(images, n, 30, generator=generator).softmax(dim=1)
    return Evidence(attention=attention, tokens=torch.randn(images, 30, 5, generator=generator))


def labels_of(way: Automatic, tree: Dendrogram, seen: Evidence) -> torch.Tensor:
    return tree.after(way.merges(tree, seen))


@every_way
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 16), hidden=st.booleans())
def test_two_clusters_are_left_at_least(way: Automatic, seed: int, n: int, hidden: bool) -> None:
    kept = torch.rand(8, n, generator=torch.Generator().manual_seed(seed)) > 0.4 * hidden
    tree = dendrogram(slots_of(seed, n=n), kept=kept)
    labels = labels_of(way, tree, evidence(seed, n=n))
    assert torch.equal(keep_at_least_two(labels), labels)
    assert (labels.amax(dim=1) + 1 >= kept.sum(dim=1).clamp(max=2)).all()


@every_way
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 12))
def test_the_order_of_slots_changes_nothing(way: Automatic, seed: int, n: int) -> None:
    slots, seen = slots_of(seed, n=n), evidence(seed, n=n)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    labels = labels_of(way, dendrogram(slots), seen)
    other = labels_of(way, dendrogram(slots[:, order]), replace(seen, attention=seen.attention[:, order]))
    same = labels[:, :, None] == labels[:, None, :]
    assert torch.equal(same[:, order][:, :, order], other[:, :, None] == other[:, None, :])


@every_way
def test_an_image_is_cut_alike_in_every_batch(way: Automatic) -> None:
    slots, seen = slots_of(5, n=9), evidence(5, n=9)
    together = labels_of(way, dendrogram(slots), seen)
    for image in range(8):
        one = Evidence(attention=seen.attention[image, None], tokens=seen.tokens[image, None])
        assert torch.equal(labels_of(way, dendrogram(slots[image, None]), one)[0], together[image])


@every_way
@pytest.mark.parametrize("copies", [[1, 1, 1, 1], [3, 1, 1, 2], [4, 4], [1, 5, 1]])
def test_near_copies_become_one(way: Automatic, copies: list[int]) -> None:
    """Objects at right angles, each seen by some slots that share its tokens."""
    objects, generator = len(copies), torch.Generator().manual_seed(0)
    owner = torch.arange(objects).repeat_interleave(torch.tensor(copies))
    noise = 0.05 * torch.randn(4, len(owner), 16, generator=generator)
    slots = torch.eye(16)[owner] + noise
    of_token = torch.arange(objects).repeat_interleave(10)
    shared = (owner[:, None] == of_token).float()
    attention = (shared / shared.sum(dim=0)).expand(4, -1, -1)
    tokens = torch.eye(16)[of_token] + 0.01 * torch.randn(4, len(of_token), 16, generator=generator)
    if way.kind == "silhouette" and min(copies) == 1:
        pytest.skip("the mean silhouette rewards merging objects that have one slot each: those count 0")
    found = labels_of(way, dendrogram(slots), Evidence(attention=attention, tokens=tokens))
    assert found.tolist() == [owner.tolist()] * 4


@every_way
def test_mixed_precision_changes_no_cut(way: Automatic) -> None:
    tree, seen = dendrogram(slots_of(9, n=12)), evidence(9, n=12)
    merges = way.merges(tree, seen)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(way.merges(tree, seen), merges)


def test_slots_that_all_see_the_same_are_left_alone() -> None:
    """As the guard of the fixed threshold does: early in training all slots are alike."""
    slots, tokens = slots_of(3, n=6), evidence(3, n=6).tokens
    even = Evidence(attention=torch.full((8, 6, 30), 1 / 6), tokens=tokens)
    assert RemovalError().merges(dendrogram(slots), even).tolist() == [0] * 8


@every_way
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 12), taught=st.floats(0, 2))
def test_a_model_that_counts_merges_what_it_was_taught_to(
    way: Automatic, seed: int, n: int, taught: float
) -> None:
    """An automatic way merges more than the distance of training, never less; a number is kept to."""
    slots, seen = slots_of(seed, n=n), evidence(seed, n=n)
    config = AggregationConfig(slot_dim=slots.shape[2], threshold=taught, counted=True)
    model = config.build(token_dim=5)
    of_training = model.clusters(slots, seen)
    together = of_training[:, :, None] == of_training[:, None, :]
    automatic = model.with_threshold(way).clusters(slots, seen)
    assert (automatic[:, :, None] == automatic[:, None, :])[together].all()
    plain = replace(config, counted=False, threshold=way).build(token_dim=5).clusters(slots, seen)
    assert (automatic.amax(dim=1) <= plain.amax(dim=1)).all()
    asked = model.with_threshold(ClusterCount(clusters=n)).clusters(slots, seen)
    assert asked.amax(dim=1).tolist() == [n - 1] * len(slots)
    again = model.with_threshold(way).with_threshold(taught).clusters(slots, seen)
    assert torch.equal(again, of_training)


@pytest.mark.parametrize("clusters", [2, 3, 6, 9])
def test_as_many_clusters_are_left_as_are_asked_for(clusters: int) -> None:
    kept = torch.ones(8, 6, dtype=torch.bool)
    kept[0, 2:] = kept[1, :4] = False
    tree = dendrogram(slots_of(3, n=6), kept=kept)
    labels = tree.after(ClusterCount(clusters=clusters).merges(tree, evidence(3, n=6)))
    assert (labels.amax(dim=1) + 1).tolist() == [min(clusters, 2)] * 2 + [min(clusters, 6)] * 6


def test_firmer_clusters_are_smaller() -> None:
    tree, seen = dendrogram(slots_of(2, n=16, images=32)), evidence(2, n=16, images=32)
    merges = [FirmClusters(least=least).merges(tree, seen) for least in (1.0, 0.9, 0.7, 0.5, 0.0, -1.0)]
    for firm, loose in pairwise(merges):
        assert (firm <= loose).all()
    assert (merges[0] < merges[2]).any()
    assert (merges[-1] == 14).all()


def test_the_aggregation_cuts_where_the_image_says() -> None:
    torch.manual_seed(0)
    aggregation = AggregationConfig(slot_dim=8, threshold=0.0).build(token_dim=6).eval()
    tokens, queries = torch.randn(4, 20, 6), torch.randn(4, 3, 8)[:, [0, 1, 0, 2, 1]]
    queries = queries + 1e-3 * torch.randn(4, 5, 8)
    twin = aggregation.with_threshold(LargestGap())
    assert aggregation(tokens, queries).kept.all()
    found = twin(tokens, queries)
    assert found.kept.tolist() == [[True, True, False, True, False]] * 4
    some = twin(tokens, queries, reduce=torch.tensor([True, False, True, False]))
    assert some.kept.sum(dim=1).tolist() == [3, 5, 3, 5]
    by_hand = merge(merge_matrix(torch.tensor([[0, 1, 0, 2, 1]] * 4)), queries)
    torch.testing.assert_close(by_hand[found.kept], queries[:, [0, 1, 3]].flatten(0, 1), atol=5e-3, rtol=0)


def test_training_and_use_merge_by_thresholds_of_their_own() -> None:
    """`threshold` in training, `in_use` after it; another one that is asked for holds in both."""
    slots, seen = slots_of(4, n=9), evidence(4, n=9)
    config = AggregationConfig(slot_dim=slots.shape[2], threshold=0.9, in_use=0.3)
    model = config.build(token_dim=5)
    below = {at: keep_at_least_two(agglomerate(slots, at)) for at in (0.9, 0.3, 0.6)}
    assert not torch.equal(below[0.9], below[0.3])
    assert torch.equal(model.train().clusters(slots, seen), below[0.9])
    assert torch.equal(model.eval().clusters(slots, seen), below[0.3])
    other = model.with_threshold(0.6)
    for mode in (other.train(), other.eval()):
        assert torch.equal(mode.clusters(slots, seen), below[0.6])
    alone = replace(config, in_use=None).build(token_dim=5).eval()
    assert torch.equal(alone.clusters(slots, seen), below[0.9])
    assert (config.outside_training, config.distance) == (0.3, 0.3)
    assert replace(config, in_use=None).distance == 0.9
    assert replace(config, in_use=AUTOMATIC).distance is None


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(3, 12))
def test_what_a_merge_may_cost_by_removal(seed: int, n: int) -> None:
    """0.046 ln n * -ln(1 - s), s what the slots explain: in float64, image by image."""
    tree, seen = dendrogram(slots_of(seed, n=n)), evidence(seed, n=n)
    share = explained(tree, seen.attention, seen.tokens)[:, 0].double()
    limit = 0.046 * math.log(n) * -(1 - share).log()
    errors = removal_errors(tree, seen.attention, seen.tokens).double()
    for image, merges in enumerate(RemovalError().merges(tree, seen).tolist()):
        dear = (errors[image] >= limit[image]).nonzero()
        wanted = int(dear[0]) if len(dear) else n - 1
        assert merges == (wanted if wanted <= n - 2 else 0)


def test_what_counts_was_taught_by_the_threshold_of_training() -> None:
    slots, seen = slots_of(5, n=9), evidence(5, n=9)
    config = AggregationConfig(slot_dim=slots.shape[2], threshold=0.9, in_use=LargestGap(), counted=True)
    found = config.build(token_dim=5).eval().clusters(slots, seen)
    together = found[:, :, None] == found[:, None, :]
    of_training = keep_at_least_two(agglomerate(slots, 0.9))
    assert together[of_training[:, :, None] == of_training[:, None, :]].all()


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        (0.25, 0.25),
        (1, 1.0),
        ("0.25", 0.25),
        ("auto", AUTOMATIC),
        ("gap", LargestGap()),
        ({"kind": "firm", "least": 0.5}, FirmClusters(least=0.5)),
        ({"kind": "count", "clusters": 4}, ClusterCount(clusters=4)),
        (ExplainedVariance(loss=0.1), ExplainedVariance(loss=0.1)),
    ],
)
def test_a_threshold_is_a_number_or_a_kind(told: object, meant: object) -> None:
    config = from_dict(AggregationConfig, {"threshold": told})
    assert config.threshold == meant
    assert from_dict(AggregationConfig, to_dict(config)) == config


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        (3, "threshold.*less than or equal to 2, got 3"),
        ("gab", "threshold: there is no kind 'gab'.*'gap'"),
        ({"kind": "count", "clusters": 1}, "clusters.*greater than or equal to 2"),
        ({"kind": "gap", "flor": 1}, r"threshold\.flor: unknown key; did you mean floor\?"),
    ],
)
def test_another_threshold_is_refused_in_one_line(told: object, fault: str) -> None:
    with pytest.raises(DiasError, match=fault):
        from_dict(AggregationConfig, {"threshold": told})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@every_way
def test_never_waits_for_the_gpu(way: Automatic) -> None:
    slots, seen = slots_of(0, n=11), evidence(0, n=11)
    there = Evidence(attention=seen.attention.cuda(), tokens=seen.tokens.cuda())
    on_device = slots.cuda()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        labels = labels_of(way, dendrogram(on_device), there)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(labels.cpu(), labels_of(way, dendrogram(slots), seen))
