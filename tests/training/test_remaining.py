"""The loader of a run: a batch that one process cannot make is an error in all, before any takes the step."""

from collections.abc import Iterator
from typing import Any

import pytest
from torch.utils.data import DataLoader

from dias.errors import LoadingError
from dias.training.data import Remaining


class Agreed:
    """Stands for another process, which fails at its batch `at`."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.asked = at, list[int]()

    def largest(self, number: int) -> int:
        self.asked.append(number)
        return max(number, int(len(self.asked) - 1 == self.at))


class Batches(DataLoader[Any]):
    def __init__(self, count: int, *, broken: bool) -> None:
        super().__init__([str(number) for number in range(count)])  # type: ignore[arg-type]
        self.broken = broken

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        yield from self.dataset
        if self.broken:
            raise LoadingError("3.png: is truncated")


def remaining(count: int, *, broken: bool = False, other: Agreed) -> tuple[list[str], str]:
    """What is given, and the line that ends it."""
    made = Remaining(Batches(count, broken=broken))
    made._agreement = other  # type: ignore[assignment]
    found: list[str] = []
    try:
        found.extend(str(batch) for batch in made)  # keeps what came before the error
    except LoadingError as error:
        return found, str(error)
    return found, ""


def test_every_batch_is_agreed_on_and_the_end_too() -> None:
    other = Agreed()
    assert remaining(3, other=other) == (["0", "1", "2"], "")
    assert other.asked == [0, 0, 0, 0]


def test_the_process_at_fault_says_why_and_tells_the_others() -> None:
    other = Agreed()
    assert remaining(2, broken=True, other=other) == (["0", "1"], "3.png: is truncated")
    assert other.asked == [0, 0, 1]


@pytest.mark.parametrize("at", [0, 2])
def test_the_others_take_no_step_more(at: int) -> None:
    given, line = remaining(5, other=Agreed(at))
    assert given == ["0", "1"][:at]
    assert line == "another process failed"
