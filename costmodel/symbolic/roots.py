"""Where an expression changes sign: its positive roots, exactly, and its signs between them."""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import sympy

UNDECIDED = 100
"""The most arguments of maxima, each of which may be the greatest, among which the nearest root is looked for."""


def positive_roots(expression: sympy.Expr, variable: sympy.Symbol) -> list[sympy.Expr]:
    """The positive real roots of a rational `expression` in `variable`, in ascending order, each once.

    Of one variable alone they are algebraic numbers: in closed form where there is one, otherwise isolated and
    computable to any precision. With other symbols in it, which are positive, they come in closed form in these.

    Raises `NotImplementedError` where other symbols leave no closed form, sign or order, or where it is not rational.
    """
    if choices(expression) and expression.free_symbols <= {variable}:
        return _roots_between(expression, variable, 0, sympy.oo)
    polynomial = _numerator(expression, variable)
    if polynomial.degree() <= 0:
        return []
    if polynomial.free_symbols <= {variable}:
        return [root for root, _ in polynomial.set_domain("QQ").real_roots(multiple=False) if root > 0]
    found = closed_forms(expression, variable)
    positive = [root for root in found if root.is_positive]
    if _one_positive(polynomial) and len(positive) == 1:
        return positive
    if any(root.is_positive is None and root.is_real is not False for root in found):
        raise NotImplementedError("whether a root is positive depends on the other sizes")
    return _in_order(positive)


def closed_forms(expression: sympy.Expr, variable: sympy.Symbol) -> list[sympy.Expr]:
    """All roots of a rational `expression` in `variable`, complex ones among them, in terms of its other symbols.

    Raises `NotImplementedError` where there is no closed form, or where it is not rational.
    """
    polynomial = _numerator(expression, variable)
    return list(_closed_forms(polynomial, variable)) if polynomial.degree() > 0 else []


def order(expression: sympy.Expr, variable: sympy.Symbol) -> int:
    """How many roots other than 0 a rational `expression` has in `variable`, complex ones among them.

    Raises `NotImplementedError` where it is not rational.
    """
    powers = [int(power) for (power,) in _numerator(expression, variable).monoms()]
    return max(powers) - min(powers)


def signs(expression: sympy.Expr, variable: sympy.Symbol, roots: Sequence[sympy.Expr]) -> list[int | None]:
    """The sign of `expression` below, between and above its positive `roots`, each None if it depends."""
    polynomial = _numerator(expression, variable)
    if roots and _one_positive(polynomial):
        return [sign(polynomial.EC()), sign(polynomial.LC())]
    ends = [0, *roots]
    points = [(low + high) / 2 for low, high in pairwise(ends)] + [2 * roots[-1] if roots else variable]
    return [sign(expression.subs(variable, point)) for point in points]


def _numerator(expression: sympy.Expr, variable: sympy.Symbol) -> sympy.Poly:
    try:
        polynomial = sympy.Poly(sympy.expand(sympy.together(expression).as_numer_denom()[0]), variable)
    except sympy.PolynomialError:
        raise NotImplementedError(f"it is not rational in {variable}") from None
    if polynomial.gens != (variable,):
        raise NotImplementedError(f"it is not rational in {variable}")
    return polynomial


def _one_positive(polynomial: sympy.Poly) -> bool:
    """Whether there is one positive root for all values of the other symbols, by Descartes' rule of signs."""
    found = [sign(coefficient) for coefficient in polynomial.coeffs()]
    return None not in found and sum(before != after for before, after in pairwise(found)) == 1


def _closed_forms(polynomial: sympy.Poly, variable: sympy.Symbol) -> Iterator[sympy.Expr]:
    for factor, _ in sympy.factor_list(polynomial.as_expr(), variable)[1]:
        part = sympy.Poly(factor, variable)
        found = sympy.roots(part)
        if sum(found.values()) != part.degree():
            raise NotImplementedError(f"the roots of {factor} have no closed form")
        yield from map(sympy.simplify, found)


def _in_order(roots: list[sympy.Expr]) -> list[sympy.Expr]:
    ratios = {root: sympy.simplify(root / roots[0]) for root in roots}
    if not all(ratio.is_number for ratio in ratios.values()):
        raise NotImplementedError(f"which of {', '.join(map(str, roots))} comes first depends on the other sizes")
    return sorted(ratios, key=lambda root: ratios[root])


def sign(expression: sympy.Expr) -> int | None:
    """-1, 0 or 1 if `expression`, of positive symbols, has one sign; None if that depends."""
    factored = sympy.factor(expression)
    if factored.is_zero:
        return 0
    if factored.is_positive or factored.is_negative:
        return 1 if factored.is_positive else -1
    signs = {math.copysign(1, c) for c in sympy.Poly(sympy.together(expression).as_numer_denom()[0]).coeffs()}
    return int(signs.pop()) if len(signs) == 1 else None


def nearest_root(expression: sympy.Expr, variable: sympy.Symbol, low: int, high: int) -> sympy.Expr | None:
    """The positive root of an `expression` in `variable` alone that is nearest to the middle of `low` and `high`.

    None if there is none, or none where at most `UNDECIDED` arguments of its maxima may be the greatest.
    """
    # Near them, most maxima are decided.
    for reach in (0, 64 * (high - low), sympy.oo) if choices(expression) else (sympy.oo,):
        start, end = max(low - reach, 0), high + reach
        decided = _decided(expression, variable, start, end)
        if sum(len(choice.args) for choice in choices(decided)) > UNDECIDED:
            return None
        if roots := _roots_between(decided, variable, start, end):
            return min(roots, key=lambda root: abs(float(root) - (low + high) / 2))
    return None


def _roots_between(
    expression: sympy.Expr, variable: sympy.Symbol, low: int, high: int | sympy.Expr
) -> list[sympy.Expr]:
    """The positive roots from `low` to `high` of an expression in `variable` alone."""
    pieces = list(_pieces(expression, variable, sympy.Integer(low), high))
    return sorted({root for piece in pieces for root in positive_roots(piece.form, variable) if root in piece})


def _decided(expression: sympy.Expr, variable: sympy.Symbol, low: int, high: int | sympy.Expr) -> sympy.Expr:
    """`expression` from `low` to `high`: maxima without arguments that the one in the middle exceeds everywhere."""
    middle = {variable: low + 1 if high is sympy.oo else sympy.Rational(low + high, 2)}
    taken = {}
    for choice in choices(expression):
        direction = 1 if isinstance(choice, sympy.Max) else -1
        best = max(choice.args, key=lambda each: direction * each.subs(middle))
        left = [
            a for a in choice.args if a == best or not _is_never_negative(direction * (best - a), variable, low, high)
        ]
        taken[choice] = choice.func(*left)
    return expression.xreplace(taken)


def _is_never_negative(difference: sympy.Expr, variable: sympy.Symbol, low: int, high: int | sympy.Expr) -> bool:
    """Whether Descartes' rule of signs says so of a polynomial, from `low` to `high`."""
    try:
        polynomial = sympy.Poly(difference, variable)
    except sympy.PolynomialError:
        return False
    # (low + high·x)/(1 + x) goes from the one to the other as x grows from 0 on.
    ends = (variable + low, 1) if high is sympy.oo else (low + high * variable, 1 + variable)
    moved = polynomial.transform(*(sympy.Poly(end, variable) for end in ends))
    return all(coefficient >= 0 for coefficient in moved.coeffs())


class _Piece(NamedTuple):
    """An expression without maxima and minima, which is another one from `low` to `high`, both included."""

    form: sympy.Expr
    low: sympy.Expr
    high: sympy.Expr

    def __contains__(self, value: sympy.Expr) -> bool:
        return bool(self.low <= value) and bool(value <= self.high)


def _pieces(expression: sympy.Expr, variable: sympy.Symbol, low: sympy.Expr, high: sympy.Expr) -> Iterator[_Piece]:
    """`expression` from `low` to `high`, cut where one of its maxima or minima becomes another one of its arguments."""
    innermost = [choice for choice in choices(expression) if not any(map(choices, choice.args))]
    if not innermost:
        yield _Piece(sympy.expand(expression), low, high)
        return
    pairs = (pair for choice in innermost for pair in combinations(choice.args, 2))
    cuts = {root for a, b in pairs for root in _roots_of(a - b, variable) if low < root < high}
    for start, end in pairwise([low, *sorted(cuts), high]):
        at = {variable: _between(start, end)}
        taken = {choice: next(each for each in choice.args if each.subs(at) == choice.subs(at)) for choice in innermost}
        yield from _pieces(expression.xreplace(taken), variable, start, end)


def choices(expression: sympy.Expr) -> set[sympy.Expr]:
    """The maxima and minima in it."""
    found: set[sympy.Expr] = expression.atoms(sympy.Min, sympy.Max)
    return found


def _between(low: sympy.Expr, high: sympy.Expr) -> sympy.Rational:
    """A fraction between two algebraic numbers."""
    if high is sympy.oo:
        return sympy.floor(low) + 1
    digits = 15
    while True:
        middle = sympy.Rational(str(sympy.N((low + high) / 2, digits)))
        if low < middle < high:
            return middle
        digits *= 2


def _roots_of(quotient: sympy.Expr, k: sympy.Symbol) -> list[sympy.Expr]:
    """The roots k ≥ 0 of a quotient of polynomials."""
    polynomial = sympy.Poly(sympy.together(quotient).as_numer_denom()[0], k, domain="QQ")
    if polynomial.degree() <= 0:
        return []
    return [root for root, _ in polynomial.real_roots(multiple=False) if root >= 0]
