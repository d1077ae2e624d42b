"""Heads learn what slots tell, and are scored by hand."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dias.errors import CheckpointError, DiasError, SlotsError
from dias.recognition import (
    Answers,
    FitConfig,
    Objects,
    TrainedHead,
    fit,
    load_head,
    recognise,
    save_head,
    score,
)
from dias.recognition.tables import by_class, table
from dias.slots.header import Extraction

EXTRACTION = Extraction(
    checkpoint="a" * 64, weights="b" * 64, map="aggregation", fit="whole", size=56, seed=0, threshold=None
)
QUICK = FitConfig(steps=400, batch=32, lr=1e-2)


def objects_of(
    classes: list[int], *, matched: list[bool] | None = None, slots: torch.Tensor | None = None
) -> Objects:
    """Slots that tell class (a direction) and box (four numbers); unmatched ones are zeros."""
    count = len(classes)
    generator = torch.Generator().manual_seed(0)
    corner = 0.5 * torch.rand(count, 2, generator=generator)
    boxes = torch.cat([corner, corner + 0.1 + 0.4 * torch.rand(count, 2, generator=generator)], dim=1)
    some = torch.tensor([True] * count if matched is None else matched)
    told = torch.cat([torch.nn.functional.one_hot(torch.tensor(classes), 12).float(), boxes], dim=1)
    return Objects(
        slots=(told if slots is None else slots) * some[:, None],
        matched=some,
        iou=some.double(),
        classes=torch.tensor(classes),
        boxes=boxes,
        picture=torch.arange(count),
        pictures=count,
        names={3: "cube", 7: "ball", 9: "cone"},
    )


def trained_on_some(**changes: object) -> TrainedHead:
    head, classes = fit(objects_of([3, 7] * 8), replace(QUICK, steps=5))
    trained = TrainedHead(
        head=head, classes=classes, names={3: "cube", 7: "ball"}, extraction=EXTRACTION, slot_dim=16,
        fit=QUICK, iou=0.1, fingerprint="f",
    )  # fmt: skip
    return replace(trained, **changes)  # type: ignore[arg-type]


def test_a_head_learns_classes_and_boxes() -> None:
    train, test = objects_of([3, 7, 9] * 40), objects_of([9, 7, 3, 3] * 5)
    head, classes = fit(train, QUICK)
    assert classes == (3, 7, 9)
    found = score(test, head.answer(test.slots), classes=classes)
    assert found.of_matched.top1 == 1.0
    assert found.of_matched.box_iou > 0.5
    assert found.of_matched.box_r2 > 0.85


def test_slots_that_tell_nothing_teach_nothing() -> None:
    """A floor: the same head on slots of noise stays at chance on other objects."""
    noise = torch.randn(240, 16, generator=torch.Generator().manual_seed(1))
    train = objects_of([3, 7, 9, 7] * 30, slots=noise[:120])
    test = objects_of([7, 9, 3, 3] * 30, slots=noise[120:])
    head, classes = fit(train, QUICK)
    found = score(test, head.answer(test.slots), classes=classes)
    assert found.of_matched.top1 < 0.5
    assert found.of_matched.box_r2 < 0.2


def test_the_head_has_the_promised_shape() -> None:
    head, _ = fit(objects_of([3, 7, 9]), replace(QUICK, steps=1))
    shapes = [tuple(weight.shape) for weight in head.parameters()]
    assert shapes == [(32, 16), (32,), (3 + 4, 32), (3 + 4,)]


def test_unmatched_objects_teach_nothing_and_seeds_decide() -> None:
    few, short = objects_of([3, 7, 9, 3]), replace(QUICK, steps=20)
    more = objects_of([3, 7, 9, 3, 8], matched=[True] * 4 + [False])
    more = replace(
        more, slots=torch.cat([few.slots, torch.zeros(1, 16)]), boxes=torch.cat([few.boxes] * 2)[:5]
    )
    first, classes = fit(few, short)
    second, same = fit(more, short)
    assert classes == same == (3, 7, 9)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
    third, _ = fit(few, replace(short, seed=1))
    assert not torch.equal(next(first.parameters()), next(third.parameters()))


def test_training_leaves_the_random_state_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(objects_of([3, 7]), replace(QUICK, steps=2))
    assert torch.equal(torch.rand(3), expected)


def test_nothing_matched_is_an_error() -> None:
    with pytest.raises(DiasError, match="none of 2 objects was matched with a slot; lower --iou"):
        fit(objects_of([3, 7], matched=[False, False]), QUICK)


def test_scores_by_hand() -> None:
    """Four objects: right and exact; right, box off by half; wrong class; not matched."""
    objects = objects_of([3, 7, 9, 3], matched=[True, True, True, False])
    boxes = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0.5, 1], [0.5, 0.5, 1, 1]])
    objects = replace(objects, boxes=boxes)
    told = torch.tensor([[0, 0, 1, 1], [0, 0, 0.5, 1], [0, 0, 0.5, 1], [0.5, 0.5, 1, 1]])
    logits = torch.tensor([[9, 1, 0, 0], [1, 9, 0, 0], [9, 8, 0, 7.0], [9, 0, 0, 0]])
    found = score(objects, Answers(logits=logits, boxes=told), classes=(3, 7, 8, 9))
    assert (found.objects, found.matched, found.recall) == (4, 3, 0.75)
    assert found.of_matched.top1 == pytest.approx(2 / 3)
    assert found.of_matched.top3 == 1.0
    assert found.of_matched.box_iou == pytest.approx((1 + 0.5 + 1) / 3)
    assert math.isnan(found.of_matched.box_r2)  # x0, y0 and y1 of the matched have no spread
    assert found.of_all.top1 == 0.5
    assert found.of_all.top3 == 0.75
    assert found.of_all.box_iou == pytest.approx((1 + 0.5 + 1) / 4)
    assert math.isnan(found.of_all.box_r2)  # nor has y1 of all
    assert [(one.name, one.objects, one.matched, one.top1) for one in found.by_class] == [
        ("cube", 2, 1, 1.0), ("ball", 1, 1, 1.0), ("cone", 1, 1, 0.0),
    ]  # fmt: skip
    assert table(found).row_count == 2
    assert by_class(found).row_count == 3


def test_a_method_cannot_look_better_by_matching_less() -> None:
    objects = objects_of([3, 7, 3, 7])
    logits = torch.tensor([[9.0, 0], [0, 9], [0, 9], [0, 9]])  # the third is wrong
    answers = Answers(logits=logits, boxes=objects.boxes)
    honest = score(objects, answers, classes=(3, 7))
    fewer = score(replace(objects, matched=torch.tensor([True, True, False, False])), answers, classes=(3, 7))
    assert fewer.of_matched.top1 > honest.of_matched.top1
    assert fewer.of_all.top1 < honest.of_all.top1
    assert fewer.of_all.box_r2 < honest.of_all.box_r2


def test_a_class_never_seen_counts_as_wrong_and_is_told() -> None:
    objects = objects_of([3, 9, 9, 11])
    answers = Answers(logits=torch.tensor([[9.0, 0]] * 4), boxes=objects.boxes)
    found = score(objects, answers, classes=(3, 7))
    assert found.unseen == {"cone": 2, "class 11": 1}
    assert found.of_matched.top1 == 0.25
    assert found.of_matched.top3 == 0.25
    assert found.of_matched.box_iou == pytest.approx(1.0)
    with pytest.raises(DiasError, match=r"no object is of a class .* \(it knows ball; the data has cube,"):
        score(objects, Answers(logits=torch.ones(4, 1), boxes=objects.boxes), classes=(7,))


def test_a_saved_head_answers_as_before(tmp_path: Path) -> None:
    trained = trained_on_some()
    save_head(tmp_path / "head.safetensors", trained, notes={"a": 1})
    again = load_head(tmp_path / "head.safetensors")
    assert replace(again, head=trained.head) == trained
    some = objects_of([7, 3])
    assert torch.equal(recognise(again, some).logits, recognise(trained, some).logits)
    assert (again.name(3), again.name(5)) == ("cube", "class 5")


def test_slots_of_another_model_are_refused() -> None:
    trained = trained_on_some()
    trained.check("slots", replace(EXTRACTION, seed=9))
    with pytest.raises(
        SlotsError, match=r"is of checkpoint cccccccccccc, the head was trained on .* aaaaaaaaaaaa"
    ):
        trained.check("slots", replace(EXTRACTION, checkpoint="c" * 64))
    with pytest.raises(
        SlotsError, match="not extracted as the head's slots were: fit centre for whole, size 28"
    ):
        trained.check("slots", replace(EXTRACTION, fit="centre", size=28))


def test_classes_that_are_called_otherwise_are_refused() -> None:
    trained = trained_on_some()
    trained.check_names({3: "cube", 8: "dog"})
    with pytest.raises(
        DiasError, match="class 7 is 'cat' in this data, 'ball' in what the head was trained on"
    ):
        trained.check_names({7: "cat"})


def test_what_is_no_head_is_named(tmp_path: Path) -> None:
    file = tmp_path / "head.safetensors"
    with pytest.raises(CheckpointError, match="does not exist; train it again: `dias recognise train`"):
        load_head(file)
    file.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="is no readable safetensors file"):
        load_head(file)
    save_file({"a": torch.ones(1)}, file)
    with pytest.raises(CheckpointError, match="has format None, expected 'dias-recognition-1'"):
        load_head(file)
    save_head(file, trained_on_some())
    state = load_file(file)
    save_file(state, file, metadata={"format": "dias-recognition-1", "about": '{"classes": []}'})
    with pytest.raises(CheckpointError, match="is damaged"):
        load_head(file)
