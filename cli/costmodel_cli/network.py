"""``costmodel network``."""

from collections.abc import Sequence
from typing import Any

from costmodel.catalog import Subject, spoken
from costmodel.conventions import METRICS, total, totals
from costmodel.dimension import CostModelError
from costmodel.insertion import Insert, Stage, by_stage
from costmodel.ledger import Ledger
from costmodel_cli import reading, render


def run(
    name: str,
    layers: Sequence[str],
    at: Sequence[str],
    given: Sequence[str],
    shape: str | None,
    *,
    formula: bool,
    as_json: bool,
) -> None:
    """Print what a network costs by stage, with layers inserted."""
    from costmodel import subjects

    base = subjects.read(name, given)
    if base.layer.input is None:
        raise CostModelError(f"{base.layer.name} is a layer, not a network: see 'costmodel cost {base.layer.name}'")
    sizes = reading.shape(shape) if shape else base.layer.input
    inserts = _inserts(layers, at)
    layer = subjects.composed(base, inserts, name) if inserts else base.layer
    asked = Subject(layer, base.options, name)
    ledger = layer.run(sizes, base.options)
    if formula:
        _show_formulas(asked, inserts, as_json=as_json)
    elif as_json:
        render.show_json(_document(base, inserts, sizes, ledger))
    else:
        _show(base, inserts, sizes, ledger)


def _inserts(layers: Sequence[str], at: Sequence[str]) -> list[Insert]:
    """Every layer with its places: one ``--at`` for all, or one for each."""
    from costmodel import subjects

    if len(at) not in (0, 1, len(layers)):
        raise CostModelError(f"--at is given once for all layers or once for each: {len(at)} for {len(layers)}")
    if at and not layers:
        raise CostModelError("--at says where a layer goes, and --with names none")
    found = []
    for index, text in enumerate(layers):
        subject = reading.subject(text, {})
        where = subjects.places(at[index if len(at) > 1 else 0]) if at else ()
        found.append(Insert(subject.layer, subject.options, where))
    return found


def _title(base: Subject, inserts: Sequence[Insert], sizes: tuple[int, ...]) -> str:
    said = f"{base.name}{' with ' if inserts else ''}{' and '.join(insert.layer.name for insert in inserts)}"
    return f"{said} at {render.shape(sizes)} · {render.options(base.layer.resolve(base.options))}"


def _show(base: Subject, inserts: Sequence[Insert], sizes: tuple[int, ...], ledger: Ledger) -> None:
    stages = by_stage(ledger)
    headers = ["params", "MACs"] + (["+ params", "+ MACs", "share"] if inserts else [])
    table = render.table(["stage", "output"], headers)
    for stage in stages:
        table.add_row(stage.name, render.shape(stage.output), *_cells(stage, inserted=bool(inserts)))
    table.add_section()
    whole = Stage("total", (), _joined(stage.backbone for stage in stages), _joined(s.inserted for s in stages))
    table.add_row("total", "", *_cells(whole, inserted=bool(inserts)))
    lines: list[Any] = [_title(base, inserts, sizes), "", table, ""]
    if inserts:
        lines += ["+: what the inserted layers add; share: their part of a stage's MACs.", ""]
        network_options = base.layer.resolve(base.options)
        for insert in inserts:
            sites = insert.sites(base.layer, network_options)
            lines.append(f"{insert.layer.name}: {_counted(sites)}")
        lines.append("")
    summary = render.table([""], ["backbone", "added", "together"] if inserts else [""], header=bool(inserts))
    own, added, all_ = totals(whole.backbone), totals(whole.inserted), totals(ledger)
    for metric in METRICS:
        counts = [own[metric], added[metric], all_[metric]] if inserts else [all_[metric]]
        summary.add_row(metric, *map(render.number, counts))
    render.show(*lines, summary)


def _counted(sites: Sequence[Any]) -> str:
    """``res4: 6 places after``, by stage and place."""
    found: dict[tuple[str, str], list[int]] = {}
    for site in sites:
        found.setdefault((site.stage, site.where), []).append(site.block)
    return ", ".join(
        f"{where} {stage}" + (f".{'+'.join(map(str, blocks))}" if any(blocks) else "")
        for (stage, where), blocks in found.items()
    )


def _cells(stage: Stage, *, inserted: bool) -> list[str]:
    own, added = ({m: total(ledger, m) for m in ("params", "macs")} for ledger in (stage.backbone, stage.inserted))
    cells = [render.si(own["params"]), render.si(own["macs"])]
    if inserted:
        share = render.percent(added["macs"], own["macs"] + added["macs"]) if own["macs"] + added["macs"] else "—"
        cells += [render.si(added["params"]), render.si(added["macs"]), share]
    return cells


def _joined(ledgers: Any) -> Ledger:
    joined = Ledger()
    joined.rows = [row for ledger in ledgers for row in ledger.rows]
    return joined


def _document(base: Subject, inserts: Sequence[Insert], sizes: tuple[int, ...], ledger: Ledger) -> dict[str, Any]:
    options = base.layer.resolve(base.options)
    return {
        "network": base.layer.name,
        "input": list(sizes),
        "options": {spoken(name): _plain(value) for name, value in options.items()},
        "with": [
            {
                "layer": insert.layer.name,
                "options": {spoken(n): _plain(v) for n, v in insert.layer.resolve(insert.options).items()},
                "places": [list(site) for site in insert.sites(base.layer, options)],
            }
            for insert in inserts
        ],
        **totals(ledger),
        "stages": [
            {
                "stage": stage.name,
                "output": list(stage.output),
                "backbone": totals(stage.backbone),
                "inserted": totals(stage.inserted),
            }
            for stage in by_stage(ledger)
        ],
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | str | None) else str(value)


def _show_formulas(asked: Subject, inserts: Sequence[Insert], *, as_json: bool) -> None:
    from costmodel.symbolic import Formula, derive

    derivation = derive(asked.layer, asked.options)
    stages = by_stage(derivation.ledger)
    parts = {"backbone": _joined(s.backbone for s in stages), "inserted": _joined(s.inserted for s in stages)}
    if not inserts:
        del parts["inserted"]
    found = {
        metric: {
            "total": derivation.formula(metric),
            **{part: Formula.of(metric, total(rows, metric), derivation.ledger) for part, rows in parts.items()},
        }
        for metric in METRICS
    }
    if not inserts:
        found = {metric: {"total": formulas["total"]} for metric, formulas in found.items()}
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
            table.add_row(metric, part if inserts else "", formula.text())
    legend = ", ".join(f"{letter} {spoken(meaning)}" for letter, meaning in derivation.symbols.items())
    lines: list[Any] = [f"{asked.name}: {legend}", "", table]
    if conditions:
        lines += ["", f"if {' and '.join(conditions)}; at any other size without --formula, where sides are rounded"]
    render.show(*lines)
