"""Roots and signs, exactly."""

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.symbolic import parse, symbol
from costmodel.symbolic.roots import closed_forms, nearest_root, order, positive_roots, sign, signs

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


def test_a_sum_of_many_maxima() -> None:
    """Piece by piece: eleven of them have 2,048 combinations, of which twelve occur.

    Σᵢ max(X, i) for i = 1…12 is 78 up to 1, and at X = 7 it is 7·7 + 8 + … + 12 = 99.
    """
    expression = sum(sympy.Max(X, i) for i in range(1, 13))
    assert positive_roots(expression - 99, X) == [7]
    assert positive_roots(expression - 77, X) == []


def test_a_maximum_inside_a_minimum() -> None:
    """min(max(X², 2), 10·X - 9) is 10·X - 9 up to 11/10 and from 9 on, 2 from there to √2 and X² between."""
    expression = sympy.Min(sympy.Max(X**2, 2), 10 * X - 9)
    assert positive_roots(expression - 1, X) == [1]
    assert positive_roots(expression - 25, X) == [5]
    assert positive_roots(expression - 91, X) == [10]


def test_the_nearest_root() -> None:
    """Of (X - 3)·(X - 100)·(X - 1000) as of a maximum that is it; far away ones are found where none is near."""
    cubic = (X - 3) * (X - 100) * (X - 1000)
    for expression in (cubic, sympy.Max(cubic, cubic - 1)):
        found = [nearest_root(expression, X, low, low + 1) for low in (0, 60, 900, 10**6)]
        assert found == [3, 100, 1000, 1000]
    assert nearest_root(sympy.Max(X, 2) + 1, X, 5, 6) is None
    assert nearest_root(sympy.Min(X**2, 3 * X) - 1, X, 7, 8) == 1
    # No root is between the two.
    assert nearest_root(sympy.Max(X, 5) - 9, X, 3, 4) == 9


@given(st.lists(st.lists(st.integers(-60, 60), min_size=1, max_size=3), min_size=1, max_size=4), st.integers(0, 30))
@settings(max_examples=60)
def test_the_nearest_root_is_one_of_all(rows: list[list[int]], low: int) -> None:
    """Looked for in windows, of a maximum less 17, as among all roots."""
    expression = sympy.Max(*(sympy.Poly(row, X).as_expr() for row in rows)) - 17
    roots = positive_roots(expression, X)
    nearest = min((abs(float(root) - low - 0.5) for root in roots), default=None)
    found = nearest_root(expression, X, low, low + 1)
    assert (found is None) == (nearest is None)
    assert found is None or (found in roots and abs(float(found) - low - 0.5) == nearest)


def test_a_root_among_too_many_maxima_is_left_out() -> None:
    """Where they are undecided; where they are not, it is found among as many."""
    crowd = sum(sympy.Max(X, 100 + i) for i in range(60))
    assert nearest_root(crowd - 10**6, X, 5, 6) is None
    assert nearest_root(crowd + 7 * X - sum(range(100, 160)) - 63, X, 8, 9) == 9
