"""``costmodel network``."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from costmodel import subjects
from costmodel.catalog import Subject, spoken
from costmodel.dimension import CostModelError, Dim
from costmodel.insertion import Insert, Site, Stage, by_stage, spelled
from costmodel.ledger import Ledger
from costmodel.metrics import METRICS, countable, total
from costmodel_cli import asked as asked_of
from costmodel_cli import reading, render


def run(
    name: str,
    layers: Sequence[str],
    at: Sequence[str],
    given: Sequence[str],
    shape: str | None,
    asked: Sequence[str],
    *,
    formula: bool,
    as_json: bool,
) -> None:
    """Print what a network costs by stage, with layers inserted, and what else is `asked` of it."""
    bare, inserts, alone = subjects.parts(name, reading.guest)
    if alone:
        raise CostModelError(f"what layers cost alone is no network: see 'costmodel cost \"{name}\"'")
    base = subjects.read_network(bare, given)
    inserts += _inserts(layers, at)
    said = " with ".join([base.name.strip(), *(insert.layer.name for insert in inserts)])
    layer = subjects.composed(base, inserts, said) if inserts else base.layer
    if formula:
        if shape:
            raise CostModelError("a formula is for all sizes: give --formula or --input")
        if asked:
            raise CostModelError(f"--formula has no --metric: 'costmodel formula NETWORK --metric {asked[0]}' may")
        _show_formulas(Subject(layer, base.options, said), as_json=as_json)
        return
    sizes = reading.shape(shape) if shape else base.layer.input or ()
    ledger = layer.run(sizes, base.options)
    options = base.layer.resolve(base.options)
    placed = [(insert, insert.sites(base.layer, options)) for insert in inserts]
    options |= ledger.chosen
    if as_json:
        render.show_json(
            {**_document(base.layer.name, options, placed, sizes, ledger), **asked_of.document(ledger, asked)}
        )
        return
    bare_ledger = base.layer.run(sizes, base.options) if placed and asked else ledger
    without = {metric: total(bare_ledger, metric) for metric in asked}
    _show(f"{said} at {render.shape(sizes)} · {render.options(options)}", placed, ledger, without)


def _inserts(layers: Sequence[str], at: Sequence[str]) -> list[Insert]:
    """Every layer with its places: one ``--at`` for all, or one for each."""
    if at and not layers:
        raise CostModelError("--at says where a layer goes, and --with names none")
    if len(at) not in (0, 1, len(layers)):
        raise CostModelError(f"--at is given once for all layers or once for each: {len(at)} for {len(layers)}")
    where = [subjects.places(text) for text in at]
    guests = map(reading.guest, layers)
    return [
        Insert(guest.layer, guest.options, where[index % len(where)] if where else ())
        for index, guest in enumerate(guests)
    ]


Placed = Sequence[tuple[Insert, Sequence[Site]]]
"""What is inserted, and its sites."""


def _show(title: str, placed: Placed, ledger: Ledger, without: Mapping[str, Dim]) -> None:
    """Everything; `without` is what else is asked, of the network without what is inserted."""
    stages = by_stage(ledger)
    table = render.table(["stage", "output"], ["params", "MACs", *(["+ params", "+ MACs", "share"] if placed else [])])
    for stage in stages:
        table.add_row(stage.name, render.shape(stage.output), *_cells(stage, inserted=bool(placed)))
    table.add_section()
    whole = Stage("total", (), _joined(stage.backbone for stage in stages), _joined(s.inserted for s in stages))
    table.add_row("total", "", *_cells(whole, inserted=bool(placed)))
    lines: list[Any] = [title, "", table, ""]
    if placed:
        lines += ["+: what the inserted layers add; share: their part of a stage's MACs.", ""]
        lines += [f"{_described(insert)}: {_counted(sites)}" for insert, sites in placed]
        lines.append("")
    summary = render.table([""], ["backbone", "added", "together"] if placed else [""], header=bool(placed))
    ledgers = [whole.backbone, whole.inserted, ledger] if placed else [ledger]
    columns = [countable(each) for each in ledgers]
    for metric in METRICS:
        summary.add_row(metric, *(render.number(found[metric]) if metric in found else "—" for found in columns))
    for metric, bare in without.items():
        together = total(ledger, metric)
        counts = [bare, together - bare, together] if placed else [together]
        summary.add_row(metric, *(render.amount(count, metric, render.number) for count in counts))
    render.show(*lines, summary, *asked_of.told(ledger, [*without]))


def _described(insert: Insert) -> str:
    options = render.options(insert.layer.resolve(insert.options))
    return f"{insert.layer.name}{' · ' if options else ''}{options}"


def _counted(sites: Sequence[Site]) -> str:
    """``16 places, res4:6@branch, res5:1-3@branch``: as --at takes them."""
    by_place = groupby(sorted(sites, key=_stage_and_where), _stage_and_where)
    listed = ", ".join(spelled(stage, [site.block for site in found], where) for (stage, where), found in by_place)
    return f"{len(sites)} place{'s' * (len(sites) != 1)}, {listed}"


def _stage_and_where(site: Site) -> tuple[str, str]:
    return site.stage, site.where


def _cells(stage: Stage, *, inserted: bool) -> list[str]:
    own, added = countable(stage.backbone), countable(stage.inserted)
    cells = [render.si(own["params"]), render.si(own["macs"])]
    if inserted:
        whole = own["macs"] + added["macs"]
        share = render.percent(added["macs"], whole) if whole else "—"
        cells += [render.si(added["params"]), render.si(added["macs"]), share]
    return cells


def _joined(ledgers: Iterable[Ledger]) -> Ledger:
    joined = Ledger()
    joined.rows = [row for ledger in ledgers for row in ledger.rows]
    return joined


def _document(
    network: str, options: Mapping[str, Any], placed: Placed, sizes: tuple[int, ...], ledger: Ledger
) -> dict[str, Any]:
    return {
        "network": network,
        "input": list(sizes),
        "options": {spoken(name): value for name, value in options.items()},
        "with": [
            {
                "layer": insert.layer.name,
                "options": {spoken(n): value for n, value in insert.layer.resolve(insert.options).items()},
                "places": [site._asdict() for site in sites],
            }
            for insert, sites in placed
        ],
        **countable(ledger),
        "stages": [
            {
                "stage": stage.name,
                "output": list(stage.output),
                "backbone": countable(stage.backbone),
                "inserted": countable(stage.inserted),
            }
            for stage in by_stage(ledger)
        ],
    }


def _show_formulas(asked: Subject, *, as_json: bool) -> None:
    from costmodel.symbolic import Formula, derive

    derivation = derive(asked.layer, asked.options)
    stages = by_stage(derivation.ledger)
    parts = {"backbone": _joined(s.backbone for s in stages), "inserted": _joined(s.inserted for s in stages)}
    counted = {
        part: countable(ledger)
        for part, ledger in {"total": derivation.ledger, **(parts if parts["inserted"].rows else {})}.items()
    }
    found = {
        metric: {part: Formula.of(metric, of[metric], derivation.ledger) for part, of in counted.items()}
        for metric in counted["total"]
    }
    conditions = dict.fromkeys(text for of in found.values() for text in of["total"].conditions_text())
    if as_json:
        render.show_json(
            {
                "network": asked.name,
                "symbols": {letter: spoken(name) for letter, name in derivation.symbols.items()},
                "formulas": {metric: {part: f.python() for part, f in of.items()} for metric, of in found.items()},
                "conditions": list(conditions),
            }
        )
        return
    table = render.table(["", "", ""], [], header=False)
    for metric, of in found.items():
        for part, formula in of.items():
            table.add_row(metric, part if len(of) > 1 else "", formula.text())
    legend = ", ".join(f"{letter} {spoken(meaning)}" for letter, meaning in derivation.symbols.items())
    lines: list[Any] = [f"{asked.name}: {legend}", "", table]
    if conditions:
        lines += ["", f"if {' and '.join(conditions)}; at any other size without --formula, where sides are rounded"]
    render.show(*lines)
