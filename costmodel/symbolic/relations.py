"""What relations of sizes say: of one size alone an arithmetic progression, of several a sign."""

from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

import sympy
from sympy.core.relational import Relational

from costmodel.symbolic.notation import is_floor

SIGNS: Mapping[Any, Set[int]] = {
    sympy.Lt: {-1},
    sympy.Le: {-1, 0},
    sympy.Eq: {0},
    sympy.Ne: {-1, 1},
    sympy.Ge: {0, 1},
    sympy.Gt: {1},
}
"""The signs of left less right with which a relation holds."""


class Steps(NamedTuple):
    """The integers that a size may be: ``first, first + step, …``, up to `last` if there is one."""

    size: sympy.Symbol
    first: int
    step: int
    last: int | None


def together(relation: Any) -> Sequence[Any]:
    """The relations that all hold where `relation` does."""
    return relation.args if isinstance(relation, sympy.And) else [relation]


def is_true(relation: Any) -> bool:
    """Whether it always holds."""
    return relation in (sympy.true, True)


def is_false(relation: Any) -> bool:
    """Whether it never holds."""
    return relation in (sympy.false, False)


def integral(formula: sympy.Expr) -> sympy.Expr | None:
    """A formula with floors for everything that rounds; None where it has other functions."""
    found = formula.replace(sympy.ceiling, lambda ratio: -sympy.floor(-ratio))
    found = found.replace(sympy.Mod, lambda above, below: above - below * sympy.floor(above / below))
    return found if all(map(is_floor, found.atoms(sympy.Function, sympy.Max))) else None


def floors(formula: sympy.Expr) -> list[sympy.Expr]:
    """Everything in it that is rounded down."""
    return sorted(formula.atoms(sympy.floor), key=str)


def difference(relation: Any) -> tuple[sympy.Expr, Set[int]] | None:
    """Left less right, and the signs of that with which `relation` holds; None if it is none that floors can say."""
    left_less_right = integral(relation.lhs - relation.rhs) if isinstance(relation, Relational) else None
    return None if left_less_right is None else (sympy.expand(left_less_right), SIGNS[type(relation)])


def steps(relation: Any) -> Steps | None:
    """What a relation says of one positive size; None if it is about several, or says something else."""
    if len(relation.free_symbols) != 1 or not isinstance(relation, Relational):
        return None
    (size,) = relation.free_symbols
    left, right = relation.args
    if isinstance(relation, sympy.Eq) and isinstance(left, sympy.Mod) and right.is_Integer:
        above, below = left.args
        rest = size - above + right
        if not (rest.is_Integer and below.is_Integer):
            return None
        return Steps(size, (int(rest) - 1) % int(below) + 1, int(below), None)
    over = sympy.expand(left - right)
    if not (over.is_polynomial(size) and sympy.degree(over, size) == 1):
        return None
    bound = -over.coeff(size, 0) / over.coeff(size, 1)
    signs = {int(sign * sympy.sign(over.coeff(size, 1))) for sign in SIGNS[type(relation)]}
    if signs == {0} and bound.is_Integer and bound > 0:
        return Steps(size, int(bound), 1, int(bound))
    if signs in ({0, 1}, {1}):
        least = sympy.ceiling(bound) if 0 in signs else sympy.floor(bound) + 1
        return Steps(size, max(1, int(least)), 1, None)
    if signs in ({-1, 0}, {-1}):
        most = sympy.floor(bound) if 0 in signs else sympy.ceiling(bound) - 1
        return Steps(size, 1, 1, int(most)) if most > 0 else None
    return None
