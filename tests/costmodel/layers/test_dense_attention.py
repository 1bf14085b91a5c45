"""Multi-head attention, worked by hand."""

import pytest

from costmodel import CostModelError, ledger, memory, totals


def test_dense_attention() -> None:
    """Four 12·12 projections of 2·35 tokens, two products of 35·35 over 12 channels in all heads."""
    counted = ledger("dense-attention", (2, 12, 5, 7), heads=3)
    assert (counted.params(), totals(counted)["macs"]) == (576, 4 * 70 * 144 + 2 * 2 * 35 * 35 * 12)


def test_heads_cost_softmax_and_no_macs() -> None:
    """A P×P map for each head."""
    few, many = (ledger("dense-attention", (2, 12, 5, 7), heads=heads) for heads in (3, 6))
    assert totals(few)["macs"] == totals(many)["macs"]
    assert 2 * few.arithmetic()["exp"] == many.arithmetic()["exp"] == 2 * 6 * 35 * 35


def test_a_causal_mask_saves_nothing() -> None:
    """The scores stay full, and the mask is added to each of 2·3·35·35."""
    plain, masked = (ledger("dense-attention", (2, 12, 5, 7), heads=3, causal=causal) for causal in (False, True))
    assert totals(masked)["macs"] == totals(plain)["macs"]
    assert masked.arithmetic()["add"] - plain.arithmetic()["add"] == 2 * 3 * 35 * 35


def test_bias() -> None:
    """12 for each of the four projections."""
    assert ledger("dense-attention", (2, 12, 5, 7), heads=3, bias=True).params() == 576 + 48


def test_what_is_copied() -> None:
    """The map into 2·35 tokens of 12, and the heads of each position side by side: nothing else, and no arithmetic."""
    counted = ledger("dense-attention", (2, 12, 5, 7), heads=3)
    copies = [row for row in counted.rows if row.kind == "copy"]
    assert [(row.name, row.read, row.written, row.arithmetic) for row in copies] == [
        ("tokens", 840, 840, {}),
        ("merge", 840, 840, {}),
    ]


def test_memory_by_hand() -> None:
    """At the softmax the input, the values and two maps of 35² in 2·3 products are alive."""
    counted = ledger("dense-attention", (2, 12, 5, 7), heads=3)
    assert memory.peak(counted) == (4 * (2 * 840 + 2 * 6 * 35**2), "scale")
    # The tokens, Q, K and V, the merged heads, and the softmax's output; the scores before it are not kept.
    assert memory.saved(counted) == 4 * (5 * 840 + 6 * 35**2)


def test_heads_must_divide_the_channels() -> None:
    """5 does not divide 12."""
    with pytest.raises(CostModelError, match="5 does not divide 12"):
        ledger("dense-attention", (2, 12, 5, 7), heads=5)
