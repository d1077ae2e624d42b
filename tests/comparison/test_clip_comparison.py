"""A method of clips and one of pictures on the same clips: the numbers are those of the evaluation."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import tiny_clip_run
from dias.comparison import Wish, compare, make_plan
from dias.errors import DiasError
from dias.evaluation import EvaluationConfig, rules_of
from dias.evaluation.clips import clip_candidate, evaluate_linked
from dias.training.run import train
from tiny_run import QUIET


@pytest.fixture(scope="module")
def wish(tmp_path_factory: pytest.TempPathFactory) -> Wish:
    """Recipes of one method through time and one of its frames, trained for a few steps."""
    folder = tiny_clip_run.make_files(tmp_path_factory.mktemp("clips"))
    values = tiny_clip_run.settings(folder)
    values["training"] |= {"steps": 2, "validate_every": 2}
    (folder / "linked.yaml").write_text(yaml.safe_dump(values))
    del values["clip"]
    (folder / "frames.yaml").write_text(yaml.safe_dump(values))
    return Wish(
        recipes=(str(folder / "linked.yaml"), str(folder / "frames.yaml")),
        seeds=(1,),
        folder=folder / "out",
        evaluate_on=folder / "val",
        accelerator="cpu",
        evaluation=EvaluationConfig(rules=rules_of("dias", size=28)),
    )


def test_rows_of_whole_clips(wish: Wish) -> None:
    plan = make_plan(wish)
    for method in plan.methods:
        train(method.runs[0].recipe, method.runs[0].folder, machine=QUIET)
    rows, _ = compare(plan)
    assert [row.failures for row in rows] == [(), ()]
    assert plan.clips is not None
    linked = clip_candidate(plan.methods[0].runs[0].folder, device="cpu")
    expected = evaluate_linked([linked], plan.clips, config=wish.evaluation, progress=False)
    (decoded,) = [one for one in expected if one.name == f"{linked.name}, decoder"]
    assert rows[0].clips[0].whole.mean == decoded.whole.mean
    assert rows[0].clips[0].tracks.mean == decoded.tracks.mean
    assert rows[0].images_per_second is not None
    assert rows[1].clips[0].name.endswith("frames not linked")
    stored = json.loads((wish.folder / "comparison.json").read_text())["methods"]
    assert [one["method"] for one in stored] == ["linked", "frames"]
    assert stored[0]["hota"] == pytest.approx(decoded.tracks.mean.hota)
    table = (wish.folder / "table.md").read_text()
    assert "ARIfg/frame" in table
    linked_recipe = plan.methods[0].runs[0].recipe
    assert linked_recipe.clip is not None
    assert f"windows of {linked_recipe.clip.frames} frames" in table
    again, _ = compare(make_plan(wish))  # nothing is trained or measured again
    assert again[0].clips[0].provenance == rows[0].clips[0].provenance


def test_what_cannot_be_compared_is_told_before_anything_is_trained(wish: Wish, tmp_path: Path) -> None:
    with pytest.raises(DiasError, match=r"--clustering is for comparisons of pictures, linked is of clips"):
        make_plan(replace(wish, folder=tmp_path, clustering=True))
    pictures = wish.evaluate_on.parent / "pictures"  # type: ignore[union-attr]
    with pytest.raises(DiasError, match=r"linked is of clips, .*pictures.* holds images"):
        make_plan(replace(wish, folder=tmp_path, evaluate_on=pictures))
