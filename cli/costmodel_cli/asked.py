"""What is told of a ledger besides its cost, where a metric is asked for: peaks, intensities, what bounds the time."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from costmodel.fusion import eager, fused
from costmodel.ledger import Ledger
from costmodel.memory import PEAKS
from costmodel.metrics import TIMES, kept, peak_row, roofline, total
from costmodel.roofline import Bound
from costmodel_cli import render

MOVED = ("moved-bytes", "fused-bytes")
"""Bytes that go through memory: the arithmetic for each of them is an intensity."""

SAVING = 10
"""The most operations of which is told what they keep for backward."""


def document(ledger: Ledger, asked: Sequence[str]) -> dict[str, Any]:
    """The metrics and what belongs to them, for JSON; every integer exact."""
    found: dict[str, Any] = {metric: total(ledger, metric) for metric in asked}
    if peaks := _of(asked, tuple(PEAKS)):
        found["peak_operation"] = {metric: peak_row(ledger, metric) for metric in peaks}
    if saving := _of(asked, ("saved-bytes",)):
        found["saved_by"] = {
            metric: [{"operation": name, "bytes": count} for name, count in kept(ledger, metric)] for metric in saving
        }
    if moved := _of(asked, MOVED):
        # Exact: numerator and denominator.
        found["intensity"] = {metric: [total(ledger, "arithmetic"), total(ledger, metric)] for metric in moved}
    if times := _of(asked, TIMES):
        found["ticks_per_second"] = {metric: roofline(metric).ticks_per_second for metric in times}
        found["bounds"] = {
            metric: [
                {
                    "operations": [row.name for row in bound.kernel.rows],
                    "time": bound.ticks,
                    "bound_by": bound.by,
                    "needs": bound.limits,
                }
                for bound in _bounds(ledger, metric)
            ]
            for metric in times
        }
    return found


def told(ledger: Ledger, asked: Sequence[str]) -> list[Any]:
    """Sentences and tables, an empty line before each."""
    lines: list[Any] = []
    for metric in _of(asked, tuple(PEAKS)):
        lines += ["", f"{metric} is reached in {peak_row(ledger, metric)}."]
    for metric in _of(asked, ("saved-bytes",)):
        table = render.table(["operation"], [metric, "share"])
        found = sorted(kept(ledger, metric), key=lambda each: each[1], reverse=True)
        whole = total(ledger, metric)
        for name, count in found[:SAVING]:
            table.add_row(name, render.amount(count, metric), render.percent(count, whole))
        lines += ["", table]
        if len(found) > SAVING:
            lines += ["", f"{len(found) - SAVING:,} more operations keep less. --json has all."]
    for metric in _of(asked, MOVED):
        intensity = Fraction(total(ledger, "arithmetic"), total(ledger, metric))
        lines += ["", f"{metric}: {render.decimal(intensity)} arithmetic operations a byte."]
    for metric in _of(asked, TIMES):
        table = render.table(["operations", "bound by"], [metric, "share"])
        bounds, whole = _bounds(ledger, metric), total(ledger, metric)
        for bound in bounds:
            share = render.percent(bound.ticks, whole)
            table.add_row(bound.kernel.name, bound.by, render.amount(bound.ticks, metric), share)
        lines += ["", table]
    return lines


def _of(asked: Sequence[str], names: Sequence[str]) -> list[str]:
    return [metric for metric in asked if metric.partition(":")[0] in names]


def _bounds(ledger: Ledger, metric: str) -> list[Bound]:
    kernels = fused(ledger) if metric.startswith("fused") else eager(ledger)
    return [*roofline(metric).bounds(kernels)]
