"""Torch's functions of sizes as SymPy's, which simplifies them, where the two are the same to the last integer.

A module that writes ``int(0.5 * h)`` has torch multiply floats and round. Floats of 53 bits do that as fractions would
where no product needs more, and where one quotient of integers is all there is. What else they compute, such as
``int(0.3 * h)`` or a root, is no formula in integers, and stays as torch has it.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sympy
from sympy.core.function import Application
from sympy.core.relational import Relational
from torch.utils._sympy import functions as torchs

Expression = Any

FINEST = 2**10
"""The largest denominator of a float that a size is multiplied with: any product with 40 bits of a size is exact."""


@functools.lru_cache(maxsize=2**12)
def in_sympy(expression: Expression) -> Expression:
    """With every function that SymPy has as well as SymPy's."""
    # Most sizes are polynomials, in which nothing is to be replaced.
    if not expression.has(Application):
        return expression
    found = expression.replace(lambda part: part.func in _FUNCTIONS, lambda part: _FUNCTIONS[part.func](*part.args))
    return _compared(found) if isinstance(found, Relational) else found


def unknown(expression: Expression) -> Iterable[Expression]:
    """What is left in it of torch's functions."""
    parts: Iterable[Expression] = expression.atoms(sympy.Function)
    return [part for part in parts if type(part).__module__ == torchs.__name__]


def _compared(relation: Relational) -> Expression:
    """Floats that are compared as the fractions that they are, where one is an integer: a quotient rounds past none."""
    sides = [each for each in map(_quotient, relation.args) if each is not None]
    known = len(sides) == 2 and any(side.is_integer for side in sides)
    return relation.func(*sides) if known else relation


def _rounding(theirs: Any, ours: Any, *, positive: bool = False) -> Callable[[Expression], Expression]:
    """`theirs` as `ours` of what floats compute exactly, if it is `positive` where that is asked for."""

    def rounded(number: Expression) -> Expression:
        exact = _quotient(number)
        if exact is None or (positive and not exact.is_nonnegative):
            return theirs(number)
        return ours(exact)

    return rounded


def _quotient(number: Expression) -> Expression | None:
    """A quotient of two integers, which is rounded once and so past no integer, or what `_exact` knows."""
    if isinstance(number, (torchs.IntTrueDiv, torchs.FloatTrueDiv)):
        above, below = map(_exact, number.args)
        if above is None or below is None or not (above.is_integer and below.is_integer):
            return None
        return above / below
    return _exact(number)


def _exact(number: Expression) -> Expression | None:
    """What floats compute without rounding, as a fraction; None if they round."""
    if isinstance(number, torchs.ToFloat):
        return number.args[0]
    if number.is_Float or number.is_Rational:
        fraction = sympy.Rational(float(number)) if number.is_Float else number
        return fraction if fraction.is_Integer or fraction.q in _HALVES else None
    if number.is_Add or number.is_Mul:
        parts = [_exact(part) for part in number.args]
        return None if None in parts else number.func(*parts)
    return number if number.is_integer and not unknown(number) else None


_HALVES = {2**k for k in range(FINEST.bit_length())}

_FUNCTIONS: Mapping[Any, Any] = {
    torchs.FloorDiv: lambda above, below: sympy.floor(above / below),
    torchs.CleanDiv: lambda above, below: above / below,
    torchs.Mod: sympy.Mod,
    torchs.PythonMod: sympy.Mod,
    **{each: _rounding(each, each) for each in (sympy.floor, sympy.ceiling)},
    torchs.FloorToInt: _rounding(torchs.FloorToInt, sympy.floor),
    torchs.CeilToInt: _rounding(torchs.CeilToInt, sympy.ceiling),
    # Towards 0, which is down for what is not negative.
    torchs.TruncToInt: _rounding(torchs.TruncToInt, sympy.floor, positive=True),
    torchs.Max: sympy.Max,
    torchs.Min: sympy.Min,
}
