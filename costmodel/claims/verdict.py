"""Whether a statement holds, for which sizes, and what shows it."""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby, pairwise
from typing import NamedTuple

from costmodel.claims.book import Claim, Statement
from costmodel.claims.reading import Reading, read_statement
from costmodel.dimension import CostModelError, Dim
from costmodel.symbolic import expression_text, parse, symbol
from costmodel.symbolic.roots import positive_roots, sign, signs

_HOLDS = {"<": {-1}, "≤": {-1, 0}, "=": {0}, "≥": {0, 1}, ">": {1}}
"""The signs of left less right with which a relation holds."""

_OPEN = "it depends on the other sizes: fix them (at)"


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


class Piece(NamedTuple):
    """An open interval of a size, or the one point `low` = `high`, and whether the statement holds throughout."""

    low: Dim | None
    """None: from 1 on."""
    high: Dim | None
    """None: without end."""
    holds: bool


def check(claim: Claim) -> list[Finding]:
    """What is found about every statement of a claim.

    Raises `CostModelError` for a statement that cannot be read, or whose condition cannot be found.
    """
    return [_check(claim, statement) for statement in claim.statements]


def _check(claim: Claim, statement: Statement) -> Finding:
    try:
        reading = read_statement(claim, statement)
        verdict = _verdict(reading, statement.over)
    except (CostModelError, NotImplementedError) as error:
        raise CostModelError(f"{claim.name}: {statement.states}: {error}") from None
    return Finding(claim, statement, verdict, f"{_shown(reading.left)} {reading.relation} {_shown(reading.right)}")


def _shown(side: Dim) -> str:
    """In closed form; a fraction also in decimals, where four of them do not say it all."""
    text = expression_text(side)
    if not side.is_Rational or side.is_Integer or Fraction(near := str(side.evalf(4))) == side:
        return text
    return f"{text} (≈ {near})"


def _verdict(reading: Reading, over: str | None) -> str:
    numerator, denominator = (reading.left - reading.right).together().as_numer_denom()
    divisor = sign(denominator)
    if not divisor:
        raise CostModelError("it divides by what may be 0 or negative")
    difference = divisor * numerator
    known = sign(difference)
    if known is not None:
        return "holds" if known in _HOLDS[reading.relation] else "fails"
    if over is None:
        raise CostModelError("it depends on the sizes: say on which one a condition is wanted (over), or fix them (at)")
    variable = symbol(over)
    # What is positive whatever the sizes may hide that there is one size only.
    difference = math.prod(factor for factor in difference.factor().as_ordered_factors() if sign(factor) != 1)
    roots = positive_roots(difference, variable)
    find = _over_integers if all(root.is_number for root in roots) else _over_symbols
    pieces = list(find(difference, reading, variable, roots))
    if not pieces:
        raise CostModelError(f"one of its costs is not defined, whatever {over} is")
    if all(piece.holds for piece in pieces):
        return "holds"
    runs = [[*run] for _, run in groupby(pieces, key=lambda piece: (piece.holds, reading.relation == "=" and piece))]
    relation = "≤" if 0 in _HOLDS[reading.relation] else "<"
    said = [_condition(run, pieces, over, relation) for run in runs if run[0].holds]
    return f"holds if {' or '.join(said)}" if said else "fails"


def _over_symbols(difference: Dim, reading: Reading, variable: Dim, roots: list[Dim]) -> Iterator[Piece]:
    """The pieces between roots that depend on other sizes."""
    for (low, high), found in zip(pairwise([None, *roots, None]), signs(difference, variable, roots), strict=True):
        if found is None:
            raise CostModelError(f"between {low or 0} and {high or 'infinity'} {_OPEN}")
        yield Piece(low, high, found in _HOLDS[reading.relation])
        if high is not None:
            yield Piece(high, high, 0 in _HOLDS[reading.relation])


def _over_integers(difference: Dim, reading: Reading, variable: Dim, roots: list[Dim]) -> Iterator[Piece]:
    """The pieces that hold a size, which is an integer, at which every cost is defined."""
    bounds = [b - a for a, b in reading.bounds if (b - a).free_symbols == {variable}]
    ends = sorted({*roots, *(root for bound in bounds for root in positive_roots(bound, variable))})
    intervals = pairwise([None, *ends, None])
    for low, high in [piece for interval in intervals for piece in (interval, (interval[1], interval[1]))][:-1]:
        point = _integer_in(low, high)
        if point is None or any(sign(bound.subs(variable, point)) == -1 for bound in bounds):
            continue
        found = sign(difference.subs(variable, point))
        if found is None:
            raise CostModelError(f"at {variable} = {point} {_OPEN}")
        yield Piece(low, high, found in _HOLDS[reading.relation])


def _integer_in(low: Dim | None, high: Dim | None) -> Dim | None:
    if low is not None and low == high:
        return low if low.is_Integer else None
    first = parse("1") if low is None else low // 1 + 1
    return first if high is None or first < high else None


def _condition(run: Sequence[Piece], pieces: Sequence[Piece], over: str, relation: str) -> str:
    """What `run`, of all `pieces`, says of a size."""
    low, high = run[0].low, run[-1].high
    if low is not None and low == high:
        return f"{over} = {expression_text(low)}"
    # Below the first piece and above the last one there is no size, or none at which every cost is defined.
    first = None if run[0] is pieces[0] else _end(low, relation, 1)
    last = None if run[-1] is pieces[-1] else _end(high, relation, 0)
    if last is None:
        text, relation = first or ("", "")
        return f"{over} {'≥' if relation == '≤' else '>'} {text}"
    return (f"{first[0]} {first[1]} " if first else "") + f"{over} {last[1]} {last[0]}"


def _end(end: Dim, relation: str, beyond: int) -> tuple[str, str]:
    """Text and relation; sizes are integers, so the one beside an irrational number says all it says, and exactly."""
    if end.is_number and not end.is_rational:
        return expression_text(end // 1 + beyond), "≤"
    return expression_text(end), relation
