"""Who is cheapest: as counted at every point, and as the exact curves say on either side of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel import CostModelError, find, ledger, totals
from costmodel.catalog import Subject
from costmodel.plots import Cheapest

ATTENTION = ("danet-pam", "danet-cam", "sparse-attention", "conv", "conv:kernel=5")


@settings(max_examples=8)
@given(
    layers=st.lists(st.sampled_from(ATTENTION), min_size=1, max_size=5, unique=True),
    sides=st.lists(st.integers(3, 61), min_size=2, max_size=5, unique=True).map(sorted),
    eighths=st.lists(st.integers(2, 67), min_size=2, max_size=5, unique=True).map(sorted),
    metric=st.sampled_from(["macs", "params", "arithmetic"]),
)
def test_the_winner_costs_least(layers, sides, eighths, metric) -> None:
    """At every point it is the first of those that the layer programs count least for."""
    channels = [8 * eighth for eighth in eighths]
    found = Cheapest.of(layers, {"side": sides, "c": channels}, {"n": 2}, metric)
    for i, side in enumerate(sides):
        for j, c in enumerate(channels):
            costs = [
                totals(find(name).run((2, c, side, side), {"kernel": 5} if options else {}))[metric]
                for name, _, options in (layer.partition(":") for layer in layers)
            ]
            assert found.winner[i, j] == costs.index(min(costs))


@pytest.mark.parametrize("order", [1, -1])
def test_both_sides_of_the_exact_curve(order) -> None:
    """Channels that 8 divides: position attention wins exactly where 3·H·W < 2·C, and a tie goes to the first."""
    layers = ["danet-pam", "danet-cam"][::order]
    sides, channels = np.arange(2, 59), np.arange(16, 2049, 8)
    found = Cheapest.of(layers, {"side": sides, "c": channels})
    difference = 3 * sides[:, np.newaxis] ** 2 - 2 * channels
    assert (difference == 0).sum() > 5
    cam = difference > 0 if order == 1 else difference >= 0
    assert np.array_equal(np.array(layers)[found.winner], np.where(cam, "danet-cam", "danet-pam"))
    ((h, c),) = found.boundaries[0].lines
    seen = ~np.isnan(h)
    for column, height in zip(found.winner, np.interp(sides, h[seen], c[seen], np.nan, np.nan), strict=True):
        assert {layers[number] for number in column[channels > height * 1.001]} <= {"danet-pam"}
        assert {layers[number] for number in column[channels < height / 1.001]} <= {"danet-cam"}


def test_curves_are_between_layers_that_meet() -> None:
    """Position and sparse attention meet, and so do sparse attention and the convolution; no others do."""
    layers = ["conv", "danet-pam", "sparse-attention", "non-local"]
    found = Cheapest.of(layers, {"side": range(5, 114), "c": range(32, 2049, 32)})
    assert found.said == [
        "conv = sparse-attention on C = 3·H/5 - 2/5 + 1/(5·H)",
        "danet-pam = sparse-attention on C = 9·H²/22 - 12·H/11 + 8/11 - 4/(11·H)",
        "nowhere cheapest: non-local",
    ]
    assert [len(boundary.lines) for boundary in found.boundaries] == [1, 1]


def test_what_ties_is_not_dearer() -> None:
    """A layer that is never the first of the cheapest may cost as little as that one."""
    layers = ["conv", "conv:kernel=3", "conv:kernel=5"]
    assert Cheapest.of(layers, {"side": [3, 5], "c": [7, 11]}).said == [
        "at best as cheap as another: conv:kernel=3",
        "nowhere cheapest: conv:kernel=5",
    ]


def test_what_has_no_closed_form_is_counted_all_the_same() -> None:
    """Touched blocks are a number at every point; in place of the curve stands why there is none."""
    found = Cheapest.of(["sparse-attention:count=block", "dense-attention"], {"side": range(4, 17), "c": [64, 136]})
    assert set(np.unique(found.winner)) == {0, 1}
    reason = "sparse-attention:count=block has no closed form: touched_blocks counts"
    assert found.said == [f"no exact line between sparse-attention:count=block and dense-attention: {reason}"]
    assert entries(found.figure())[-1].replace("\n", " ") == found.said[0]


def test_axes_in_either_order() -> None:
    """Channels across and the side up is the same map, mirrored."""
    layers, side, c = ["danet-pam", "danet-cam"], range(3, 40), range(32, 1025, 32)
    one, other = Cheapest.of(layers, {"side": side, "c": c}), Cheapest.of(layers, {"c": c, "side": side})
    assert np.array_equal(one.winner, other.winner.T)


def test_python_integers() -> None:
    """Costs that int64 does not hold are compared exactly: one multiplication in 10⁴⁰ decides."""
    size = 10**10
    over = {"side": [size, size + 1], "c": [size, size + 1]}
    found = Cheapest.of(["linear", Subject(find("linear"), {"out": size}, "narrow")], over)
    assert found.winner.tolist() == [[0, 1], [0, 1]]
    assert found.grid.values["linear"].tolist()[0] == [
        totals(ledger("linear", (1, c, size, size)))["macs"] for c in (size, size + 1)
    ]


def test_options_can_be_fixed() -> None:
    """`at` sets options for the curves as for the counts: with reduction 4 they meet at H·W = 2·C/5."""
    over = {"side": range(3, 40), "c": range(32, 1025, 4)}
    fixed = Cheapest.of(["danet-pam", "danet-cam"], over, {"reduction": 4})
    asked = Cheapest.of(["danet-pam:reduction=4", "danet-cam"], over)
    assert fixed.said == ["danet-pam = danet-cam on H·W = 2·C/5"]
    assert asked.said == ["danet-pam:reduction=4 = danet-cam on H·W = 2·C/5"]
    assert np.array_equal(fixed.winner, asked.winner)


# The figure.


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def entries(figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_regions_are_named_where_they_are() -> None:
    """Each name stands inside its own region, each letter beside a curve, and each stage at its point."""
    layers = ["danet-pam", "sparse-attention", "conv"]
    data = Cheapest.of(layers, {"side": range(4, 129), "c": range(32, 4097, 8)})
    figure = data.figure()
    assert sorted(texts(figure)) == ["a", "b", "conv2", "conv3", "conv4", "conv5", "danet-pam", "sparse-attention"]
    axes = figure.axes[0]
    picture = axes.images[0].get_array()
    for text in axes.texts:
        if text.get_text() in layers:
            x, y = (int(1000 * place) for place in text.get_position())
            assert layers[picture[y, x]] == text.get_text()
    # The corner that conv wins has no room for its name.
    assert entries(figure)[0] == "conv"
    assert entries(figure)[-1] == "outputs of ResNet-50's stages, 224×224 images"
    assert len(entries(figure)) == 4


def test_one_layer_wins_everywhere() -> None:
    """Its name, no curve, and who else was asked about."""
    figure = Cheapest.of(["se", "cbam"], {"h": [3, 5, 7], "c": [32, 64]}, {"w": 11}).figure()
    assert texts(figure) == ["se"]
    assert entries(figure) == ["nowhere cheapest: cbam"]
    assert figure.axes[0].get_title(loc="left") == "fewest multiply-accumulates at W\xa0=\xa011"


def test_refused() -> None:
    """What `counts` refuses, this does."""
    with pytest.raises(CostModelError, match="two variables, not 1"):
        Cheapest.of(["se"], {"c": [32, 64]}, {"side": 7})
