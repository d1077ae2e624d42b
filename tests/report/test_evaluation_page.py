"""Pages of an evaluation and of two: self-contained, every number from the results, names as text."""

import html
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from html_pages import asks_nothing
from scipy.cluster.hierarchy import linkage

from dias.config import to_dict
from dias.errors import DiasError
from dias.evaluation.closely import Closely, Tree, look_closely
from dias.evaluation.protocol import EvaluationConfig, rules_of
from dias.evaluation.results import METRICS, Evaluation, Results, Row
from dias.report.difference import difference, write_difference_page
from dias.report.evaluation import write_evaluation_page
from dias.report.looks import Looks
from dias.report.trees import tree_figure

NAMES = ("a.png", "<b>&.png", "c.png", 'd".png', "e.png")


def an_evaluation(seed: int = 0, *, checkpoint: str = "runs/one/best.safetensors") -> Evaluation:
    rng = np.random.default_rng(seed)
    scores = {metric: rng.uniform(0.2, 0.9, len(NAMES)) for metric in METRICS if metric != "mbo_class"}
    scores["ari_foreground"][2] = np.nan  # an image without objects
    row = Row(variant="final", map="decoder", mbo_class=np.full(len(NAMES), np.nan), **scores)
    return Evaluation(
        checkpoint=checkpoint,
        config=EvaluationConfig(),
        names=NAMES,
        rows=(row,),
        slots_kept=rng.integers(2, 7, len(NAMES)),
        true_segments=rng.integers(2, 7, len(NAMES)),
        true_objects=rng.integers(1, 6, len(NAMES)),
        skipped=(),
        provenance={
            "command": "dias eval <run> --report x",
            "hashes": {"checkpoint": f"{seed:064x}", "data": "d" * 64},
            "versions": {"torch": "2.13.0", "dias-ocl": "0.1.0"},
        },
    )


def a_look(name: str) -> Closely:
    rng = np.random.default_rng(1)
    attention = rng.dirichlet(np.ones(4), size=(4, 4)).transpose(2, 0, 1).astype(np.float32)
    merged = attention.copy()
    merged[1] += merged[3]
    merged[3] = 0
    panels = tuple(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8) for _ in range(5))
    tree = Tree(merges=((1, 3, 0.05), (0, 2, 0.4), (0, 1, 0.9)), slots=4, cut=1, threshold=0.2)
    kept = np.array([True, True, True, False])
    return Closely(name=name, panels=panels, attention=(attention, merged), kept=kept, tree=tree)


def write(folder: Path) -> Path:
    looks = [
        Looks(title="Best images", about="Highest mBO.", images=(a_look(NAMES[0]), a_look(NAMES[1]))),
        Looks(title="Worst images", about="Lowest mBO.", images=(replace(a_look(NAMES[2]), tree=None),)),
    ]
    data = {"kind": "scenes", "path": "data/<scenes>"}
    write_evaluation_page(Results(evaluations=(an_evaluation(),), data=data), looks, folder / "page.html")
    return folder / "page.html"


def test_a_page_of_an_evaluation_is_whole(tmp_path: Path) -> None:
    text, reader = asks_nothing(write(tmp_path))
    found = an_evaluation()
    for metric in METRICS:
        if metric == "mbo_class":
            continue
        mean = f"{100 * np.nanmean(found.rows[0].values(metric)):.1f}"
        assert text.count(f"<b>{mean}</b>") >= 1  # a tile
        for value in found.rows[0].values(metric):
            assert f"<td>{'–' if math.isnan(value) else f'{100 * value:.1f}'}</td>" in text
    for told in ("dias eval &lt;run&gt; --report x", f"{0:064x}", "torch 2.13.0", "data/&lt;scenes&gt;"):
        assert told in text, told
    assert "&lt;b&gt;&amp;.png" in text
    assert "<b>&.png" not in text
    drawn = [attributes["aria-label"] for tag, attributes in reader.seen if tag == "svg"]
    assert drawn == [
        *(f"{name}, image by image" for name in ("ARI", "ARIfg", "mBO", "mIoU")),
        "Slots kept against true segments", "looks-1-1 merge tree", "looks-1-2 merge tree",
    ]  # fmt: skip
    assert sum(tag == "img" for tag, _ in reader.seen) == 2 * 3  # stages and attention of each image
    assert "@media print" in text


def test_the_worst_image_stands_first_in_the_table(tmp_path: Path) -> None:
    text = write(tmp_path).read_text()
    table = text[text.index('<table class="images">') :]
    first = re.findall(r"<tr><td>([^<]*)</td>", table[: table.index("</table>")])
    order = np.argsort(an_evaluation().rows[0].mbo)
    assert [html.unescape(name) for name in first] == [NAMES[place] for place in order]


def test_a_tree_shows_its_cut() -> None:
    tree = a_look("x").tree
    assert tree is not None
    assert "1 of 3 merges made" in tree_figure(tree, name="t")
    automatic = replace(tree, threshold=None, cut=3)
    assert "3 of 3 merges made" in tree_figure(automatic, name="t")
    assert "0 of 0 merges made" in tree_figure(Tree(merges=(), slots=1, cut=0, threshold=0.1), name="t")


def test_a_difference_is_sorted_and_adds_up(tmp_path: Path) -> None:
    one, other = an_evaluation(0), an_evaluation(1, checkpoint="runs/two/best.safetensors")
    found = difference(one, other)
    assert found.names == ("one", "two")
    expected = dict(zip(NAMES, other.rows[0].mbo - one.rows[0].mbo, strict=True))
    assert list(found.images) == sorted(NAMES, key=lambda name: -expected[name])
    np.testing.assert_array_equal(found.change, [expected[name] for name in found.images])
    assert len(difference(one, other, metric="ari_foreground").images) == 4

    def draw(name: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
        drawn.append(name)
        return list(a_look(name).panels), list(a_look(name).panels)

    drawn: list[str] = []
    write_difference_page(found, tmp_path / "diff.html", draw=draw, count=1)
    text, reader = asks_nothing(tmp_path / "diff.html")
    assert drawn == [found.images[0], found.images[-1]]
    assert sum(tag == "img" for tag, _ in reader.seen) == 2
    assert f"{100 * np.mean(list(expected.values())):+.1f}" in text
    for change in expected.values():
        assert f"{100 * change:+.1f}</span>" in text
    for each in (one, other):
        assert each.provenance["hashes"]["checkpoint"] in text
    assert "&lt;b&gt;&amp;.png" in text
    write_difference_page(found, tmp_path / "bare.html")
    assert sum(tag == "img" for tag, _ in asks_nothing(tmp_path / "bare.html")[1].seen) == 0


def test_only_what_is_alike_is_compared() -> None:
    one = an_evaluation()
    elsewhere = replace(one, provenance={"hashes": {"data": "e" * 64}})
    with pytest.raises(DiasError, match="measured on different data"):
        difference(one, elsewhere)
    with pytest.raises(DiasError, match="by different rules"):
        difference(one, replace(one, config=EvaluationConfig(rules=rules_of("spot"))))
    same = difference(one, one)
    assert same.names == ("A (best.safetensors)", "B (best.safetensors)")
    assert (same.change == 0).all()


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        ("runs/a/best.safetensors", "runs/b/best.safetensors", ("a", "b")),
        ("src/pretrained/model.safetensors", "models/cpu.safetensors", ("pretrained", "cpu")),
        ("x/42/best.safetensors", "y/42/best.safetensors", ("x/42", "y/42")),
        ("run/best.safetensors", "run/last.safetensors", ("best.safetensors", "last.safetensors")),
    ],
)
def test_two_models_are_called_by_what_tells_them_apart(one: str, other: str, names: tuple[str, str]) -> None:
    found = difference(an_evaluation(checkpoint=one), an_evaluation(checkpoint=other))
    assert found.names == names


@pytest.mark.parametrize("after", [None, 3])
def test_a_close_look_shows_what_the_model_did(tmp_path: Path, after: int | None) -> None:
    """The tree is that of the slots that were merged: its cut gives the clusters, scipy gives its heights."""
    from dias.data.sources import open_source
    from dias.nn.slots.aggregation import Aggregation
    from tiny_run import make_files, recipe

    folder = make_files(tmp_path)
    aggregation = {"threshold": 0.3, "reduce_after": after}
    config = recipe(folder, model={"aggregation": {"slot_dim": 8, **aggregation}}).model
    model = config.build(backbone=config.backbone.build()).eval()
    merged: list[np.ndarray] = []
    assert isinstance(model.aggregation, Aggregation)
    clusters = model.aggregation.clusters

    def watched(slots, evidence):
        merged.append(slots[0].double().numpy())
        return clusters(slots, evidence)

    model.aggregation.clusters = watched
    rules = EvaluationConfig(rules=rules_of("dias", size=28))
    found = look_closely(model, open_source(folder / "pictures"), 2, config=rules)
    assert to_dict(config)["aggregation"]["reduce_after"] == after
    assert found.tree is not None
    heights = linkage(merged[0], method="complete", metric="cosine")[:, 2]
    np.testing.assert_allclose([height for *_, height in found.tree.merges], heights, atol=1e-6)
    assert found.tree.slots - found.tree.cut == found.kept.sum()
    assert len(found.attention) == (after or 2) + 1
    for maps in found.attention:
        np.testing.assert_allclose(maps.sum(axis=0), 1, atol=1e-5)
    assert [panel.shape for panel in found.panels] == [(28, 28, 3)] * 5
