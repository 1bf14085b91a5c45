"""Global context blocks, worked by hand."""

from costmodel import ledger, totals

SHAPE = (2, 13, 5, 7)
N, C, P, INNER = 2, 13, 35, 4  # 13 // 3


def test_attention_pools_for_as_much_as_a_convolution_to_one_channel() -> None:
    """13 macs for each of 70 positions, for the map and again for the sum; 13·4 and 4·13 for each of 2 samples."""
    counted = ledger("gc", SHAPE, reduction=3)
    assert counted.params() == (13 + 1) + (52 + 4) + 8 + (52 + 13)
    assert totals(counted)["macs"] == 2 * N * C * P + 2 * N * C * INNER
    # fvcore adds 5 for each of the 2·4 elements that the norm leaves.
    assert totals(counted)["fvcore"] - totals(counted)["macs"] == 5 * N * INNER


def test_without_attention_norm_and_biases_its_gate_is_se() -> None:
    """Global context blocks unify both (§4)."""
    plain = ledger("gc", SHAPE, reduction=3, pool="avg", norm=False, bias=False, fusion="mul")
    assert totals(plain) == totals(ledger("se", SHAPE, reduction=3))


def test_fusing_is_an_addition_or_a_gate() -> None:
    """910 additions; or a sigmoid of 2·13, of 3 operations each, and 910 multiplications."""
    added, scaled = (ledger("gc", SHAPE, reduction=3, fusion=fusion).arithmetic() for fusion in ("add", "mul"))
    assert added["add"] - scaled["add"] == 910 - 26
    assert scaled["mul"] - added["mul"] == 910
    assert scaled["exp"] - added["exp"] == scaled["div"] - added["div"] == 26


def test_the_norm_and_biases_are_options() -> None:
    """2·4 numbers of the norm; 1, 4 and 13 biases."""
    whole = ledger("gc", SHAPE, reduction=3).params()
    assert ledger("gc", SHAPE, reduction=3, norm=False).params() == whole - 8
    assert ledger("gc", SHAPE, reduction=3, bias=False).params() == whole - 18


def test_gc_of_the_paper() -> None:
    """2·C²/r at C = 2048, r = 16, beside what grows with C only."""
    bare = totals(ledger("gc", (1, 2048, 7, 7), bias=False, norm=False))["params"]
    assert bare == 2 * 2048 * 2048 // 16 + 2048
