"""Results of clips as people read them."""

from collections.abc import Sequence

from dias.errors import DiasError
from dias.evaluation.clips.results import ClipEvaluation


def clip_markdown(evaluations: Sequence[ClipEvaluation]) -> str:
    """A table for a README, in percent: a row for each, whole clips first, then single frames, then tracks.

    Raises:
        DiasError: there are none, or they were not measured on the same clips by the same rules.
    """
    if not evaluations:
        raise DiasError("table of clips: there are no evaluations")
    first = evaluations[0]
    for other in evaluations[1:]:
        if (other.names, other.rules) != (first.names, first.rules):
            raise DiasError(
                f"table of clips: {first.name} and {other.name} differ in clips or rules; evaluate both alike"
            )
    heads = ["ARI", "ARIfg", "mBO", "mIoU"]
    names = [
        *heads,
        *(f"{head} (frame)" for head in heads),
        "HOTA",
        "DetA",
        "AssA",
        "IDF1",
        "switches a clip",
    ]
    lines = ["| masks | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    lines += [f"| {one.name} | " + " | ".join(_cells(one)) + " |" for one in evaluations]
    beside = f"; {first.rules.warning}" if first.rules.warning else ""
    caption = (
        f"{len(first.names)} clips, {int(first.frames.sum())} frames, protocol {first.rules.name}, percent"
    )
    return "\n".join([*lines, "", f"{caption}{beside}.", ""])


def _cells(one: ClipEvaluation) -> list[str]:
    whole, frame, tracks = one.whole.mean, one.per_frame.mean, one.tracks.mean
    shares = [whole.ari, whole.ari_foreground, whole.mbo, whole.miou]
    shares += [frame.ari, frame.ari_foreground, frame.mbo, frame.miou]
    shares += [tracks.hota, tracks.detection, tracks.association, tracks.idf1]
    return [*("-" if value != value else f"{100 * value:.1f}" for value in shares), f"{tracks.switches:.1f}"]
