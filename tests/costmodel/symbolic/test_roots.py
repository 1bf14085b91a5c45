"""Roots and signs, exactly."""

import pytest
import sympy

from costmodel.symbolic import parse, symbol
from costmodel.symbolic.roots import closed_forms, on_class, order, positive_roots, sign, signs

X, C = symbol("X"), symbol("C")


@pytest.mark.parametrize(
    "text, roots",
    [
        ("X - 3", [3]),
        ("X*X - 2", [sympy.sqrt(2)]),
        ("(X - 1)**2*(X - 5)*(X + 7)", [1, 5]),
        ("3/X - 2", [sympy.Rational(3, 2)]),
        ("X*X + 1", []),
        ("4", []),
        ("0", []),
        ("3*X - 2*C", [2 * C / 3]),
        ("X*X*(X - C)*(X - 2*C)", [C, 2 * C]),
        ("X*X - 3*X - C", [sympy.Rational(3, 2) + sympy.sqrt(4 * C + 9) / 2]),
    ],
)
def test_positive_roots(text: str, roots: list[sympy.Expr]) -> None:
    """Each once, in ascending order, negative and zero ones left out."""
    assert positive_roots(parse(text), X) == roots


@pytest.mark.parametrize(
    "expression, roots",
    [
        # X = 6 where the maximum is X², which it is from 3 on; 4 and 12 are roots of what it is not there.
        (sympy.Max(X**2, 3 * X) - 36, [6]),
        (sympy.Max(X, 4) - 4, [4]),
        (sympy.Max(X**2, 5) - sympy.Max(2 * X, 9), [3]),
        (sympy.Max(X**2, 8) - sympy.Max(6 * X - 8, 1), [sympy.Rational(8, 3), 4]),
        (sympy.Min(X, 5) - 7, []),
        (sympy.Min(X**2, 3 * X) - 1, [1]),
        (sympy.Max(X, 2) + 1, []),
    ],
)
def test_roots_under_a_maximum(expression: sympy.Expr, roots: list[sympy.Expr]) -> None:
    """Those of each argument that is the greatest there, and of no other."""
    assert positive_roots(expression, X) == roots


def test_maximum_with_another_size_has_no_closed_form() -> None:
    """Which argument is the greatest is open then."""
    with pytest.raises(NotImplementedError):
        positive_roots(sympy.Max(X**2, C * X) - 3 * X, X)


def test_roots_on_a_class_under_a_maximum() -> None:
    """And where it becomes another argument, X = 6: whoever asks tries the integers between neighbouring ones."""
    found = on_class(sympy.Max(sympy.floor(X / 2) * X, 3 * X) - 36, X, 2, 0)
    assert {*found} == {sympy.Integer(6), 6 * sympy.sqrt(2)}


def test_roots_without_closed_form_are_isolated() -> None:
    """x⁵ = x + 1 has one real root, which is no radical and has as many digits as are asked for."""
    (root,) = positive_roots(parse("X**5 - X - 1"), X)
    assert str(root.evalf(20)) == "1.1673039782614186843"
    assert root**5 - root - 1 == 0 or abs((root**5 - root - 1).evalf(50)) < 10**-45


@pytest.mark.parametrize(
    "expression, why",
    [
        (X**5 - C * X - 1, "no closed form"),
        ((X - C) * (X - C**2), "comes first"),
        (X**2 - 3 * X + C, "positive"),
        (sympy.sqrt(X) - C * X, "not rational"),
    ],
)
def test_no_answer_is_an_error(expression: sympy.Expr, why: str) -> None:
    """No closed form, a sign or an order that depends on the other sizes, or nothing rational."""
    with pytest.raises(NotImplementedError, match=why):
        positive_roots(expression, X)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("X*X - 3*X - C", 2),
        ("X**5 - C*X - 1", 5),
        ("C*X**3 - X", 2),
        ("7*C*X**4", 0),
        ("3/X - X", 2),
        ("C*C + 3", 0),
        ("X - X", 0),
        ("1/(X + C) - 1/(X + 2)", 0),
    ],
)
def test_order(text: str, expected: int) -> None:
    """How many roots there are besides 0: of 3/X - X two, of a power times C none."""
    assert order(parse(text), X) == expected


def test_what_is_not_rational_has_no_order() -> None:
    """Roots and floors of the variable; those of another symbol are none of its concern."""
    for expression in (sympy.sqrt(X) - C, X - sympy.floor(X / C), sympy.Min(X, C)):
        with pytest.raises(NotImplementedError, match="not rational in X"):
            order(expression, X)
    assert order(sympy.sqrt(C) * X - sympy.floor(C / 3), X) == 1


def test_all_closed_forms() -> None:
    """Negative and complex ones among them, 0 too, and none of a constant."""
    assert set(closed_forms(parse("X*(X*X + 4)*(X + C)"), X)) == {0, 2 * sympy.I, -2 * sympy.I, -C}
    assert closed_forms(parse("C + 3"), X) == []
    with pytest.raises(NotImplementedError, match="no closed form"):
        closed_forms(parse("X**5 - C*X - 1"), X)


def test_signs_between_roots() -> None:
    """By Descartes' rule where it says how many positive roots there are, else by trying; None where that depends."""
    one = parse("X*X - 3*X - C")
    assert signs(one, X, positive_roots(one, X)) == [-1, 1]
    assert signs(parse("(X - C)*(2*C - X)"), X, [C, 2 * C]) == [-1, 1, -1]
    assert signs(parse("X + C"), X, []) == [1]
    assert signs(parse("X - C"), X, []) == [None]


@pytest.mark.parametrize("text, expected", [("C*C + 3", 1), ("0 - C", -1), ("C - C", 0), ("C - 3", None), ("X/C", 1)])
def test_signs_of_positive_symbols(text: str, expected: int | None) -> None:
    """Known, or said not to be."""
    assert sign(parse(text)) == expected


def test_a_class_reads_floors_as_polynomials() -> None:
    """On X = 4k + 3, 2·⌊X/4⌋ - 10 is 2k - 10, which is 0 at X = 23; on X = 4k at 20."""
    expression = 2 * sympy.floor(X / 4) - 10
    assert on_class(expression, X, 4, 3) == [23]
    assert on_class(expression, X, 4, 0) == [20]
    with pytest.raises(NotImplementedError):
        on_class(sympy.floor(X / 3), X, 4, 0)


def test_a_sum_of_many_maxima() -> None:
    """Piece by piece: eleven of them have 2,048 combinations, of which twelve occur.

    Σᵢ max(X, i) for i = 1…12 is 78 up to 1, and at X = 7 it is 7·7 + 8 + … + 12 = 99.
    """
    expression = sum(sympy.Max(X, i) for i in range(1, 13))
    assert positive_roots(expression - 99, X) == [7]
    assert positive_roots(expression - 77, X) == []
    assert set(on_class(expression - 99, X, 1, 0)) == {7, *range(2, 13)}


def test_a_maximum_inside_a_minimum() -> None:
    """min(max(X², 2), 10·X - 9) is 10·X - 9 up to 11/10 and from 9 on, 2 from there to √2 and X² between."""
    expression = sympy.Min(sympy.Max(X**2, 2), 10 * X - 9)
    assert positive_roots(expression - 1, X) == [1]
    assert positive_roots(expression - 25, X) == [5]
    assert positive_roots(expression - 91, X) == [10]
