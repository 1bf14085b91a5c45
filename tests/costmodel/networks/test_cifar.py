"""Networks for CIFAR: published figures, a shortcut by hand, and the modules that count the same."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from costmodel import CostModelError, subjects
from costmodel.ledger import Ledger

Totals = Callable[[str], tuple[int, int]]


@pytest.mark.parametrize(
    "name, params",
    [
        ("resnet-cifar:shortcut=projection", 272474),
        ("resnet-cifar:shortcut=projection,depth=56", 855770),
        ("resnet-cifar:shortcut=projection,depth=110", 1730714),
        ("resnet-cifar:shortcut=projection with se:bias=true", 274847),
        ("resnet-cifar:shortcut=projection,depth=56 with se:bias=true", 862889),
        ("resnet-cifar:shortcut=projection,depth=110 with se:bias=true", 1744952),
        ("wide-resnet-cifar", 36479194),
        ("wide-resnet-cifar:depth=16", 17116634),
        ("wide-resnet-cifar:depth=40,widen=8", 35748314),
    ],
)
def test_pytorchcv(totals: Totals, name: str, params: int) -> None:
    """Its resnet20, 56 and 110 for CIFAR-10, which project where the paper pads, the same with SE, and its WRNs."""
    assert totals(name)[0] == params


@pytest.mark.parametrize("depth, published", [(20, "0.27"), (32, "0.46"), (44, "0.66"), (56, "0.85"), (110, "1.7")])
def test_published(totals: Totals, depth: int, published: str) -> None:
    """Millions of parameters in the paper's Table 6, with shortcuts that have none."""
    params, _ = totals(f"resnet-cifar:depth={depth}")
    assert f"{params / 10**6:.{len(published) - 2}f}" == published


def test_shortcuts_by_hand(totals: Totals) -> None:
    """Projections of 16·32 and 32·64 weights with norms, at 16×16 and 8×8; paddings add nothing but zeros."""
    params, macs = totals("resnet-cifar")
    assert totals("resnet-cifar:shortcut=projection") == (
        params + 512 + 2 * 32 + 2048 + 2 * 64,
        macs + 512 * 256 + 2048 * 64,
    )
    ledger = subjects.find("resnet-cifar").run((2, 3, 7, 11), {})
    pads = [row for row in ledger.rows if row.kind == "pad"]
    assert [(row.inputs, row.output) for row in pads] == [
        (((2, 16, 4, 6),), (2, 32, 4, 6)),
        (((2, 32, 2, 3),), (2, 64, 2, 3)),
    ]


@pytest.mark.parametrize(
    "name, options",
    [
        ("resnet-cifar", {"depth": 8}),
        ("resnet-cifar", {"depth": 14, "shortcut": "projection", "classes": 7}),
        ("wide-resnet-cifar", {"depth": 10, "widen": 1}),
        ("wide-resnet-cifar", {"depth": 16, "widen": Fraction("2.6"), "classes": 7}),
    ],
    ids=str,
)
@pytest.mark.parametrize("inserted, at", [("", ""), ("se", ""), ("se:reduction=4", "all@between,all@after,head")])
def test_reference(agree: Callable[..., Ledger], name: str, options: dict[str, Any], inserted: str, at: str) -> None:
    """At odd sizes, alone and with gates everywhere."""
    agree(name, (2, 3, 9, 17), inserted, at, **options)


@pytest.mark.parametrize(
    "name, depth, message",
    [
        ("resnet-cifar", 51, r"depth must be 6n \+ 2, from 8 to 10000, not 51"),
        ("resnet-cifar", 2, r"depth must be 6n \+ 2, from 8 to 10000, not 2"),
        ("wide-resnet-cifar", 26, r"depth must be 6n \+ 4, from 10 to 10000, not 26"),
        ("resnet-cifar", 6 * 10**30 + 2, r"not about 1e30"),
    ],
)
def test_depths(name: str, depth: int, message: str) -> None:
    """Of three stages of equal length; one that takes forever is refused at once."""
    with pytest.raises(CostModelError, match=message):
        subjects.find(name).run((1, 3, 32, 32), {"depth": depth})
