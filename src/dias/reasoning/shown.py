"""Where a network looked, as a picture and as JSON."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from dias.files import write_atomic, write_json
from dias.masks.boxes import boxes_from_labels
from dias.provenance import Provenance
from dias.reasoning.asking import Answer, Watched
from dias.viz import colours, contact_sheet, named_boxes, png
from dias.viz.spotlight import lit_segments

FORMAT = "dias-asked-1"
_COLUMNS = 8  # frames in a picture at most
_MOST = 3  # slots that are named


def save_asked(
    file: Path, clip: Watched, question: str, answers: Sequence[Answer], *, origin: Provenance
) -> Path:
    """Write the picture, and `NAME.json` beside it with everything; return the latter's path.

    Args:
        file: the picture, a PNG.
        clip: what was asked about.
        question: that was asked.
        answers: to it, or of its choices.
        origin: of the answers.

    Raises:
        FileError: a file cannot be written.
    """
    write_atomic(file, lambda stream: stream.write(png(drawn(clip, question, answers))))
    beside = file.with_suffix(".json")
    write_json(
        beside,
        {
            "format": FORMAT,
            "clip": clip.name,
            "question": question,
            "frames": [{"frame": number, "seconds": time} for number, time in clip.times.items()],
            "answers": [_plain(one) for one in answers],
            "provenance": origin.to_dict(),
        },
    )
    return beside


def drawn(clip: Watched, question: str, answers: Sequence[Answer]) -> UInt8[np.ndarray, "H W 3"]:
    """A row an answer: frames, each slot as light as the attention that it has there.

    The slot with the most attention of a row is as light as the frame itself; those with the most over all
    frames have a box with their number.
    """
    seen = list(clip.pictures)
    columns = [seen[i] for i in _spread(len(seen))]
    rows, titles = [], []
    for one in answers:
        rows.append([_lit(clip, at, one) for at in columns])
        told = "" if one.text == question else f"{one.text}: "
        titles.append(f"{question}  {told}{one.answer} ({100 * one.probability:.0f}%)")
    times = [f"{clip.times[at]:.2f} s" for at in columns]
    return contact_sheet(rows, titles=times, row_titles=titles)


def looked_at(answer: Answer) -> list[tuple[int, float]]:
    """Slots with the most attention over all frames, with their share of what slots have."""
    total = answer.attention.sum(axis=0, dtype=np.float64)
    order = np.argsort(-total, kind="stable")[:_MOST]
    return [(int(slot), float(total[slot] / total.sum())) for slot in order if total[slot] > 0]


def _lit(clip: Watched, at: int, answer: Answer) -> UInt8[np.ndarray, "h w 3"]:
    labels, count = clip.labels[at], answer.attention.shape[1]
    light = answer.attention[at] / (float(answer.attention.max()) or 1.0)
    picture = lit_segments(clip.pictures[at], labels, light)
    there = set(np.unique(labels).tolist())
    named = [slot for slot, _ in looked_at(answer) if slot in there]
    height, width = labels.shape
    boxes = boxes_from_labels(labels + 1, count)[named] * [width, height, width, height]
    return named_boxes(picture, boxes, [str(slot) for slot in named], palette=colours(count)[named])


def _spread(count: int) -> list[int]:
    """At most so many places out of `count`, the first and the last among them."""
    return sorted({round(at) for at in np.linspace(0, count - 1, min(count, _COLUMNS))})


def _plain(one: Answer) -> dict[str, object]:
    return {
        "text": one.text,
        "answer": one.answer,
        "probability": one.probability,
        "others": [{"answer": word, "probability": chance} for word, chance in one.others],
        "looked_at": [{"slot": slot, "share": share} for slot, share in looked_at(one)],
        "attention": one.attention.tolist(),
    }
