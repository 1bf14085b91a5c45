"""Changes of sign on residue classes, against roots and against trying every integer."""

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.symbolic import symbol
from costmodel.symbolic.residues import sign_changes

X = symbol("X")
UPTO = 400


def by_trying(expression: sympy.Expr, modulus: int, remainder: int) -> list[int]:
    """Up to `UPTO`, by putting every integer of the class in its place."""
    class_ = range(remainder or modulus, UPTO, modulus)
    signs = [int(sympy.sign(expression.subs(X, x))) for x in class_]
    return [x for x, one, other in zip(class_, signs, signs[1:], strict=False) if one != other]


def found(expression: sympy.Expr, modulus: int = 1, remainder: int = 0) -> list[int]:
    """What `sign_changes` says, up to `UPTO`."""
    last = max(range(remainder, UPTO, modulus))
    return [x for x in sign_changes(expression, X, modulus, remainder) if 0 < x < last]


def test_a_class_reads_floors_as_polynomials() -> None:
    """On X = 4k + 3, 2·⌊X/4⌋ - 10 is 2k - 10: negative up to 19, 0 at 23, positive from 27 on."""
    expression = 2 * sympy.floor(X / 4) - 10
    assert [*sign_changes(expression, X, 4, 3)] == [19, 23]
    assert [*sign_changes(expression, X, 4, 0)] == [16, 20]


def test_a_maximum_becomes_another_argument() -> None:
    """max(X²/2, 3·X) of even X is 36 at no integer: the root, 6·√2, is between 8 and 10. No sign changes at X = 6."""
    assert [*sign_changes(sympy.Max(sympy.floor(X / 2) * X, 3 * X) - 36, X, 2, 0)] == [8]


@pytest.mark.parametrize("expression", [sympy.floor(X / 3), sympy.floor(sympy.sqrt(X)), 1 / X, X - symbol("C")])
def test_what_has_no_period_is_refused(expression: sympy.Expr) -> None:
    """A floor of another number, of a root, a quotient, another size."""
    with pytest.raises(NotImplementedError, match="has no period"):
        [*sign_changes(expression, X, 4, 0)]


COEFFICIENTS = st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=6)


@given(COEFFICIENTS, st.integers(0, 3))
@settings(max_examples=200)
def test_changes_are_next_to_the_real_roots(coefficients: list[int], zeros: int) -> None:
    """Of random polynomials, without end: a change is at a root or next to it, and after the last there is none."""
    polynomial = sympy.Poly(coefficients, X) * sympy.Poly(X - 7, X) ** zeros
    changes = [*sign_changes(polynomial.as_expr(), X, 1, 0)]
    cuts = {
        cut
        for root in (polynomial.real_roots(multiple=True) if polynomial.degree() > 0 else [])
        for cut in (int(sympy.floor(root)), int(sympy.ceiling(root)) - 1)
        if cut >= 0
    }
    signs = {x: sympy.sign(polynomial.eval(x)) for cut in cuts for x in (cut, cut + 1)}
    assert changes == sorted(cut for cut in cuts if signs[cut] != signs[cut + 1])


FORMS = st.lists(st.lists(st.integers(-40, 40), min_size=1, max_size=4), min_size=1, max_size=5)


@given(FORMS, FORMS, st.integers(1, 4), st.integers(-(10**4), 10**4), st.data())
@settings(max_examples=60)
def test_changes_are_those_of_every_integer(
    first: list[list[int]], second: list[list[int]], modulus: int, constant: int, data: st.DataObject
) -> None:
    """Of a sum of a maximum and a minimum of polynomials in X and in what X rounds to."""
    remainder = data.draw(st.integers(0, modulus - 1))
    up, down = sympy.ceiling(X / modulus), sympy.floor(X / modulus)
    expression = (
        sympy.Max(*(sympy.Poly(form, X).as_expr().subs(X, up) for form in first))
        + up * sympy.Min(*(sympy.Poly(form, X).as_expr().subs(X, down) for form in second))
        + constant
    )
    assert found(expression, modulus, remainder) == by_trying(expression, modulus, remainder)
