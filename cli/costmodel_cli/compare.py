"""``costmodel compare``."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from costmodel.catalog import Subject, spoken
from costmodel.dimension import CostModelError, Dim
from costmodel.ledger import Ledger
from costmodel.metrics import METRICS, countable, counts, of_row, total
from costmodel_cli import reading, render

if TYPE_CHECKING:
    from rich.table import Table


def run(layers: Sequence[str], shape: str, baseline: str | None, asked: Sequence[str], *, as_json: bool) -> None:
    """Print layers side by side at a shape, each as a multiple of a baseline, and what else is `asked` of them."""
    sizes = reading.shape(shape)
    known = dict(zip("nchw" if len(sizes) == 4 else "ncthw", sizes, strict=True))
    subjects = [reading.subject(text, known) for text in layers]
    if baseline is None:
        # A 3×3 convolution of a picture is no measure of a network.
        baseline = layers[0] if any(subject.layer.input for subject in subjects) else USUAL
    unit_subject = reading.subject(baseline, known)
    try:
        unit_ledger = unit_subject.layer.run(sizes, unit_subject.options)
    except CostModelError as error:
        raise CostModelError(f"the base, which --baseline can change: {error}") from None
    entries = [(subject, subject.layer.run(sizes, subject.options)) for subject in subjects]
    if as_json:
        unit = _whole(unit_ledger, asked)
        render.show_json(
            {
                "shape": list(sizes),
                "baseline": {"layer": baseline, **unit},
                "layers": [_document(subject, ledger, unit, asked) for subject, ledger in entries],
            }
        )
        return
    rows = [(subject.name.replace(":", ": ").replace(",", ", "), ledger) for subject, ledger in entries]
    heads = ["params", "MACs", "× base", "arithmetic", *PARTS]
    unit = countable(unit_ledger)
    tables: list[Any] = [_table(heads, rows, unit_ledger, lambda ledger: _cells(ledger, unit)), ""]
    if asked:
        # Broken where a name has a joint, so that several stand side by side.
        heads = [metric.replace("-", "-\n").replace(":", "\n") for metric in asked]
        tables += [_table(heads, rows, unit_ledger, lambda ledger: _amounts(ledger, asked)), ""]
    meanings = [f"{metric}: {counts(metric)}." for metric in asked]
    traced = [WHOLE] if any(_parts(ledger) is None for _, ledger in entries) else []
    render.show(f"At {render.shape(sizes)}; base: {baseline}", "", *tables, LEGEND, *meanings, *traced)


USUAL = "conv"
"""The base of layers, unless another is given."""
TRACED = "traced"
"""The row of a module that is no layer of the catalog."""
PARTS = ("weights", "products", "rest")
WHOLE = "A torch module's arithmetic is known by kind, not by what is multiplied with what."
LEGEND = """\
MACs: multiply-accumulates. arithmetic: every operation, a MAC as 2; of it
weights: in convolutions and linear layers, products: of activations with each
other, rest: pooling, norms, gates, softmax, residuals.
Left out: FLOPs (2 × MACs) and fvcore's count; --json has all, exactly."""


def _whole(ledger: Ledger, asked: Sequence[str]) -> dict[str, Dim]:
    return countable(ledger) | {metric: total(ledger, metric) for metric in asked}


def _table(
    heads: Sequence[str], rows: Sequence[tuple[str, Ledger]], base: Ledger, cells: Callable[[Ledger], list[str]]
) -> "Table":
    """Each layer's cells, and those of the base."""
    table = render.table(["layer"], heads)
    for name, ledger in rows:
        table.add_row(name, *cells(ledger))
    table.add_section()
    table.add_row("base", *cells(base))
    return table


def _cells(ledger: Ledger, unit: dict[str, Dim]) -> list[str]:
    whole = countable(ledger)
    parts = _parts(ledger) or dict.fromkeys(PARTS)
    return [
        render.si(whole["params"]),
        render.si(whole["macs"]),
        render.times(whole["macs"], unit["macs"]),
        render.si(whole["arithmetic"]),
        *("" if count is None else render.percent(count, whole["arithmetic"]) for count in parts.values()),
    ]


def _amounts(ledger: Ledger, asked: Sequence[str]) -> list[str]:
    return [render.amount(total(ledger, metric), metric) for metric in asked]


def _parts(ledger: Ledger) -> dict[str, Dim] | None:
    """The arithmetic by what grows with what: weights with C², products with P² or C², the rest with neither.

    None of a module that was traced, whose row is all of it.
    """
    if any(row.kind == TRACED for row in ledger.rows):
        return None
    parts: dict[str, Dim] = dict.fromkeys(PARTS, 0)
    for row in ledger.rows:
        part = "rest" if "mac" not in row.arithmetic else "weights" if row.kind in ("conv", "linear") else "products"
        parts[part] += of_row(row, "arithmetic")
    return parts


def _document(subject: Subject, ledger: Ledger, unit: dict[str, Dim], asked: Sequence[str]) -> dict[str, Any]:
    whole = _whole(ledger, asked)
    options = subject.layer.resolve(subject.options) | ledger.chosen
    return {
        "layer": subject.layer.name,
        "options": {spoken(name): value for name, value in options.items()},
        **whole,
        "arithmetic_of": _parts(ledger),
        # Exact: numerator and denominator, since a quotient of integers this large is no float.
        "of_baseline": {
            metric: [whole[metric], unit[metric]] for metric in (*METRICS, *asked) if metric in whole and metric in unit
        },
    }
