"""Networks learn what slots tell, and see what they should."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from dias.data.clevrer import Choice, Question
from dias.errors import CheckpointError
from dias.reasoning.evidence import Evidence, View
from dias.reasoning.fit import FitConfig, answered, fit
from dias.reasoning.keeping import Keeper
from dias.reasoning.network import NetworkConfig, Reasoner
from dias.reasoning.questions import Lengths, decisions, language_of
from dias.reasoning.scores import score

SMALL = NetworkConfig(layers=2, heads=2, width=16, hidden=32, answer_hidden=16, dropout=0.0)
VIEW = View(frames=2, stride=1)
QUICK = FitConfig(steps=120, batch=36, lr=5e-3)
COLORS = ("red", "blue", "green")


def toys(clips: int = 12) -> tuple[Evidence, list[tuple[int, Question]]]:
    """Clips of one or two things; a slot is a colour, a place that goes left or right, and noise."""
    generator = torch.Generator().manual_seed(0)
    slots, kept, asked = torch.zeros(clips, 2, 3, 6), torch.zeros(clips, 2, 3, dtype=torch.bool), []
    for clip in range(clips):
        color, right = clip % 3, clip % 2 == 1
        place = int(torch.randint(3, (1,), generator=generator))
        slots[clip, :, place, color] = 1
        slots[clip, :, place, 3] = torch.tensor([0.0, 1.0 if right else -1.0])
        slots[clip, :, :, 5] = torch.randn(2, 3, generator=generator)
        kept[clip, :, place] = True
        choices = tuple(
            Choice(choice_id=n, choice=f"it goes {way}", answer="correct" if ok else "wrong")
            for n, (way, ok) in enumerate((("left", not right), ("right", right)))
        )
        asked += [
            (clip, Question(question_id=0, question="What color is it?", question_type="descriptive",
                            question_subtype="query_color", answer=COLORS[color])),
            (clip, Question(question_id=1, question="What happens?", question_type="explanatory",
                            choices=choices)),
        ]  # fmt: skip
    return Evidence(slots=slots, kept=kept), asked


@pytest.fixture(scope="module")
def learned() -> dict[bool, tuple[float, float]]:
    """Share of descriptive questions and of choices that are answered rightly, with and without slots."""
    evidence, asked = toys()
    language = language_of([question for _, question in asked], Lengths(question=6, choice=4))
    rows = decisions(asked, language)
    found = {}
    for sees in (True, False):
        network = fit(evidence, rows, language, network=replace(SMALL, sees=sees), view=VIEW, config=QUICK)
        told = answered(network, evidence, rows, torch.arange(len(rows)))
        said = torch.where(rows.descriptive, told.answers.argmax(1), (told.right > 0).long())
        row = score("it", rows, (said == rows.answer).double())
        found[sees] = (row.scores[0].per_question, row.scores[1].per_question)
    return found


def test_what_slots_tell_is_learned(learned: dict[bool, tuple[float, float]]) -> None:
    assert learned[True] == (1.0, 1.0)


def test_words_alone_do_not_tell(learned: dict[bool, tuple[float, float]]) -> None:
    assert learned[False][0] <= 0.5
    assert learned[False][1] <= 0.5


def test_slots_have_no_order_and_those_that_are_not_kept_are_not_seen() -> None:
    network, slots, kept, words = asked_at_random()
    before = network(slots, kept, words, words)
    order = torch.tensor([2, 0, 1])
    moved = network(slots[:, :, order], kept[:, :, order], words, words, attention=True)
    assert torch.allclose(before.answers, moved.answers, atol=1e-5)
    assert torch.allclose(before.right, moved.right, atol=1e-5)
    other = torch.where(kept[..., None], slots, 7.0)
    assert torch.allclose(before.answers, network(other, kept, words, words).answers, atol=1e-5)
    assert not torch.allclose(before.answers, network(slots.flip(1), kept.flip(1), words, words).answers)


def test_attention_is_of_slots_that_are_kept_and_does_not_change_answers() -> None:
    network, slots, kept, words = asked_at_random()
    told = network(slots, kept, words, words, attention=True)
    assert told.attention.shape == kept.shape
    assert bool((told.attention[~kept] == 0).all())
    assert bool((told.attention[kept] > 0).all())
    assert bool((told.attention.sum(dim=(1, 2)) < 1).all())
    assert torch.allclose(told.answers, network(slots, kept, words, words).answers, atol=1e-6)


def test_padding_of_words_changes_nothing_and_their_order_does() -> None:
    network, slots, kept, words = asked_at_random()
    short = network(slots, kept, words[:, :3], words[:, :3])
    assert torch.allclose(network(slots, kept, words, words).right, short.right, atol=1e-6)
    turned = words[:, :3].flip(1)
    assert not torch.allclose(network(slots, kept, turned, words).right, short.right)


def test_a_network_without_slots_sees_none() -> None:
    network, slots, kept, words = asked_at_random(sees=False)
    told = network(slots, kept, words, words)
    assert torch.equal(told.right, network(slots + 1, ~kept, words, words).right)
    assert network(slots, kept, words, words, attention=True).attention is None


def asked_at_random(*, sees: bool = True) -> tuple[Reasoner, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A network of random weights, two clips of two frames of three slots, and three words."""
    torch.manual_seed(0)
    network = Reasoner(
        replace(SMALL, sees=sees), view=VIEW, lengths=Lengths(question=5, choice=5), words=9, answers=4,
        slot_dim=6,
    ).eval()  # fmt: skip
    for weight in network.parameters():  # those that start small would hide what they do
        torch.nn.init.normal_(weight, std=0.5)
    kept = torch.tensor([[[True, True, False], [True, False, True]], [[True] * 3, [False, True, True]]])
    words = torch.tensor([[1, 5, 3, 0, 0], [2, 2, 9, 0, 0]])
    return network, torch.randn(2, 2, 3, 6), kept, words


def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    evidence, asked = toys()
    language = language_of([question for _, question in asked], Lengths(question=6, choice=4))
    rows = decisions(asked, language)
    config = replace(QUICK, steps=4, batch=20)
    train = partial(fit, evidence, rows, language, network=replace(SMALL, dropout=0.2), view=VIEW)
    whole = train(config=config)

    keeper = Keeper(tmp_path / "state", "a", 2)

    def stop(step: int, loss: float) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config=config, keeper=keeper, on_step=stop)
    steps: list[int] = []
    again = train(config=config, keeper=keeper, on_step=lambda step, loss: steps.append(step))
    assert steps == [3, 4]
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(CheckpointError, match="is of another training"):
        train(config=config, keeper=replace(keeper, key="b"))
    keeper.file.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="is damaged"):
        train(config=config, keeper=keeper)
    keeper.forget()
    assert not keeper.file.exists()
