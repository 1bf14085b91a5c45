"""``costmodel formula``."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from costmodel.catalog import spoken
from costmodel.dimension import CostModelError
from costmodel.metrics import METRICS
from costmodel.subjects import read
from costmodel_cli import reading, render

if TYPE_CHECKING:
    from costmodel.symbolic import Derivation, Formula


def run(
    layer: str, given: Sequence[str], metric: str | None, form: str, shape: str | None, *, video: bool, as_json: bool
) -> None:
    """Print a layer's cost in closed form."""
    subject = read(layer, given, letters=True)
    reading.one_of(form, "--as", reading.FORMS)
    if as_json and form not in ("text", "json"):
        raise CostModelError(f"--json and --as {form} ask for two forms: give one of them")
    form = "json" if as_json else form
    metrics = list(METRICS) if metric is None else [metric]
    sizes = None if shape is None else reading.shape(shape)
    if sizes and form in ("latex", "python"):
        raise CostModelError(f"--shape gives values of terms, which --as {form} does not show: use text or json")
    if sizes and video and len(sizes) != 5:
        raise CostModelError(f"--video takes a shape of five numbers, N×C×T×H×W, not {shape}")
    from costmodel import symbolic

    derivation = symbolic.derive(subject.layer, subject.options, video=video or (sizes is not None and len(sizes) == 5))
    formulas = [derivation.formula(name) for name in metrics]
    values = derivation.values(sizes, subject.options) if sizes else None
    if form == "json":
        render.show_json(_document(derivation, formulas, values))
    elif form == "python":
        arguments = ", ".join(derivation.symbols)
        imports = sorted({line for formula in formulas for line in formula.imports()})
        print("".join(f"{line}\n" for line in imports), end="\n" if imports else "")
        print(
            "\n".join(f"def {re.sub('[-:]', '_', f.metric)}({arguments}):\n    return {f.python()}" for f in formulas)
        )
    elif form == "latex":
        print("\n".join(f.latex() for f in formulas))
    else:
        _show(derivation, formulas, values)


def _show(derivation: "Derivation", formulas: "Sequence[Formula]", values: Mapping[str, int] | None) -> None:
    from costmodel.symbolic import expression_text

    legend = ", ".join(f"{letter} {spoken(meaning)}" for letter, meaning in derivation.symbols.items())
    opened = derivation.symbols.values()
    fixed = render.options(
        {name: _plain(v, expression_text) for name, v in derivation.options.items() if name not in opened}
    )
    lines: list[Any] = [f"{derivation.layer.name}: {legend}"] + ([f"with {fixed}"] if fixed else []) + [""]
    table = render.table(["", ""], [], header=False)
    conditions: dict[str, None] = {}
    functions: dict[str, str] = {}
    for formula in formulas:
        table.add_row(formula.metric, formula.text())
        conditions |= dict.fromkeys(formula.conditions_text())
        functions |= formula.functions()
    lines += [table, *render.units(formula.metric for formula in formulas)]
    if conditions:
        lines += ["", f"if {' and '.join(conditions)}; --as python counts exactly wherever the layer is defined"]
    for name, meaning in functions.items():
        lines += ["", f"{name}: {meaning}"]
    headline = derivation.layer.headline
    if headline:
        when = " and ".join(f"{name} = {value}" for name, value in headline.when.items())
        holds = f"a term if {when}" if when else "a term of this formula"
        holds = holds if derivation.headline_is_term() else "not a term with these options"
        stated = f"{headline.expression} {headline.metric} of {', '.join(headline.rows)}"
        lines += ["", f"headline: {stated}: {holds} ({headline.source})"]
    if values:
        for formula in formulas:
            lines += ["", *_shares(formula, values)]
    render.show(*lines)


def _shares(formula: "Formula", values: Mapping[str, int]) -> list[Any]:
    at = ", ".join(f"{letter}={value}" for letter, value in values.items())
    note = "" if formula.holds(values) else "; in the form with floors, since not every division is exact here"
    table = render.table(["term"], ["value", "share"])
    found = formula.at(values)
    whole = sum(value for _, value in found)
    for term, value in found:
        table.add_row(
            term.text(),
            render.number(int(value)) if value.is_Integer else str(value),
            render.percent(int(value), int(whole)) if whole else "—",
        )
    table.add_section()
    table.add_row("total", render.number(int(whole)), "")
    return [f"{formula.metric} at {at}{note}", "", table]


def _document(
    derivation: "Derivation", formulas: "Sequence[Formula]", values: Mapping[str, int] | None
) -> dict[str, Any]:
    from costmodel.symbolic import expression_python

    open_ = {name: letter for letter, name in derivation.symbols.items()}
    headline = derivation.layer.headline
    return {
        "layer": derivation.layer.name,
        "options": {
            spoken(name): open_.get(name, _plain(value, expression_python))
            for name, value in derivation.options.items()
        },
        "symbols": dict(derivation.symbols),
        **{formula.metric: str(formula.expression) for formula in formulas},
        "formulas": {formula.metric: _formula(formula, values) for formula in formulas},
        "headline": headline and {**headline._asdict(), "is_term": derivation.headline_is_term()},
    }


def _formula(formula: "Formula", values: Mapping[str, int] | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "text": formula.text(),
        "latex": formula.latex(),
        "python": formula.python(),
        "python_needs": formula.imports(),
        "conditions": formula.conditions_text(),
        "terms": [term.text() for term in formula.terms()],
    }
    if values:
        found = formula.at(values)
        document["at"] = dict(values)
        document["value"] = int(sum(value for _, value in found))
        document["exact_there"] = formula.holds(values)
        document["shares"] = [{"term": term.text(), "value": _integer(value)} for term, value in found]
    return document


def _plain(value: Any, spell: Callable[[Any], str]) -> Any:
    """An option's value; of an expression, which the layer chose, its spelling."""
    return value if value is None or isinstance(value, (bool, int, str)) else spell(value)


def _integer(value: Any) -> int | str:
    return int(value) if value.is_Integer else str(value)
