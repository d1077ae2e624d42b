"""A teacher in training: it speaks, it is not trained, it is not saved."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import dias.training.module
from dias.checkpoints import save_model
from dias.data.loaders import Batch
from dias.errors import DiasError
from dias.models.image import ImageModel
from dias.models.outputs import SlotOutput
from dias.nn.decoders import PermutedARConfig
from dias.objectives import attention_matching, image_loss
from dias.training.module import ImageTraining
from dias.training.recipe import Recipe
from dias.training.teacher import Teacher, load_teacher
from tiny_run import make_files, recipe

Step = Callable[[ImageTraining], dict[str, Tensor]]
PLAIN = {"slot_dim": 8, "reduction": False, "reinitialization": False, "bilevel": True}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("files"))


def built(chosen: Recipe, *, seed: int) -> ImageModel:
    torch.manual_seed(seed)
    return chosen.model.build(backbone=chosen.model.backbone.build())


def spot(files: Path, **objective: object) -> Recipe:
    """A student as the second stage has it."""
    return recipe(
        files,
        model={"tuned_blocks": 1, "pca": None, "aggregation": PLAIN},
        objective={"distillation": "none", **objective},
    )


def taught(chosen: Recipe, folder: Path) -> ImageTraining:
    """A student, and a teacher of other weights without blocks of its own."""
    teacher = replace(chosen, model=replace(chosen.model, tuned_blocks=0))
    save_model(folder / "teacher.safetensors", built(teacher, seed=1))
    student = built(chosen, seed=2)
    assert student.backbone is not None
    found = load_teacher(folder / "teacher.safetensors", backbone=student.backbone)
    return ImageTraining(chosen, student, teacher=found).train()


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Callable[[ImageTraining], dict[str, Tensor]]:
    """The first step of a run of four pictures, without Lightning's trainer."""
    monkeypatch.setattr(ImageTraining, "global_step", 0)
    monkeypatch.setattr(ImageTraining, "global_rank", 0)
    monkeypatch.setattr(ImageTraining, "trainer", SimpleNamespace(world_size=1))
    images = torch.randint(0, 256, (4, 3, 28, 28), generator=torch.Generator().manual_seed(1))
    batch = Batch(images=images.to(torch.uint8), features=None, indices=torch.arange(4))

    def first(module: ImageTraining) -> dict[str, Tensor]:
        module.on_train_batch_start(batch, 0)
        return module.training_step(batch, 0)

    return first


def test_the_loss_has_the_match_with_the_teachers_decoder(
    files: Path, tmp_path: Path, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[SlotOutput, SlotOutput]] = []

    def loss(output: SlotOutput, **kwargs: Any) -> Any:
        heard.append((output, kwargs["teacher"]))
        return image_loss(output, **kwargs)

    monkeypatch.setattr(dias.training.module, "image_loss", loss)
    found = step(taught(spot(files), tmp_path))
    ((student, teacher),) = heard
    assert teacher.decoder_attention is not None
    assert not teacher.decoder_attention.requires_grad
    matching = 0.005 * attention_matching(
        student.attention_logits[-1],
        teacher.decoder_attention,
        student_kept=student.mask,
        teacher_kept=teacher.mask,
    )
    torch.testing.assert_close(found["matching"], matching.detach())
    torch.testing.assert_close(found["loss"], found["reconstruction"] + found["matching"])


def test_the_weight_and_the_variant_can_be_chosen(files: Path, tmp_path: Path, step: Step) -> None:
    none, usual, double = (
        step(taught(spot(files, **one), tmp_path))["matching"]
        for one in ({"matching_weight": 0}, {}, {"matching": "double_softmax"})
    )
    assert none == 0
    assert usual > 0
    assert double > 0
    assert usual != double


def test_the_student_is_trained_and_the_teacher_is_not(files: Path, tmp_path: Path, step: Step) -> None:
    module = taught(spot(files), tmp_path)
    assert module.teacher is not None
    step(module)["loss"].backward()
    assert all(p.grad is None and not p.requires_grad for p in module.teacher.parameters())
    assert not any(part.training for part in module.teacher.modules())
    without = [n for n, p in module.model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


def test_a_batch_is_learned_by_heart(files: Path, tmp_path: Path, step: Step) -> None:
    """The same pictures, noise and order in each step: the student's masks become its teacher's."""
    module = taught(spot(files, matching_weight=1), tmp_path)
    weights = [value for value in module.parameters() if value.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=0.01)
    losses = []
    for _ in range(150):
        found = step(module)
        optimizer.zero_grad()
        found["loss"].backward()
        optimizer.step()
        losses.append((float(found["matching"].detach()), float(found["reconstruction"].detach())))
    assert losses[-1][0] < 0.4 * losses[0][0]
    assert losses[-1][1] < 0.5 * losses[0][1]


def test_the_teacher_is_not_in_the_saved_state(files: Path, tmp_path: Path) -> None:
    module = taught(spot(files), tmp_path)
    assert module.teacher is not None
    assert module.state_dict().keys() == {f"model.{name}" for name in module.model.head_state()}
    assert any("last_blocks" in name for name in module.state_dict())
    assert module.teacher.model.backbone is module.model.backbone


def test_a_teacher_of_other_features_is_refused(files: Path, tmp_path: Path) -> None:
    chosen = recipe(files)
    save_model(tmp_path / "teacher.safetensors", built(chosen, seed=1))
    other = replace(chosen.model.backbone, final_norm=True).build()
    with pytest.raises(DiasError, match=r"teacher was trained on features of .*final_norm=False"):
        load_teacher(tmp_path / "teacher.safetensors", backbone=other)


def test_a_teacher_with_blocks_of_its_own_sees_by_them(files: Path, tmp_path: Path) -> None:
    """Two of its own, its student one."""
    chosen = spot(files)
    two = built(replace(chosen, model=replace(chosen.model, tuned_blocks=2)), seed=1)
    student, teacher = built(chosen, seed=2), Teacher(two)
    images = torch.randint(0, 256, (2, 3, 28, 28)).to(torch.uint8)
    expected = two.from_tokens(two.see(images)).decoder_attention
    found = teacher(student.see(images)).decoder_attention
    torch.testing.assert_close(found, expected)


def test_a_teacher_with_blocks_of_its_own_must_see_pictures(files: Path) -> None:
    chosen = spot(files)
    student, teacher = built(chosen, seed=2), Teacher(built(chosen, seed=1))
    seen = student.see(torch.zeros(1, 3, 28, 28, dtype=torch.uint8))
    with pytest.raises(DiasError, match="must see pictures: use a cache without --last-blocks, or none"):
        teacher(replace(seen, images=None))


def test_a_teacher_of_nine_orders_reads_in_a_random_one(files: Path) -> None:
    chosen = spot(files)
    decoder = PermutedARConfig(layers=1, heads=2, width=8)
    model = replace(chosen.model, tuned_blocks=0, decoder=decoder)
    teacher = Teacher(built(replace(chosen, model=model), seed=1))
    seen = teacher.model.see(torch.randint(0, 256, (2, 3, 28, 28)).to(torch.uint8))

    def said(seed: int) -> Tensor:
        found = teacher(seen, generator=torch.Generator().manual_seed(seed)).decoder_attention
        assert found is not None
        return found

    assert torch.equal(said(0), said(0))
    assert len({float(said(seed)[0, 0, 0]) for seed in range(12)}) > 3
