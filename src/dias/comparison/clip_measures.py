"""Methods measured on whole clips: scores and speed; what is there already is not measured again."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from dias.comparison.kept import are_of, device_for, hashes_of, kept_rate, median_rate
from dias.comparison.plan import Plan, Run
from dias.config import to_dict
from dias.data.samples import ClipSource
from dias.errors import DiasError
from dias.evaluation import EvaluationConfig, candidate
from dias.evaluation.clips import (
    ClipCandidate,
    ClipEvaluation,
    clip_candidate,
    evaluate_linked,
    evaluate_unlinked,
    load_clips,
    save_clips,
)
from dias.evaluation.clips.views import frames_of
from dias.evaluation.passes import backbone_of, device_of
from dias.evaluation.protocol import MapSource
from dias.masks.resize import label_map
from dias.models.clip import ClipModel

_FRAMES = 24  # that a clip's speed is measured on, at most


def clip_evaluations(plan: Plan, runs: Sequence[Run], folder: Path) -> tuple[ClipEvaluation, ...]:
    """Scores of a method's runs on whole clips, reduced, by the protocol's map; in `folder`/clips.json.

    A method of pictures is measured frame by frame: nothing links its frames.

    Raises:
        DiasError: as `dias eval`.
    """
    file = folder / "clips.json"
    wanted = [hashes_of(run, plan.source) for run in runs]
    rules = plan.wish.evaluation.rules
    with suppress(DiasError):
        known = load_clips(file)
        as_asked = all(to_dict(one.rules) == to_dict(rules) for one in known)
        if as_asked and are_of([one.provenance for one in known], wanted):
            return known
    found = tuple(
        replace(one, provenance=one.provenance | {"hashes": hashes})
        for one, hashes in zip(_measured(plan, runs), wanted, strict=True)
    )
    save_clips(found, file)
    return found


def _measured(plan: Plan, runs: Sequence[Run]) -> list[ClipEvaluation]:
    """One evaluation of each run."""
    config, device, clips = plan.wish.evaluation, device_for(plan), plan.clips
    assert clips is not None
    if runs[0].recipe.clip is None:
        of_pictures = [candidate(run.folder, device=device) for run in runs]
        return list(evaluate_unlinked(of_pictures, clips, config=config))
    candidates = [clip_candidate(run.folder, device=device) for run in runs]
    asked = [_asked(one, config) for one in candidates]
    config = replace(config, maps=tuple(dict.fromkeys(asked)))
    found = {one.name: one for one in evaluate_linked(candidates, clips, config=config)}
    return [found[f"{one.name}, {map}"] for one, map in zip(candidates, asked, strict=True)]


def _asked(one: ClipCandidate, config: EvaluationConfig) -> MapSource:
    """The map that the protocol names, or the one there is."""
    return config.rules.map if one.model.image.decoder.gives_map else "aggregation"


def frames_per_second(plan: Plan, run: Run, folder: Path) -> float:
    """How many frames of a clip a run's model follows, one after another; kept in `folder`/following.json.

    Pictures in memory go in, label maps of the protocol's size come out; the backbone sees a frame at a time.
    """
    clips = plan.clips
    assert clips is not None

    def measure() -> float:
        one = clip_candidate(run.folder, device=device_for(plan))
        decode = _asked(one, plan.wish.evaluation) == "decoder"
        return _rate(one.model, clips, plan.wish.evaluation, decode=decode)

    return kept_rate(plan, run, folder / "following.json", name="frames_per_second", measure=measure)


@torch.no_grad()
def _rate(model: ClipModel, clips: ClipSource, config: EvaluationConfig, *, decode: bool) -> float:
    device, size = device_of(backbone_of(model.image)), (config.rules.size, config.rules.size)
    shown = [frame.image for frame, _ in frames_of(clips, 0, start=0, rules=config.rules)][:_FRAMES]
    images = torch.stack(shown).to(device)

    def once() -> None:
        state = None
        generator = torch.Generator().manual_seed(config.seed)
        for image in images:
            seen = model.image.see(image[None])
            state, output = model.step(state, seen, decode=decode, generator=generator)
            maps = output.decoder_attention if decode else None
            maps = output.attention[-1] if maps is None else maps
            label_map(maps, grid=seen.grid, size=size, kept=output.mask)

    model.eval()
    return median_rate(once, count=len(images), device=device)
