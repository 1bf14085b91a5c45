"""``costmodel place``."""

from collections.abc import Sequence
from typing import Any

from costmodel import subjects
from costmodel.catalog import Subject, spoken
from costmodel.search import AGAINST, Candidate, Found, Limit, search
from costmodel_cli import reading, render
from costmodel_cli.exit_codes import Exit
from costmodel_cli.plot import figures

SHOWN = 40
"""Rows of the table: the rest is in JSON."""


def run(
    layers: Sequence[str],
    network: str,
    limits: Sequence[str],
    at: str | None,
    tried: Sequence[str],
    against: str,
    shape: str | None,
    output: str | None,
    *,
    whole: bool,
    as_json: bool,
) -> Exit:
    """Print the insertions within a budget that no other beats."""
    base = subjects.read_network(network)
    reading.one_of(against, "--against", AGAINST)
    read = [Limit.read(limit) for limit in limits]
    known = [*map(reading.guest, layers)]
    sizes = reading.shape(shape) if shape else base.layer.input or ()
    values = {name.replace("-", "_"): list(v) for name, v in reading.axes(tried, "--try", {}).items()}
    places = subjects.places(at) if at is not None else ()
    if output is not None:
        figures().writable(output)
    found = search(known, base, read, shape=sizes, places=places, tried=values, against=against)
    if output is not None and found.fitting:
        plots = figures()
        plots.save(plots.Placement.of(found, base, read, against).figure(), output)
    if as_json:
        render.show_json(_document(base, sizes, read, against, found, whole=whole))
    else:
        _show(base, sizes, read, against, found, whole=whole)
        if output is not None:
            render.show("", f"written: {output}" if found.fitting else "Nothing is drawn.")
    return Exit.HOLDS if found.fitting else Exit.FAILS


def _show(
    base: Subject, sizes: Sequence[int], limits: Sequence[Limit], against: str, found: Found, *, whole: bool
) -> None:
    said = " and ".join(limit.text for limit in limits)
    title = f"{base.name} at {render.shape(tuple(sizes))}: {render.number(found.base['params'])} params, "
    title += f"{render.si(found.base['macs'])} MACs"
    above = [limit for limit in limits if limit.bound(found.base) < 0]
    if above:
        render.show(title, "", f"It is above {' and '.join(limit.text for limit in above)} with nothing inserted.")
        return
    if found.least:
        least = found.least
        nearest = f"{_layer(least)} at {found.places(least)}: {least.params:,} params and {least.macs:,} MACs"
        none = f"None of {found.tried:,} candidates fits {said}. The one that adds the least {limits[0].metric} is"
        render.show(title, "", f"{none} {nearest}.")
        return
    rows = found.fitting if whole else [candidate for equal in found.front for candidate in equal]
    table = render.table(["layer", "at"], [against, "+ params", "+ MACs"])
    for candidate in rows[:SHOWN]:
        numbers = (candidate.attended, candidate.params, candidate.macs)
        table.add_row(_layer(candidate), found.places(candidate).replace(",", ", "), *map(render.number, numbers))
    lines: list[Any] = [title, ""]
    lines += [f"{len(found.fitting):,} of {found.tried:,} candidates fit{f' {said}' if said else ''}."]
    lines += [
        f"Nothing beats these {len(found.front):,}: none that attends as many {against} adds fewer params or MACs and "
        "not more of the other."
    ] * (not whole)
    lines += ["", table]
    ties = sum(len(equal) > 1 for equal in found.front)
    if ties and not whole:
        lines += ["", f"{ties} of them {'is' if ties == 1 else 'are'} shared by several that cost and attend the same."]
    if len(rows) > SHOWN:
        lines += ["", f"Left out: {len(rows) - SHOWN:,} that attend no more {against}; --json has all."]
    render.show(*lines)


def _layer(candidate: Candidate) -> str:
    return f"{candidate.layer}{': ' if candidate.options else ''}{render.options(candidate.options)}"


def _document(
    base: Subject, sizes: Sequence[int], limits: Sequence[Limit], against: str, found: Found, *, whole: bool
) -> dict[str, Any]:
    def described(candidate: Candidate) -> dict[str, Any]:
        return {
            "layer": candidate.layer,
            "options": {spoken(name): value for name, value in candidate.options.items()},
            "at": found.places(candidate),
            against: candidate.attended,
            "params": candidate.params,
            "macs": candidate.macs,
        }

    return {
        "network": base.name,
        "input": list(sizes),
        "limits": [limit.text for limit in limits],
        "against": against,
        **{metric: found.base[metric] for metric in ("params", "macs")},
        "candidates": found.tried,
        "fitting": len(found.fitting),
        "front": [[described(candidate) for candidate in equal] for equal in found.front],
        "least": found.least and described(found.least),
        **({"all": [described(candidate) for candidate in found.fitting]} if whole else {}),
    }
