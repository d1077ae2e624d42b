"""Does what comes into a clip get a slot of its own, with each frame looked at anew and without?

dias synth videos runs/enter-910 --count 8 --seed 910 --size 128 --script enter-leave
python benchmarks/arrivals.py "trained=data/models/clips-cpu.safetensors" --data data/clips/enter-leave

A thing's slot in a frame is the one that the decoder's map gives most of its pixels. What comes (thing 2 of
the script) has its own in a frame if it is that of nothing else there, the background included.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dias.data.frames import images_of
from dias.data.samples import ClipSample
from dias.data.sources import ClipsConfig
from dias.evaluation.clips import ClipCandidate, clips_for, evaluate_linked
from dias.evaluation.protocol import EvaluationConfig
from dias.inference.shortcuts import load_tracking
from dias.models import ClipModel
from followed import labels_of, slot_of
from harness import RESULTS, Row, markdown, save

COMES = 2  # number of the thing in the script
LEAST = 40  # pixels of what is seen


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="NAME=CHECKPOINT")
    parser.add_argument("--data", type=Path, nargs="+", default=[Path("data/clips/enter-leave")])
    told = parser.parse_args()
    named = [one.split("=", 1) for one in told.models]
    candidates = [ClipCandidate(model=load_tracking(path).eval(), name=name) for name, path in named]
    rows = [
        _row(candidate, arrivals, data)
        for data in told.data
        for candidate in candidates
        for arrivals in (False, True)
    ]
    print(markdown(rows))
    print(save("arrivals", rows, about="clips into which a thing comes, decoder's map, percent"))


def _row(candidate: ClipCandidate, arrivals: bool, data: Path) -> Row:
    changed = candidate.changed(arrivals=arrivals)
    source = ClipsConfig(path=str(data)).build()
    frames = [
        own for index in range(len(source.clips)) for own in has_its_own(changed.model, source.read(index))
    ]
    clips = clips_for(images_of(source), RESULTS / "arrivals.json")
    config = EvaluationConfig(maps=("decoder",))
    scores, *_ = evaluate_linked([changed], clips, config=config, progress=False)
    return {
        "clips": str(data),
        "model": candidate.name,
        "arrivals": "yes" if arrivals else "no",
        "frames with its own slot": f"{sum(frames)} of {len(frames)}",
        "ARIfg": f"{100 * scores.whole.mean.ari_foreground:.1f}",
        "mBO": f"{100 * scores.whole.mean.mbo:.1f}",
        "HOTA": f"{100 * scores.tracks.mean.hota:.1f}",
        "IDF1": f"{100 * scores.tracks.mean.idf1:.1f}",
        "switches a clip": f"{scores.tracks.mean.switches:.1f}",
    }


def has_its_own(model: ClipModel, clip: ClipSample) -> Iterator[bool]:
    """Of each frame in which what comes is seen: whether its slot is that of nothing else."""
    assert clip.mask is not None
    for labels, mask in zip(labels_of(model, clip), clip.mask, strict=True):
        seen = [number for number in np.unique(mask).tolist() if (mask == number).sum() >= LEAST]
        slots = {number: slot_of(labels, mask, number) for number in seen}
        if COMES in slots:
            own = slots.pop(COMES)
            yield own not in slots.values()


if __name__ == "__main__":
    main()
