import signal

import pytest

from dias.data.parallel import each


def square(number: int) -> int:
    return number * number


def deaf(number: int) -> int:
    return int(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))


@pytest.mark.parametrize("workers", [1, 2])
def test_each_number_is_done_once(workers: int) -> None:
    assert sorted(each(square, range(5), workers=workers)) == [0, 1, 4, 9, 16]


def test_workers_are_born_deaf_to_ctrl_c() -> None:
    """A terminal sends it to all; a worker that has not come to ignoring it would print a traceback."""
    assert list(each(deaf, range(4), workers=2)) == [1, 1, 1, 1]
    assert deaf(0) == 0  # the main process hears it again
