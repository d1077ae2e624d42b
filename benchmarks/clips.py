"""Models on clips, in one pass: with reduction and without, whole clips, single frames, tracks.

A checkpoint of clips is followed as it is; one of pictures starts each frame from its last slots
(`dias.models.following`):

python benchmarks/clips.py "pictures alone=data/models/scenes-cpu.safetensors" "trained=runs/clips"
"""

import argparse
from pathlib import Path

from dias.data.frames import images_of
from dias.data.sources import config_for
from dias.evaluation.clips import ClipEvaluation, clips_for, evaluate_linked
from dias.evaluation.clips.linked import ClipCandidate
from dias.inference.shortcuts import load_tracking
from harness import RESULTS, Row, save


def main() -> None:
    """Measure, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="NAME=CHECKPOINT")
    parser.add_argument("--data", type=Path, default=Path("data/clips/test"))
    parser.add_argument("--name", default="clips")
    parser.add_argument("--motion", action="store_true", help="also each model with slots expected somewhere")
    parser.add_argument("--no-arrivals", action="store_true", help="also each without looking for what comes")
    parser.add_argument("--map", choices=("decoder", "aggregation"), default="decoder")
    told = parser.parse_args()
    named = [one.split("=", 1) for one in told.models]
    candidates = [ClipCandidate(model=load_tracking(path), name=name) for name, path in named]
    if told.no_arrivals:
        candidates = [way for one in candidates for way in (one, one.changed(arrivals=False))]
    if told.motion:
        candidates = [way for one in candidates for way in (one, one.changed(motion=True))]
    source = images_of(config_for(told.data, use="evaluate").build())
    found = evaluate_linked(candidates, clips_for(source, RESULTS / f"{told.name}.json"))
    rows = [_row(one) for one in found if one.name.endswith(f", {told.map}")]
    clips, frames = len(found[0].names), int(found[0].frames.sum())
    about = f"{clips} clips of {told.data}, {frames} frames, {told.map}'s map"
    print(save(told.name, rows, about=f"{about}, percent"))


def _row(one: ClipEvaluation) -> Row:
    whole, frame, tracks = one.whole.mean, one.per_frame.mean, one.tracks.mean
    shares = {
        "ARI": whole.ari,
        "ARIfg": whole.ari_foreground,
        "mBO": whole.mbo,
        "mIoU": whole.miou,
        "ARIfg of frames": frame.ari_foreground,
        "mBO of frames": frame.mbo,
        "HOTA": tracks.hota,
        "IDF1": tracks.idf1,
    }
    cells = {name: f"{100 * value:.1f}" for name, value in shares.items()}
    return {"model": one.name.rsplit(", ", 1)[0], **cells, "switches a clip": f"{tracks.switches:.1f}"}


if __name__ == "__main__":
    main()
