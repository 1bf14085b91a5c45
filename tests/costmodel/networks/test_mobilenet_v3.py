"""MobileNet v3: published figures, gates by hand, and the modules that count the same."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from costmodel import Tensor, subjects
from costmodel.ledger import Ledger
from costmodel.networks import mobilenet_v3

Totals = Callable[[str], tuple[int, int]]


@pytest.mark.parametrize(
    "name, expected",
    [
        ("large", (5483032, 216589760)),
        ("large:width=0.75", (3377576, 140033816)),
        ("large:width=0.35", (997064, 35278408)),
        ("large:width=1.3", (8713472, 366460872)),
        ("large:dilated=true", (5483032, 354816800)),
        ("small", (2542856, 56510400)),
        ("small:width=0.75", (1653920, 39115576)),
        ("small:width=0.35", (558744, 11238936)),
        ("small:width=1.3", (3928192, 95594808)),
        ("small:dilated=true", (2542856, 106509216)),
    ],
)
def test_torchvision(totals: Totals, name: str, expected: tuple[int, int]) -> None:
    """Parameters and MACs of torchvision's models with such a width_mult, the latter as torch counts them."""
    assert totals(f"mobilenet-v3-{name}") == expected


def test_pytorchcv(totals: Totals) -> None:
    """Its head has no bias in the first linear layer, and as many features in the small one as in the large."""
    assert totals("mobilenet-v3-large")[0] - 1280 == 5481752
    assert totals("mobilenet-v3-small")[0] - 1024 + 256 * (576 + 1000) == 2945288


def test_gates_by_hand(totals: Totals) -> None:
    """Without its eight gates the large one lacks their matrices and biases: 2·E·S + E + S each."""
    widths = [(72, 24), (120, 32), (120, 32), (480, 120), (672, 168), (672, 168), (960, 240), (960, 240)]
    params, macs = totals("mobilenet-v3-large")
    bare = totals("mobilenet-v3-large:se=false")
    matrices = sum(2 * e * s for e, s in widths)
    assert bare == (params - matrices - sum(e + s for e, s in widths), macs - matrices)


def test_maps() -> None:
    """Sides halve from stage to stage, every block has a map of its own, and a dilated res5 keeps the side."""
    maps = mobilenet_v3.stages(Tensor((2, 3, 97, 65)))
    assert {name: y.shape[1:] for name, y in maps.items() if "." not in name} == {
        "res1": (16, 49, 33),
        "res2": (24, 25, 17),
        "res3": (40, 13, 9),
        "res4": (112, 7, 5),
        "res5": (960, 4, 3),
    }
    assert maps["res3.1"].shape == (2, 40, 13, 9)
    assert maps["res4.1"].shape == (2, 80, 7, 5)
    assert mobilenet_v3.stages(Tensor((2, 3, 97, 65)), dilated=True)["res5"].shape == (2, 960, 7, 5)
    assert next(iter(mobilenet_v3.stages(Tensor((2, 3, 97, 65)), "small"))) == "res2"


def test_what_is_inserted_comes_after_the_gate() -> None:
    """A layer in the bottleneck reads what the block's own gate has weighed."""
    ledger = subjects.read("mobilenet-v3-large with se at res5:2").layer.run((1, 3, 64, 64), {})
    names = [row.name for row in ledger.rows if row.name.startswith("res5.2.")]
    assert names.index("res5.2.se.scale") < names.index("res5.2.inner.se.squeeze") < names.index("res5.2.project")


@pytest.mark.parametrize("size", ["large", "small"])
@pytest.mark.parametrize("at", ["all", "all@between,head"])
def test_reference(agree: Callable[..., Ledger], size: str, at: str) -> None:
    """With gates at some places, the reference counts the same, at odd sizes."""
    agree(f"mobilenet-v3-{size}", (2, 3, 37, 45), "se:reduction=4", at, classes=7)


@pytest.mark.parametrize("size", ["large", "small"])
@pytest.mark.parametrize("options", [{"width": Fraction(7, 10)}, {"se": False, "dilated": True}], ids=str)
def test_options_of_the_reference(agree: Callable[..., Ledger], size: str, options: dict[str, Any]) -> None:
    """Several options at once."""
    agree(f"mobilenet-v3-{size}", (1, 3, 69, 35), classes=11, **options)
