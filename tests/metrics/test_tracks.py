import itertools
import math
import pickle
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from torch import Tensor

from dias.metrics import GrowingContingency, TrackScores, TrackStream, track_scores
from dias.metrics.tracks import Detections
from dias.metrics.tracks.identity import Identity, Switches
from moving_segments import faulty_tracks, moving_rectangles, some_ignored

GOLDEN = np.load(Path(__file__).with_name("trackeval-1.3.0.npz"))
PERFECT = TrackScores(hota=1.0, detection=1.0, association=1.0, idf1=1.0, switches=0)


def values(scores: TrackScores) -> list[float]:
    return [scores.hota, scores.detection, scores.association, scores.idf1, scores.switches]


def golden(name: str, place: int) -> Tensor:
    return torch.from_numpy(GOLDEN[f"{name}_{place}"]).long()


@pytest.mark.parametrize("background", [True, False], ids=["with", "without"])
@pytest.mark.parametrize("place", range(12))
def test_equals_trackeval(place: int, background: bool) -> None:
    """Frozen numbers of TrackEval 1.3.0: make_trackeval_golden.py."""
    found = track_scores(golden("pred", place), golden("truth", place), include_background=background)
    expected = GOLDEN[f"{'with' if background else 'without'}_background_{place}"]
    np.testing.assert_allclose(values(found), expected, rtol=0, atol=1e-14)


def made(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Prediction, truth and valid pixels of a small clip."""
    rng = np.random.default_rng(seed)
    truth = moving_rectangles(rng, frames=int(rng.integers(1, 6)), objects=int(rng.integers(1, 4)), height=24)
    pred = faulty_tracks(rng, truth, faults=int(rng.integers(4)))
    return torch.tensor(pred), torch.tensor(truth), ~torch.tensor(some_ignored(rng, truth.shape))


@hypothesis_settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), area=st.booleans(), background=st.booleans())
def test_equals_the_definitions_written_out(seed: int, area: bool, background: bool) -> None:
    pred, truth, valid = made(seed)
    rules = {"include_background": background, "invalid_in_area": area}
    frames = [written_out(*frame, **rules) for frame in zip(pred, truth, valid, strict=True)]
    found = track_scores(pred, truth, valid=valid, **rules)
    if not any(objects for objects, _, _ in frames):
        assert all(math.isnan(value) for value in values(found)[:4])
        return
    assert found.idf1 == pytest.approx(idf1_by_trying_all(frames), abs=1e-14)
    np.testing.assert_allclose(values(found)[:3], hota_by_trying_all(frames), rtol=0, atol=1e-12)


Frame = tuple[list[int], list[int], dict[tuple[int, int], float]]  # objects, tracks, IoU


def written_out(
    pred: Tensor, truth: Tensor, valid: Tensor, *, include_background: bool, invalid_in_area: bool
) -> Frame:
    """One frame's segments and their IoU, pixel by pixel."""
    objects = [int(one) for one in truth[valid].unique() if include_background or one != 0]
    tracks = [int(one) for one in pred[valid].unique()]
    areas = {one: (pred == one) & (valid | invalid_in_area) for one in tracks}
    if not include_background:
        free = valid & (truth == 0)
        tracks = [one for one in tracks if 2 * int((areas[one] & free).sum()) <= int(areas[one].sum())]
    iou = {}
    for a, b in itertools.product(objects, tracks):
        seen = valid & (truth == a)
        iou[a, b] = int((seen & areas[b]).sum()) / int((seen | areas[b]).sum())
    return objects, tracks, iou


def one_to_one(objects: list[int], tracks: list[int]) -> list[list[tuple[int, int]]]:
    """Every way to match as many as there are of the fewer."""
    if len(objects) > len(tracks):
        return [[(a, b) for b, a in match] for match in one_to_one(tracks, objects)]
    return [
        list(zip(objects, chosen, strict=True)) for chosen in itertools.permutations(tracks, len(objects))
    ]


def idf1_by_trying_all(frames: list[Frame]) -> float:
    objects = sorted({one for frame in frames for one in frame[0]})
    tracks = sorted({one for frame in frames for one in frame[1]})
    kept = max(
        sum(iou.get(pair, 0) >= 0.5 for _, _, iou in frames for pair in match)
        for match in one_to_one(objects, tracks)
    )
    return 2 * kept / sum(len(a) + len(b) for a, b, _ in frames)


def hota_by_trying_all(frames: list[Frame]) -> list[float]:
    """Equations 8 to 12 of Luiten et al. (2021), and the match of its section 5.3 as TrackEval does it."""
    alike: dict[tuple[int, int], float] = {}
    for objects, tracks, iou in frames:
        for a, b in itertools.product(objects, tracks):
            if iou[a, b] > 0:
                union = sum(iou[a, x] for x in tracks) + sum(iou[x, b] for x in objects) - iou[a, b]
                alike[a, b] = alike.get((a, b), 0) + iou[a, b] / union
    lived = {a: sum(a in frame[0] for frame in frames) for frame in frames for a in frame[0]}
    shown = {b: sum(b in frame[1] for frame in frames) for frame in frames for b in frame[1]}
    jaccard = {(a, b): both / (lived[a] + shown[b] - both) for (a, b), both in alike.items()}
    matches = []
    for objects, tracks, iou in frames:
        worth = {pair: iou[pair] * jaccard.get(pair, 0) for pair in iou}
        best = max(one_to_one(objects, tracks), key=lambda match: sum(worth[pair] for pair in match))
        matches += [(pair, iou[pair]) for pair in best]
    results = []
    for alpha in range(5, 100, 5):
        pairs = [pair for pair, value in matches if value >= alpha / 100]
        total = sum(lived.values()) + sum(shown.values())
        detection = len(pairs) / (total - len(pairs))
        shares = [pairs.count(p) / (lived[p[0]] + shown[p[1]] - pairs.count(p)) for p in pairs]
        association = sum(shares) / len(shares) if shares else 0.0
        results.append((math.sqrt(detection * association), detection, association))
    return [float(one) for one in np.mean(results, axis=0)]


@given(seed=st.integers(0, 2**32 - 1), background=st.booleans())
def test_the_truth_under_other_names_is_perfect(seed: int, background: bool) -> None:
    _, truth, valid = made(seed)
    if not background and not truth[valid].any():
        return
    names = torch.randperm(9, generator=torch.Generator().manual_seed(seed)) * 1000 - 3000
    assert track_scores(names[truth], truth, valid=valid, include_background=background) == PERFECT


def two_halves(frames: int) -> Tensor:
    """Object 1 on the left, object 2 on the right, no background."""
    clip = torch.ones(frames, 4, 8, dtype=torch.int64)
    clip[:, :, 4:] = 2
    return clip


def test_two_objects_that_exchange_their_tracks() -> None:
    """Each pair of object and track shares half of its frames: AssA = 5 / (10 + 10 - 5) = 1/3."""
    truth = two_halves(10)
    pred = truth.clone()
    pred[5:] = 3 - pred[5:]
    found = track_scores(pred, truth)
    assert found.detection == 1
    assert found.association == pytest.approx(1 / 3)
    assert found.hota == pytest.approx(math.sqrt(1 / 3))
    assert found.idf1 == 0.5
    assert found.switches == 2


def test_a_track_that_is_lost_for_a_while_and_comes_back_is_no_switch() -> None:
    truth = two_halves(9)
    lost, other = truth.clone(), truth.clone()
    lost[3:6] = 2  # object 1 has none of its own
    other[3:6] = 2
    other[6:][truth[6:] == 1] = 9  # found again, as another
    assert track_scores(lost, truth).switches == 0
    assert track_scores(other, truth).switches == 1


def test_going_on_counts_before_a_larger_overlap() -> None:
    """Two tracks cover one object; the one it had is kept while its IoU is at least 0.5."""
    switches = Switches()
    for iou in ([[0.9, 0.0]], [[0.5, 0.8]], [[0.49, 0.8]], [[0.9, 0.6]]):
        switches.add(Detections(objects=np.array([0]), tracks=np.array([0, 1]), iou=np.array(iou)))
        if iou == [[0.5, 0.8]]:
            assert switches.count == 0
    assert switches.count == 1  # at 0.49; then the new one is kept


@pytest.mark.parametrize(
    ("between", "switches"),
    [([[0.1, 0.1]], 1), ([[]], 0)],
    ids=["lost for a frame, so free to choose", "a frame where nothing is predicted is passed over"],
)
def test_what_counts_as_the_frame_before(between: list[list[float]], switches: int) -> None:
    found = Switches()
    for iou in ([[0.9, 0.0]], between, [[0.5, 0.8]]):
        tracks = np.arange(len(iou[0]))
        found.add(Detections(objects=np.array([0]), tracks=tracks, iou=np.array(iou).reshape(1, -1)))
    assert found.count == switches


def test_background_split_in_two_costs_nothing_where_it_does_not_count() -> None:
    truth = torch.zeros(4, 6, 6, dtype=torch.int64)
    truth[:, 2:4, 2:4] = 1
    pred = truth.clone()
    pred[:, 4:] = 7
    assert track_scores(pred, truth, include_background=False) == PERFECT
    assert track_scores(pred, truth).hota < 1


def test_pixels_that_nobody_labelled_cost_where_they_stand_in_areas() -> None:
    truth = two_halves(3)
    valid = torch.ones_like(truth, dtype=torch.bool)
    valid[:, :, 6:] = False  # half of object 2
    assert track_scores(truth, truth, valid=valid) == PERFECT
    assert track_scores(truth, truth, valid=valid, invalid_in_area=True).hota < 1


def test_without_anything_to_find_or_anything_found() -> None:
    empty = torch.zeros(3, 4, 4, dtype=torch.int64)
    nothing = track_scores(empty, empty, include_background=False)
    assert all(math.isnan(value) for value in values(nothing)[:4])
    assert nothing.switches == 0
    truth = torch.zeros(3, 4, 4, dtype=torch.int64)
    truth[:, 0, 0] = 1
    missed = track_scores(empty, truth, include_background=False)
    assert missed == TrackScores(hota=0.0, detection=0.0, association=0.0, idf1=0.0, switches=0)


def test_identity_at_an_iou_of_exactly_a_half() -> None:
    for iou, f1 in ((0.5, 1.0), (np.nextafter(0.5, 0), 0.0)):
        identity = Identity()
        identity.add(Detections(objects=np.array([0]), tracks=np.array([0]), iou=np.array([[iou]])))
        assert identity.finished().f1 == f1


def test_a_frame_costs_bytes_and_no_pixels() -> None:
    pred, truth = golden("pred", 9)[:1], golden("truth", 9)[:1]
    counts, stream, sizes = GrowingContingency(), TrackStream(), []
    for _ in range(301):
        stream.add(counts.add(pred[0], truth[0]))
        sizes.append(len(pickle.dumps(stream)))
    assert (sizes[300] - sizes[200]) / 100 < 500 < pred[0].numel()
