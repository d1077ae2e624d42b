"""`dias reason` as a user meets it: the small set of CLEVRER's files, a tiny model that follows clips."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Said

pytest.importorskip("pyarrow")
pytest.importorskip("av")
Dias = Callable[..., Said]
MINIATURE = Path(__file__).parents[1] / "miniatures" / "clevrer"
VIDEO = MINIATURE / "video_validation" / "video_10000-11000" / "video_10000.mp4"
SMALL = [
    *("--set", "view={frames: 4, stride: 4}", "--set", "fit={steps: 3, batch: 8}"),
    *("--set", "network={layers: 1, heads: 2, width: 8, hidden: 16, answer_hidden: 8}"),
]


@pytest.fixture(scope="module")
def slots(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slots of both splits, `train/` and `validation/`, by a model of pictures that follows."""
    from dias.cli.main import app

    folder = tmp_path_factory.mktemp("reason")
    for split in ("train", "validation"):
        words = ["slots", tiny / "run", MINIATURE, "--out", folder / split, "--follow"]
        app([str(word) for word in (*words, "--data-set", f"split={split}")], standalone_mode=False)
    return folder


@pytest.fixture(scope="module")
def network(slots: Path) -> Path:
    """Trained for three steps; beside it one of words alone."""
    from dias.cli.main import app

    for name, more in (("sees", []), ("words", ["--question-only"])):
        words = ["reason", "train", "clevrer-cpu", slots / "train", "--out", slots / f"{name}.safetensors"]
        app([str(word) for word in (*words, *SMALL, *more)], standalone_mode=False)
    return slots / "sees.safetensors"


def test_a_network_is_measured_beside_words_habit_and_chance(
    network: Path, slots: Path, tmp_path: Path, dias: Dias
) -> None:
    # The miniature's videos are few, so that questions of one have words and answers that others have not.
    data = with_known_words(tmp_path / "data")
    test = ("--data", data, "--out", tmp_path / "result.json")
    said = dias(
        "reason", "eval", network, slots / "validation", *test, "--beside", slots / "words.safetensors"
    )
    assert said.code == 0, said.err
    found = json.loads((tmp_path / "result.json").read_text())
    assert [row["name"] for row in found["rows"]] == [
        "slots",
        "question only",
        "most common answer",
        "random",
    ]
    types = [one["type"] for one in found["rows"][0]["scores"]]
    assert types == ["descriptive", "explanatory", "predictive", "counterfactual"]
    for row in found["rows"]:
        for one in row["scores"]:
            assert 0 <= one["per_question"] <= 1
            assert (one["per_option"] is None) == (one["type"] == "descriptive")
    assert found["rows"][3]["scores"][2]["per_option"] == 0.5
    assert found["networks"][1]["recipe"]["network"]["sees"] is False
    assert "most common answer" in said.out
    said = dias("reason", "eval", network, slots / "train", "--out", tmp_path / "r.json")
    assert "was trained on these very videos" in said.err


def with_known_words(folder: Path) -> Path:
    """The small set, but that its validation video is asked what the training videos are."""
    shutil.copytree(MINIATURE, folder)
    asked = json.loads((folder / "train.json").read_text())[0]["questions"]
    videos = json.loads((folder / "validation.json").read_text())
    videos[0]["questions"] = asked
    (folder / "validation.json").write_text(json.dumps(videos))
    return folder


def test_a_clip_of_ones_own_is_asked_and_shows_what_was_looked_at(
    network: Path, tiny: Path, tmp_path: Path, dias: Dias
) -> None:
    ask = ("reason", "ask", network, tiny / "run", VIDEO)
    out = tmp_path / "asked.png"
    said = dias(*ask, "How many objects exit the scene?", "--out", out)
    assert said.code == 0, said.err
    assert "looked at slot" in said.out
    told = json.loads(out.with_suffix(".json").read_text())
    (answer,) = told["answers"]
    attention = np.array(answer["attention"])
    assert attention.shape == (4, 4)
    assert 0 < attention.sum() < 1
    assert 0.5 < sum(each["share"] for each in answer["looked_at"]) <= 1  # the first three of four
    assert [frame["frame"] for frame in told["frames"]] == [0, 1, 2, 3]
    picture = np.asarray(Image.open(out))
    assert picture.shape[1] > 4 * 96

    said = dias(*ask, "What will happen next?", "--choice", "The blue object collides with the cyan object",
                "--choice", "The blue object collides with the yellow object", "--out", out)  # fmt: skip
    assert said.code == 0, said.err
    assert said.out.count("looked at slot") == 2
    answers = json.loads(out.with_suffix(".json").read_text())["answers"]
    assert all(one["answer"] in ("right", "wrong") and 0.5 <= one["probability"] <= 1 for one in answers)


def test_what_cannot_be_asked_is_told(
    network: Path, tiny: Path, slots: Path, tmp_path: Path, dias: Dias
) -> None:
    out = ("--out", tmp_path / "asked.png")
    ask = ("reason", "ask", network, tiny / "run", VIDEO)
    line = dias(*ask, "How many objcts exit the scene?", *out).line
    assert "the word 'objcts' is not one of the" in line
    assert "near ones are objects, object" in line
    line = dias(*ask, "What will happen next?", "--choice", "a dog barks", *out).line
    assert "choice 'a dog barks': the word 'a' is not one of the" in line
    line = dias(*ask, " ".join(["the"] * 21), *out).line
    assert "has 21 words, the model reads 20" in line
    line = dias(*ask, "How many objects exit the scene?", "--every", 2, *out).line
    assert "is too short: 8 frames, 13 are needed" in line
    assert "must end with .png" in dias(*ask, "What?", "--out", tmp_path / "asked.jpg").line
    line = dias("reason", "ask", slots / "words.safetensors", *ask[3:], "What will happen next?", *out).line
    assert "was trained without slots" in line
    assert not (tmp_path / "asked.png").exists()


def test_what_cannot_teach_is_told(
    network: Path, tiny: Path, slots: Path, tmp_path: Path, dias: Dias
) -> None:
    train = ("reason", "train", "clevrer-cpu", slots / "train", "--out", tmp_path / "n.safetensors")
    line = dias(*train, *SMALL, "--set", "view.stride=6").line
    assert "video_00000: is too short: 16 frames, 19 are needed (4 frames, 6 apart)" in line
    line = dias(*train, *SMALL, "--set", "lengths.question=9").line
    assert "words, the model reads 9" in line
    assert "needs a predictor" in dias(*train, *SMALL, "--set", "view.ahead=2").line
    assert "no such file; those of reasoning are" in dias("reason", "train", "scenes", slots / "train").line

    other = tmp_path / "centre"
    said = dias("slots", tiny / "run", MINIATURE, "--out", other, "--follow", "--fit", "centre")
    assert said.code == 0, said.err
    line = dias("reason", "eval", network, other, "--out", tmp_path / "r.json").line
    assert "is not extracted as the network's slots were: fit centre for whole" in line
    line = dias("reason", "eval", tiny / "run" / "best.safetensors", slots / "train").line
    assert "expected 'dias-reasoning-1'" in line


def test_what_comes_next_is_foretold_by_a_predictor(
    network: Path, tiny: Path, slots: Path, tmp_path: Path, dias: Dias
) -> None:
    predictor, out = tmp_path / "predictor.safetensors", tmp_path / "ahead.safetensors"
    few = ("--burn-in", 2, "--predicted", 2, "--stride", 2, "--width", 8, "--heads", 2, "--steps", 2)
    assert dias("predict", "train", slots / "train", "--out", predictor, *few).code == 0
    train = (
        "reason",
        "train",
        "clevrer-cpu",
        slots / "train",
        "--out",
        out,
        *SMALL,
        "--predictor",
        predictor,
    )
    assert "uses no predictor: say how many" in dias(*train).line
    assert "must be a multiple of the predictor's 2" in dias(
        *train, "--set", "view.ahead=1", "--set", "view.stride=3"
    ).line  # fmt: skip
    said = dias(*train, "--set", "view.ahead=2")
    assert said.code == 0, said.err

    test = (slots / "validation", "--data", with_known_words(tmp_path / "data"), "--out", tmp_path / "r.json")
    assert "was trained with the predictor" in dias("reason", "eval", out, *test).line
    said = dias("reason", "eval", out, *test, "--beside", network, "--predictor", predictor)
    assert said.code == 0, said.err
    names = [row["name"] for row in json.loads((tmp_path / "r.json").read_text())["rows"]]
    assert names[:2] == ["slots, foretold too", "slots"]

    ask = (VIDEO, "What will happen next?", "--out", tmp_path / "asked.png", "--predictor")
    said = dias("reason", "ask", out, tiny / "run", *ask, predictor)
    assert said.code == 0, said.err
    (answer,) = json.loads((tmp_path / "asked.json").read_text())["answers"]
    assert np.array(answer["attention"]).shape == (4 + 2, 4)
    assert "trained without a predictor" in dias("reason", "ask", network, tiny / "run", *ask, predictor).line
    assert "is another predictor" in dias("reason", "ask", out, tiny / "run", *ask, out).line
