"""``costmodel explain``."""

from collections.abc import Sequence
from typing import Any

from costmodel.catalog import read, spoken
from costmodel.dimension import Dim
from costmodel.metrics import total
from costmodel.tools import SPELLINGS, TOOLS, VERDICTS, Counted, Reading, Tool
from costmodel_cli import reading, render


def run(layer: str, shape: str, given: Sequence[str], spelling: str, *, as_json: bool) -> None:
    """Print what other counters report of a layer at a shape, and which of its operations they count."""
    subject = read(layer, given)
    sizes = reading.shape(shape)
    reading.one_of(spelling, "a spelling", tuple(SPELLINGS))
    ledger = subject.layer.run(sizes, subject.options)
    options = subject.layer.resolve(subject.options) | ledger.chosen
    macs = total(ledger, "macs")
    readings = [(tool, tool.read(ledger, spelling, sizes[0])) for tool in TOOLS.values()]
    if as_json:
        render.show_json(
            {
                "layer": subject.layer.name,
                "shape": list(sizes),
                "options": {spoken(option): value for option, value in options.items()},
                "spelling": spelling,
                "macs": macs,
                "tools": [_document(tool, said) for tool, said in readings],
            }
        )
        return
    title = f"{subject.layer.name} at {render.shape(sizes)}" + (f" · {render.options(options)}" if options else "")
    table = render.table(["tool"], ["reports", "", "× MACs"])
    table.add_column("beside our MACs", overflow="fold")
    for tool, said in readings:
        table.add_row(tool.name, *_cells(tool, said, macs), _beside(said))
    table.add_section()
    table.add_row("ours", render.si(macs), "MACs", "1×", "")
    parts: list[Any] = [title, "", f"Written as {spelling}: {SPELLINGS[spelling]}", "", table, *_spread(readings)]
    for tool, said in readings:
        name = tool.name if tool.name.startswith(tool.package) else f"{tool.name} of {tool.package}"
        parts += ["", f"{name} {tool.version}: {tool.how}", _rows(said)]
    legend = "; ".join(f"{verdict}: {meaning}" for verdict, meaning in VERDICTS.items())
    render.show(*parts, "", f"{legend}.", "Left out: every row's count. --json has all, exactly.")


def _cells(tool: Tool, said: Reading, macs: Dim) -> tuple[str, str, str]:
    if said.total is None:
        return "not predicted", tool.unit, "—"
    return render.si(said.total), tool.unit, render.times(said.total, macs)


VERBS = {"missed": "misses", "weighed": "weighs otherwise", "added": "adds", "open": "open:"}


def _beside(said: Reading) -> str:
    """In what a reading is another than ours, on a line."""
    groups = [(verb, [row for row in said.rows if row.verdict == verdict]) for verdict, verb in VERBS.items()]
    return "; ".join(f"{verb} {_names(rows, 2)}" for verb, rows in groups if rows)


def _names(rows: Sequence[Counted], most: int) -> str:
    rest = f" and {len(rows) - most} more" if len(rows) > most else ""
    return ", ".join(row.row.name for row in rows[:most]) + rest


def _spread(readings: Sequence[tuple[Tool, Reading]]) -> list[str]:
    """By how much the largest integer reported is more than the least, if any two say something."""
    totals = {tool.name: said.total for tool, said in readings if said.total}
    if len(set(totals.values())) < 2:
        return []
    most, least = max(totals, key=totals.__getitem__), min(totals, key=totals.__getitem__)
    return ["", f"{most} reports {render.times(totals[most], totals[least])} what {least} does."]


def _rows(said: Reading) -> Any:
    """What a tool makes of the rows: those with one verdict, for one reason, together."""
    groups: dict[tuple[str, str], list[Counted]] = {}
    for verdict in VERDICTS:
        for row in said.rows:
            if row.verdict == verdict:
                groups.setdefault((verdict, row.why), []).append(row)
    table = render.table(["", ""], [""], header=False)
    for (verdict, why), rows in groups.items():
        counted = [row.counted for row in rows if row.counted]
        table.add_row(f"  {verdict}", f"{_names(rows, 6)}: {why}", render.si(sum(counted)) if counted else "")
    return table


def _document(tool: Tool, said: Reading) -> dict[str, Any]:
    return {
        "tool": tool.name,
        "package": tool.package,
        "version": tool.version,
        "unit": tool.unit,
        "how": tool.how,
        "source": tool.source,
        "held": said.total is not None,
        "total": said.total,
        "rows": [
            {
                "name": row.row.name,
                "kind": row.row.kind,
                "call": row.call,
                "counted": row.counted,
                "ours": row.ours,
                "verdict": row.verdict,
                "why": row.why,
            }
            for row in said.rows
        ],
        "missed": [{"name": row.row.name, "why": row.why} for row in said.missed],
    }
