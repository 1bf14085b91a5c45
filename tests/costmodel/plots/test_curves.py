"""Costs against one variable, and the places where they cross."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel import CostModelError, ledger, totals
from costmodel.catalog import read
from costmodel.crossover import crossover
from costmodel.plots import Curves
from costmodel.plots.curves import _apart
from costmodel.plots.figure import LINES

LAYERS = ["danet-pam", "danet-cam", "non-local", "conv", "se"]


@pytest.mark.parametrize(
    "over, values, at", [("side", range(3, 130), {"c": 512}), ("c", range(64, 2049), {"h": 28, "w": 29})]
)
def test_marks_are_the_crossings(over, values, at) -> None:
    """All of them between the ends of the axis, of all pairs, with the integers on either side."""
    found = Curves.of(LAYERS, {over: values}, at)
    expected = []
    for a, b in combinations(LAYERS, 2):
        crossings = crossover(read(a), read(b), over=over, at=at, metric="macs").crossings
        for exact in {crossing.exact for crossing in crossings}:
            first, *_ = near = [crossing for crossing in crossings if crossing.exact == exact]
            sides = (first.cheaper_before, first.last_before, near[-1].cheaper_after, near[-1].first_after)
            if values[0] <= exact <= values[-1]:
                expected.append((float(exact), a, sides))
    assert len(expected) > 3
    assert [(mark.place, mark.on) for mark in found.marks] == [(place, a) for place, a, _ in sorted(expected)]
    for said, (_, _, (before, last, after, first)) in zip(found.said, sorted(expected), strict=True):
        assert said.startswith(f"{before} up to {last}, {after} from {first} (")


def test_known_crossings() -> None:
    """Position and channel attention at 512 channels, in closed form and by the integers."""
    assert Curves.of(["danet-pam", "danet-cam"], {"side": range(4, 129)}, {"c": 512}).said == [
        "danet-pam up to 18, danet-cam from 19 (32·√3/3 = 18.475…)"
    ]
    assert Curves.of(["danet-pam", "danet-cam"], {"c": range(32, 2049)}, {"side": 28}).said == [
        "danet-cam up to 1173, danet-pam from 1174 (1176)"
    ]


def test_the_lines_are_the_costs() -> None:
    """At every value, of each layer, by its program."""
    found = Curves.of(["danet-pam", "se"], {"reduction": [2, 3, 7]}, {"c": 37, "side": 5, "n": 2}, "arithmetic")
    for name, values in found.grid.values.items():
        shape = (2, 37, 5, 5)
        assert values.tolist() == [totals(ledger(name, shape, reduction=r))["arithmetic"] for r in (2, 3, 7)]
    lines = found.figure().axes[0].get_lines()
    assert [line.get_ydata().tolist() for line in lines[:2]] == [v.tolist() for v in found.grid.values.values()]


def test_changes_that_rounding_makes() -> None:
    """Where widths of 3 and 2 take turns, one mark at the root spans from the first change to the last."""
    layers = ["danet-pam:reduction=3", "non-local"]
    found = Curves.of(layers, {"c": range(3, 50)}, {"side": 2})
    assert found.marks == [(4.0, layers[0], f"non-local up to 3, {layers[0]} from 10 (4)")]
    assert len(crossover(*map(read, layers), over="c", at={"side": 2}, metric="macs").crossings) == 7


def test_changes_without_a_root() -> None:
    """Where rounding alone makes one cheaper for a while, each change is a mark between two integers."""
    layers = ["se:reduction=3", "cbam-channel:reduction=5"]
    assert Curves.of(layers, {"c": range(5, 50)}, {"side": 2}).marks == [
        (7.0, layers[0], "se:reduction=3 up to 5, cbam-channel:reduction=5 from 9"),
        (9.5, layers[0], "cbam-channel:reduction=5 up to 9, se:reduction=3 from 10"),
    ]


def test_options_can_be_fixed() -> None:
    """`at` sets options for the crossings as for the counts."""
    fixed = Curves.of(["danet-pam", "danet-cam"], {"side": range(4, 129)}, {"c": 500, "reduction": 4})
    assert fixed.said == ["danet-pam up to 14, danet-cam from 15 (10·√2 = 14.142…)"]


@pytest.mark.parametrize(
    "layers, over, at, words",
    [
        (
            [f"conv:kernel={kernel}" for kernel in range(1, 19, 2)],
            {"side": [3, 5]},
            {"c": 7},
            "at most 8 layers .* not 9",
        ),
        (["se", "conv"], {"side": [3, 5], "c": [32, 64]}, {}, "one variable, not 2"),
        (["sparse-attention:count=block", "conv"], {"side": [3, 5]}, {"c": 64}, "has no closed form"),
    ],
    ids=range(3),
)
def test_refused(layers, over, at, words) -> None:
    """More layers than lines, more variables than axes, and what `crossover` cannot solve."""
    with pytest.raises(CostModelError, match=words):
        Curves.of(layers, over, at)


# The figure.


def test_every_line_is_named_and_every_mark_has_its_letter() -> None:
    """Names stand in the order of the ends of the lines, letters in that of the marks; the key has what they mean."""
    data = Curves.of(LAYERS, {"side": range(4, 129)}, {"c": 512})
    figure = data.figure()
    axes = figure.axes[0]
    texts = {text.get_text(): text for text in axes.texts}
    assert set(texts) == {*LAYERS, *"abcd"}
    heights = [texts[name].get_position()[1] for name in LAYERS]
    ends = [values[-1] for values in data.grid.values.values()]
    assert np.argsort(heights).tolist() == np.argsort(ends).tolist()
    places = [texts[letter].get_position()[0] for letter in "abcd"]
    assert places == sorted(places)
    assert [texts[letter].xy[0] for letter in "abcd"] == [mark.place for mark in data.marks]
    (legend,) = figure.legends
    assert [text.get_text().replace("\n", " ") for text in legend.get_texts()] == data.said
    assert axes.get_title(loc="left") == "multiply-accumulates at C\xa0=\xa0512"


def test_a_mark_lies_on_both_lines() -> None:
    """Where it stands both layers cost the same, up to the width of the line."""
    data = Curves.of(["danet-pam", "danet-cam"], {"side": range(4, 129)}, {"c": 512})
    (x,), (y,) = data.figure().axes[0].get_lines()[-1].get_data()
    assert x == pytest.approx((1024 / 3) ** 0.5)
    for values in data.grid.values.values():
        assert y == pytest.approx(np.exp(np.interp(np.log(x), np.log(range(4, 129)), np.log(values))), rel=0.01)


@pytest.mark.parametrize("layers", [["se"], ["se", "se:bias=true"], ["conv", "se"]])
def test_costs_have_ticks(layers) -> None:
    """At least two, also where all costs are the same or near to each other."""
    figure = Curves.of(layers, {"side": [5, 7, 11]}, {"c": 37}).figure()
    axis = figure.axes[0].yaxis
    low, high = axis.get_view_interval()
    assert len([tick for tick in axis.get_majorticklocs() if low <= tick <= high]) >= 2


words = st.lists(st.tuples(st.floats(-0.5, 1.5), st.floats(0.01, 0.1)), min_size=1, max_size=10)


@given(words)
def test_words_stand_apart(words) -> None:
    """They overlap nowhere, stay between 0 and 1 and in their order, and as they are if they have room there."""
    wanted, rooms = zip(*words, strict=True)
    found = _apart(wanted, rooms)
    order = sorted(range(len(words)), key=wanted.__getitem__)
    edges = [(found[number] - rooms[number] / 2, found[number] + rooms[number] / 2) for number in order]
    assert all(above >= below - 1e-9 for (_, below), (above, _) in pairwise(edges))
    assert edges[0][0] >= -1e-9
    assert edges[-1][1] <= 1 + 1e-9
    assert _apart(found, rooms) == pytest.approx(found)


def test_words_that_have_room_stay() -> None:
    """And two that overlap share the distance."""
    assert _apart([0.9, 0.1], [0.1, 0.1]) == [0.9, 0.1]
    assert _apart([0.5, 0.5], [0.2, 0.2]) == pytest.approx([0.4, 0.6])
    assert _apart([1.0, 0.98], [0.1, 0.1]) == pytest.approx([0.95, 0.85])
    assert _apart([], []) == []


def test_as_many_kinds_of_line_as_are_promised() -> None:
    """Eight layers are drawn, each by its own line."""
    figure = Curves.of([f"conv:kernel={kernel}" for kernel in range(1, 17, 2)], {"side": [3, 5]}, {"c": 7}).figure()
    assert len(LINES) == 8
    assert len({(line.get_color(), line.get_linestyle()) for line in figure.axes[0].get_lines()[:8]}) == 8
