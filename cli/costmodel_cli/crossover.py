"""``costmodel crossover``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from costmodel.catalog import Subject
from costmodel_cli import reading, render

if TYPE_CHECKING:
    from costmodel.crossover import Crossing, Crossover

DIGITS = 12
"""Significant digits of a root's decimal."""
LONGEST = 2_000
"""Characters of the longest difference that is shown."""


def run(a: str, b: str, over: str, at: Sequence[str], metric: str, *, as_json: bool) -> None:
    """Print where one layer becomes cheaper than another."""
    fixed = reading.sizes(at)
    from costmodel.crossover import crossover

    first, second = (reading.subject(text, fixed) for text in (a, b))
    found = crossover(first, second, over=over.replace("-", "_"), at=fixed, metric=metric)
    if as_json:
        render.show_json(_document(a, b, over, fixed, metric, found))
    else:
        _show(first, second, over, fixed, metric, found)


def _show(a: Subject, b: Subject, over: str, at: dict[str, int], metric: str, found: "Crossover") -> None:
    from costmodel.symbolic import expression_text

    lines: list[Any] = [f"{a.name} against {b.name}: {render.question(metric, over, at)}", ""]
    difference = expression_text(found.difference)
    if len(difference) > LONGEST:
        difference = f"a formula of {len(difference):,} characters, which --json has"
    lines += [f"difference: {difference}"]
    said = dict.fromkeys(_said(crossing) for crossing in found.crossings if crossing.exact is not None)
    lines += [f"equal at {over} = {root}" for root in said]
    integers = [
        value
        for crossing in found.crossings
        for value in (crossing.last_before, crossing.first_after)
        if value is not None
    ]
    if found.rounded:
        after = "; the integers below are counted with widths rounded, as modules do" if integers else ""
        lines.append(f"where every division is exact{after}")
    lines += [*render.units([metric]), "", found.verdict]
    if integers:
        lines += ["", _confirmed(a, b, over, at, metric, integers)]
    render.show(*lines)


def _said(crossing: "Crossing") -> str:
    from costmodel.symbolic import expression_text

    text, decimal = expression_text(crossing.exact), _decimal(crossing)
    if decimal is None or text.isdigit():
        return text
    return f"{text} = {decimal}…" if len(text) < 40 else f"{decimal}…"


def _confirmed(a: Subject, b: Subject, over: str, at: dict[str, int], metric: str, values: Sequence[Any]) -> Any:
    """Both layers counted at the integers on either side."""
    from costmodel.crossover import costs

    # A long name of a module breaks where its parts do.
    table = render.table([over], [each.name.replace(":", ":\n") for each in (a, b)])
    for value in dict.fromkeys(values):
        table.add_row(
            str(value),
            *(
                "—" if cost is None else render.amount(cost, metric, render.exact)
                for cost in costs((a, b), over=over.replace("-", "_"), at=at, metric=metric, value=value)
            ),
        )
    return table


def _decimal(crossing: "Crossing") -> str | None:
    exact = crossing.exact
    return None if exact is None or exact.free_symbols else str(exact.evalf(DIGITS))


def _document(a: str, b: str, over: str, at: dict[str, int], metric: str, found: "Crossover") -> dict[str, Any]:
    return {
        "a": a,
        "b": b,
        "over": over,
        "at": at,
        "metric": metric,
        "difference": str(found.difference),
        "rounded": found.rounded,
        "crossings": [
            {
                "exact": None if crossing.exact is None else str(crossing.exact),
                "decimal": _decimal(crossing),
                "last_before": crossing.last_before,
                "first_after": crossing.first_after,
                "cheaper_before": crossing.cheaper_before,
                "cheaper_after": crossing.cheaper_after,
            }
            for crossing in found.crossings
        ],
        "verdict": found.verdict,
    }
