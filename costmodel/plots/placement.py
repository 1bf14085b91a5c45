"""What a search of insertions found: what every candidate adds to a network, by how much of it is attended."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullLocator

from costmodel.catalog import Subject
from costmodel.dimension import CostModelError
from costmodel.plots.figure import LINES, Figure, key, stacked, title
from costmodel.search import Candidate, Found, Limit

HEIGHT = 3.4
"""Inches, without the key."""
MARKERS = "os^DvP*X"
"""One for each layer; they differ in grey, too."""
CELLS = 500
"""Along an axis: candidates that fall into the same cell are one dot, since nobody sees two."""
MARKS = 2000
"""Dots that are drawn one by one, and not as a picture."""
PANELS = {"macs": "added MACs", "params": "added parameters"}
ATTENDED = {"blocks": "attended blocks", "positions": "attended positions of one sample"}


class Placement(NamedTuple):
    """What is drawn."""

    found: Found
    network: Subject
    limits: Sequence[Limit]
    against: str

    @classmethod
    def of(cls, found: Found, network: Subject, limits: Sequence[Limit] = (), against: str = "blocks") -> "Placement":
        """What `costmodel.search.search` found with the same arguments.

        Raises `CostModelError` if nothing fits, and for more layers than there are markers.
        """
        if not found.fitting:
            raise CostModelError("nothing fits, so that there is nothing to draw")
        if len(found.groups) > len(MARKERS):
            raise CostModelError(f"at most {len(MARKERS)} layers are told apart by markers, not {len(found.groups)}")
        return cls(found, network, limits, against)

    @property
    def front(self) -> list[Candidate]:
        """Those that nothing beats; of several that cost and attend the same, the first of each layer."""
        return [
            next(each for each in equal if each.layer == layer)
            for equal in self.found.front
            for layer in dict.fromkeys(each.layer for each in equal)
        ]

    def figure(self) -> Figure:
        """The figure: MACs above, parameters below."""
        layers = {
            layer: (marker, style["color"])
            for layer, marker, style in zip(self.found.groups, MARKERS, LINES, strict=False)
        }
        present = [layer for layer in layers if any(candidate.layer == layer for candidate in self.front)]
        limited = False
        with stacked(HEIGHT, len(PANELS)) as (figure, panels):
            for axes, (metric, words) in zip(panels, PANELS.items(), strict=True):
                _cost_axis(axes, [getattr(candidate, metric) for candidate in self.found.fitting])
                axes.set_ylabel(words)
                attended, added = self._dots(metric)
                # So many marks would make a drawing of megabytes.
                axes.plot(attended, added, rasterized=len(added) > MARKS, **CANDIDATE)
                for layer in present:
                    shown = [candidate for candidate in self.front if candidate.layer == layer]
                    values = [float(getattr(candidate, metric)) for candidate in shown]
                    axes.plot([c.attended for c in shown], values, **_point(*layers[layer]))
                limited |= self._limit(axes, metric)
            axes.set_xlabel(ATTENDED[self.against])
            axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
            if self.against == "positions":
                axes.xaxis.set_major_formatter(EngFormatter())
            title(panels[0], f"{self.network.name} with a layer inserted", {})
            fits = " that fit " + " and ".join(limit.text for limit in self.limits) if self.limits else ""
            entries = [Line2D([], [], label=f"{layer}, not beaten", **_point(*layers[layer])) for layer in present]
            entries.append(
                Line2D(
                    [], [], label=f"all {len(self.found.fitting):,} candidates{fits}", **CANDIDATE | {"markersize": 4}
                )
            )
            key(figure, entries + [Line2D([], [], label="limit", **LIMIT)] * limited)
        return figure

    def _dots(self, metric: str) -> tuple[Any, Any]:
        """Where the candidates are, those that fall together once."""
        places = np.array([(c.attended, getattr(c, metric)) for c in self.found.fitting], float)
        scaled = np.column_stack([places[:, 0], np.log1p(places[:, 1])])
        span = np.maximum(np.ptp(scaled, axis=0), 1e-9)
        cells = np.round((scaled - scaled.min(axis=0)) / span * CELLS)
        _, first = np.unique(cells, axis=0, return_index=True)
        return places[first, 0], places[first, 1]

    def _limit(self, axes: Axes, metric: str) -> bool:
        """Draw the least limit on `metric`, if it is within the axes."""
        bounds = [limit.bound(self.found.base) for limit in self.limits if limit.metric == metric]
        low, high = axes.get_ylim()
        if not bounds or not low < min(bounds) < high:
            return False
        axes.axhline(min(bounds), **LIMIT)
        axes.set_ylim(low, high)
        return True


CANDIDATE: dict[str, Any] = {"marker": ".", "markersize": 1.6, "markeredgewidth": 0, "linestyle": "", "color": "0.66"}
LIMIT: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 0.8, "color": "0.3"}


def _point(marker: str, colour: str) -> dict[str, Any]:
    return {
        "marker": marker,
        "linestyle": "",
        "markersize": 4,
        "markerfacecolor": colour,
        "markeredgecolor": "white",
        "markeredgewidth": 0.4,
        "clip_on": False,
    }


def _cost_axis(axes: Axes, values: Sequence[int]) -> None:
    """Logarithmic, unless something is free."""
    if min(values) > 0:
        axes.set_yscale("log")
        low, high = float(min(values)), float(max(values))
        axes.set_ylim(low / 1.5, high * 1.5)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(0, max(1.0, 1.05 * max(values)))
    axes.yaxis.set_major_formatter(EngFormatter())
