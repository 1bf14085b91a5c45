"""Figures of costs. The only door to matplotlib.

Each kind counts what it shows, exactly, and then draws it: ``Cheapest.of(["danet-pam", "danet-cam"], …).figure()``.
"""

from collections.abc import Mapping

from costmodel.plots.cheapest import Cheapest
from costmodel.plots.curves import Curves
from costmodel.plots.figure import save, writable
from costmodel.plots.placement import Placement
from costmodel.plots.ratio import Ratio
from costmodel.plots.terms import Terms

KINDS: Mapping[str, type[Curves | Cheapest | Ratio | Terms]] = {
    "curves": Curves,
    "map": Cheapest,
    "ratio": Ratio,
    "terms": Terms,
}
"""The kinds of figure, as the command line names them."""

__all__ = ["KINDS", "Cheapest", "Curves", "Placement", "Ratio", "Terms", "save", "writable"]
