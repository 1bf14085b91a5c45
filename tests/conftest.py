"""What all tests share: one thread a process, no clock, and a way not to measure coverage where that takes longest."""

import os
from collections.abc import Iterator

import pytest
from coverage import Coverage
from hypothesis import settings

# Tensors of tests are too small for more, and there is a process for each core already. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def uncovered() -> Iterator[None]:
    """Without coverage, which doubles the time of Python and triples that of torch and SymPy, though it skips them.

    For tests that run these at length, of lines that shorter tests run as well. (`no_cover` of pytest-cov fails where
    coverage is not measured at all.)
    """
    stopped = []
    while coverage := Coverage.current():  # pytest-cov has two in a worker, one of which waits for the other
        coverage.stop()
        stopped.append(coverage)
    yield
    for coverage in reversed(stopped):
        coverage.start()
