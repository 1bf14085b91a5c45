"""Cost against one variable, for several layers, with the exact places where they cross."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, groupby
from operator import attrgetter
from statistics import fmean
from string import ascii_letters
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

from costmodel.catalog import Subject
from costmodel.crossover import Crossing, crossover
from costmodel.dimension import CostModelError
from costmodel.metrics import seconds
from costmodel.plots.counts import counts, placed
from costmodel.plots.figure import (
    LINES,
    POINT,
    SMALL,
    Figure,
    Lettered,
    drawing,
    drawn,
    key,
    label,
    metric_label,
    size_axis,
    title,
)
from costmodel.sweep import Grid
from costmodel.symbolic import expression_text

HEIGHT = 2.3
"""Inches, without the key."""
GAP = 0.07
"""Room for each line of a name, of the height of the axes."""
LETTER = 0.05
"""Room for a letter, of the width of the axes."""


class Mark(NamedTuple):
    """A place where two lines cross."""

    place: float
    on: str
    """One of the two layers."""
    text: str


class Curves(NamedTuple):
    """What is drawn."""

    grid: Grid
    marks: list[Mark]
    at: Mapping[str, int]

    @classmethod
    def of(
        cls,
        layers: Sequence[str | Subject],
        over: Mapping[str, Sequence[int]],
        at: Mapping[str, int] | None = None,
        metric: str = "macs",
    ) -> "Curves":
        """The costs of `layers` over the values of one variable, and where they cross.

        Raises `CostModelError` as `counts` and `crossover` do, and for more layers than there are kinds of line.
        """
        if len(layers) > len(LINES):
            raise CostModelError(f"at most {len(LINES)} layers are told apart by their lines, not {len(layers)}")
        at = at or {}
        counted = counts(layers, over, at, metric, axes=1, positive=True)
        ((name, values),) = counted.axes.items()
        subjects, sizes = placed(layers, at)
        marks = [mark for pair in combinations(subjects, 2) for mark in _marks(*pair, name, sizes, metric)]
        return cls(counted, sorted(mark for mark in marks if values[0] <= mark.place <= values[-1]), at)

    @property
    def said(self) -> list[str]:
        """What the figure says in words."""
        return [mark.text for mark in self.marks]

    def figure(self) -> Figure:
        """The figure."""
        ((over, sizes),) = self.grid.axes.items()
        rooms = [GAP * (1 + label(name).count("\n")) for name in self.grid.values]
        crowd = max(1, sum(rooms))
        with drawing(HEIGHT * crowd) as (figure, axes):
            size_axis(axes.xaxis, over, sizes[0], sizes[-1])
            axes.grid(axis="x", color="0.85", linewidth=0.5)
            for values, style in zip(self.grid.values.values(), LINES, strict=False):
                axes.plot(sizes, drawn(values, self.grid.metric), **style)
            _cost_axis(axes, "s" if seconds(self.grid.metric) else "")
            title(axes, metric_label(self.grid.metric), self.at, pad=14)
            _name_lines(axes, self.grid, [room / crowd for room in rooms])
            _name_marks(axes, self)
            texts = [mark.text for mark in self.marks]
            key(figure, [Lettered(*entry) for entry in zip(ascii_letters, texts, strict=False)])
        return figure


def _marks(a: Subject, b: Subject, over: str, at: Mapping[str, int], metric: str) -> Iterator[Mark]:
    """One for each root, with all changes that rounding makes about it, and for each change without a root."""
    crossings = crossover(a, b, over=over, at=at, metric=metric).crossings
    for exact, group in groupby(crossings, key=attrgetter("exact")):
        near = [*group]
        if exact is not None and near[0].cheaper_before != near[-1].cheaper_after:
            yield Mark(float(exact), a.name, f"{_change(near[0], near[-1])} ({_spelled(exact)})")
        else:
            for crossing in near:
                middle = ((crossing.last_before or 0) + (crossing.first_after or 0)) / 2
                yield Mark(middle, a.name, _change(crossing, crossing))


def _change(first: Crossing, last: Crossing) -> str:
    return f"{first.cheaper_before} up to {first.last_before}, {last.cheaper_after} from {last.first_after}"


def _spelled(exact: Any) -> str:
    text, decimal = expression_text(exact), f"{float(exact):.5g}…"
    return text if text.isdigit() else f"{text} = {decimal}" if len(text) < 12 else decimal


def _cost_axis(axes: Axes, unit: str) -> None:
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axes.yaxis.set(major_formatter=EngFormatter(unit), minor_locator=NullLocator())


def _name_lines(axes: Axes, counted: Grid, rooms: Sequence[float]) -> None:
    """Write every layer's name beside the end of its line."""
    low, high = np.log(axes.get_ylim())
    last = [float(drawn(values[-1:], counted.metric)[0]) for values in counted.values.values()]
    ends = [(float(np.log(end)) - low) / (high - low) for end in last]
    aside: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False}
    for name, end, place, line in zip(counted.values, ends, _apart(ends, rooms), axes.get_lines(), strict=True):
        axes.plot([1, 1.03], [end, place], linewidth=0.8, color=line.get_color(), **aside)
        axes.text(1.04, place, label(name).replace("\n", "\n  "), fontsize=SMALL, va="center", **aside)


def _name_marks(axes: Axes, data: Curves) -> None:
    """Mark every crossing, and write its letter above the axes."""
    (sizes,) = data.grid.axes.values()
    low, high = np.log(sizes[0]), np.log(sizes[-1])
    places = [float(np.log(mark.place) - low) / (high - low) for mark in data.marks]
    rooms = [min(LETTER, 1 / len(places))] * len(places) if places else []
    for letter, mark, place in zip(ascii_letters, data.marks, _apart(places, rooms), strict=False):
        values = np.log(drawn(data.grid.values[mark.on], data.grid.metric))
        height = np.exp(np.interp(np.log(mark.place), np.log(sizes), values))
        line = {"color": "0.4", "linewidth": 0.4}
        axes.annotate(
            letter,
            (mark.place, height),
            (place, 1.0),
            textcoords="axes fraction",
            ha="center",
            va="bottom",
            fontsize=SMALL,
            weight="bold",
            arrowprops={"arrowstyle": "-", "shrinkA": 0, "shrinkB": 2, **line},
        )
        axes.plot(mark.place, height, zorder=3, **POINT)


def _apart(wanted: Sequence[float], rooms: Sequence[float]) -> list[float]:
    """Where from 0 to 1 words stand that take so much room, as near as they can to where they are wanted."""

    def start(pile: Sequence[int]) -> float:
        # On average its words are where they belong.
        offsets = [sum(rooms[other] for other in pile[:place]) + rooms[number] / 2 for place, number in enumerate(pile)]
        mean = fmean(wanted[number] - offset for number, offset in zip(pile, offsets, strict=True))
        return max(0.0, min(mean, 1 - room(pile)))

    def room(pile: Sequence[int]) -> float:
        return sum(rooms[number] for number in pile)

    # Words that would overlap form a pile.
    piles: list[list[int]] = []
    for number in sorted(range(len(wanted)), key=wanted.__getitem__):
        piles.append([number])
        while len(piles) > 1 and start(piles[-2]) + room(piles[-2]) > start(piles[-1]):
            piles[-2:] = [piles[-2] + piles[-1]]
    found = {}
    for pile in piles:
        edge = start(pile)
        for number in pile:
            found[number] = edge + rooms[number] / 2
            edge += rooms[number]
    return [found[number] for number in range(len(wanted))]
