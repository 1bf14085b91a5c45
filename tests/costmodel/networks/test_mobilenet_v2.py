"""MobileNet v2: published figures, a block by hand, and the module that counts the same."""

from collections.abc import Callable
from fractions import Fraction

import pytest

from costmodel import subjects
from costmodel.ledger import Ledger
from costmodel.networks.inverted_residual import divisible

Totals = Callable[[str], tuple[int, int]]


@pytest.mark.parametrize(
    "width, expected",
    [
        ("1", (3504872, 300774272)),
        ("1.4", (6108776, 582195824)),
        ("0.75", (2636424, 209069792)),
        ("0.7", (2481384, 173642400)),
        ("0.5", (1968680, 97131840)),
        ("0.35", (1677128, 59285808)),
        ("0.1", (1367080, 26659648)),
    ],
)
def test_torchvision(totals: Totals, width: str, expected: tuple[int, int]) -> None:
    """Parameters and MACs of torchvision's mobilenet_v2 with such a width_mult, the latter as torch counts them."""
    assert totals(f"mobilenet-v2:width={width}") == expected


def test_pytorchcv(totals: Totals) -> None:
    """Its mobilenetv2b_w1 differs by the bias of the classifier, and v2_w1 by a 1×1 of 32 to 32 in the first block."""
    params, _ = totals("mobilenet-v2")
    assert params - 1000 == 3503872
    assert params - 1000 + 32 * 32 + 2 * 32 == 3504960


def test_multiples_of_eight() -> None:
    """By hand: 22.4 and 12 are rounded, and 10 is not made 8, which would take a fifth of it."""
    assert [divisible(Fraction(text)) for text in ("22.4", "12", "10", "8.8", "3", "44", "43.9")] == [
        *(24, 16, 16, 8, 8, 48, 40)
    ]


def test_no_width_is_lost_to_floats() -> None:
    """At every width of two decimals the authors' rounding in floats gives what is exact here."""
    for percent in range(1, 301):
        for channels in (16, 24, 32, 64, 96, 160, 320, 1280):
            value = channels * (percent / 100)
            rounded = max(8, int(value + 4) // 8 * 8)
            expected = rounded + 8 if rounded < 0.9 * value else rounded
            assert divisible(channels * Fraction(percent, 100)) == expected, (percent, channels)


def test_a_block_by_hand() -> None:
    """res3.2 takes 32 channels to 192 and back, and is added: at 5·5 positions of two pictures of 37×35."""
    ledger = subjects.read("mobilenet-v2").layer.run((2, 3, 37, 35), {})
    rows = {row.name.removeprefix("res3.2."): row for row in ledger.rows if row.name.startswith("res3.2.")}
    assert {name: row.arithmetic["mac"] for name, row in rows.items() if "mac" in row.arithmetic} == {
        "expand": 50 * 32 * 192,
        "depthwise": 50 * 9 * 192,
        "project": 50 * 192 * 32,
    }
    assert rows["residual"].arithmetic == {"add": 50 * 32}
    assert sum(row.params for row in rows.values()) == 2 * 32 * 192 + 9 * 192 + 2 * (192 + 192 + 32)


@pytest.mark.parametrize("at", ["all", "all@between,head"])
def test_reference(agree: Callable[..., Ledger], at: str) -> None:
    """With gates at some places, the reference counts the same, at odd sizes."""
    agree("mobilenet-v2", (2, 3, 37, 45), "se:reduction=4", at, classes=7)


@pytest.mark.parametrize("width", [Fraction(35, 100), Fraction(14, 10)])
def test_width_of_the_reference(agree: Callable[..., Ledger], width: Fraction) -> None:
    """Narrower, with a last convolution as wide as ever, and wider."""
    agree("mobilenet-v2", (1, 3, 33, 35), width=width, classes=11)
