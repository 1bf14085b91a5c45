"""Efficient channel attention, worked by hand."""

import math
from fractions import Fraction

import pytest

from costmodel import CostModelError, ledger, totals
from costmodel.layers.eca import adaptive_kernel


def test_eca() -> None:
    """ψ(13) is 3, three taps for each of 2·13 averages; the pool reads 2·13·35."""
    counted = ledger("eca", (2, 13, 5, 7))
    assert counted.chosen == {"kernel": 3}
    assert totals(counted) == {
        "params": 3,
        "macs": 78,
        "flops": 156,
        "fvcore": 78 + 910,
        # pool 884 add + 26 div, sigmoid 3·26, scale 910.
        "arithmetic": 156 + 910 + 78 + 910,
    }


def test_a_given_kernel() -> None:
    """7 weights in place of 3."""
    counted = ledger("eca", (2, 13, 5, 7), kernel=7)
    assert (counted.params(), totals(counted)["macs"], counted.chosen) == (7, 182, {})


@pytest.mark.parametrize(
    "channels, kernel",
    [(1, 1), (2, 1), (7, 1), (8, 3), (16, 3), (64, 3), (127, 3), (128, 5), (256, 5), (1024, 5), (2047, 5), (2048, 7)],
)
def test_the_kernel_grows_with_the_logarithm(channels: int, kernel: int) -> None:
    """(log₂128 + 1)/2 = 4, as far from 3 as from 5, is 5 as in the authors' code."""
    assert adaptive_kernel(channels) == kernel


def test_it_is_the_nearest_odd_number() -> None:
    """No other is nearer to (log₂C + 1)/2, and of two as near it is the larger: 2^(2k-3) ≤ C < 2^(2k+1)."""
    for channels in [*range(1, 5000), 10**30, 2**99 - 1, 2**99, 2**101]:
        kernel = adaptive_kernel(channels)
        assert kernel % 2 == 1
        assert kernel == 1 or Fraction(2) ** (2 * kernel - 3) <= channels
        assert channels < 2 ** (2 * kernel + 1)


def test_it_is_that_of_the_code() -> None:
    """int(|(log₂C + 1)/2|), plus 1 if that is even."""
    for channels in range(1, 5000):
        down = int(abs((math.log2(channels) + 1) / 2))
        assert adaptive_kernel(channels) == (down if down % 2 else down + 1)


def test_an_even_kernel_is_refused() -> None:
    """It has no same padding."""
    with pytest.raises(CostModelError, match="odd kernel"):
        ledger("eca", (2, 13, 5, 7), kernel=4)
