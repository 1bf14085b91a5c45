"""Modules beside the layers of the catalog."""

from pathlib import Path

import pytest
from torch import Tensor, nn

from costmodel import CostModelError, find, ledger
from costmodel.conventions import total
from costmodel.crossover import crossover
from costmodel.symbolic import derive as derive_layer
from costmodel.symbolic import symbol
from costmodel.trace import Uncounted, as_subject, derive

NON_LOCAL = "costmodel.validate.references.non_local:NonLocal"
BLOCKS = '''
import torch
from torch import nn


class Erf(nn.Module):
    """Nobody counts an erf."""

    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        return torch.erf(x)


class Mix(nn.Module):
    def __init__(self, channels=13):
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return self.mix(x)
'''


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
    for metric, theirs in derive(NON_LOCAL, {"channels": 64}).items():
        assert theirs == ours.formula(metric).expression, metric


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
    with pytest.raises(Uncounted, match="nobody counts erf"):
        as_subject(f"{path}:Erf:channels=8", {})


def test_the_channels_that_a_module_has_unless_it_is_told(tmp_path: Path) -> None:
    """As if they had been given: its formula is one in C."""
    path = tmp_path / "blocks.py"
    path.write_text(BLOCKS, encoding="utf-8")
    found = crossover(as_subject(f"{path}:Mix", {}), "linear", over="side", at={"c": 26})
    assert str(found.difference) == "0"


def test_channels_must_be_known() -> None:
    """From an argument, or from the sizes that are fixed."""
    with pytest.raises(CostModelError, match="how many channels"):
        as_subject(f"{NON_LOCAL}", {})


def test_an_instance_has_a_formula() -> None:
    """Of a module that exists already the widths are what they are."""

    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + x

    found = derive(Twice(), {}, (2, 5, 3, 7))
    n, c, h, w = map(symbol, "NCHW")
    assert found["arithmetic"] == n * c * h * w
    assert found["macs"] == 0
