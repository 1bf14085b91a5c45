"""Which of several layers is cheapest over two variables, with the exact curves on which two are equal."""

import functools
from collections.abc import Mapping, Sequence
from string import ascii_letters
from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from costmodel.catalog import Subject
from costmodel.plots.boundaries import Boundary, Plane
from costmodel.plots.counts import counts, placed
from costmodel.plots.figure import Figure, drawing, ink, key, label, metric_label, remark, shades, title
from costmodel.plots.plane import axes_of, lettered, limits, picture, pixels, room, stages
from costmodel.plots.room import PLACES, box
from costmodel.sweep import Grid

HEIGHT = 2.6
"""Inches, without the key."""


class Cheapest(NamedTuple):
    """What is drawn."""

    grid: Grid
    winner: Any
    """The number of the cheapest layer at each point; of those that cost the same, the first."""
    boundaries: list[Boundary]
    """Between layers that meet; those with lines first."""
    at: Mapping[str, int]

    @classmethod
    def of(
        cls,
        layers: Sequence[str | Subject],
        over: Mapping[str, Sequence[int]],
        at: Mapping[str, int] | None = None,
        metric: str = "macs",
    ) -> "Cheapest":
        """Which of `layers` is cheapest, over the values of two variables.

        Raises `CostModelError` as `counts` does.
        """
        at = at or {}
        counted = counts(layers, over, at, metric, axes=2, positive=False)
        winner = counted.cheapest()
        subjects, sizes = placed(layers, at)
        plane = Plane(subjects, limits(counted), sizes, metric)
        boundaries = [plane.boundary(a, b) for a, b in _meetings(winner)]
        return cls(counted, winner, sorted(boundaries, key=lambda found: not found.lines), at)

    @property
    def said(self) -> list[str]:
        """What the figure says in words."""
        present = np.unique(self.winner)
        absent = [name for number, name in enumerate(self.grid.values) if number not in present]
        least = functools.reduce(np.minimum, self.grid.values.values())
        equal = [name for name in absent if (self.grid.values[name] == least).any()]
        dearer = [name for name in absent if name not in equal]
        remarks = {"at best as cheap as another": equal, "nowhere cheapest": dearer}
        said = [f"{what}: {', '.join(names)}" for what, names in remarks.items() if names]
        return [*(boundary.text for boundary in self.boundaries), *said]

    def figure(self) -> Figure:
        """The figure."""
        names = [*self.grid.values]
        present = np.unique(self.winner).tolist()
        colours = dict(zip(present, shades(len(present)), strict=True))
        drawn = [line for line in self.boundaries if line.lines]
        with drawing(HEIGHT) as (figure, axes):
            axes_of(axes, self.grid)
            title(axes, f"fewest {metric_label(self.grid.metric)}", self.at)
            palette = ListedColormap([colours.get(number, "white") for number in range(len(names))])
            picture(axes, self.grid, self.winner, cmap=palette, vmin=-0.5, vmax=len(names) - 0.5)
            words = room(self.grid)
            lines = [
                lettered(axes, self.grid, line, letter, words)
                for letter, line in zip(ascii_letters, drawn, strict=False)
            ]
            unnamed = []
            for number, colour in colours.items():
                text = label(names[number])
                if place := words.within(pixels(self.grid, self.winner == number, PLACES), box(text)):
                    style: dict[str, Any] = {"color": ink(colour), "ha": "center", "va": "center"}
                    axes.text(*place, text, transform=axes.transAxes, **style)
                else:
                    unnamed.append(Patch(color=colour, label=names[number]))
            remarks = map(remark, self.said[len(drawn) :])
            key(figure, [*unnamed, *lines, *stages(axes, self.grid), *remarks])
        return figure


def _meetings(winner: Any) -> list[tuple[int, int]]:
    """The pairs of layers that are cheapest at neighbouring points."""
    count = int(winner.max()) + 1
    sides = [(winner[1:], winner[:-1]), (winner[:, 1:], winner[:, :-1])]
    met = {code for one, other in sides for code in np.flatnonzero(np.bincount((one * count + other).ravel())).tolist()}
    pairs = {divmod(code, count) for code in met}
    return sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})
