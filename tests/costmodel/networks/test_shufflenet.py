"""ShuffleNet: published figures, a unit by hand, and the module that counts the same."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from costmodel import CostModelError, subjects
from costmodel.ledger import Ledger

Totals = Callable[[str], tuple[int, int]]


@pytest.mark.parametrize(
    "options, params",
    [
        ("groups=1", 1531936),
        ("groups=2", 1733848),
        ("groups=3", 1865728),
        ("groups=4", 1968344),
        ("groups=8", 2434768),
        ("width=0.75", 1238266),
        ("width=0.5", 718324),
        ("width=0.25", 305902),
    ],
)
def test_parameters(totals: Totals, options: str, params: int) -> None:
    """Those of pytorchcv's shufflenet_g1_w1 to g8_w1, g3_w3d4, g3_wd2 and g3_wd4."""
    assert totals(f"shufflenet-v1:{options}")[0] == params


@pytest.mark.parametrize(
    "options, published",
    [("width=0.5", 38), ("width=1.5,stem=24", 292), ("width=2", 524), ("width=0.25,stem=12", 13)],
)
def test_published(totals: Totals, options: str, published: int) -> None:
    """The paper's complexities in millions, Tables 2 and 5; the authors' code gives the stem of 1.5× the 24 of 1×."""
    assert round(totals(f"shufflenet-v1:{options}")[1], -6) // 10**6 == published


def test_gates(totals: Totals) -> None:
    """SE's paper has 1.8 M and 2.4 M: these, cut off after one decimal, with gates before the addition."""
    assert totals("shufflenet-v1")[0] == 1865728
    assert totals("shufflenet-v1 with se")[0] == 2476144


def test_a_unit_by_hand() -> None:
    """res4.1 takes 240 channels at 5×5 positions to 480 at 3×3, of which a pool makes half."""
    ledger = subjects.read("shufflenet-v1").layer.run((1, 3, 37, 35), {})
    rows = {row.name.removeprefix("res4.1."): row for row in ledger.rows if row.name.startswith("res4.1.")}
    assert {name: (row.params, row.arithmetic["mac"]) for name, row in rows.items() if "mac" in row.arithmetic} == {
        "conv1": (80 * 120, 25 * 80 * 120),
        "depthwise": (9 * 120, 9 * 9 * 120),
        "conv2": (40 * 240, 9 * 40 * 240),
    }
    assert rows["shortcut"].arithmetic == {"add": 8 * 9 * 240, "div": 9 * 240}
    assert rows["join"].output == (1, 480, 3, 3)
    assert (rows["shuffle"].read, rows["shuffle"].written) == (25 * 120, 25 * 120)


def test_a_single_group_is_not_shuffled() -> None:
    """There is nothing to deal out."""
    counted = (subjects.read("shufflenet-v1").layer.run((1, 3, 37, 35), {"groups": groups}) for groups in (1, 2))
    assert [sum(row.kind == "copy" for row in ledger.rows) for ledger in counted] == [0, 16]


@pytest.mark.parametrize("at", ["all", "all@between,head"])
def test_reference(agree: Callable[..., Ledger], at: str) -> None:
    """With gates at some places, the reference counts the same, at odd sizes."""
    agree("shufflenet-v1", (2, 3, 37, 45), "se:reduction=4", at, classes=7)


@pytest.mark.parametrize("options", [{"groups": 1, "width": Fraction(1, 2)}, {"groups": 8}, {"stem": 27}], ids=str)
def test_options_of_the_reference(agree: Callable[..., Ledger], options: dict[str, Any]) -> None:
    """Every option."""
    agree("shufflenet-v1", (1, 3, 33, 35), classes=11, **options)


@pytest.mark.parametrize(
    "options, message",
    [
        ("groups=5", "the paper has channels for 1, 2, 3, 4, 8 groups, not 5"),
        ("width=0.01", "0.01 times 24 channels is less than one"),
        ("width=0.7,groups=8", "does not divide"),
    ],
)
def test_refused(totals: Totals, options: str, message: str) -> None:
    """What cannot be built."""
    with pytest.raises(CostModelError, match=message):
        totals(f"shufflenet-v1:{options}")
