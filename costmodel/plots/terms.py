"""What each term of a layer's formula is of its cost, over one variable."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from costmodel.catalog import Subject, spoken
from costmodel.dimension import CostModelError
from costmodel.plots.counts import counts, placed
from costmodel.plots.figure import SMALL, Figure, drawing, ink, key, metric_label, shades, size_axis, title
from costmodel.plots.room import PLACES, Room, box
from costmodel.sweep import Grid
from costmodel.symbolic import LETTERS, Derivation, derive, symbol
from costmodel.symbolic import terms as summands
from costmodel.symbolic.reals import over_reals

HEIGHT = 2.3
"""Inches, without the key."""
SMALLEST = 0.02
"""The share that a term must have somewhere to be shown by itself."""


class Terms(NamedTuple):
    """What is drawn."""

    subject: Subject
    grid: Grid
    shares: Mapping[str, Any]
    """Of each term, in the order of the formula; they add up to 1 at every size."""
    at: Mapping[str, int]

    @classmethod
    def of(
        cls,
        layers: Sequence[str | Subject],
        over: Mapping[str, Sequence[int]],
        at: Mapping[str, int] | None = None,
        metric: str = "macs",
    ) -> "Terms":
        """The share of every term of the formula of one layer, over the values of one variable.

        Raises `CostModelError` as `counts` does, and if the layer has no closed form.
        """
        if len(layers) != 1:
            raise CostModelError(f"terms are those of one layer, not {len(layers)}")
        at = at or {}
        counted = counts(layers, over, at, metric, axes=1, positive=True)
        ((name, sizes),) = counted.axes.items()
        (subject,), fixed = placed(layers, at)
        option = name.replace("-", "_")
        letters = {option: subject.layer.options[option].symbol} if option in subject.layer.options else {}
        derivation = derive(subject.layer, {**subject.options, **letters}, video="t" in (name, *fixed))
        formula = derivation.formula(metric)
        if formula.calls():
            raise CostModelError(f"{subject.name} has no closed form: {', '.join(formula.functions())} counts")
        places = [_values(derivation, subject, {**fixed, name: int(size)}) for size in sizes]
        whole = all(map(formula.holds, places))
        arrays = [np.array([place[letter] for place in places], float) for letter in derivation.symbols]
        found = {}
        for term in formula.terms() if whole else summands(formula.exact):
            cost = over_reals(term.expression, [symbol(letter) for letter in derivation.symbols])(*arrays)
            found[term.text()] = np.broadcast_to(cost, sizes.shape)
        total = sum(found.values())
        return cls(subject, counted, {text: cost / total for text, cost in found.items()}, at)

    @property
    def said(self) -> list[str]:
        """What the figure says in words: the terms of which most of the cost is somewhere."""
        ((over, sizes),) = self.grid.axes.items()
        return [
            f"{text} is most of it at {over} = {_ranges(sizes, share > 0.5)}"
            for text, share in self.shares.items()
            if share.max() > 0.5
        ]

    def figure(self) -> Figure:
        """The figure."""
        ((over, sizes),) = self.grid.axes.items()
        shown = _shown(self.shares)
        # What is subtracted hangs below 0, and the rest rises above 1 by as much.
        bottom = sum(np.minimum(share, 0) for share in shown.values())
        low, high = bottom.min(), (1 - bottom).max()
        down, up = np.zeros(sizes.shape), np.zeros(sizes.shape)
        columns, rows = (np.arange(PLACES) + 0.5) / PLACES, np.linspace(low, high, PLACES)
        across = np.log(sizes / sizes[0]) / np.log(sizes[-1] / sizes[0])
        words, entries = Room(), []
        with drawing(HEIGHT) as (figure, axes):
            size_axis(axes.xaxis, over, sizes[0], sizes[-1])
            axes.set(ylim=(low, high), ylabel="share of each term")
            axes.yaxis.set_major_formatter(PercentFormatter(1))
            title(axes, f"{metric_label(self.grid.metric)} of {self.subject.name}", self.at)
            for (text, share), colour in zip(shown.items(), shades(len(shown)), strict=True):
                start = np.where(share < 0, down, up)
                end = start + share
                down, up = np.minimum(down, end), np.maximum(up, end)
                axes.fill_between(sizes, start, end, color=colour, edgecolor="white", linewidth=0.4)
                one, other = (np.interp(columns, across, border)[:, np.newaxis] for border in (start, end))
                if place := words.within((rows > np.minimum(one, other)) & (rows < np.maximum(one, other)), box(text)):
                    style: dict[str, Any] = {"color": ink(colour), "fontsize": SMALL, "ha": "center", "va": "center"}
                    axes.text(*place, text, transform=axes.transAxes, **style)
                else:
                    entries.append(Patch(color=colour, label=text))
            key(figure, entries)
        return figure


def _ranges(sizes: Any, chosen: Any) -> str:
    """``4 to 31, 33``: runs of those sizes that are chosen."""
    numbers = np.flatnonzero(chosen)
    runs = [sizes[run] for run in np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)]
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def _shown(shares: Mapping[str, Any]) -> dict[str, Any]:
    """What is shown: small terms together, if there are several."""
    small = {text: share for text, share in shares.items() if abs(share).max() < SMALLEST}
    if len(small) < 2:
        return dict(shares)
    rest = {f"{len(small)} smaller terms": sum(small.values())}
    return {text: share for text, share in shares.items() if text not in small} | rest


def _values(derivation: Derivation, subject: Subject, at: Mapping[str, int]) -> dict[str, int]:
    """A number for every symbol of the formula."""
    sizes = {"n": 1, **at, **(dict.fromkeys("hw", at["side"]) if "side" in at else {})}
    options = {option: at[spoken(option)] for option in subject.layer.options if spoken(option) in at}
    return derivation.values([sizes[name] for name in LETTERS if name in sizes], {**subject.options, **options})
