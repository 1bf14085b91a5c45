"""``costmodel claims``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from costmodel.catalog import nearest
from costmodel.dimension import CostModelError, abbreviate
from costmodel_cli import render
from costmodel_cli.exit_codes import Exit

if TYPE_CHECKING:
    from costmodel.claims import Finding


def run(names: Sequence[str], file: str | None, *, as_json: bool) -> Exit:
    """Print sentences of papers with what is found about them."""
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
