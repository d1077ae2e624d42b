"""Following things through frames, and the files of their tracks."""

import gc
import json
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from pycocotools import mask as coco

from dias.data.samples import Skipped
from dias.data.streams import StreamFrame, open_stream
from dias.errors import DiasError, FileError, SampleError, SettingError
from dias.inference.tracks import Saved, Tracked, Tracker, save_tracks
from dias.inference.tracks.lives import Lives
from dias.provenance import record
from dias.viz import colours
from miniatures import videos
from toy_clip_pictures import SLOTS, as_stream, toy_clip_pictures, toy_tracking_model

LIVES = [[(0, 6)], [(2, 4)]]


class Frames:
    """A `FrameStream` of pictures in memory."""

    def __init__(self, frames: Callable[[], Iterator[StreamFrame]], *, live: bool = False) -> None:
        self.name, self.live, self.expected, self.rate = "toy.mp4", live, None, 25.0
        self._frames = frames

    def __iter__(self) -> Iterator[StreamFrame]:
        return self._frames()

    def faults(self) -> list[str]:
        return []


def saved(out: Path, pictures: list[np.ndarray], **options: object) -> Saved:
    stream = Frames(lambda: as_stream(pictures))
    return save_tracks(Tracker(toy_tracking_model()), stream, out, origin=record(), **options)  # type: ignore[arg-type]


def followed(pictures: list[np.ndarray], **options: object) -> list[Tracked]:
    found = list(Tracker(toy_tracking_model(), **options).stream(as_stream(pictures)))  # type: ignore[arg-type]
    assert all(isinstance(one, Tracked) for one in found)
    return found  # type: ignore[return-value]


def test_finer_masks_follow_the_edges_of_the_frame() -> None:
    pictures, truth = toy_clip_pictures(LIVES)
    wrong = [
        np.mean(
            [(one.labels != np.array(SLOTS)[labels]).mean() for one, labels in zip(found, truth, strict=True)]
        )
        for found in (followed(pictures), followed(pictures, quality="fine"))
    ]
    assert wrong[1] < 0.5 * wrong[0]


@pytest.mark.parametrize("batch", [1, 4, 8])
def test_things_keep_their_slots_whatever_the_backbone_sees_at_once(batch: int) -> None:
    pictures, truth = toy_clip_pictures(LIVES)
    found = followed(pictures, batch=batch)
    assert len(found) == 6
    for frame, labels in zip(found, truth, strict=True):
        assert (frame.labels == np.array(SLOTS)[labels]).mean() > 0.9  # but for soft edges
        assert frame.kept.nonzero()[0].tolist() == [SLOTS[one] for one in np.unique(labels)]


def test_it_is_what_the_model_says_of_the_whole_clip() -> None:
    pictures, _ = toy_clip_pictures(LIVES, scale=(4, 4))  # just what the model sees
    clip = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)[None]
    model = toy_tracking_model()
    with torch.no_grad():
        whole, _ = model(clip, decode=False, generator=torch.Generator().manual_seed(0))
    found = followed(pictures)
    assert np.array_equal(np.stack([one.kept for one in found]), whole.mask[0].numpy())
    np.testing.assert_allclose(np.stack([one.slots for one in found]), whole.slots[0].numpy(), atol=1e-6)


def test_only_what_is_looked_at_has_a_label() -> None:
    pictures, _ = toy_clip_pictures(LIVES, scale=(8, 12))
    labels = followed(pictures, fit="centre")[0].labels
    assert (labels[:, :12] == -1).all()
    assert (labels[:, 12:60] >= 0).all()
    assert (labels[:, 60:] == -1).all()


def test_a_frame_that_cannot_be_read_is_skipped_and_the_clip_goes_on() -> None:
    pictures, _ = toy_clip_pictures(LIVES)
    frames = list(as_stream(pictures))

    def broken() -> np.ndarray:
        raise SampleError("3.png", "is truncated")

    frames[3] = StreamFrame(3, 0.12, broken)
    found = list(Tracker(toy_tracking_model()).stream(frames))
    assert [one.number for one in found if isinstance(one, Tracked)] == [0, 1, 2, 4, 5]
    assert isinstance(found[3], Skipped)


def test_a_size_that_fits_nothing_is_refused() -> None:
    with pytest.raises(SettingError, match="multiple of the patch"):
        Tracker(toy_tracking_model(), size=25)
    with pytest.raises(SettingError, match="the decoder knows 36"):
        Tracker(toy_tracking_model(), size=28, map="decoder")
    model = toy_tracking_model()
    model.image.backbone = None
    with pytest.raises(DiasError, match="no backbone"):
        Tracker(model)


def test_the_files_say_what_was_found(tmp_path: Path) -> None:
    """Run lengths come back through pycocotools, slots and times as they were."""
    pictures, _ = toy_clip_pictures(LIVES)
    result = saved(tmp_path, pictures)
    expected = followed(pictures)
    assert (result.frames, result.dropped, result.interrupted, result.faults) == (6, 0, False, ())
    lines = [json.loads(line) for line in (tmp_path / "masks.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(6))
    for line, frame in zip(lines, expected, strict=True):
        assert line["time"] == pytest.approx(frame.time, abs=1e-6)
        back = np.full(frame.labels.shape, -1)
        for one in line["objects"]:
            mask = coco.decode(one["segmentation"]).astype(bool)
            assert one["area"] == mask.sum() == coco.area(one["segmentation"])
            assert one["bbox"] == coco.toBbox(one["segmentation"]).tolist()
            back[mask] = one["slot"]
        assert np.array_equal(back, frame.labels)
    with np.load(tmp_path / "slots.npz") as stored:
        assert np.array_equal(stored["slots"], np.stack([one.slots for one in expected]))
        assert np.array_equal(stored["kept"], np.stack([one.kept for one in expected]))
        assert stored["frames"].tolist() == list(range(6))
        assert stored["times"].tolist() == [one.time for one in expected]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [(one["slot"], one["frames"]) for one in summary["slots"]] == [(0, 6), (2, 6), (3, 2)]
    assert summary["slots"][2]["first"] == pytest.approx(2 / 25)
    assert summary["slots"][2]["last"] == pytest.approx(3 / 25)
    assert set(summary["provenance"]) >= {"command", "revision", "versions", "hardware"}
    names = {"masks.jsonl", "slots.npz", "summary.json", "timeline.png", "tracks.mp4"}
    assert {file.name for file in tmp_path.iterdir()} == names


def test_a_thing_has_one_colour_in_all_frames_of_the_video(tmp_path: Path) -> None:
    pictures, truth = toy_clip_pictures(LIVES, scale=(16, 15))  # odd sides: 96 x 90
    saved(tmp_path, pictures)
    palette = colours(5).astype(int)
    with av.open(str(tmp_path / "tracks.mp4")) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        frames = list(container.decode(video))
    assert [frame.time for frame in frames] == [pytest.approx(n / 25, abs=1e-4) for n in range(6)]
    for frame, picture, labels in zip(frames, pictures, truth, strict=True):
        shown = frame.to_ndarray(format="rgb24").astype(int)
        assert shown.shape == picture.shape
        for thing in np.unique(labels):
            rows, columns = np.nonzero(labels == thing)
            y, x = (rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2
            if thing == 0:
                y, x = 92, 3  # nothing is ever there
            mixed = 0.55 * picture[y, x] + 0.45 * palette[SLOTS[thing]]
            assert np.abs(shown[y, x] - mixed).max() < 30, (thing, frame.time)


def test_a_video_of_odd_sides_is_padded(tmp_path: Path) -> None:
    pictures, _ = toy_clip_pictures(LIVES, scale=(8, 12))
    saved(tmp_path, [picture[:47, :71] for picture in pictures])
    with av.open(str(tmp_path / "tracks.mp4")) as container:
        assert next(container.decode(video=0)).to_ndarray(format="rgb24").shape == (48, 72, 3)
    line = json.loads((tmp_path / "masks.jsonl").read_text().splitlines()[0])
    assert line["objects"][0]["segmentation"]["size"] == [47, 71]


def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    pictures, _ = toy_clip_pictures(LIVES)
    alive: weakref.WeakSet[StreamFrame] = weakref.WeakSet()
    most, objects = 0, {}

    def frames() -> Iterator[StreamFrame]:
        nonlocal most
        for number in range(160):
            if number in (60, 150):
                gc.collect()
                objects[number] = len(gc.get_objects())
            frame = StreamFrame(number, number / 25, pictures[number % 6].copy)
            alive.add(frame)
            most = max(most, len(alive))
            yield frame
            del frame

    save_tracks(Tracker(toy_tracking_model(), batch=4), Frames(frames), tmp_path, origin=record())
    assert most < 30
    assert objects[150] - objects[60] < 90  # less than one a frame


def test_nothing_of_a_long_video_waits_for_the_garbage_collector(tmp_path: Path) -> None:
    """What is left in a circle keeps its pixels until a full search, which may come after the video's end."""
    blocks, objects = {}, {}

    def on_frame(frames: int, dropped: int, rate: float) -> None:
        if frames in (60, 300):
            blocks[frames], objects[frames] = sys.getallocatedblocks(), len(gc.get_objects())

    stream = open_stream(str(videos.write(tmp_path / "a.mp4", 300)))
    gc.collect()
    gc.disable()
    try:
        save_tracks(Tracker(toy_tracking_model()), stream, tmp_path, origin=record(), on_frame=on_frame)
    finally:
        gc.enable()
    assert objects[300] - objects[60] < 24  # a tenth of one a frame
    assert blocks[300] - blocks[60] < 240


def test_a_long_clip_has_columns_of_several_frames() -> None:
    lives = Lives(2)
    for number in range(2000):
        lives.add(np.array([True, number >= 1000]), np.array([3, 1]), time=number / 10)
    there, area, times = lives.columns()
    assert there.shape == area.shape == (2, 500)  # four frames each
    assert there[1].tolist() == [0.0] * 250 + [1.0] * 250
    assert area[0] == pytest.approx(0.75)
    assert len(times) == 501
    assert times[:3] == [0.0, 0.4, 0.8]
    assert times[-1] == pytest.approx(200)
    first, second = lives.summary()
    assert (first["frames"], first["first"], first["last"]) == (2000, 0.0, 199.9)
    assert (second["frames"], second["first"]) == (1000, 100.0)


class SlowTracker(Tracker):
    """Takes its time for each frame, and notes how old each is when it is looked at."""

    def __init__(self, seconds: float) -> None:
        super().__init__(toy_tracking_model())
        self.seconds = seconds

    def _step(self, *arguments: object) -> object:  # type: ignore[override]
        time.sleep(self.seconds)
        return super()._step(*arguments)  # type: ignore[arg-type]


def test_a_live_stream_is_dropped_not_queued_when_the_model_is_too_slow(tmp_path: Path) -> None:
    pictures, _ = toy_clip_pictures(LIVES)
    began = time.perf_counter()

    def live() -> Iterator[StreamFrame]:
        for number in range(100):
            time.sleep(max(0.0, began + number / 100 - time.perf_counter()))
            yield StreamFrame(number, number / 100, pictures[number % 6].copy)

    ages: list[float] = []

    def on_frame(frames: int, dropped: int, rate: float) -> None:
        ages.append(time.perf_counter() - began)

    result = save_tracks(
        SlowTracker(0.1), Frames(live, live=True), tmp_path, origin=record(), on_frame=on_frame
    )
    assert result.frames + result.dropped == 100
    assert 1 < result.frames < 20  # 1 s of frames, 0.1 s each at least
    assert result.rate < 1 / 0.1
    assert ages[-1] < 6  # queued, it would be 100 x 0.1 s
    with np.load(tmp_path / "slots.npz") as stored:
        numbers, times = stored["frames"], stored["times"]
    assert numbers[-1] == 99  # the newest, not the oldest
    assert times.tolist() == pytest.approx((numbers / 100).tolist())
    delays = np.array(ages) - times
    assert delays[len(delays) // 2 :].max() < delays.min() + 1  # it does not fall behind
    with av.open(str(tmp_path / "tracks.mp4")) as container:
        shown = [frame.time for frame in container.decode(video=0)]
    assert shown == pytest.approx((times - times[0]).tolist(), abs=1e-4)
    assert json.loads((tmp_path / "summary.json").read_text())["dropped"] == result.dropped


@pytest.mark.parametrize("name", ["tracks.mp4", "masks.jsonl", "slots.npz"])
def test_a_full_disk_is_one_line_and_leaves_what_was_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/dev/full answers every write as a full disk does."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    pictures, _ = toy_clip_pictures(LIVES)
    saved(tmp_path, pictures)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    opened = Path.open

    def full(self: Path, mode: str = "r", *rest: object, **more: object) -> object:
        if mode == "wb" and name in self.name:
            return opened(Path("/dev/full"), mode)
        return opened(self, mode, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(FileError, match="No space left"):
        saved(tmp_path, pictures)
    monkeypatch.undo()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_nothing_is_written_for_a_video_without_a_frame(tmp_path: Path) -> None:
    with pytest.raises(DiasError, match=r"toy\.mp4: no frame could be decoded"):
        saved(tmp_path / "out", [])
    assert not (tmp_path / "out").exists()
