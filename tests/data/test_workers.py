"""What is said when a process that reads ahead dies, and when it only complains."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from torch.utils.data import DataLoader, Dataset

from dias.data.workers import heed_the_main_process_alone, read_ahead
from dias.errors import LoadingError


class Numbers(Dataset[int]):
    """0 to 9, and something that happens in a worker at 5."""

    def __init__(self, at_five: Callable[[], object]) -> None:
        self.at_five = at_five

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> int:
        if index == 5:
            self.at_five()
        return index


def numbers(at_five: Callable[[], object]) -> list[int]:
    loader = DataLoader(
        Numbers(at_five), batch_size=None, num_workers=2, worker_init_fn=heed_the_main_process_alone
    )
    return list(read_ahead(loader.__iter__))


def kill_me() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stop_politely() -> None:
    for one in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        os.kill(os.getpid(), one)
    time.sleep(0.2)


def complain() -> None:
    raise ConnectionError("the store does not answer")


def test_a_dead_worker_is_one_line() -> None:
    with pytest.raises(LoadingError, match=r"^a process that reads pictures died; .*data\.workers"):
        numbers(kill_me)


def test_signals_of_others_end_no_worker() -> None:
    assert numbers(stop_politely) == list(range(10))


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_workers_end_with_the_process_they_work_for(how: str, tmp_path: Path) -> None:
    """However it starts them: left running, they would keep it from ending."""
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    subprocess.run([sys.executable, script, how], check=True, timeout=60)


_SCRIPT = """
import sys
from torch.utils.data import DataLoader
from dias.data.workers import heed_the_main_process_alone, read_ahead

if __name__ == "__main__":
    loader = DataLoader(
        range(10), batch_size=None, num_workers=1, persistent_workers=True,
        multiprocessing_context=sys.argv[1], worker_init_fn=heed_the_main_process_alone,
    )
    kept = read_ahead(loader.__iter__)
    assert next(kept) == 0
    raise SystemExit
"""


def test_what_a_worker_raises_stays_what_it_is() -> None:
    with pytest.raises(ConnectionError, match="the store does not answer"):
        numbers(complain)


def test_the_handler_for_children_stays_the_users() -> None:
    mine = lambda number, frame: None  # noqa: E731
    before = signal.signal(signal.SIGCHLD, mine)
    try:
        numbers(stop_politely)
        assert signal.getsignal(signal.SIGCHLD) is mine
    finally:
        signal.signal(signal.SIGCHLD, before)
