"""`costmodel compare`."""

import re
from decimal import Decimal
from fractions import Fraction

import pytest

from costmodel import METRICS
from costmodel.catalog import LAYERS
from costmodel_cli import render

SHAPE = ("--shape", "1x512x28x28")
PREFIXES = {"": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18, "Z": 21, "Y": 24, "R": 27, "Q": 30}


def test_entries_are_costs(costmodel_, variant) -> None:
    """Each entry has the options and totals that cost gives, and each total over the 3×3 convolution's."""
    typed = ":".join([variant.layer.name, *([",".join(variant.typed)] if variant.typed else [])])
    document = costmodel_("compare", typed, *SHAPE, "--json").document
    cost = costmodel_("cost", typed, *SHAPE, "--json").document
    conv = costmodel_("cost", "conv", *SHAPE, "--json").document
    (entry,) = document["layers"]
    assert {key: entry[key] for key in ("layer", "options", *METRICS)} == {
        key: cost[key] for key in ("layer", "options", *METRICS)
    }
    assert entry["of_baseline"] == {metric: [cost[metric], conv[metric]] for metric in METRICS}
    assert sum(entry["arithmetic_of"].values()) == entry["arithmetic"]
    assert entry["arithmetic_of"]["weights"] + entry["arithmetic_of"]["products"] >= 2 * entry["macs"]


def test_the_base_is_the_convolution(costmodel_) -> None:
    """Unless another is chosen the base is the 3×3 convolution C → C at the same shape."""
    base = costmodel_("compare", "se", *SHAPE, "--json").document["baseline"]
    assert base == {
        "layer": "conv",
        "params": 9 * 512**2,
        "macs": 9 * 512**2 * 28**2,
        "flops": 18 * 512**2 * 28**2,
        "fvcore": 9 * 512**2 * 28**2,
        "arithmetic": 18 * 512**2 * 28**2,
    }


def test_another_base(costmodel_) -> None:
    """--baseline takes a layer with options, for video too."""
    typed = "non-local:reduction=1,norm=false"
    document = costmodel_(
        "compare", "non-local", "non-local:subsample=after", "--baseline", typed, "-s", "1x16x2x4x6", "--json"
    ).document
    cost = costmodel_("cost", typed, "-s", "1x16x2x4x6", "--json").document
    assert document["baseline"] == {"layer": typed, **{metric: cost[metric] for metric in METRICS}}
    assert len(document["layers"]) == 2


def test_order_and_repetition_are_kept(costmodel_) -> None:
    """Layers come in the order typed, one twice with other options as two entries."""
    typed = ["se:reduction=4", "cbam", "se"]
    layers = costmodel_("compare", *typed, *SHAPE, "--json").document["layers"]
    assert [entry["layer"] for entry in layers] == ["se", "cbam", "se"]
    assert [layers[0]["options"]["reduction"], layers[2]["options"]["reduction"]] == [4, 16]
    lines = costmodel_("compare", *typed, *SHAPE).out.splitlines()
    for line, start in zip(lines[3:6], ("se: reduction=4 ", "cbam ", "se "), strict=True):
        assert line.startswith(start)


def test_table_prints_the_same_numbers(costmodel_) -> None:
    """Every cell of the table is the JSON's number, rounded as the cell says."""
    document = costmodel_("compare", *LAYERS, *SHAPE, "--json").document
    lines = costmodel_("compare", *LAYERS, *SHAPE).out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("layer"))
    for line, entry in zip(lines[start + 1 :], document["layers"], strict=False):
        name, params, macs, times, arithmetic, *shares = re.split(r" (?=[\d<—])", re.sub(r" +", " ", line))
        assert name == entry["layer"]
        for cell, metric in ((params, "params"), (macs, "macs"), (arithmetic, "arithmetic")):
            assert abs(_read(cell) - entry[metric]) <= Fraction(entry[metric], 1000)
        exact = Fraction(*entry["of_baseline"]["macs"])
        assert abs(Fraction(Decimal(times.rstrip("×").replace(",", ""))) - exact) <= exact / 200
        for cell, part in zip(shares, entry["arithmetic_of"].values(), strict=True):
            share = Fraction(100 * part, entry["arithmetic"])
            if cell.startswith("<"):
                assert 0 < share < Fraction(1, 10)
            else:
                assert abs(Fraction(cell.removesuffix(" %")) - share) <= Fraction(1, 20)


def _read(cell: str) -> Fraction:
    number, _, prefix = cell.partition(" ")
    return Fraction(number) * 10 ** PREFIXES[prefix]


@pytest.mark.parametrize(
    "value, text",
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.000 k"),
        (999_949, "999.9 k"),
        (999_950, "1.000 M"),
        (725_680_000, "725.7 M"),
        (10**33 - 1, "1.000e+33"),
        (999 * 10**30, "999.0 Q"),
        (10**33, "1.000e+33"),
        (10**1200, "1.000e+1200"),
        (-17_305_600, "-17.31 M"),
    ],
)
def test_si(value, text) -> None:
    """Four significant digits and a prefix, right at the edges between prefixes and beyond the last."""
    assert render.si(value) == text


@pytest.mark.parametrize(
    "value, whole, text",
    [
        (1, 4, "25.0 %"),
        (0, 7, "0.0 %"),
        (1, 10**9, "<0.1 %"),
        (7, 7, "100.0 %"),
        (-1, 4, "-25.0 %"),
        (10**1200, 3 * 10**1200, "33.3 %"),
    ],
)
def test_percent(value, whole, text) -> None:
    """A share in percent; one that is taken off keeps its size and its sign."""
    assert render.percent(value, whole) == text


@pytest.mark.parametrize(
    "value, unit, text", [(1, 3, "0.333×"), (7, 0, "—"), (10**7, 1, "1.00e+7×"), (1, 10**6, "1.00e-6×")]
)
def test_times(value, unit, text) -> None:
    """A multiple to three significant digits; of nothing there is none."""
    assert render.times(value, unit) == text


def test_a_torch_module_beside_layers(costmodel_) -> None:
    """Its counts at the shape; fvcore's convention has no weights for it."""
    module = "costmodel.validate.references.squeeze_excitation:SqueezeExcitation:channels=64"
    result = costmodel_("compare", "se", module, "--shape", "1x64x5x7", "--json")
    ours, theirs = result.document["layers"]
    assert {metric: theirs[metric] for metric in ("params", "macs", "flops", "arithmetic")} == {
        metric: ours[metric] for metric in ("params", "macs", "flops", "arithmetic")
    }
    assert "fvcore" not in theirs
    assert theirs["arithmetic_of"] is None
    result = costmodel_("compare", "se", module, "--shape", "1x64x5x7")
    assert result.status == 0
    assert "A torch module's arithmetic is known by kind" in result.out


def test_the_base_of_networks_is_the_first(costmodel_) -> None:
    """A 3×3 convolution of a picture is no measure of them; any subject is a base if it is asked for."""
    shape = ("--shape", "1x3x65x97", "--json")
    names = ("resnet18", "resnet18 with se at res5")
    document = costmodel_("compare", *names, *shape).document
    assert document["baseline"]["layer"] == "resnet18"
    costs = [costmodel_("cost", name, *shape).document["macs"] for name in names]
    assert [entry["of_baseline"]["macs"] for entry in document["layers"]] == [[cost, costs[0]] for cost in costs]
    other = costmodel_("compare", "resnet18", "--baseline", names[1], *shape).document
    assert other["layers"][0]["of_baseline"]["macs"] == costs
    conv = costmodel_("compare", "resnet18", "--baseline", "conv", *shape).document
    assert conv["baseline"]["macs"] == 9 * 3 * 3 * 65 * 97
