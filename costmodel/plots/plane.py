"""Figures over two variables: their axes, the picture in them, and the stages of a ResNet."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke

from costmodel.plots.boundaries import Boundary
from costmodel.plots.figure import POINT, STAGES, Lettered, edges, halo, size_axis
from costmodel.plots.room import Room, box
from costmodel.sweep import Grid

PIXELS = 1000
"""Of a picture, along each side."""
FAR = 0.85
"""From where on, along an axis, what belongs to a point stands before it."""

OUTLINED: Mapping[str, Any] = {
    "color": "white",
    "linewidth": 0.8,
    "path_effects": [Stroke(linewidth=2, foreground="black"), Normal()],
}
"""A line that is seen on every colour: white on black."""


def limits(counted: Grid) -> dict[str, tuple[float, float]]:
    """The borders of the two axes: the outer ones of their cells."""
    return {name: (float(edges(values)[0]), float(edges(values)[-1])) for name, values in counted.axes.items()}


def axes_of(axes: Axes, counted: Grid) -> None:
    """Make `axes` those of a grid."""
    for axis, (name, (low, high)) in zip((axes.xaxis, axes.yaxis), limits(counted).items(), strict=True):
        size_axis(axis, name, low, high)


def pixels(counted: Grid, values: Any, count: int) -> Any:
    """An array over the grid as `count`² pixels of the axes, each with the value of the cell it lies in."""
    places = []
    for size in counted.axes.values():
        borders = np.log(edges(size))
        centres = np.linspace(borders[0], borders[-1], 2 * count + 1)[1::2]
        places.append(np.searchsorted(borders, centres, side="right") - 1)
    x, y = places
    return values[x][:, y]


def picture(axes: Axes, counted: Grid, values: Any, **style: Any) -> Any:
    """Show an array over the grid, each cell in its colour."""
    # An image in the frame of the axes, since a million quadrilaterals take seconds to draw and megabytes to write.
    frame: dict[str, Any] = {
        "extent": (0, 1, 0, 1),
        "transform": axes.transAxes,
        "origin": "lower",
        "aspect": "auto",
        "zorder": 0,
    }
    return axes.imshow(pixels(counted, values, PIXELS).T, interpolation="nearest", **frame, **style)


def fractions(counted: Grid, x: Any, y: Any) -> tuple[Any, Any]:
    """Where points lie on the two axes, from 0 to 1."""
    across, up = (
        (np.log(sizes) - np.log(low)) / (np.log(high) - np.log(low))
        for sizes, (low, high) in zip((x, y), limits(counted).values(), strict=True)
    )
    return across, up


def room(counted: Grid) -> Room:
    """The places for words that no stage of ResNet-50 takes."""
    found = Room()
    for name, x, y in _stages(counted):
        across, up = fractions(counted, x, y)
        found.take(across, up, box(f" {name} ", right=-5 if across > FAR else 5, up=-2 if up > FAR else 2))
    return found


def stages(axes: Axes, counted: Grid) -> list[Line2D]:
    """Mark the stages of ResNet-50 that lie in a map of side and channels; their entry of the key, if there are any."""
    shown = _stages(counted)
    for name, x, y in shown:
        axes.plot(x, y, **POINT)
        right, high = (place > FAR for place in fractions(counted, x, y))
        aside = (-4 if right else 4, -9 if high else 3)
        axes.annotate(name, (x, y), aside, textcoords="offset points", ha="right" if right else "left", **halo())
    return [Line2D([], [], label="outputs of ResNet-50's stages, 224×224 images", **POINT)] if shown else []


def _stages(counted: Grid) -> list[tuple[str, int, int]]:
    """Names and places of the stages between the limits of a map of side and channels."""
    if {*counted.axes} != {"side", "c"}:
        return []
    (left, right), (bottom, top) = limits(counted).values()
    places = [(stage.name, *(getattr(stage, name) for name in counted.axes)) for stage in STAGES]
    return [(name, x, y) for name, x, y in places if left <= x <= right and bottom <= y <= top]


def boundary(axes: Axes, line: Boundary) -> Line2D:
    """Draw where two costs are equal; its entry of the key."""
    for x, y in line.lines:
        axes.plot(x, y, **OUTLINED)
    return Line2D([], [], label=line.text, **OUTLINED)


def lettered(axes: Axes, counted: Grid, line: Boundary, letter: str, words: Room) -> Lettered:
    """Draw where two costs are equal, with a letter beside it where there is room; its entry of the key."""
    boundary(axes, line)
    for x, y in line.lines:
        across, up = fractions(counted, x, y)
        seen = np.flatnonzero(~np.isnan(x))
        first, last = seen[0], seen[-1]
        # To the right of the line: below one that rises, above one that falls.
        falls = (across[last] - across[first]) * (up[last] - up[first]) < 0
        number = words.beside(across, up, box(letter, right=2, up=2 if falls else -2))
        place = first if number is None else number
        aside = (3, 2 if falls else -8)
        axes.annotate(letter, (x[place], y[place]), aside, textcoords="offset points", **halo(weight="bold"))
    return Lettered(letter, line.text)
