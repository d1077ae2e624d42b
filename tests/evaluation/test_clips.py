"""Clips with predictors that are told the truth, so that every score is known."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from colour_model import colour_model
from dias.data.frames import ClipFrames
from dias.data.samples import ClipSample
from dias.errors import DiasError, FileError, SampleError
from dias.evaluation import EvaluationConfig, evaluate, rules_of
from dias.evaluation.clips import (
    ClipEvaluation,
    ShownFrame,
    Unlinked,
    clip_markdown,
    evaluate_clips,
    load_clips,
)
from dias.evaluation.protocol import Protocol
from dias.metrics import segmentation_scores, track_scores
from moving_segments import moving_rectangles, some_ignored

SIZE, METRICS = 28, ("ari", "ari_foreground", "mbo", "miou")
RULES = rules_of("dias", size=SIZE)


@dataclass
class Clips:
    """Squares whose red channel tells the label."""

    masks: list[np.ndarray | None]
    ignore: list[np.ndarray] | None = None
    unreadable: tuple[int, int] | None = None
    reads: list[tuple[int, ...]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.masks)

    def length(self, index: int) -> int:
        mask = self.masks[index]
        return 3 if mask is None else len(mask)

    def read(self, index: int, frames: Sequence[int] | None = None) -> ClipSample:
        assert frames is not None, "a clip may be too long to be read at once"
        places = list(frames)
        self.reads.append((index, *places))
        if self.unreadable and self.unreadable[0] == index and self.unreadable[1] in places:
            raise SampleError(self.name(index), "is truncated")
        mask = self.masks[index]
        shown = np.zeros((len(places), SIZE, SIZE), np.int64) if mask is None else mask[places]
        return ClipSample(
            frames=np.stack([shown * 20, shown * 0, shown * 0], axis=-1).astype(np.uint8),
            name=self.name(index),
            numbers=tuple(places),
            mask=None if mask is None else shown,
            ignore=None if self.ignore is None else self.ignore[index][places],
            boxes=np.full((len(places), 2, 4), 0.5),
        )

    def name(self, index: int) -> str:
        return f"clip-{index}"

    def fingerprint(self) -> str:
        return "d" * 64


def some(count: int = 3, *, ignored: bool = False) -> Clips:
    rng = np.random.default_rng(1)
    masks: list[np.ndarray | None] = [
        moving_rectangles(rng, frames=5 + 6 * clip, objects=clip, height=SIZE, width=SIZE)
        for clip in range(count)
    ]
    ignore = [some_ignored(rng, mask.shape) for mask in masks if mask is not None]
    return Clips(masks, ignore=ignore if ignored else None)


def truth(frame: ShownFrame) -> Tensor:
    return frame.image[0].long() // 20


def seer(change: Callable[[ShownFrame, Tensor], Tensor] = lambda _, labels: labels):
    """A predictor that sees what is there, and may change it."""

    def predict(frames: Iterator[ShownFrame]) -> Iterator[Tensor]:
        for frame in frames:
            yield change(frame, truth(frame))

    return predict


def confused(frame: ShownFrame, labels: Tensor) -> Tensor:
    """Every object goes on under another number from frame 3 on; a part is always wrong."""
    changed = labels + 7 * (frame.number >= 3)
    changed[: frame.clip + 2] = 3
    return changed


def measured(predict, clips: Clips, **settings) -> ClipEvaluation:
    return evaluate_clips(predict, clips, **({"rules": RULES, "progress": False} | settings))


def test_the_truth_is_perfect() -> None:
    found = measured(seer(), some())
    assert found.names == ("clip-0", "clip-1", "clip-2")
    assert found.frames.tolist() == [5, 11, 17]
    for mean in (found.whole.mean, found.per_frame.mean):
        assert [getattr(mean, metric) for metric in METRICS] == [1, 1, 1, 1]
    assert np.isnan(found.whole.ari_foreground[0])  # clip 0 has no object
    tracks = found.tracks.mean
    assert (tracks.hota, tracks.detection, tracks.association, tracks.idf1, tracks.switches) == (
        1,
        1,
        1,
        1,
        0,
    )


@pytest.mark.parametrize("protocol", ["dias", "spot", "videosaur"])
def test_a_stream_scores_as_the_metrics_of_the_whole_clip(protocol: Protocol) -> None:
    clips, rules = some(ignored=True), rules_of(protocol, size=SIZE, view=SIZE)
    found = measured(seer(confused), clips, rules=rules)
    for index, mask in enumerate(clips.masks):
        assert mask is not None
        assert clips.ignore is not None
        target, valid = torch.tensor(mask), ~torch.tensor(clips.ignore[index])
        shown = [
            ShownFrame(
                name="", clip=index, number=number, index=0, size=SIZE, boxes=None,
                image=(20 * target[number]).byte()[None].expand(3, -1, -1),
            )
            for number in range(len(mask))
        ]  # fmt: skip
        pred = torch.stack(list(seer(confused)(iter(shown))))
        area = {"include_background": rules.background, "invalid_in_area": rules.unlabelled == "area"}
        whole = segmentation_scores(pred[None], target[None], valid=valid[None], **area)
        frames = segmentation_scores(pred, target, valid=valid, **area)
        for metric in METRICS:
            expected, each = getattr(whole, metric)[0], getattr(frames, metric)
            if metric == "ari_foreground" and rules.objectless == "one":
                expected, each = expected.nan_to_num(nan=1.0), each.nan_to_num(nan=1.0)
            near = {"abs": 1e-14, "nan_ok": True}
            assert getattr(found.whole, metric)[index] == pytest.approx(float(expected), **near)
            per_frame = getattr(found.per_frame.clips, metric)[index]
            assert per_frame == pytest.approx(float(each.nanmean()), **near)
            assert getattr(found.per_frame.counted, metric)[index] == int((~each.isnan()).sum())
        tracks = track_scores(pred, target, valid=valid, **area)
        for name in ("hota", "detection", "association", "idf1", "switches"):
            assert getattr(found.tracks, name)[index] == pytest.approx(getattr(tracks, name), nan_ok=True)


def test_a_change_of_identity_costs_the_clip_and_no_frame() -> None:
    def renamed(frame: ShownFrame, labels: Tensor) -> Tensor:
        return labels + 7 * (frame.number >= 3)

    found = measured(seer(renamed), some())
    assert found.per_frame.mean == measured(seer(), some()).per_frame.mean
    assert found.whole.mean.mbo < 0.9
    assert found.tracks.mean.detection == 1
    assert found.tracks.mean.association < 0.9
    assert found.tracks.switches[0] == 1  # the background's


def test_means_over_frames_weigh_every_frame_alike() -> None:
    found = measured(seer(confused), some())
    counts, values = found.per_frame.counted.mbo, found.per_frame.clips.mbo
    assert counts.tolist() == [5, 11, 17]
    assert found.per_frame.mean.mbo == pytest.approx((counts * values).sum() / 33)
    assert found.per_frame.clips.mean.mbo == pytest.approx(values.mean())


def test_frames_of_an_image_model_score_as_its_images_do() -> None:
    """`dias eval` takes clips as frames: the same numbers, beside those of the whole clips."""
    config = EvaluationConfig(rules=RULES, batch=4)
    frames = evaluate(colour_model(), ClipFrames(some()), config=config, progress=False).best_map
    found = measured(Unlinked(colour_model(), config=config), some())
    for metric in METRICS:
        values = frames.values(metric)  # type: ignore[arg-type]
        assert getattr(found.per_frame.mean, metric) == pytest.approx(np.nanmean(values), abs=1e-14)
        assert getattr(found.per_frame.counted, metric).sum() == np.isfinite(values).sum()


def test_frames_are_read_when_they_are_asked_for_a_few_at_a_time() -> None:
    clips, pulled = some(), list[int]()

    def in_batches(frames: Iterator[ShownFrame]) -> Iterable[Tensor]:
        while batch := list(islice(frames, 3)):
            pulled.append(sum(len(read) - 1 for read in clips.reads))
            yield from map(truth, batch)

    assert measured(in_batches, clips).whole.mean.mbo == 1
    assert max(len(read) - 1 for read in clips.reads) == 8
    assert pulled[-1] == 33
    assert pulled[:3] == [5, 5, 13]  # clip 0, then the first frames of clip 1


def test_a_predictor_knows_where_it_is_and_gets_boxes_in_the_first_frame_only() -> None:
    seen: list[ShownFrame] = []

    def look(frame: ShownFrame, labels: Tensor) -> Tensor:
        seen.append(frame)
        return labels

    measured(seer(look), some(2))
    assert [(one.clip, one.number, one.index) for one in seen[4:7]] == [(0, 4, 4), (1, 0, 5), (1, 1, 6)]
    assert [one.name for one in seen[5:7]] == ["clip-1/00000", "clip-1/00001"]
    assert [one.boxes is not None for one in seen[:6]] == [True, False, False, False, False, True]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda frames: [truth(frame) for frame in frames][1:], r"clip-0: got 4 label maps for 5 frames"),
        (lambda frames: [truth(frame) for frame in frames] * 2, r"clip-0: got label maps for more frames"),
        (lambda frames: [truth(next(frames))], r"clip-0: got 1 label maps for 5 frames"),
        (lambda frames: (truth(one)[:4] for one in frames), r"clip-0/00000: the label map is \(4, 28\)"),
        (lambda frames: (truth(one).double() for one in frames), r"give a tensor of integer labels"),
    ],
    ids=["too few", "too many", "stops", "size", "soft"],
)
def test_a_predictor_that_breaks_its_promise_is_told(
    wrong, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jaxtyping.config.jaxtyping_disable", True)  # as for a user
    with pytest.raises(DiasError, match=message):
        measured(wrong, some())


def test_clips_without_masks_are_refused() -> None:
    with pytest.raises(DiasError, match=r"clip-0/00000: has no masks"):
        measured(seer(), Clips([None]))


def test_an_unreadable_clip_stops_or_is_left_out_whole() -> None:
    clips = some()
    clips.unreadable = (1, 9)
    with pytest.raises(SampleError, match="clip-1"):
        measured(seer(), clips)
    found = measured(seer(), clips, bad_clips="skip")
    assert found.names == ("clip-0", "clip-2")
    assert found.skipped == ("clip-1: is truncated",)
    assert found.whole.mean.mbo == 1
    only = Clips(clips.masks[:1], unreadable=(0, 0))
    with pytest.raises(DiasError, match="none of the 1 clips could be read"):
        measured(seer(), only, bad_clips="skip")


def test_what_is_read_back_is_what_was_written(tmp_path: Path) -> None:
    found, file = measured(seer(confused), some(), name="seer"), tmp_path / "clips.json"
    found.save(file)
    (again,) = load_clips(file)
    assert repr(again.to_dict()) == repr(found.to_dict())  # NaN is not equal to itself
    assert np.isnan(again.whole.ari_foreground[0])


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), ("{", "is not JSON"), ("[]", "is no result file"),
     ('{"format": "dias-clips-1", "evaluations": [{}]}', "is damaged")],
)  # fmt: skip
def test_a_file_that_is_no_result_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "clips.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(FileError, match=message):
        load_clips(file)


def test_a_table_has_a_row_for_each_and_is_of_the_same_clips() -> None:
    perfect, poor = measured(seer(), some(), name="truth"), measured(seer(confused), some(), name="poor")
    lines = clip_markdown([perfect, poor]).splitlines()
    assert lines[2] == "| truth |" + " 100.0 |" * 12 + " 0.0 |"
    assert lines[3].startswith("| poor | ")
    assert lines[-1] == "3 clips, 33 frames, protocol dias+size=28, percent."
    with pytest.raises(DiasError, match="truth and poor differ in clips or rules"):
        clip_markdown([perfect, measured(seer(), some(2), name="poor")])
