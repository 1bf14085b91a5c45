"""EfficientNet: published figures, gates by hand, and the modules that count the same."""

from collections.abc import Callable

import pytest

from costmodel import subjects
from costmodel.ledger import Ledger

Totals = Callable[[str], tuple[int, int]]


@pytest.mark.parametrize(
    "name, params, macs",
    [
        ("b0", 5288548, 386),
        ("b1", 7794184, 687),
        ("b3", 12233232, 1827),
        ("b4", 19341616, 4394),
        ("b5", 30389784, 10266),
        ("b6", 43040704, 19068),
        ("b7", 66347960, 37746),
    ],
)
def test_torchvision(totals: Totals, name: str, params: int, macs: int) -> None:
    """Parameters, and MACs in millions, of torchvision's weights."""
    found = totals(f"efficientnet-{name}")
    assert (found[0], round(found[1], -6) // 10**6) == (params, macs)


def test_torchvision_crops_b2_larger() -> None:
    """To 288 and not 260 as the authors: 9,109,994 parameters and 1.088 GMACs."""
    ledger = subjects.read("efficientnet-b2").layer.run((1, 3, 288, 288), {})
    assert (ledger.params(), round(ledger.arithmetic()["mac"], -6)) == (9109994, 1088 * 10**6)


def test_a_gate_by_hand() -> None:
    """res3.2 of B0 takes 40 channels to 240; its gate has a bottleneck of 10, a quarter of the 40."""
    ledger = subjects.read("efficientnet-b0").layer.run((1, 3, 33, 47), {})
    gate = {row.name.removeprefix("res3.2.se."): row for row in ledger.rows if row.name.startswith("res3.2.se.")}
    assert [gate[name].params for name in ("reduce", "expand")] == [240 * 10 + 10, 10 * 240 + 240]
    assert [row.kind for row in gate.values()] == ["adaptive_avg_pool2d", "linear", "silu", "linear", "sigmoid", "mul"]


@pytest.mark.parametrize("at", ["all", "all@between,head"])
def test_reference(agree: Callable[..., Ledger], at: str) -> None:
    """With gates at some places, the reference counts the same, at odd sizes."""
    agree("efficientnet-b0", (2, 3, 37, 45), "se:reduction=4", at, classes=7)
