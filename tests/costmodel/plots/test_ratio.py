"""Ratios of two costs, and where they are 1."""

import numpy as np
import pytest
from matplotlib.text import Text

from costmodel import CostModelError, ledger, totals
from costmodel.plots import Ratio, ratio

OVER = {"side": range(4, 129), "c": range(32, 4097, 8)}


def words(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].findobj(Text)]


def test_the_line_of_equal_cost() -> None:
    """A non-local block costs what a convolution does where H·W = 7·C, and less on the side of the channels."""
    data = Ratio.of(["non-local", "conv"], OVER)
    assert data.said == ["non-local = conv on H·W = 7·C"]
    ((h, c),) = data.boundary.lines
    seen = ~np.isnan(h)
    assert np.allclose(h[seen] ** 2, 7 * c[seen])
    first, second = data.grid.values.values()
    side, channels = (np.array(axis) for axis in np.meshgrid(*OVER.values(), indexing="ij"))
    assert np.array_equal(np.sign(first - second), np.sign(side**2 - 7 * channels))
    assert first[24, 60] == totals(ledger("non-local", (1, 512, 28, 28)))["macs"]


def test_what_is_drawn_are_doublings() -> None:
    """A colour a ratio, a line a doubling but for the exact one, and a tick for each."""
    figure = Ratio.of(["non-local", "conv"], OVER).figure()
    axes, bar = figure.axes
    drawn = axes.images[0].get_array()
    assert drawn[0, 0] == pytest.approx(np.log2((4 * 4 + 2 * 32) / (9 * 32)))
    assert [tick.get_text() for tick in bar.get_yticklabels()] == ["1/4×", "1×", "4×", "16×"]
    assert {"1/4×", "4×", "16×"} <= set(words(figure))
    assert "1×" not in words(figure)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "non-local = conv on H·W = 7·C",
        "outputs of ResNet-50's stages, 224×224 images",
    ]
    assert axes.get_title(loc="left") == "multiply-accumulates, non-local / conv"


def test_narrow_ranges_have_ticks() -> None:
    """Ratios that are within one doubling are read off round numbers, and a single one off itself."""
    bar = Ratio.of(["se", "conv"], OVER, {}, "params").figure().axes[1]
    labels = [tick.get_text() for tick in bar.get_yticklabels()]
    assert len(labels) > 2
    assert all(0.011 < float(label.removesuffix("×")) < 0.0139 for label in labels)
    same = Ratio.of(["conv", "conv:kernel=3"], {"h": [3, 5], "w": [7, 11]}, {"c": 13})
    assert same.said == ["conv and conv:kernel=3 cost the same everywhere"]
    assert [tick.get_text() for tick in same.figure().axes[1].get_yticklabels()] == ["1×"]


@pytest.mark.parametrize(
    "low, high, levels",
    [
        (-1.5, 2.5, [-1, 0, 1, 2]),
        (-3, 3, [-3, -2, -1, 0, 1, 2, 3]),
        (0.5, 9.5, [2, 4, 6, 8]),
        (-25.5, 25.5, [-21, -14, -7, 0, 7, 14, 21]),
        (1.0, 1.0, [1.0]),
        (0.3, 0.3, [0.3]),
    ],
)
def test_levels(low, high, levels) -> None:
    """Whole doublings, with 0 among them, and not too many."""
    assert ratio._levels(low, high) == levels


@pytest.mark.parametrize(
    "doublings, text",
    [
        (0, "1×"),
        (3, "8×"),
        (-2, "1/4×"),
        (10, "1,024×"),
        (11, "2¹¹×"),
        (-20, "1/2²⁰×"),
        (-0.5, "0.707×"),
        (0.5, "1.41×"),
    ],
)
def test_ratios_in_words(doublings, text) -> None:
    """As factors, as fractions, and as powers of two where these are long."""
    assert ratio._times(doublings) == text


@pytest.mark.parametrize("layers", [["se"], ["se", "cbam", "conv"], []])
def test_a_ratio_is_of_two(layers) -> None:
    """No more and no fewer."""
    with pytest.raises(CostModelError, match=f"a ratio is that of two layers, not {len(layers)}"):
        Ratio.of(layers, OVER)


def test_fixed_options_are_those_of_the_line() -> None:
    """An option in `at` is that of the counts and of the equation."""
    data = Ratio.of(["non-local", "conv"], OVER, {"reduction": 1})
    assert data.said == ["non-local = conv on H·W = 5·C/2"]
    assert (
        data.figure().axes[0].get_title(loc="left") == "multiply-accumulates, non-local / conv at\nreduction\xa0=\xa01"
    )
