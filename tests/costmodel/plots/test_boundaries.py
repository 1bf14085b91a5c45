"""Curves of equal cost: in closed form, exact at every point, and only where they are seen."""

from typing import Any

import numpy as np
import pytest

from costmodel import find
from costmodel.catalog import Subject, read
from costmodel.plots import boundaries
from costmodel.plots.boundaries import Boundary, Plane
from costmodel.symbolic import symbol

SIDE, CHANNELS = (5.0, 113.0), (31.0, 2053.0)


def between(*layers: str, metric: str = "macs", at: dict[str, int] | None = None, **limits: Any) -> Boundary:
    """Where the first two of `layers` cost the same."""
    subjects = [read(layer) for layer in layers]
    return Plane(subjects, limits or {"side": SIDE, "c": CHANNELS}, at or {}, metric).boundary(0, 1)


@pytest.mark.parametrize(
    "limits, text",
    [
        ({"side": SIDE, "c": CHANNELS}, "danet-pam = danet-cam on H·W = 2·C/3"),
        ({"c": CHANNELS, "side": SIDE}, "danet-pam = danet-cam on C = 3·H·W/2"),
    ],
    ids=["side, c", "c, side"],
)
def test_position_and_channel_attention(limits, text) -> None:
    """They cost the same where 3·H·W = 2·C, at every point of the curve, whichever axis is which."""
    found = between("danet-pam", "danet-cam", **limits)
    assert found.text == text
    ((x, y),) = found.lines
    places = dict(zip(limits, (x, y), strict=True))
    seen = ~np.isnan(x)
    assert np.array_equal(seen, ~np.isnan(y))
    assert 600 < seen.sum() <= boundaries.SAMPLES
    assert np.allclose(3 * places["side"][seen] ** 2, 2 * places["c"][seen], rtol=1e-12)
    for name, (low, high) in limits.items():
        assert low <= places[name][seen].min() < places[name][seen].max() <= high


@pytest.mark.parametrize(
    "a, b, metric, equation, equal",
    [
        ("non-local", "conv", "macs", "H·W = 7·C", lambda h, c: (h * h, 7 * c)),
        (
            "danet-pam",
            "sparse-attention",
            "macs",
            "C = 9·H²/22 - 12·H/11 + 8/11 - 4/(11·H)",
            lambda h, c: (22 * h * c, 9 * h**3 - 24 * h**2 + 16 * h - 8),
        ),
        (
            "se",
            "cbam-spatial",
            "arithmetic",
            "H·W = (4·C² + 49·C)/(16·C + 3200)",
            lambda h, c: (h * h * (16 * c + 3200), 4 * c * c + 49 * c),
        ),
    ],
)
def test_curves_solve_their_equation(a, b, metric, equation, equal) -> None:
    """The equation in words is the one that the points fulfil."""
    found = between(a, b, metric=metric)
    assert found.text == f"{a} = {b} on {equation}"
    ((h, c),) = found.lines
    seen = ~np.isnan(h)
    assert seen.any()
    assert np.allclose(*equal(h[seen], c[seen]), rtol=1e-9)


def test_height_and_width() -> None:
    """Over h and w the equation is in both: 3·H·W = 2·384."""
    found = between("danet-pam", "danet-cam", at={"c": 384}, h=SIDE, w=SIDE)
    assert found.text == "danet-pam = danet-cam on H = 256/W"
    ((h, w),) = found.lines
    assert np.allclose((h * w)[~np.isnan(h)], 256)


def test_options() -> None:
    """An option can be an axis: P·(1 + 1/r) + C·(1 + 2/r) = 2·C, so that (r + 1)·P = (r - 2)·C."""
    found = between("danet-pam", "danet-cam", at={"c": 512}, side=SIDE, reduction=(1.0, 33.0))
    assert found.text == "danet-pam = danet-cam on H·W = (-1024 + 512·r)/(1 + r)"
    ((side, r),) = found.lines
    seen = ~np.isnan(side)
    assert np.allclose((side**2 * (r + 1))[seen], (512 * (r - 2))[seen])


def test_only_where_no_other_is_cheaper() -> None:
    """A third layer hides the part of the curve on which it costs less, or all of it."""
    assert between("danet-pam", "danet-cam").lines
    hidden = between("danet-pam", "danet-cam", "linear:out=1")
    assert (hidden.text, hidden.lines) == ("danet-pam and danet-cam are nowhere equal here", [])
    c, h = symbol("C"), symbol("S")
    ((x, y),) = _between(c, 2 * h, 0 * h + 100).lines
    assert np.nanmin(x) == pytest.approx(31 / 2, rel=0.01)
    assert np.nanmax(x) == pytest.approx(50, rel=0.01)
    assert np.array_equal(y, 2 * x, equal_nan=True)


def test_two_roots() -> None:
    """Where an equation has two positive roots there are two lines, and both are in the sentence."""
    c, h = symbol("C"), symbol("S")
    found = _between((c - 2 * h) * (c - 5 * h), 0 * c)
    assert found.text == "a = b on H = C/2 or C/5"
    assert sorted(float(np.nanmedian(y / x)) for x, y in found.lines) == pytest.approx([2, 5])


def test_complex_roots_are_none() -> None:
    """C² = 4·S - 100 has real roots from S = 25 on; the curve starts there."""
    c, h = symbol("C"), symbol("S")
    ((x, y),) = _between(c**2 + 400, 16 * h).lines
    assert np.nanmin(x) == pytest.approx(25 + 31**2 / 16, rel=0.01)
    assert np.allclose((y**2)[~np.isnan(y)], (16 * x - 400)[~np.isnan(x)])
    assert _between(c**2 + h, -h).text == "a and b are nowhere equal here"


def _between(*costs: Any) -> Boundary:
    """Where the first two of these expressions are equal, over side and c."""
    plane = Plane([Subject(find("se"), {}, name) for name in "abc"], {"side": SIDE, "c": CHANNELS}, {}, "macs")
    variables = [symbol("S"), symbol("C")]
    functions = [boundaries.over_reals(cost, variables) for cost in costs]
    plane._views = [boundaries.View(("side", "c"), variables, costs, functions)]
    return plane.boundary(0, 1)


@pytest.mark.parametrize(
    "layers, metric, at, limits, text",
    [
        (("conv", "conv:kernel=3"), "macs", {}, {}, "conv and conv:kernel=3 cost the same everywhere"),
        (("se", "conv"), "params", {}, {}, "se and conv are nowhere equal"),
        (("sparse-attention", "dense-attention"), "macs", {}, {}, "{} and {} are nowhere equal here"),
        (
            ("sparse-attention:count=block", "conv"),
            "macs",
            {},
            {},
            "no exact line between {} and {}: {} has no closed form: touched_blocks counts",
        ),
        (
            ("sparse-attention", "conv"),
            "macs",
            {"c": 64},
            {"h": SIDE, "w": SIDE},
            "no exact line between {} and {}: their equation has no closed form",
        ),
        (("se", "conv"), "macs", {}, {"h": SIDE, "c": CHANNELS}, "no exact line between {} and {}: conv depends on"),
    ],
    ids=range(6),
)
def test_no_line_is_said_in_words(layers, metric, at, limits, text) -> None:
    """Equal everywhere or nowhere, or without closed form."""
    found = between(*layers, metric=metric, at=at, **limits)
    assert found.lines == []
    assert found.text.startswith(text.format(*layers, layers[0]))


def test_no_roots_in_one_variable_are_not_no_line() -> None:
    """C·(S⁵ - S - 100000) is 0 on a line for which there is no closed form, though it has no root C."""
    c, h = symbol("C"), symbol("S")
    found = _between(c * h**5, c * (h + 100_000))
    assert found == ("no exact line between a and b: their equation has no closed form", [])
