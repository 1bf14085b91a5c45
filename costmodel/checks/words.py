"""What a check that fails says: both sides with their numbers, the point, and what changed in a formula."""

import itertools
from collections import Counter
from collections.abc import Mapping
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

from costmodel.checks.names import SPOKEN
from costmodel.checks.reading import Cost, Statement
from costmodel.dimension import Dim
from costmodel.metrics import METRICS, of_row
from costmodel.symbolic import expression, expression_text, terms
from costmodel.symbolic.notation import unrounded

MOST = 4
"""The most rows of a layer that are named as what explains a difference."""


def spoken(size: Dim) -> str:
    """What users call a size or an option."""
    return SPOKEN.get(str(size), str(size))


def point(at: Mapping[Dim, int]) -> str:
    """``c = 256, side = 7``."""
    return ", ".join(f"{spoken(size)} = {value}" for size, value in at.items())


def compared(left: Fraction, right: Fraction) -> str:
    """``16,482 > 5,898.24``."""
    relation = "<" if left < right else ">" if left > right else "="
    return f"{_shown(left)} {relation} {_shown(right)}"


def _shown(number: Fraction) -> str:
    """With separators; decimals where they say it all, otherwise as a fraction too."""
    if number.denominator == 1:
        return f"{number.numerator:,}"
    decimal = Context(prec=30).divide(Decimal(number.numerator), Decimal(number.denominator))
    if Fraction(decimal) == number and decimal == decimal.quantize(Decimal("1e-6")):
        return f"{decimal:,f}"
    return f"{number.numerator:,}/{number.denominator:,} (≈ {Context(prec=4).plus(decimal):,f})"


def difference(statement: Statement) -> str | None:
    """What one closed form has and the other has not, and the rows of the layer that explain it.

    None where the closed forms are equal.
    """
    more_of_left = unrounded(statement.left - statement.right).expand()
    own, other = statement.costs
    subject = statement.sides[0]
    if other and not own:
        own, subject, more_of_left = other, statement.sides[1], -more_of_left
    if more_of_left.is_zero:
        return None
    more = [term.expression for term in terms(more_of_left) if term.coefficient > 0]
    less = [-term.expression for term in terms(more_of_left) if term.coefficient < 0]
    said = [f"adds {expression_text(sum(more))}"] if more else []
    said += [f"lacks {expression_text(sum(less))}"] if less else []
    rows = _rows_of(own[0], more_of_left) if len(own) == 1 else ()
    return f"{subject} {' and '.join(said)}" + (f", what {' + '.join(rows)} cost" if rows else "")


def _rows_of(cost: Cost, wanted: Dim) -> tuple[str, ...]:
    """The fewest rows of a layer, up to `MOST`, that together cost what is `wanted`; none if there are none."""
    if cost.metric not in METRICS:
        return ()
    counts: dict[str, Counter[Any]] = {}
    for row in cost.ledger.rows:
        counts.setdefault(row.name, Counter()).update(_summands(unrounded(expression(of_row(row, cost.metric)))))
    summands = _summands(wanted)
    known = [name for name, count in counts.items() if count and count.keys() <= summands.keys()]
    for number in range(1, MOST + 1):
        for names in itertools.combinations(known, number):
            if sum((counts[name] for name in names), Counter()) == summands:
                return names
    return ()


def _summands(closed: Dim) -> Counter[Any]:
    return Counter({term.powers: term.coefficient for term in terms(closed) if term.coefficient})
