"""What all tests share."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported; what a test starts inherits it
    # Pools of threads on the same cores wait for one another by spinning: 15 pictures a second, not 100.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# deadline: the first call of torch takes a second. derandomize: a failure here is a failure everywhere.
settings.register_profile("dias", deadline=None, derandomize=True, max_examples=100)
settings.load_profile("dias")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first: it keeps one process busy, while the other begins with the fast ones."""
    items.sort(key=lambda item: item.path.name != "test_readme.py")
