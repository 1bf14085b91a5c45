"""MobileNet v1: published figures, a block by hand, and the module that counts the same."""

from collections.abc import Callable
from fractions import Fraction

import pytest

from costmodel import CostModelError, subjects
from costmodel.ledger import Ledger

Totals = Callable[[str], tuple[int, int]]


@pytest.mark.parametrize("width, params", [("1", 4231976), ("0.75", 2585560), ("0.5", 1331592), ("0.25", 470072)])
def test_parameters(totals: Totals, width: str, params: int) -> None:
    """Those of pytorchcv's mobilenet_w1, w3d4, wd2 and wd4."""
    assert totals(f"mobilenet-v1:width={width}")[0] == params


@pytest.mark.parametrize("width, published", [("1", ("4.23", "0.569")), ("0.7", ("2.30", "0.283"))])
def test_published(totals: Totals, width: str, published: tuple[str, str]) -> None:
    """Millions of parameters and GMACs in CBAM's Tables 4 and 5: widths are rounded down, as 0.7·32 = 22.4 to 22."""
    params, macs = totals(f"mobilenet-v1:width={width}")
    assert (f"{params / 10**6:.2f}", f"{macs / 10**9:.3f}") == published


def test_gates_of_two_papers(totals: Totals) -> None:
    """SE's has one after every block, 4.7 M; CBAM's 5.07 M are biased ones after the depthwise convolutions too."""
    # Two matrices of C·C/16 for each block, a MAC for each weight.
    added = 2 * (64**2 + 2 * 128**2 + 2 * 256**2 + 6 * 512**2 + 2 * 1024**2) // 16
    assert totals("mobilenet-v1 with se") == (4231976 + added, 568740352 + added)
    assert added == 479744
    params, macs = totals("mobilenet-v1 with se:bias=true at all@depthwise,all@after")
    assert (params, f"{macs / 10**9:.3f}") == (5072114, "0.570")


def test_the_first_block_by_hand() -> None:
    """32 kernels of 3×3 and 64·32 weights, with two norms, at the 24×22 positions of two pictures of 47×43."""
    ledger = subjects.read("mobilenet-v1").layer.run((2, 3, 47, 43), {})
    rows = {row.name.removeprefix("res1.1."): row for row in ledger.rows if row.name.startswith("res1.1.")}
    assert [row.params for row in rows.values()] == [288, 64, 0, 2048, 128, 0]
    assert rows["depthwise"].arithmetic == {"mac": 1056 * 288}
    assert rows["pointwise"].arithmetic == {"mac": 1056 * 2048}


@pytest.mark.parametrize("at", ["all@between,res4:2-3", "head,res1"])
def test_reference(agree: Callable[..., Ledger], at: str) -> None:
    """With gates at some places, the reference counts the same, at odd sizes."""
    agree("mobilenet-v1", (2, 3, 37, 45), "se:reduction=4", at, classes=7)


def test_width_of_the_reference(agree: Callable[..., Ledger]) -> None:
    """Widths that do not come out even."""
    agree("mobilenet-v1", (1, 3, 33, 35), width=Fraction(7, 10), classes=11)


def test_too_narrow(totals: Totals) -> None:
    """A width that leaves no channel is refused."""
    with pytest.raises(CostModelError, match=r"mobilenet-v1: 0.03 times 32 channels is less than one"):
        totals("mobilenet-v1:width=0.03")
