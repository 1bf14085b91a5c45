"""Squeeze-and-excitation, worked by hand."""

from costmodel import ledger, totals


def test_se() -> None:
    """13 channels by 3 are 4: 2·13·4 weights, twice for 2 samples; the pool reads 2·13·35."""
    counted = ledger("se", (2, 13, 5, 7), reduction=3)
    assert totals(counted) == {
        "params": 104,
        "macs": 208,
        "flops": 416,
        "fvcore": 208 + 910,
        # pool 884 add + 26 div, relu 8, sigmoid 3·26, scale 910.
        "arithmetic": 416 + 910 + 8 + 78 + 910,
    }


def test_biases_are_neglected_unless_asked_for() -> None:
    """4 and 13 of them, added for each of 2 samples."""
    counted = ledger("se", (2, 13, 5, 7), reduction=3, bias=True)
    assert counted.params() == 104 + 17
    assert counted.arithmetic()["add"] - ledger("se", (2, 13, 5, 7), reduction=3).arithmetic()["add"] == 34


def test_se_of_the_paper() -> None:
    """2·C²/r at C = 512, r = 16."""
    assert totals(ledger("se", (1, 512, 28, 28)))["params"] == 2 * 512 * 512 // 16
