"""``costmodel cost``."""

from collections.abc import Sequence
from typing import Any

from costmodel.catalog import spoken
from costmodel.ledger import Ledger, Row
from costmodel.metrics import METRICS, of_row, total, totals
from costmodel.metrics import counts as counts_of
from costmodel.subjects import read
from costmodel_cli import asked as asked_of
from costmodel_cli import reading, render


def run(layer: str, shape: str, given: Sequence[str], asked: Sequence[str], *, as_json: bool) -> None:
    """Print a layer's operations and totals at a shape, and what else is `asked`."""
    subject = read(layer, given)
    sizes = reading.shape(shape)
    ledger = subject.layer.run(sizes, subject.options)
    options = subject.layer.resolve(subject.options) | ledger.chosen
    if as_json:
        render.show_json({**_document(subject.layer.name, sizes, options, ledger), **asked_of.document(ledger, asked)})
        return
    table = render.table(["operation", "output"], ["params", "MACs", "arithmetic", "share"])
    whole = totals(ledger)
    for row in ledger.rows:
        counts = {metric: of_row(row, metric) for metric in METRICS}
        table.add_row(
            row.name,
            render.shape(row.output),
            *(render.number(counts[metric]) for metric in ("params", "macs", "arithmetic")),
            render.percent(counts["arithmetic"], whole["arithmetic"]),
        )
    table.add_section()
    table.add_row("total", "", *(render.number(whole[metric]) for metric in ("params", "macs", "arithmetic")), "")
    summary = render.table(["", ""], [""], header=False)
    for metric in METRICS:
        summary.add_row(metric, counts_of(metric), render.si(whole[metric]))
    for metric in asked:
        summary.add_row(metric, counts_of(metric), render.amount(total(ledger, metric), metric))
    title = f"{subject.layer.name} at {render.shape(sizes)}" + (f" · {render.options(options)}" if options else "")
    left_out = "Left out: kinds, inputs, elements moved, arithmetic by kind. --json has all, exactly."
    render.show(title, "", table, "", summary, *asked_of.told(ledger, asked), *_facts(ledger), "", left_out)


def _facts(ledger: Ledger) -> list[str]:
    pairs = ledger.facts.get("pairs")
    if not pairs:
        return []
    counted = ", ".join(f"{name} {render.number(count)}" for name, count in pairs.items())
    return ["", f"Attended pairs of one head: {counted}"]


def _document(name: str, sizes: tuple[int, ...], options: dict[str, Any], ledger: Ledger) -> dict[str, Any]:
    """One cost for JSON; every integer exact."""
    return {
        "layer": name,
        "shape": list(sizes),
        "options": {spoken(option): value for option, value in options.items()},
        **totals(ledger),
        **ledger.facts,
        "ops": [_operation(row) for row in ledger.rows],
    }


def _operation(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "input": list(row.inputs[0]),
        "inputs": [list(shape) for shape in row.inputs],
        "output": list(row.output),
        **{metric: of_row(row, metric) for metric in METRICS},
        "read": row.read,
        "written": row.written,
        "by_kind": dict(row.arithmetic),
    }
