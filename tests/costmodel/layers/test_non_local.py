"""Non-local blocks: every variant worked by hand, 2-D and video."""

import pytest

from costmodel import CostModelError, ledger, totals

SHAPE = (2, 13, 5, 7)
N, C, P, INNER, POOLED = 2, 13, 35, 6, 6  # 13 // 2; ⌊5/2⌋·⌊7/2⌋


def macs(**options: object) -> int:
    return totals(ledger("non-local", SHAPE, **options))["macs"]


def test_embedded_gaussian() -> None:
    """Four 1×1 convolutions of 13·6 at 70 positions, two products of 35·35·6 in 2 samples."""
    counted = ledger("non-local", SHAPE)
    assert totals(counted)["macs"] == 4 * N * P * C * INNER + 2 * N * P * P * INNER
    assert counted.params() == 3 * (78 + 6) + (78 + 13) + 26
    assert totals(counted)["fvcore"] - totals(counted)["macs"] == 2 * 910


@pytest.mark.parametrize("subsample", ["after", "before"])
def test_subsampling_halves_both_sides_of_the_keys(subsample: str) -> None:
    """6 keys in place of 35; before the convolutions it saves two of these as well."""
    narrow = POOLED if subsample == "before" else P
    products = 2 * N * P * POOLED * INNER
    assert macs(subsample=subsample) == N * C * INNER * (2 * P + 2 * narrow) + products


def test_gaussian_compares_the_input_itself() -> None:
    """No θ and φ; an affinity over all 13 channels, values over 6."""
    assert macs(affinity="gaussian") == N * P * P * (C + INNER) + 2 * N * P * C * INNER
    assert macs(affinity="gaussian", subsample="after") == N * P * POOLED * (C + INNER) + 2 * N * P * C * INNER
    assert macs(affinity="gaussian", subsample="before") == N * P * POOLED * (C + INNER) + N * (P + POOLED) * C * INNER


def test_concatenation_scores_pairs_of_channels() -> None:
    """2·6 weights for each of 35·35 pairs."""
    assert macs(affinity="concatenation") == macs() + N * P * P * INNER
    assert ledger("non-local", SHAPE, affinity="concatenation").params() == ledger("non-local", SHAPE).params() + 12


def test_dot_product_divides_where_gaussians_take_a_softmax() -> None:
    """The same macs, one division a pair, no exponential."""
    assert macs(affinity="dot-product") == macs()
    assert ledger("non-local", SHAPE, affinity="dot-product").arithmetic()["div"] == N * P * P
    assert "exp" not in ledger("non-local", SHAPE, affinity="dot-product").arithmetic()


def test_scaling_is_one_multiplication_a_pair() -> None:
    """Before the softmax, in the affinities that take one."""
    for affinity, scaled in (("embedded-gaussian", N * P * P), ("gaussian", N * P * P), ("dot-product", 0)):
        plain, with_scale = (ledger("non-local", SHAPE, affinity=affinity, scale=scale) for scale in (False, True))
        assert with_scale.arithmetic()["mul"] - plain.arithmetic()["mul"] == scaled


def test_biases_and_the_norm_are_options() -> None:
    """3·6 biases inside, 13 outside, 26 of the norm."""
    whole = ledger("non-local", SHAPE).params()
    assert ledger("non-local", SHAPE, bias=False).params() == whole - 18
    assert ledger("non-local", SHAPE, out_bias=False).params() == whole - 13
    assert ledger("non-local", SHAPE, norm=False).params() == whole - 26


def test_video_attends_over_time_too() -> None:
    """P is T·H·W = 105; subsampling leaves T alone."""
    video = totals(ledger("non-local", (2, 13, 3, 5, 7)))["macs"]
    assert video == 4 * N * 105 * C * INNER + 2 * N * 105 * 105 * INNER
    pooled = totals(ledger("non-local", (2, 13, 3, 5, 7), subsample="after"))["macs"]
    assert pooled == 4 * N * 105 * C * INNER + 2 * N * 105 * 18 * INNER


def test_a_map_too_small_to_subsample_is_refused() -> None:
    """2×2 windows do not fit 1×7."""
    with pytest.raises(CostModelError, match="at least that size, not 1×7"):
        ledger("non-local", (2, 13, 1, 7), subsample="before")
