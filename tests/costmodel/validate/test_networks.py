"""The validation of every network is green, and turns red where it should."""

from fractions import Fraction
from functools import cache

import pytest
import torch
from torch import Tensor as Data
from torch import nn

import costmodel.networks  # noqa: F401  (registers them)
from costmodel import Layer, Tensor
from costmodel.catalog import NETWORKS
from costmodel.validate import Report, networks, validate
from costmodel.validate.oracles import ORACLES
from costmodel.validate.references import REFERENCES

NAMES = sorted(NETWORKS)


@cache
def validated() -> Report:
    return validate(NAMES, device="cpu")


@pytest.fixture
def report(uncovered: None) -> Report:  # noqa: ARG001
    return validated()


@pytest.mark.parametrize("name", NAMES)
def test_networks_equal_their_references(report: Report, name: str) -> None:
    """Every number of every oracle, for every case, equals ours; where a layer can stand, too."""
    mine = [comparison for comparison in report.comparisons if comparison.layer.partition(" with ")[0] == name]
    assert [str(comparison) for comparison in mine if not comparison.equal] == []
    deep = networks.is_deep(NETWORKS[name])
    assert {comparison.oracle for comparison in mine} == set(ORACLES) - ({"fvcore"} if deep else set())
    assert {comparison.quantity for comparison in mine} >= {"params", "output", "places", "convolution"}
    assert {comparison.shape for comparison in mine} >= {NETWORKS[name].input}
    assert any(" with " in comparison.layer for comparison in mine) != deep


def test_what_is_not_covered_is_said(report: Report) -> None:
    """Deep networks, and fvcore where there is no data."""
    (deep,) = (sentence for sentence in report.not_covered if sentence.startswith("options of "))
    assert " resnet152," in deep
    assert " resnet50," not in deep
    assert any(
        sentence.startswith("fvcore at the inputs that networks are made for") for sentence in report.not_covered
    )
    assert not any("has no reference" in sentence for sentence in report.not_covered)


def test_every_option_is_changed() -> None:
    """To every choice, and to one number."""
    changed = [case.options for case in networks.cases(NETWORKS["resnet50"]) if case.options]
    assert changed == [
        {"variant": "v1"},
        {"output_stride": 8},
        {"stem": "deep"},
        {"stem": "deep-wide"},
        {"classes": 8},
    ]
    assert {"widen": Fraction(3, 4)} in [case.options for case in networks.cases(NETWORKS["wide-resnet18"])]
    for network in NETWORKS.values():
        if not networks.is_deep(network):
            options = {name for case in networks.cases(network) for name in case.options}
            assert options == set(network.options), network.name


def test_layers_stand_at_every_place() -> None:
    """A gate at each, CBAM in every branch, BAM between stages."""
    (case,) = (case for case in networks.cases(NETWORKS["resnet18"]) if case.inserts)
    resolved = case.network.resolve({})
    counts = [len(insert.sites(case.network, resolved)) for insert in case.inserts]
    assert case.layer.name == "resnet18 with cbam with bam with se"
    assert counts == [8, 3, 8 + 8 + 3 + 1]
    assert sum(row.name.startswith("res2.1.branch.") for row in case.ledger.rows) > 10


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of a user's own, and a module of it that is another: its place is elsewhere and a bias is left out."""

    def program(x: Tensor) -> Tensor:
        with x.scope("res1"):
            x = x.conv(8, kernel=3, bias=True).place("after")
        with x.scope("head"):
            return x.global_avg_pool().linear(5)

    class Module(nn.Module):
        def __init__(self, channels: int, *, insert: networks.Insert) -> None:
            super().__init__()
            self.conv = nn.Conv2d(channels, 8, 3, padding=1, bias=False)
            self.place = insert("res1", 0, "between", 8)
            self.fc = nn.Linear(8, 5)

        def forward(self, x: Data) -> Data:
            return self.fc(nn.functional.adaptive_avg_pool2d(self.place(self.conv(x)), 1).flatten(1))

    layer = Layer("stranger", program, "nowhere", {}, video=False, headline=None, input=(1, 3, 64, 64))
    monkeypatch.setitem(NETWORKS, "stranger", layer)
    monkeypatch.setitem(REFERENCES, "stranger", Module)
    monkeypatch.setattr(networks, "GUESTS", {False: (("se", {"reduction": 4}, "everywhere"),)})


@pytest.mark.usefixtures("stranger")
def test_another_network_is_found() -> None:
    """Eight parameters, the place that is asked for, and what is missing there."""
    failures = list(map(str, validate(["stranger"], device="cpu").failures))
    # 3·8·9 weights, 8 biases, 8·5 + 5.
    assert "stranger at 2x3x33x65: params is 269 by us and 261 by torch" in failures
    assert "stranger at 2x3x33x65: places is res1.0.after by us and res1.0.between by torch" in failures
    # The gate has 8·2 and 2·8.
    assert "stranger with se at 2x3x33x65: params is 301 by us and 261 by torch" in failures


def test_weights_are_never_drawn() -> None:
    """A module of 138 million parameters is there at once, and its buffers hold numbers."""
    case = networks.cases(NETWORKS["vgg16"])[0]
    module = case.module("cpu", [])
    assert sum(parameter.numel() for parameter in module.parameters()) == 138357544
    buffers = networks.cases(NETWORKS["resnet18"])[0].module("cpu", []).buffers()
    assert all(torch.equal(buffer, torch.zeros_like(buffer)) for buffer in buffers)
