"""``costmodel claims``."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from costmodel.catalog import nearest
from costmodel.dimension import CostModelError, abbreviate
from costmodel_cli import render
from costmodel_cli.exit_codes import Exit

if TYPE_CHECKING:
    from costmodel.claims import Finding
    from costmodel.claims.published import Found


def run(names: Sequence[str], file: str | None, *, published: bool, as_json: bool) -> Exit:
    """Print sentences of papers with what is found about them, or the figures that they print."""
    if published:
        if file is not None:
            raise CostModelError("--published and --file exclude each other: figures come with this package alone")
        return _run_published(names, as_json=as_json)
    from costmodel.claims import check, load, survey

    known = {claim.name: claim for claim in (survey() if file is None else load(file))}
    for name in names:
        if name not in known:
            raise CostModelError(f"no claim is called {abbreviate(name)}{nearest(name, known)}")
    found = [finding for name in names or known for finding in check(known[name])]
    if as_json:
        render.show_json({"claims": [_document(finding) for finding in found]})
    else:
        _show(found)
    return Exit.HOLDS if all(finding.agrees for finding in found) else Exit.FAILS


def _show(found: "Sequence[Finding]") -> None:
    lines: list[Any] = []
    said = None
    for finding in found:
        if finding.claim is not said:
            lines += [""] if said else []
            said = finding.claim
            lines += [f"{said.name}: {said.says} ({said.source})"]
            lines += [f"  where {name} = {text}" for name, text in said.where.items()]
        given = ", ".join(f"{name} = {value}" for name, value in finding.statement.at.items())
        lines += [f"  {finding.statement.states}" + (f" at {given}" if given else "")]
        lines += [f"  → {finding.verdict}: {finding.evidence}"]
        if not finding.agrees:
            lines += [f"  ! the record says: {finding.statement.verdict}"]
    different = sum(not finding.agrees for finding in found)
    verdict = f"{different} not as recorded" if different else "all as recorded"
    render.show(
        *lines, "", "Costs are in closed form, with every division exact.", f"{len(found)} statements, {verdict}"
    )


def _document(finding: "Finding") -> dict[str, Any]:
    return {
        "claim": finding.claim.name,
        "says": finding.claim.says,
        "source": finding.claim.source,
        "where": dict(finding.claim.where),
        "states": finding.statement.states,
        "over": finding.statement.over,
        "at": dict(finding.statement.at),
        "verdict": finding.verdict,
        "recorded": finding.statement.verdict,
        "agrees": finding.agrees,
        "evidence": finding.evidence,
    }


def _run_published(names: Sequence[str], *, as_json: bool) -> Exit:
    """Print figures of papers, whose source or model has one of `names`, with what is found about them."""
    from costmodel.claims.published import check, chosen, figures

    found = check(chosen(figures(), names))
    if as_json:
        render.show_json({"figures": [_figure_document(each) for each in found], "totals": _totals(found)})
    else:
        _show_figures(found)
    return Exit.HOLDS if all(each.agrees for each in found) else Exit.FAILS


def _totals(found: "Sequence[Found]") -> dict[str, int]:
    from costmodel.claims.published import VERDICTS

    return {verdict: sum(each.verdict == verdict for each in found) for verdict in VERDICTS}


def _show_figures(found: "Sequence[Found]") -> None:
    from costmodel.claims.published import READINGS

    parts: list[Any] = []
    for source, group in groupby(found, key=lambda each: each.figure.source):
        table = render.table(["model", "metric", "printed"], ["ours"])
        table.add_column("verdict", overflow="fold")
        for each in group:
            figure = each.figure
            table.add_row(figure.model, figure.metric, figure.value, each.ours, _verdict(each))
        parts += [source, "", table, ""]
    used = {reading for each in found for reading in each.readings}
    if known := [reading for reading in READINGS if reading in used]:
        parts += [f"as {reading.name}: {reading.says}" for reading in known] + [""]
    different = sum(not each.agrees for each in found)
    totals = _totals(found)
    parts += [
        f"{len(found)} figures: {totals['reproduced']} reproduced, {totals['reading']} under another reading (as …), "
        f"{totals['miss']} not reproduced (off), {totals['scope']} out of scope; "
        + (f"{different} not as recorded" if different else "all as recorded")
    ]
    render.show(*parts)


def _verdict(found: "Found") -> str:
    said = {
        "reproduced": "reproduced",
        "reading": f"as {found.reading}",
        "miss": f"off {found.difference}",
        "scope": "out of scope",
    }[found.verdict]
    figure = found.figure
    recorded = ", ".join(filter(None, (figure.verdict, figure.reading))) or "nothing"
    return said if found.agrees else f"{said} ! the record says: {recorded}"


def _figure_document(found: "Found") -> dict[str, Any]:
    figure = found.figure._asdict()
    recorded = {name: figure.pop(name) for name in ("verdict", "reading")}
    return {
        **figure,
        "counts": [int(count) if count.denominator == 1 else str(count) for count in found.counts],
        "ours": found.ours,
        "difference": found.difference,
        "verdict": found.verdict,
        "readings": [reading.name for reading in found.readings],
        "as_simple": [[reading.name for reading in readings] for readings in found.as_simple],
        "recorded": recorded,
        "agrees": found.agrees,
    }
