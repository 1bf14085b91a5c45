"""Shares of terms: counted with plain ints, and adding up to 1."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel import CostModelError, find, totals
from costmodel.plots import Terms, terms

SIDES = [3, 7, 11, 28]


def shares(counted: dict[str, list[int]]) -> dict[str, list[float]]:
    """Counts as shares."""
    total = [sum(place) for place in zip(*counted.values(), strict=True)]
    return {
        text: [float(Fraction(count, whole)) for count, whole in zip(counts, total, strict=True)]
        for text, counts in counted.items()
    }


def check(found: Terms, counted: dict[str, list[int]]) -> None:
    """The terms in their order, their shares, and the whole by the layer program."""
    assert list(found.shares) == list(counted)
    for text, expected in shares(counted).items():
        assert found.shares[text].tolist() == pytest.approx(expected, rel=1e-12)
    (values,) = found.grid.values.values()
    assert values.tolist() == [sum(place) for place in zip(*counted.values(), strict=True)]


def test_products_and_convolutions() -> None:
    """Of a non-local block on 6 samples of 34 channels."""
    counted = {
        "2·N·C·(H·W)²/r": [6 * 34 * p * p for p in (9, 49, 121, 784)],
        "4·N·C²·H·W/r": [2 * 6 * 34 * 34 * p for p in (9, 49, 121, 784)],
    }
    found = Terms.of(["non-local"], {"side": SIDES}, {"c": 34, "n": 6})
    check(found, counted)
    assert found.said == [
        "2·N·C·(H·W)²/r is most of it at side = 11 to 28",
        "4·N·C²·H·W/r is most of it at side = 3 to 7",
    ]


def test_widths_that_round_are_counted_rounded() -> None:
    """Over channels that 16 does not divide, the terms have floors, which are those of the modules."""
    channels = [37, 64, 101]
    check(
        Terms.of(["se:bias=true"], {"c": channels}, {"side": 5}, "arithmetic"),
        {
            "2·N·C·H·W": [2 * c * 25 for c in channels],
            "4·N·C": [4 * c for c in channels],
            "4·N·C·⌊C/r⌋": [4 * c * (c // 16) for c in channels],
            "2·N·⌊C/r⌋": [2 * (c // 16) for c in channels],
        },
    )


def test_options_as_axis_and_fixed() -> None:
    """An option can vary, or be fixed as in `sweep`, and the terms count it either way."""
    check(
        Terms.of(["cbam"], {"kernel": [3, 5]}, {"c": 64, "h": 7, "w": 9, "reduction": 4}),
        {"2·N·K²·H·W": [2 * k * k * 63 for k in (3, 5)], "N·C²": [64 * 64] * 2},
    )
    check(
        Terms.of(["cbam"], {"side": SIDES}, {"c": 64, "kernel": 3}),
        {"18·N·H·W": [18 * side * side for side in SIDES], "4·N·C²/r": [4 * 64 * 4] * 4},
    )


def test_video() -> None:
    """Over frames positions are T·H·W."""
    frames = [1, 2, 5]
    check(
        Terms.of(["non-local"], {"t": frames}, {"c": 34, "side": 3}),
        {
            "2·N·C·(T·H·W)²/r": [34 * (9 * t) ** 2 for t in frames],
            "4·N·C²·T·H·W/r": [2 * 34 * 34 * 9 * t for t in frames],
        },
    )


LAYERS = ["bam", "cbam", "danet-head", "danet-pam", "sparse-attention", "sparse-attention:pattern=fixed,stride=9"]


@settings(max_examples=12)
@given(layer=st.sampled_from(LAYERS), c=st.integers(4, 40), metric=st.sampled_from(["macs", "arithmetic", "fvcore"]))
def test_shares_add_up(layer, c, metric) -> None:
    """To 1 at every size, terms that are subtracted included."""
    found = Terms.of([layer], {"side": [3, 8, 13]}, {"c": 8 * c}, metric)
    assert sum(found.shares.values()) == pytest.approx(1)
    for place, side in enumerate((3, 8, 13)):
        options = {"pattern": "fixed", "stride": 9} if ":" in layer else {}
        whole = totals(find(layer.partition(":")[0]).run((1, 8 * c, side, side), options))[metric]
        assert found.grid.values[layer][place] == whole


@pytest.mark.parametrize(
    "chosen, text",
    [([1, 1, 1, 1], "3 to 28"), ([0, 1, 0, 0], "7"), ([1, 0, 1, 1], "3, 11 to 28"), ([1, 0, 1, 0], "3, 11")],
)
def test_runs_of_sizes(chosen, text) -> None:
    """What is between two sizes is not said of what it does not hold of."""
    assert terms._ranges(np.array(SIDES), np.array(chosen, bool)) == text


@pytest.mark.parametrize(
    "layers, words",
    [
        (["se", "cbam"], "terms are those of one layer, not 2"),
        ([], "terms are those of one layer, not 0"),
        (["sparse-attention:count=block"], "has no closed form: touched_blocks counts"),
    ],
)
def test_refused(layers, words) -> None:
    """Anything but one layer with a formula."""
    with pytest.raises(CostModelError, match=words):
        Terms.of(layers, {"side": SIDES}, {"c": 64})


# The figure.


def bands(figure) -> list[tuple[float, float]]:
    """From where to where each band goes at its right end."""
    found = []
    for band in figure.axes[0].collections:
        vertices = band.get_paths()[0].vertices
        right = vertices[vertices[:, 0] == vertices[:, 0].max()][:, 1]
        found.append((right.min(), right.max()))
    return found


def test_bands_lie_on_each_other() -> None:
    """From 0 to 1, each as high as its share, with its name in it."""
    data = Terms.of(["non-local"], {"side": range(4, 129)}, {"c": 512})
    figure = data.figure()
    products = data.shares["2·N·C·(H·W)²/r"][-1]
    assert bands(figure) == [pytest.approx((0, products)), pytest.approx((products, 1))]
    axes = figure.axes[0]
    assert axes.get_ylim() == pytest.approx((0, 1))
    assert [text.get_text() for text in axes.texts] == list(data.shares)
    assert figure.legends == []


def test_what_is_subtracted_hangs_below() -> None:
    """A negative term goes down from 0, and the others rise above 1 by as much."""
    data = Terms.of(["sparse-attention:pattern=fixed"], {"side": range(8, 60)}, {"c": 8, "heads": 1}, "macs")
    negative = sum(share for share in data.shares.values() if share.max() < 0)
    low, high = data.figure().axes[0].get_ylim()
    assert negative.min() < -0.02
    assert (low, high) == pytest.approx((negative.min(), 1 - negative.min()))


def test_small_terms_stand_together() -> None:
    """Several that nowhere reach 2 % are one entry of the key, and one alone has its name."""
    (legend,) = Terms.of(["cbam"], {"side": SIDES}, {"c": 512}, "arithmetic").figure().legends
    assert [text.get_text() for text in legend.get_texts()][-1] == "2 smaller terms"
    (legend,) = Terms.of(["danet-head"], {"side": SIDES}, {"c": 512}).figure().legends
    assert "57·N·C·H·W/4" in [text.get_text() for text in legend.get_texts()]
