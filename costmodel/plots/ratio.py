"""How many times dearer one layer is than another, over two variables, with the exact line on which they are equal."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from costmodel.catalog import Subject
from costmodel.dimension import CostModelError
from costmodel.plots.boundaries import Boundary, Plane
from costmodel.plots.counts import counts, placed
from costmodel.plots.figure import SMALL, Figure, drawing, halo, key, metric_label, remark, title
from costmodel.plots.plane import axes_of, boundary, fractions, limits, picture, room, stages
from costmodel.plots.room import Box, box
from costmodel.sweep import Grid

HEIGHT = 2.5
"""Inches, without the key."""
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Ratio(NamedTuple):
    """What is drawn."""

    grid: Grid
    boundary: Boundary
    at: Mapping[str, int]

    @classmethod
    def of(
        cls,
        layers: Sequence[str | Subject],
        over: Mapping[str, Sequence[int]],
        at: Mapping[str, int] | None = None,
        metric: str = "macs",
    ) -> "Ratio":
        """The cost of the first of two `layers` over that of the second, over the values of two variables.

        Raises `CostModelError` as `counts` does, and unless there are two.
        """
        if len(layers) != 2:
            raise CostModelError(f"a ratio is that of two layers, not {len(layers)}")
        at = at or {}
        counted = counts(layers, over, at, metric, axes=2, positive=True)
        subjects, sizes = placed(layers, at)
        return cls(counted, Plane(subjects, limits(counted), sizes, metric).boundary(0, 1), at)

    @property
    def said(self) -> list[str]:
        """What the figure says in words."""
        return [self.boundary.text]

    def figure(self) -> Figure:
        """The figure."""
        a, b = self.grid.values
        doublings = np.log2((self.grid.values[a] / self.grid.values[b]).astype(float))
        levels = _levels(float(doublings.min()), float(doublings.max()))
        with drawing(HEIGHT) as (figure, axes):
            axes_of(axes, self.grid)
            title(axes, f"{metric_label(self.grid.metric)}, {a} / {b}", self.at)
            image = picture(axes, self.grid, doublings, cmap="cividis")
            figure.colorbar(image, ticks=levels, format=FuncFormatter(_times)).outline.set_linewidth(0.6)
            borders = [level for level in levels if level.is_integer() and level]  # that of 0 is drawn exactly
            _contours(axes, self.grid, doublings, borders)
            line = boundary(axes, self.boundary) if self.boundary.lines else remark(self.boundary.text)
            key(figure, [line, *stages(axes, self.grid)])
        return figure


def _levels(low: float, high: float) -> list[float]:
    """Whole doublings in a range, at most eight or so; in a narrow one, round ratios."""
    first, last = math.floor(low), math.ceil(high)
    step = max(1, math.ceil((last - first) / 8))
    levels = [float(level) for level in range(first - first % step, last + 1, step) if low <= level <= high]
    if len(levels) < 2:
        ratios = MaxNLocator(5).tick_values(2**low, 2**high)
        levels = [float(np.log2(ratio)) for ratio in ratios if 2**low <= ratio <= 2**high]
    return levels or [low]


def _contours(axes: Axes, counted: Grid, doublings: Any, levels: Sequence[float]) -> None:
    """Draw the lines of so many doublings, and on each what it is where there is room."""
    lines = axes.contour(*counted.axes.values(), doublings.T, levels, colors="black", linewidths=0.5)
    words, places = room(counted), []
    for level, path in zip(levels, lines.get_paths(), strict=True):
        parts: Sequence[Any] = path.to_polygons(closed_only=False)
        longest = max(parts, key=len, default=np.zeros((0, 2)))
        length = box(_times(level)).width
        number = words.beside(*fractions(counted, *longest.T), Box(length, length))  # however it is tilted
        if number is not None:
            places.append(longest[number])
    for text in axes.clabel(lines, fmt=_times, fontsize=SMALL, manual=places):
        text.set(**halo())


def _times(doublings: float, _: object = None) -> str:
    """``4×``, ``1/4×``, ``1/2¹¹×`` or ``0.222×``."""
    if not float(doublings).is_integer():
        return f"{2**doublings:.3g}×"
    power = int(abs(doublings))
    factor = f"{2**power:,}" if power <= 10 else f"2{str(power).translate(SUPERSCRIPTS)}"
    return f"1/{factor}×" if doublings < 0 else f"{factor}×"
