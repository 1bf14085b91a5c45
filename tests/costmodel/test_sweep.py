"""Arrays of sizes: exact, broadcast, and of Python ints."""

import numpy as np

from costmodel import find, ledger, totals
from costmodel.sweep import evaluate


def test_sizes_and_options_broadcast() -> None:
    """Channels along one axis and reductions along the other, each element as if alone."""
    channels, reductions = np.array([[64], [96], [511]]), np.array([2, 16])
    counted = evaluate(find("se"), (2, channels, 5, 7), {"reduction": reductions}, "arithmetic")
    assert counted.dtype == object
    assert counted.tolist() == [
        [totals(ledger("se", (2, c, 5, 7), reduction=r))["arithmetic"] for r in (2, 16)] for c in (64, 96, 511)
    ]


def test_a_cost_that_does_not_depend_on_the_array_still_has_its_shape() -> None:
    """One parameter, for each of three channel counts."""
    assert evaluate(find("danet-cam"), (1, np.array([3, 5, 7]), 2, 2), {}, "params").tolist() == [1, 1, 1]


def test_without_arrays_there_is_one_number() -> None:
    """A shape of ints gives an array of no dimensions."""
    assert evaluate(find("danet-cam"), (1, 3, 2, 2), {}, "macs") == 72
