"""VGG: published figures, the classifier's pool by hand, and the modules that count the same."""

from collections.abc import Callable
from typing import Any

import pytest

from costmodel import CostModelError, subjects
from costmodel.ledger import Ledger

Totals = Callable[[str], tuple[int, int]]


@pytest.mark.parametrize(
    "name, params, gmacs",
    [
        ("vgg11", 132863336, "7.609"),
        ("vgg13", 133047848, "11.308"),
        ("vgg16", 138357544, "15.470"),
        ("vgg19", 143667240, "19.632"),
        ("vgg11:norm=true", 132868840, "7.609"),
        ("vgg16:norm=true", 138365992, "15.470"),
    ],
)
def test_torchvision(totals: Totals, name: str, params: int, gmacs: str) -> None:
    """Parameters and GMACs of torchvision's models, whose norms keep the biases."""
    found = totals(name)
    assert (found[0], f"{found[1] / 10**9:.3f}") == (params, gmacs)


def test_published(totals: Totals) -> None:
    """The paper's Table 2, in millions of parameters."""
    found = [round(totals(f"vgg{depth}")[0], -6) // 10**6 for depth in (11, 13, 16, 19)]
    assert found == [133, 133, 138, 144]


def test_the_pool_by_hand() -> None:
    """3×2 positions under 7×7 windows: rows of 1 but for two of 2, and columns of 1 but for one of 2."""
    ledger = subjects.find("vgg11").run((1, 3, 97, 65), {})
    (pool,) = (row for row in ledger.rows if row.name == "head.avg_pool")
    assert pool.inputs == ((1, 512, 3, 2),)
    assert pool.output == (1, 512, 7, 7)
    assert pool.arithmetic == {"add": 512 * ((7 + 2) * (7 + 1) - 49), "div": 512 * 49}


@pytest.mark.parametrize("name, options", [("vgg11", {}), ("vgg19", {"norm": True, "classes": 7})], ids=str)
def test_reference(agree: Callable[..., Ledger], name: str, options: dict[str, Any]) -> None:
    """At odd sizes, with gates at some places."""
    agree(name, (2, 3, 37, 71), "se", "all@between,res3:last@after,head", **options)


def test_too_small() -> None:
    """Five pools need 32 positions in each direction."""
    with pytest.raises(CostModelError, match="an input of 31×64 is smaller than the output stride, 32"):
        subjects.find("vgg16").run((1, 3, 31, 64), {})
