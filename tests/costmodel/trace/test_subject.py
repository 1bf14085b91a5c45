"""Modules beside the layers of the catalog."""

from pathlib import Path

import pytest
import sympy
from torch import Tensor, nn

from costmodel import CostModelError, find, ledger
from costmodel.crossover import crossover
from costmodel.metrics import total
from costmodel.symbolic import derive as derive_layer
from costmodel.symbolic import symbol
from costmodel.trace import Uncounted, as_subject, derive

NON_LOCAL = "costmodel.validate.references.non_local:NonLocal"
BLOCKS = '''
import torch
from torch import nn


class Erf(nn.Module):
    """Nobody counts the inverse of an erf."""

    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        return torch.erfinv(x)


class Mix(nn.Module):
    def __init__(self, channels=13):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return self.mix(x)


class Half(nn.Module):
    def __init__(self, channels=16):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels // 8, 3, stride=2, padding=1, bias=False)

    def forward(self, x):
        return self.mix(x)


class Fixed(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        assert x.shape[2] == 32
        return self.mix(x)
'''


@pytest.fixture
def blocks(tmp_path: Path) -> str:
    """A file of modules."""
    path = tmp_path / "blocks.py"
    path.write_text(BLOCKS, encoding="utf-8")
    return str(path)


def test_a_module_costs_what_its_layer_does() -> None:
    """At sizes at which it was not traced, and with the batch that is asked for."""
    module = as_subject(f"{NON_LOCAL}:channels=64", {})
    ours = ledger("non-local", (3, 128, 5, 7))
    theirs = module.layer.run((3, 128, 5, 7), {})
    assert [total(theirs, metric) for metric in ("params", "macs", "flops", "arithmetic")] == [
        total(ours, metric) for metric in ("params", "macs", "flops", "arithmetic")
    ]


def test_its_formula_is_the_layers() -> None:
    """As expressions, for all sizes."""
    ours = derive_layer(find("non-local"), {"reduction": 2})
    for metric, theirs in derive(NON_LOCAL, {"channels": 64}).closed.items():
        assert theirs.expression == ours.formula(metric).expression, metric


def test_it_crosses_a_layer() -> None:
    """A non-local block and a convolution cost the same at P = 7·C."""
    found = crossover(as_subject(f"{NON_LOCAL}:channels=64", {}), "conv", over="p")
    assert [str(crossing.exact) for crossing in found.crossings] == ["7*C"]


def test_a_size_without_an_integer_count_is_refused() -> None:
    """Its formula has C/2, and half of 63 is no width."""
    with pytest.raises(CostModelError, match=r"is no integer at N = 1, C = 63"):
        as_subject(f"{NON_LOCAL}:channels=64", {}).layer.run((1, 63, 5, 7), {})


def test_what_nobody_counts_is_said(tmp_path: Path) -> None:
    """No formula of a part is given for the whole."""
    path = tmp_path / "blocks.py"
    path.write_text(BLOCKS, encoding="utf-8")
    with pytest.raises(Uncounted, match="nobody counts erfinv"):
        as_subject(f"{path}:Erf:channels=8", {})


def test_the_channels_that_a_module_has_unless_it_is_told(tmp_path: Path) -> None:
    """As if they had been given: its formula is one in C."""
    path = tmp_path / "blocks.py"
    path.write_text(BLOCKS, encoding="utf-8")
    found = crossover(as_subject(f"{path}:Mix", {}), "linear", over="side", at={"c": 26})
    assert str(found.difference) == "0"


def test_a_size_that_a_module_needs(blocks: str) -> None:
    """It costs nothing that anybody knows at another one."""
    layer = as_subject(f"{blocks}:Fixed:channels=8", {}).layer
    assert total(layer.run((1, 8, 32, 5), {}), "macs") == 64 * 32 * 5
    with pytest.raises(CostModelError, match="it takes H = 32 only, as it was traced, not 31"):
        layer.run((1, 8, 31, 5), {})


def test_where_formulas_are_known(blocks: str) -> None:
    """Of even maps as they are traced, with the rests that they leave or however they divide; and of one sample."""
    n, c, h, w = map(symbol, "NCHW")
    even, odd = derive(f"{blocks}:Half", {}), derive(f"{blocks}:Half", {}, (1, 16, 33, 33))
    divided = [sympy.Eq(sympy.Mod(h, 2), 0), sympy.Eq(sympy.Mod(w, 2), 0)]
    of_c = sympy.Eq(sympy.Mod(c, 16), 0)
    assert even.input == {"N": 1, "C": 16, "H": 32, "W": 32}
    assert even.closed["macs"].expression == 9 * n * c * c * h * w / 32
    assert [*even.closed["macs"].conditions] == [*divided, sympy.Ge(h, 4), sympy.Ge(w, 4), of_c]
    assert [*even.exact["macs"].conditions] == [sympy.Ge(h, 4), sympy.Ge(w, 4), of_c]
    assert even.closed["params"].conditions == [of_c]
    assert odd.closed["macs"].expression.subs({n: 1, c: 16, h: 7, w: 9}) == 9 * 32 * 4 * 5
    assert [each.subs({h: 7, w: 8}) for each in odd.closed["macs"].conditions[:2]] == [sympy.true, sympy.false]
    assert even.exact["macs"].expression.subs({n: 1, c: 16, h: 7, w: 9}) == 9 * 32 * 4 * 5


def test_channels_must_be_known() -> None:
    """From an argument, or from the sizes that are fixed."""
    with pytest.raises(CostModelError, match="how many channels"):
        as_subject(f"{NON_LOCAL}", {})
    with pytest.raises(CostModelError, match=rf"as in derive\({NON_LOCAL}, channels=64\), or input=\(1, 64, 32, 32\)"):
        derive(NON_LOCAL, {})
    with pytest.raises(CostModelError, match=r"as in input=\(1, 64, 32, 32\)"):
        derive(nn.ReLU(), {})


def test_an_instance_has_a_formula() -> None:
    """Of a module that exists already the widths are what they are."""

    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + x

    found = {metric: formula.expression for metric, formula in derive(Twice(), {}, (2, 5, 3, 7)).closed.items()}
    n, c, h, w = map(symbol, "NCHW")
    assert found["arithmetic"] == n * c * h * w
    assert found["macs"] == 0
