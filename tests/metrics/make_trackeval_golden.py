"""Writes trackeval-1.3.0.npz: clips, and what TrackEval says of them.

    python -m venv there && there/bin/pip install trackeval==1.3.0
    PYTHONPATH=src:tests there/bin/python tests/metrics/make_trackeval_golden.py

Only numpy and TrackEval take part: IoU and numbers of segments are computed here anew.
"""

from pathlib import Path
from typing import Any

import numpy as np
from trackeval.metrics import CLEAR, HOTA, Identity

from moving_segments import some_clips

FILE = Path(__file__).with_name("trackeval-1.3.0.npz")


def as_trackeval(pred: np.ndarray, truth: np.ndarray, *, background: bool) -> dict[str, Any]:
    """A clip as TrackEval's metrics take it; without background, tracks that lie mostly there go too."""
    objects = [one for one in np.unique(truth) if background or one != 0]
    tracks = list(np.unique(pred))
    data: dict[str, Any] = {"gt_ids": [], "tracker_ids": [], "similarity_scores": []}
    for labels, true in zip(pred, truth, strict=True):
        here = [one for one in objects if (true == one).any()]
        seen = [one for one in tracks if (labels == one).any()]
        if not background:
            seen = [one for one in seen if np.mean(true[labels == one] == 0) <= 0.5]
        iou = [
            [np.sum((true == a) & (labels == b)) / np.sum((true == a) | (labels == b)) for b in seen]
            for a in here
        ]
        data["gt_ids"].append(np.array([objects.index(one) for one in here], dtype=int))
        data["tracker_ids"].append(np.array([tracks.index(one) for one in seen], dtype=int))
        data["similarity_scores"].append(np.array(iou, dtype=float).reshape(len(here), len(seen)))
    return data | {
        "num_gt_ids": len(objects),
        "num_tracker_ids": len(tracks),
        "num_gt_dets": sum(map(len, data["gt_ids"])),
        "num_tracker_dets": sum(map(len, data["tracker_ids"])),
        "num_timesteps": len(pred),
    }


def found(data: dict[str, Any]) -> list[float]:
    """HOTA, DetA, AssA, IDF1 and identity switches."""
    hota = HOTA().eval_sequence(data)
    identity = Identity({"PRINT_CONFIG": False}).eval_sequence(data)
    clear = CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
    means = [float(np.mean(hota[name])) for name in ("HOTA", "DetA", "AssA")]
    return [*means, float(identity["IDF1"]), float(clear["IDSW"])]


if __name__ == "__main__":
    arrays: dict[str, np.ndarray] = {}
    for place, (pred, truth) in enumerate(some_clips()):
        arrays[f"pred_{place}"], arrays[f"truth_{place}"] = pred.astype(np.uint8), truth.astype(np.uint8)
        for name, background in (("with", True), ("without", False)):
            arrays[f"{name}_background_{place}"] = np.array(
                found(as_trackeval(pred, truth, background=background))
            )
    np.savez_compressed(FILE, **arrays)
