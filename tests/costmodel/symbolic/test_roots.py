"""Roots and signs, exactly."""

import pytest
import sympy

from costmodel.symbolic import parse, symbol
from costmodel.symbolic.roots import on_class, positive_roots, sign

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
    ],
)
def test_positive_roots(text: str, roots: list[sympy.Expr]) -> None:
    """Each once, in ascending order, negative and zero ones left out."""
    assert positive_roots(parse(text), X) == roots


def test_roots_without_closed_form_are_isolated() -> None:
    """x⁵ = x + 1 has one real root, which is no radical and has as many digits as are asked for."""
    (root,) = positive_roots(parse("X**5 - X - 1"), X)
    assert str(root.evalf(20)) == "1.1673039782614186843"
    assert root**5 - root - 1 == 0 or abs((root**5 - root - 1).evalf(50)) < 10**-45


@pytest.mark.parametrize("text", ["X**5 - C*X - 1", "(X - C)*(X - C*C)"])
def test_no_answer_is_an_error(text: str) -> None:
    """No closed form, or an order that depends on the other sizes."""
    with pytest.raises(NotImplementedError):
        positive_roots(parse(text), X)


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
