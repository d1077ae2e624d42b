"""`dias track`, as a user meets it: videos of every awkward kind, a live pipe, Ctrl-C."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from conftest import Said
from dias.checkpoints import load_model, save_model
from dias.models import ClipModelConfig
from dias.nn.slots.transitions import EncoderTransitionConfig
from miniatures import videos

Dias = Callable[..., Said]
RESULTS = {"tracks.mp4", "masks.jsonl", "slots.npz", "timeline.png", "summary.json"}


def shown(out: Path) -> list[float]:
    """Times of the frames of the video that was written, the first at 0; it can be decoded to its end."""
    with av.open(str(out / "tracks.mp4")) as container:
        return [round(float(frame.time), 3) for frame in container.decode(video=0)]


def check(out: Path, *, size: tuple[int, int]) -> list[float]:
    """All results are there, can be read, and are of the same frames; gives their times."""
    assert {file.name for file in out.iterdir()} >= RESULTS
    lines = [json.loads(line) for line in (out / "masks.jsonl").read_text().splitlines()]
    with np.load(out / "slots.npz") as stored:
        times, kept = stored["times"], stored["kept"]
        assert stored["slots"].shape == (*kept.shape, 8)
    assert kept.any(axis=1).all()
    assert shown(out) == pytest.approx((times - times[0]).tolist(), abs=2e-3)
    assert [line["time"] for line in lines] == pytest.approx(times.tolist(), abs=1e-5)
    for line in lines:
        masks = [coco.decode(one["segmentation"]) for one in line["objects"]]
        assert (np.sum(masks, axis=0) == 1).all()  # every pixel is one slot's
        assert masks[0].shape == size
    summary = json.loads((out / "summary.json").read_text())
    assert summary["frames"] == len(lines)
    assert len(summary["provenance"]["hashes"]["checkpoint"]) == 64
    assert Image.open(out / "timeline.png").width > 300
    return [float(time) for time in times]


def test_a_video(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    out, file = tmp_path / "out", videos.write(tmp_path / "a.mp4", 12)
    said = dias("track", tiny / "run", file, "--out", out, "--batch", 5)
    assert said.code == 0, said.err
    assert f"{out}: 12 frames tracked, " in said.out
    assert "12/12" in said.err  # the progress bar
    assert check(out, size=(32, 48)) == pytest.approx([n / 25 for n in range(12)])
    assert said.err.count(str(file)) == 0  # nothing to complain about


def test_a_part_of_a_video_with_every_option(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    out, file = tmp_path / "out", videos.write(tmp_path / "a.mkv")
    said = dias(
        *("track", tiny / "run", file, "--out", out, "--start", 0.4, "--seconds", 0.6, "--every", 4),
        *("--map", "decoder", "--threshold", "auto", "--size", 28, "--device", "cpu", "--fit", "whole"),
        *("--motion", "--no-arrivals"),
    )
    assert said.code == 0, said.err
    continuity = json.loads((out / "summary.json").read_text())["model"]["continuity"]
    assert continuity["arrivals"] is None
    assert continuity["motion"] is not None
    assert check(out, size=(32, 48)) == pytest.approx([0.4, 0.56, 0.72, 0.88], abs=2e-3)
    assert "4/4" in said.err


def test_a_model_of_clips(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    image = load_model(tiny / "run")
    config = ClipModelConfig(image=image.config, transition=EncoderTransitionConfig(heads=2))
    model = config.build(backbone=image.backbone)
    model.image.load_state_dict(image.state_dict())
    save_model(tmp_path / "clips.safetensors", model)
    file, out = videos.write(tmp_path / "a.mp4", 4), tmp_path / "out"
    said = dias("track", tmp_path / "clips.safetensors", file, "--out", out)
    assert said.code == 0, said.err
    assert len(check(out, size=(32, 48))) == 4
    summary = json.loads((out / "summary.json").read_text())
    assert summary["model"]["transition"]["kind"] == "encoder"
    assert summary["model"]["continuity"]["arrivals"] == {"size": 0.012, "overlap": 0.5}


def test_a_folder_of_frames_and_results_that_were_there(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    frames, out = tmp_path / "frames", tmp_path / "out"
    frames.mkdir()
    out.mkdir()
    for number in range(5):
        Image.fromarray(videos.picture(number)).save(frames / f"{number}.png")
    (frames / "2.png").write_bytes(b"broken")
    for name in (*RESULTS, "mine.txt"):
        (out / name).write_text("old")
    said = dias("track", tiny / "run", frames, "--out", out, "--rate", 10)
    assert said.code == 0, said.err
    assert check(out, size=(32, 48)) == pytest.approx([0, 0.1, 0.3, 0.4])
    assert "1 frames could not be read" in said.err
    assert "2.png" in said.err
    assert (out / "mine.txt").read_text() == "old"
    line = dias("track", tiny / "run", frames, "--out", frames / "out").line
    assert f"lies in {frames}" in line
    assert "would replace" in dias("track", tiny / "run", out / "tracks.mp4", "--out", out).line


AWKWARD: dict[str, tuple[Callable[[Path], Path], list[float], tuple[int, int], str]] = {
    "variable rate": (
        lambda folder: videos.write(folder / "a.mkv", 6, times=[0, 1, 4, 9, 30, 75]),
        [0, 0.04, 0.16, 0.36, 1.2, 3],
        (32, 48),
        "",
    ),
    "phone": (
        lambda folder: videos.write(folder / "a.mp4", 3, rotation=90),
        [0, 0.04, 0.08],
        (48, 32),
        "",
    ),
    "one frame": (lambda folder: videos.write(folder / "a.mp4", 1), [0], (32, 48), ""),
    "changing size": (
        lambda folder: videos.write_changing_size(folder / "a.ts", 6),
        [n / 25 for n in range(6)],
        (32, 48),
        "3 frames of another size were scaled to 48 x 32",
    ),
    "damaged middle": (
        lambda folder: videos.write_damaged(folder / "a.mp4", range(3, 28)),
        [0, 0.04, 0.08, 1.12, 1.16],
        (32, 48),
        "25 damaged frames were left out",
    ),
}


@pytest.mark.parametrize("kind", AWKWARD)
def test_awkward_videos(kind: str, tiny: Path, tmp_path: Path, dias: Dias) -> None:
    write, times, size, fault = AWKWARD[kind]
    said = dias("track", tiny / "run", write(tmp_path), "--out", tmp_path / "out")
    assert said.code == 0, said.err
    if kind != "damaged middle":  # what a decoder makes of frames behind damage is its own affair
        assert check(tmp_path / "out", size=size) == pytest.approx(times, abs=2e-3)
    faults = json.loads((tmp_path / "out" / "summary.json").read_text())["faults"]
    assert faults == ([fault] if fault else [])
    assert fault in said.err


def test_a_corrupt_tail_keeps_what_was_decoded_and_says_so(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    file, out = videos.write_cut_short(tmp_path / "a.mp4"), tmp_path / "out"
    said = dias("track", tiny / "run", file, "--out", out)
    assert said.code == 0
    times = check(out, size=(32, 48))
    assert 10 < len(times) < 25
    assert times == pytest.approx([n / 25 for n in range(len(times))])
    told = f"{len(times)} of 30 frames could be decoded: the file is damaged or was cut short"
    assert f"{file}: {told}" in said.err
    assert told in json.loads((out / "summary.json").read_text())["faults"]


def test_what_cannot_be_tracked_is_one_line_and_leaves_nothing(
    tiny: Path, tmp_path: Path, dias: Dias
) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty").mkdir()
    short = videos.write(tmp_path / "short.mp4", 3)
    out, run = tmp_path / "out", tiny / "run"
    nothing = videos.write_without_a_frame(tmp_path / "nothing.mp4")
    for where, problem in {
        nothing: "no frame could be decoded (30 damaged frames were left out); copy or download it again",
        tmp_path / "text.mp4": "is no video that FFmpeg can open",
        tmp_path / "gone.mp4": "does not exist; check the path",
        tmp_path / "empty": "holds no picture",
        "/dev/video99": "there is no such camera; `ls /dev/video*`",
    }.items():
        assert f"{where}: {problem}" in dias("track", run, where, "--out", out).line
    assert "after second 5" in dias("track", run, short, "--out", out, "--start", 5).line
    assert "--rate" in dias("track", run, short, "--out", out, "--rate", 5).line
    assert "does not exist" in dias("track", tmp_path / "gone", short, "--out", out).line
    assert "multiple of the patch" in dias("track", run, short, "--out", out, "--size", 30).line
    assert not out.exists()
    (tmp_path / "file").write_text("")
    assert f"{tmp_path / 'file'}" in dias("track", run, short, "--out", tmp_path / "file").line


def test_a_full_disk_is_one_line_and_leaves_no_half_file(tiny: Path, tmp_path: Path, dias: Dias) -> None:
    """A limit on the size of files, as quotas have it."""
    file, out = videos.write(tmp_path / "a.mp4", 12), tmp_path / "out"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, before[1]))
    try:
        said = dias("track", tiny / "run", file, "--out", out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "could not be written (File too large)" in said.line
    assert list(out.iterdir()) == []


SLOW = """
import sys, time
from dias.inference.tracks.tracker import Tracker
step = Tracker._step
def slow(*arguments):
    time.sleep(0.1)
    return step(*arguments)
Tracker._step = slow
from dias.cli.main import main
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="pipes and signals of Unix")
def test_a_live_pipe_drops_frames_and_ctrl_c_ends_it(tiny: Path, tmp_path: Path) -> None:
    """25 frames a second come, ten at most can be looked at; the pipe never ends by itself."""
    out = tmp_path / "out"
    words = ["track", str(tiny / "run"), "-", "--out", str(out), "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    container = av.open(process.stdin, "w", format="matroska", options={"flush_packets": "1"})
    stream = container.add_stream("mpeg4", rate=25)
    stream.width, stream.height, stream.pix_fmt = videos.WIDTH, videos.HEIGHT, "yuv420p"
    stream.codec_context.time_base = Fraction(1, 25)
    began, sent, tracking = time.monotonic(), 0, None
    while tracking is None or time.monotonic() - tracking < 2.5:
        assert time.monotonic() - began < 120
        frame = av.VideoFrame.from_ndarray(videos.picture(sent), format="rgb24").reformat(format="yuv420p")
        frame.pts = sent
        container.mux(stream.encode(frame))
        process.stdin.flush()
        sent += 1
        if tracking is None and (out.exists() or process.poll() is not None):
            tracking = time.monotonic()  # the model is loaded, the first frame is done
        time.sleep(0.04)
    assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)  # closes the pipe
    assert process.returncode == 0, errors.decode()
    times = check(out, size=(32, 48))
    summary = json.loads((out / "summary.json").read_text())
    assert summary["live"] is True
    assert summary["interrupted"] is True
    assert 2 <= summary["frames"] == len(times) <= 30
    assert summary["dropped"] > 0
    assert summary["frames"] + summary["dropped"] <= sent
    assert summary["frames_per_second"] < 10
    assert f"{summary['frames']} frames tracked, {summary['dropped']} dropped, " in said.decode()
    assert np.diff(times).max() > 0.08 - 1e-6  # some frames between two that were looked at are gone
