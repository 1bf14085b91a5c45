"""Whether a statement holds, for which sizes, and what shows it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from costmodel.catalog import nearest, read
from costmodel.claims.book import Claim, Statement
from costmodel.conventions import METRICS
from costmodel.dimension import CostModelError, Dim, abbreviate
from costmodel.symbolic import derive, expression_text, parse, parse_relation, symbol
from costmodel.symbolic.roots import positive_roots, sign

_HOLDS = {"<": {-1}, "≤": {-1, 0}, "=": {0}, "≥": {0, 1}, ">": {1}}
"""The signs of left less right with which a relation holds."""


class Finding(NamedTuple):
    """A statement with what was found about it."""

    claim: Claim
    statement: Statement
    verdict: str
    evidence: str
    """Both sides in closed form."""

    @property
    def agrees(self) -> bool:
        """Whether the verdict is the recorded one."""
        return self.verdict == self.statement.verdict


def check(claim: Claim) -> list[Finding]:
    """What is found about every statement of a claim.

    Raises `CostModelError` for a statement that cannot be read, or whose condition cannot be found.
    """
    return [_check(claim, statement) for statement in claim.statements]


def _check(claim: Claim, statement: Statement) -> Finding:
    try:
        sides = parse_relation(statement.states, _cost)
        left, right = (_placed(side, statement) for side in (sides[0], sides[2]))
        verdict = _verdict(left - right, sides[1], statement.over)
    except (CostModelError, NotImplementedError) as error:
        raise CostModelError(f"{claim.name}: {statement.states}: {error}") from None
    return Finding(claim, statement, verdict, f"{expression_text(left)} {sides[1]} {expression_text(right)}")


def _cost(metric: str, arguments: Sequence[str]) -> Dim:
    """``macs("se:reduction=4")``, or of some of its rows: ``macs("non-local", "affinity")``."""
    if metric not in METRICS:
        raise CostModelError(
            f"a cost is one of {', '.join(METRICS)}, not {abbreviate(metric)}{nearest(metric, METRICS)}"
        )
    if not arguments:
        raise CostModelError(f"{metric} is that of a layer, such as {metric}('se')")
    subject = read(arguments[0], letters=True)
    derivation = derive(subject.layer, subject.options)
    if len(arguments) == 1:
        return derivation.formula(metric).expression
    rows = [row.name for row in derivation.ledger.rows]
    for name in arguments[1:]:
        if name not in rows:
            raise CostModelError(f"{subject.name} has no row {abbreviate(name)}{nearest(name, rows)}")
    return derivation.of_rows(arguments[1:], metric).expression


def _placed(side: Dim, statement: Statement) -> Dim:
    """`side` with its sizes fixed; P positions are a map of P rows, since these costs depend on H·W alone."""
    places: dict[Any, Any] = {symbol(name): parse(str(value)) for name, value in statement.at.items()}
    if statement.over == "P" or "P" in statement.at:
        h, w, p = map(symbol, "HWP")
        if w in side.subs(h, p / w).simplify().free_symbols:
            raise CostModelError("it depends on H and W apart, not on P = H·W alone")
        side = side.subs({h: p, w: 1})
    return side.subs(places)


def _verdict(difference: Dim, relation: str, over: str | None) -> str:
    known = sign(difference)
    if known is not None:
        return "holds" if known in _HOLDS[relation] else "fails"
    if over is None:
        raise CostModelError("it depends on the sizes: say on which one a condition is wanted (over), or fix them (at)")
    variable = symbol(over)
    roots = positive_roots(difference, variable)
    if relation == "=":
        return f"holds if {' or '.join(f'{over} = {expression_text(root)}' for root in roots)}" if roots else "fails"
    ends: list[Any] = [0, *roots, None]
    found = []
    for low, high in pairwise(ends):
        point = (low + high) / 2 if high is not None else 2 * low if roots else variable
        inside = sign(difference.subs(variable, point))
        if inside is None:
            raise CostModelError(f"between {low} and {high or 'infinity'} it depends on the other sizes: fix them (at)")
        if inside in _HOLDS[relation]:
            found.append(_interval(low, high, over, "≤" if 0 in _HOLDS[relation] else "<"))
    return f"holds if {' or '.join(found)}" if found else "fails"


def _interval(low: Any, high: Any, over: str, bound: str) -> str:
    if high is None:
        return f"{over} {'≥' if bound == '≤' else '>'} {expression_text(low)}"
    below = f"{over} {bound} {expression_text(high)}"
    return below if low == 0 else f"{expression_text(low)} {bound} {below}"
