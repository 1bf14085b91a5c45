"""Sparse attention: the pairs of `costmodel.patterns` in a real layer."""

import pytest

from costmodel import CostModelError, ledger, totals
from costmodel.patterns import fixed_pairs, strided_pairs, touched_blocks

SHAPE, N, C, P, HEADS = (2, 12, 5, 7), 2, 12, 35, 3
PROJECTIONS = 4 * N * P * C * C


def macs(**options: object) -> int:
    return totals(ledger("sparse-attention", SHAPE, heads=HEADS, **options))["macs"]


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("window", ["paper", "code"])
@pytest.mark.parametrize("stride", [1, 4, 5, 35])
def test_ideal_strided(causal: bool, window: str, stride: int) -> None:
    """Each attended pair takes C macs for its score and C for its value, over all heads."""
    pairs = strided_pairs(P, stride, causal=causal, window=window)
    assert macs(causal=causal, window=window, stride=stride) == PROJECTIONS + 2 * N * C * pairs.union
    facts = ledger("sparse-attention", SHAPE, heads=HEADS, causal=causal, window=window, stride=stride).facts
    assert facts["pairs"] == pairs._asdict()


@pytest.mark.parametrize("causal", [True, False])
def test_ideal_fixed(causal: bool) -> None:
    """The same of the fixed pattern."""
    pairs = fixed_pairs(P, 6, 2, causal=causal)
    assert macs(pattern="fixed", stride=6, summary=2, causal=causal) == PROJECTIONS + 2 * N * C * pairs.union


@pytest.mark.parametrize("pattern", ["strided", "fixed"])
def test_whole_blocks(pattern: str) -> None:
    """Blocks of 4 are charged whole, the partial last one too."""
    blocks = touched_blocks(P, 6, 2, 4, pattern=pattern, causal=True)
    counted = macs(pattern=pattern, stride=6, summary=2, count="block", block=4)
    assert counted == PROJECTIONS + 2 * N * C * blocks * 16


def test_masked_is_dense() -> None:
    """All P² pairs, and a mask added to each in every head."""
    assert macs(count="masked") == totals(ledger("dense-attention", SHAPE, heads=HEADS))["macs"]
    masked = ledger("sparse-attention", SHAPE, heads=HEADS, count="masked").arithmetic()
    assert masked == ledger("dense-attention", SHAPE, heads=HEADS, causal=True).arithmetic()


def test_ideal_is_cheapest_and_masked_dearest() -> None:
    """At a stride where blocks of 4 are not all touched."""
    shape = (1, 8, 1, 300)
    costs = [
        totals(ledger("sparse-attention", shape, pattern="fixed", stride=60, summary=1, block=4, count=count))["macs"]
        for count in ("ideal", "block", "masked")
    ]
    assert costs == sorted(set(costs))


def test_the_stride_is_the_root_of_the_positions_unless_given() -> None:
    """⌊√35⌋ = 5, on record."""
    assert ledger("sparse-attention", SHAPE, heads=HEADS).chosen == {"stride": 5}
    assert macs() == macs(stride=5)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"stride": 36}, "stride 36 is larger than the 35 positions"),
        ({"pattern": "fixed", "stride": 5, "summary": 6}, "summary 6 is larger than the stride 5"),
        ({"heads": 5}, "5 does not divide 12"),
    ],
)
def test_patterns_that_do_not_fit_are_refused(options: dict[str, object], message: str) -> None:
    """One sentence with both numbers."""
    with pytest.raises(CostModelError, match=message):
        ledger("sparse-attention", SHAPE, **{"heads": HEADS, **options})
