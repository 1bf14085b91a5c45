"""Convolutions and the linear layer, worked by hand over unequal primes."""

import pytest

from costmodel import CostModelError, ledger, totals


def test_conv() -> None:
    """2×3×5×7 → 11 channels by 3×3: 2·35·11·27 macs, 297 weights."""
    assert totals(ledger("conv", (2, 3, 5, 7), out=11)) == {
        "params": 297,
        "macs": 20790,
        "flops": 41580,
        "fvcore": 20790,
        "arithmetic": 41580,
    }


def test_conv_keeps_its_channels_unless_told() -> None:
    """C → C, on record as the layer's choice."""
    counted = ledger("conv", (2, 3, 5, 7))
    assert counted.rows[0].output == (2, 3, 5, 7)
    assert counted.chosen == {"out": 3}


def test_depthwise_separable() -> None:
    """210·9 macs apart, 2·35·3·11 across; norms of 3 and of 11 channels."""
    counted = totals(ledger("depthwise-separable", (2, 3, 5, 7), out=11))
    assert (counted["params"], counted["macs"]) == (27 + 33 + 6 + 22, 1890 + 2310)
    assert counted["fvcore"] == 1890 + 2310 + 2 * 210 + 2 * 770
    bare = totals(ledger("depthwise-separable", (2, 3, 5, 7), out=11, norm=False))
    assert (bare["params"], bare["fvcore"]) == (60, 4200)


def test_a_linear_layer_is_a_1x1_convolution_until_it_is_flattened() -> None:
    """2·35·3·11 macs either way; 3·11 weights, or 3·5·7·11."""
    assert totals(ledger("linear", (2, 3, 5, 7), out=11)) == totals(ledger("conv", (2, 3, 5, 7), out=11, kernel=1))
    flattened = ledger("linear", (2, 3, 5, 7), out=11, flatten=True)
    assert (flattened.params(), totals(flattened)["macs"]) == (1155, 2310)
    assert flattened.rows[0].output == (2, 11)


@pytest.mark.parametrize("kernel", [2, 4, 10**20])
def test_even_kernels_are_refused(kernel: int) -> None:
    """They have no same padding."""
    with pytest.raises(CostModelError, match="odd kernel"):
        ledger("conv", (2, 3, 5, 7), kernel=kernel)
