"""Where an expression in one integer changes its sign, on one residue class and without computing a root.

For x = m·k + r every floor is a polynomial in k, and a maximum is one of its arguments up to some k and another one
from there on: the expression is a polynomial piece by piece. A polynomial p rises where p(k + 1) - p(k), which has one
degree less, is positive; where it only rises or only falls, bisection finds where its sign changes. All over integers.
"""

import operator
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import reduce
from itertools import pairwise, zip_longest
from math import comb, floor
from typing import NamedTuple, TypeAlias

import sympy

Polynomial: TypeAlias = tuple[int | Fraction, ...]
"""Coefficients of k⁰, k¹, …, the last of which is not 0."""


class Piece(NamedTuple):
    """What an expression is from `first` on, up to the next piece."""

    first: int
    form: Polynomial


def sign_changes(expression: sympy.Expr, variable: sympy.Symbol, modulus: int, remainder: int) -> Iterator[int]:
    """The integers x ≡ `remainder`, in ascending order, where `expression` has another sign at x + `modulus`.

    Raises `NotImplementedError` unless it is made of sums, products, maxima, and floors that `modulus` is a period of.
    """
    pieces = _Class(variable, modulus, remainder).pieces(expression)
    found = [sign for form, low, high in _ranges(pieces) for sign in _signs(form, low, high)]
    for (_, before), (first, after) in pairwise(found):
        if before != after:
            yield modulus * (first - 1) + remainder


class _Class:
    """One residue class, and how expressions read on it."""

    def __init__(self, variable: sympy.Symbol, modulus: int, remainder: int) -> None:
        self.variable = variable
        self.known = {variable: [Piece(0, _trimmed([remainder, modulus]))]}

    def pieces(self, expression: sympy.Expr) -> list[Piece]:
        """`expression` as a function of k ≥ 0."""
        if expression not in self.known:
            self.known[expression] = self._read(expression)
        return self.known[expression]

    def _read(self, expression: sympy.Expr) -> list[Piece]:
        if expression.is_Rational:
            return [Piece(0, _trimmed([Fraction(expression.p, expression.q)]))]
        parts = [self.pieces(each) for each in expression.args]
        if expression.is_Add:
            return _sum(parts)
        if expression.is_Mul:
            return reduce(_product, parts)
        if expression.is_Pow and expression.exp.is_Integer and expression.exp > 0:
            return reduce(_product, parts[:1] * int(expression.exp))
        if isinstance(expression, sympy.floor):
            return [Piece(first, self._floor(form)) for first, form in parts[0]]
        if isinstance(expression, sympy.ceiling):
            return [Piece(first, _negative(self._floor(_negative(form)))) for first, form in parts[0]]
        if isinstance(expression, sympy.Max):
            return _greatest(parts)
        if isinstance(expression, sympy.Min):
            return _negatives(_greatest([_negatives(part) for part in parts]))
        raise NotImplementedError(f"{self.variable} is rounded in a way that has no period")

    def _floor(self, form: Polynomial) -> Polynomial:
        if any(coefficient % 1 for coefficient in form[1:]):
            raise NotImplementedError(f"{self.variable} is rounded in a way that has no period")
        return _trimmed([floor(coefficient) for coefficient in form])


# Piece by piece.


def _ranges(pieces: Sequence[Piece]) -> Iterator[tuple[Polynomial, int, int | None]]:
    """Each piece with the first and the last integer on which it is; None: without end."""
    for piece, after in zip_longest(pieces, pieces[1:]):
        yield piece.form, piece.first, after.first - 1 if after else None


def _sum(parts: Iterable[Sequence[Piece]]) -> list[Piece]:
    steps: dict[int, Polynomial] = {}
    for pieces in parts:
        before: Polynomial = ()
        for first, form in pieces:
            steps[first] = _plus(steps.get(first, ()), _minus(form, before))
            before = form
    found: list[Piece] = []
    for first in sorted(steps):
        found.append(Piece(first, _plus(found[-1].form, steps[first]) if found else steps[first]))
    return found


def _product(a: Sequence[Piece], b: Sequence[Piece]) -> list[Piece]:
    return [Piece(low, _times(*forms)) for low, _, forms in _together([a, b])]


def _negatives(pieces: Sequence[Piece]) -> list[Piece]:
    return [Piece(first, _negative(form)) for first, form in pieces]


def _together(parts: Sequence[Sequence[Piece]]) -> Iterator[tuple[int, int | None, list[Polynomial]]]:
    """Ranges on which each of `parts` is one polynomial, and these."""
    firsts = sorted({piece.first for pieces in parts for piece in pieces})
    for low, after in zip_longest(firsts, firsts[1:]):
        forms = [next(piece.form for piece in reversed(pieces) if piece.first <= low) for pieces in parts]
        yield low, None if after is None else after - 1, forms


def _greatest(parts: Sequence[Sequence[Piece]]) -> list[Piece]:
    return [piece for low, high, forms in _together(parts) for piece in _envelope(forms, low, high)]


def _envelope(forms: Sequence[Polynomial], low: int, high: int | None) -> Iterator[Piece]:
    """Which of `forms` is the greatest from `low` to `high`."""
    first: int | None = low
    while first is not None:
        at = first
        best = max(forms, key=lambda form: _at(form, at))
        yield Piece(at, best)
        overtaking = (_overtakes(form, best, at, high) for form in forms if form != best)
        first = min((place for place in overtaking if place is not None), default=None)


def _overtakes(form: Polynomial, other: Polynomial, low: int, high: int | None) -> int | None:
    """The first integer from `low` to `high` at which `form` is greater than `other`."""
    return next((first for first, sign in _signs(_minus(form, other), low, high) if sign > 0), None)


# Polynomials.


def _trimmed(coefficients: Iterable[int | Fraction]) -> Polynomial:
    found = [int(each) if each.denominator == 1 else each for each in coefficients]
    while found and not found[-1]:
        found.pop()
    return tuple(found)


def _plus(a: Polynomial, b: Polynomial) -> Polynomial:
    return _trimmed(map(operator.add, *zip(*zip_longest(a, b, fillvalue=0), strict=True))) if a and b else a or b


def _minus(a: Polynomial, b: Polynomial) -> Polynomial:
    return _plus(a, _negative(b))


def _negative(form: Polynomial) -> Polynomial:
    return tuple(-coefficient for coefficient in form)


def _times(a: Polynomial, b: Polynomial) -> Polynomial:
    found: list[int | Fraction] = [0] * (len(a) + len(b))
    for i, one in enumerate(a):
        for j, other in enumerate(b):
            found[i + j] += one * other
    return _trimmed(found)


def _at(form: Polynomial, k: int) -> int | Fraction:
    value: int | Fraction = 0
    for coefficient in reversed(form):
        value = value * k + coefficient
    return value


def _signs(form: Polynomial, low: int, high: int | None) -> list[tuple[int, int]]:
    """The signs of a polynomial from `low` ≥ 0 to `high`, each with the first integer that has it."""
    if len(form) < 2 or ((low or form[0]) and (min(form) >= 0 or max(form) <= 0)):
        return [(low, _sign(sum(form)))]
    # Σ c·((k + 1)^i - k^i), by the powers of k.
    step = _trimmed(sum(comb(i, j) * form[i] for i in range(j + 1, len(form))) for j in range(len(form) - 1))
    rises = _signs(step, low, high)
    found: list[tuple[int, int]] = []
    for (first, direction), after in zip_longest(rises, rises[1:], fillvalue=(high, 0)):
        place: int | None = first
        while place is not None:
            sign = _sign(_at(form, place))
            if not found or found[-1][1] != sign:
                found.append((place, sign))
            place = _first_other(form, sign, place, after[0]) if direction * (direction - sign) > 0 else None
    return found


def _sign(value: int | Fraction) -> int:
    return (value > 0) - (value < 0)


def _first_other(form: Polynomial, sign: int, low: int, high: int | None) -> int | None:
    """The first integer after `low`, up to `high`, at which a polynomial that only rises or falls has not this sign."""
    step = 1
    while (high is None or low + step < high) and _sign(_at(form, low + step)) == sign:
        low, step = low + step, 2 * step
    end = low + step if high is None else min(low + step, high)
    if _sign(_at(form, end)) == sign:
        return None
    while end - low > 1:
        middle = (low + end) // 2
        low, end = (middle, end) if _sign(_at(form, middle)) == sign else (low, middle)
    return end
