"""`assert_cost`: what users assert in their own tests."""

import subprocess
import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from torch import Tensor, nn

from costmodel import CostModelError
from costmodel.checks import Undecided
from costmodel.symbolic import parse
from costmodel.testing import assert_cost


class Sorted(nn.Module):
    """Nobody counts what it runs."""

    def forward(self, x: Tensor) -> Tensor:
        """In ascending order."""
        return x.sort().values


class Block:
    """Stands for a module."""


class Traced:
    """What `costmodel.trace` answers of it."""

    @staticmethod
    def derive(target: Any, init: Mapping[str, Any], **keywords: Any) -> Any:
        """Two of its formulas."""
        assert isinstance(target, Block)
        assert not init
        assert keywords in ({}, {"input": (2, 64, 28, 28)})
        formulas = {
            metric: SimpleNamespace(expression=parse(text), conditions=[])
            for metric, text in {"macs": "N*C*H*W*9", "params": "9*C"}.items()
        }
        return SimpleNamespace(input={"N": 2, "C": 64, "H": 28, "W": 28}, closed=formulas, exact={})


def test_what_holds() -> None:
    """Formulas, numbers and relations, of all sizes or at an input."""
    assert_cost("se:reduction=16", macs="2*N*C**2/r", params="2*C**2/r")
    assert_cost("se", macs="2·N·C²/r", params="2·C²/r")
    assert_cost("se", macs="2*N*C**2/r", params=512, input=(2, 64, 28, 28))
    assert_cost("conv:out=8,kernel=1", params="8*C", input=(2, 64, 28, 28))
    assert_cost("cbam", macs="<= 0.01 * macs(conv)", arithmetic="< 5e8", input=(1, 256, 56, 56))
    assert_cost(
        "non-local", macs="== 4*N*C*(T*H*W)**2/r + 4*N*C**2*T*H*W/r - 2*N*C*(T*H*W)**2/r", input=(1, 64, 4, 7, 7)
    )


@pytest.mark.parametrize(
    "layer, given, said",
    [
        (
            "cbam-channel",
            {"params": "2*C*C/r", "macs": "4*N*C*C/r + N"},
            "params('cbam-channel') == 2*C*C/r: params('cbam-channel') adds C + C/r; at c = 1, r = 1: 4 > 2\n"
            "macs('cbam-channel') == 4*N*C*C/r + N: macs('cbam-channel') lacks N; at n = 1, c = 1, r = 1: 4 < 5",
        ),
        (
            "se",
            {"macs": "2*N*C**2/r", "input": (1, 65, 28, 28)},
            "macs('se:reduction=16') == 2*N*C**2/r for n in 1, c in 65, h in 28, w in 28: equal but where a division "
            "rounds; at n = 1, c = 65, h = 28, w = 28: 520 < 528.125",
        ),
        (
            "se",
            {"params": "< 512", "input": (1, 64, 28, 28)},
            "params('se:reduction=16') < 512 for n in 1, c in 64, h in 28, w in 28: at n = 1, c = 64, h = 28, w = 28: "
            "512 = 512",
        ),
    ],
)
def test_what_fails(layer: str, given: dict[str, Any], said: str) -> None:
    """An assertion error with the difference in words, of each cost that is another."""
    with pytest.raises(AssertionError) as failed:
        assert_cost(layer, **given)
    assert str(failed.value) == said


@pytest.mark.parametrize(
    "given, message",
    [
        ({}, "assert_cost needs one of params, macs, flops, fvcore, arithmetic"),
        ({"macs": "N*"}, "is no relation|is not an expression"),
        ({"macs": "C", "input": (1, 64, 28)}, r"input is \(N, C, H, W\)"),
        ({"macs": "C", "input": (1, 64, 28, 0)}, "w takes positive integers"),
        ({"macs": 5, "input": (1, 8, 28, 28)}, "reduction 16 is larger than the 8 channels"),
        ({"macs": 5, "input": (1, 64, 3, 28, 28)}, "se takes N×C×H×W input"),
    ],
)
def test_what_is_wrong(given: dict[str, Any], message: str) -> None:
    """It is an error, and no failed assertion."""
    with pytest.raises(CostModelError, match=message):
        assert_cost("se", **given)


def test_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its formula is derived; without what derives it, nothing is asserted, and that is no pass."""
    monkeypatch.setitem(sys.modules, "costmodel.trace", Traced)
    assert_cost(Block(), macs="9*N*C*H*W", params="9*C", input=(2, 64, 28, 28))
    assert_cost(Block(), macs="9*N*C*H*W")
    assert_cost(Block(), macs="<= macs(conv)", input=(2, 64, 28, 28))
    with pytest.raises(AssertionError, match=r"derive\('Block'\)\.macs adds N·C·H·W; at n = 1"):
        assert_cost(Block(), macs="8*N*C*H*W")
    monkeypatch.setitem(sys.modules, "costmodel.trace", None)
    with pytest.raises(Undecided, match=r"derive\('Block'\)\.macs == C could not be checked: derive needs torch"):
        assert_cost(Block(), macs="C")


def test_loaded_only_when_used() -> None:
    """No plugin of pytest's; and a layer of the catalog takes no torch."""
    program = (
        "import sys\nfrom importlib.metadata import distribution\n"
        "assert not [e for e in distribution('attention-costmodel').entry_points if e.group == 'pytest11']\n"
        "from costmodel.testing import assert_cost\nassert_cost('se', macs='2*N*C**2/r')\n"
        "assert not {'torch', 'pytest'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_real_module() -> None:
    """Traced by torch, whatever its sizes; an operator that nobody counts leaves it unchecked."""
    assert_cost(nn.Conv2d(5, 7, 3, bias=False), macs="63*N*C*(H-2)*(W-2)", input=(2, 5, 11, 13))
    halved = nn.Conv2d(5, 7, 3, 2, 1, bias=False)
    assert_cost(halved, macs="63*N*C*H*W/4", input=(2, 5, 8, 12))
    assert_cost(halved, macs="<= macs(conv)", input=(2, 5, 7, 13))
    with pytest.raises(AssertionError, match=r"lacks .* at n = 1, c = 2, h = 4, w = 4: "):
        assert_cost(halved, macs="63*N*C*H*W/4 + 1", input=(2, 5, 8, 12))
    with pytest.raises(AssertionError, match="adds"):
        assert_cost(nn.Conv2d(5, 7, 3, padding=1, bias=False), macs="54*N*C*H*W", input=(2, 5, 11, 13))
    with pytest.raises(Undecided, match="nobody counts sort"):
        assert_cost(Sorted(), macs="0*C", input=(2, 5, 11, 13))
