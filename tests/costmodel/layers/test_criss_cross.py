"""Criss-cross attention, worked by hand."""

import pytest

from costmodel import CostModelError, ledger, totals

SHAPE = (2, 13, 5, 7)
N, C, P, INNER, CROSS = 2, 13, 35, 2, 11  # 13 // 5; 5 + 7 - 1
PROJECTIONS = N * P * C * (INNER + INNER + C)


def test_one_loop() -> None:
    """Biased 1×1 convolutions to 2, 2 and 13 channels, 11 positions for each of 70, and one learned number."""
    counted = ledger("criss-cross", SHAPE, reduction=5, loops=1)
    assert counted.params() == 2 * (26 + 2) + (169 + 13) + 1
    assert totals(counted)["macs"] == PROJECTIONS + N * P * CROSS * (INNER + C)
    assert counted.arithmetic()["exp"] == N * P * CROSS
    assert counted.rows[-1].output == SHAPE


@pytest.mark.parametrize("count", ["ideal", "masked"])
def test_loops_share_their_weights(count: str) -> None:
    """Three times the arithmetic, and the parameters once."""
    once, thrice = (ledger("criss-cross", SHAPE, reduction=5, loops=loops, count=count) for loops in (1, 3))
    assert thrice.params() == once.params()
    assert thrice.arithmetic() == {kind: 3 * of for kind, of in once.arithmetic().items()}


def test_whole_lines_score_every_position_twice() -> None:
    """12 in place of 11, a mask for the 5·5 pairs of each of 2·7 columns, and the sum of both parts."""
    ideal, masked = (ledger("criss-cross", SHAPE, reduction=5, loops=1, count=count) for count in ("ideal", "masked"))
    assert masked.params() == ideal.params()
    assert totals(masked)["macs"] - totals(ideal)["macs"] == N * P * (INNER + C)
    # Of a softmax of 12 in place of 11 every vector has two additions more.
    added = masked.arithmetic()["add"] - ideal.arithmetic()["add"]
    assert added == 2 * 7 * 25 + N * C * P + 2 * N * P


def test_a_single_row_attends_to_itself() -> None:
    """1×7: 7 positions each, as full attention has."""
    one = totals(ledger("criss-cross", (2, 13, 1, 7), reduction=5, loops=1))
    full = totals(ledger("danet-pam", (2, 13, 1, 7), reduction=5))
    assert (one["macs"], one["params"]) == (full["macs"], full["params"])


def test_ccnet_of_the_paper() -> None:
    """8.3 and 16.5 GFLOPs at 512×97×97, 2 for a mac; the authors' own sum has biases and H + W + 1 positions."""
    flops = [totals(ledger("criss-cross", (1, 512, 97, 97), loops=loops))["flops"] for loops in (1, 2, 3)]
    assert flops == [8_258_241_664, 16_516_483_328, 24_774_724_992]
    positions = 97 * 97
    theirs = 2 * positions * ((512 + 1) * 64 * 2 + (512 + 1) * 512 + (97 + 97 + 1) * (64 + 512))
    assert theirs - flops[0] == 2 * positions * (64 * 2 + 512 + 2 * (64 + 512)) == 33_721_856


def test_too_many_loops_are_refused() -> None:
    """Each has rows of its own."""
    with pytest.raises(CostModelError, match="loops must be at most 100, not 101"):
        ledger("criss-cross", SHAPE, reduction=5, loops=101)
