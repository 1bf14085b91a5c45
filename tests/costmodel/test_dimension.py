"""What a dimension may be, and its exact arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from costmodel.dimension import (
    CostModelError,
    abbreviate,
    ceil_div,
    differ,
    dimension,
    elements,
    exact_div,
    lifts,
    minimum,
    on_integers,
    somewhere,
    square_root,
    width,
)

positive = st.integers(1, 10**30)


@pytest.mark.parametrize("value", [1, 7, 10**300, np.int64(7), sympy.Integer(7), np.array(7)])
def test_integers_of_any_kind_become_python_ints(value: object) -> None:
    """NumPy's and SymPy's integers lose their type, not their value."""
    admitted = dimension(value)
    assert type(admitted) is int
    assert admitted == int(value)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "value",
    [0, -1, 1.0, 2.5, True, False, np.True_, "7", None, Fraction(3, 2), sympy.Rational(1, 2), 1j, [7], float("nan")],
)
def test_everything_else_is_refused(value: object) -> None:
    """Zero, negatives, floats (even whole ones), booleans and texts are no dimensions."""
    with pytest.raises(CostModelError, match="must be"):
        dimension(value)


def test_arrays_become_arrays_of_python_ints() -> None:
    """Machine integers would wrap; Python's do not."""
    array = dimension(np.array([2**62, 3], dtype=np.int64))
    assert (array * 4).tolist() == [2**64, 12]


@pytest.mark.parametrize("values", [[1, 0], [1.0, 2.0], [True, False]])
def test_arrays_of_anything_else_are_refused(values: list[object]) -> None:
    """One zero, floats or booleans spoil an array."""
    with pytest.raises(CostModelError, match="must be"):
        dimension(np.array(values))


def test_symbols_are_themselves_unless_they_cannot_be_integers() -> None:
    """A symbol is a dimension; half a symbol that is known to be odd is not."""
    c = sympy.Symbol("C", integer=True, positive=True)
    assert dimension(c) is c
    with pytest.raises(CostModelError, match="positive integer"):
        dimension(sympy.Symbol("x", integer=False))


@given(positive, positive)
def test_division_agrees_with_fractions(a: int, b: int) -> None:
    """Ceilings and square roots are exact at any size."""
    assert ceil_div(a, b) == -(-Fraction(a, b) // 1)
    assert square_root(a) ** 2 <= a < (square_root(a) + 1) ** 2
    assert minimum(a, b) == min(a, b)


def test_exact_division_refuses_a_remainder() -> None:
    """8 heads do not divide 511 channels; of symbols the condition stays in the floor."""
    assert exact_div(512, 8, "heads") == 64
    with pytest.raises(CostModelError, match="heads: 8 does not divide 511"):
        exact_div(511, 8, "heads")
    with pytest.raises(CostModelError, match="does not divide"):
        exact_div(dimension(np.array([512, 511])), 8, "heads")
    c = sympy.Symbol("C", integer=True, positive=True)
    assert exact_div(c, 8, "heads") == sympy.floor(c / 8)


def test_width_is_never_zero() -> None:
    """Real modules would build an empty layer; nobody means that."""
    assert width(511, 16) == 31
    with pytest.raises(CostModelError, match="reduction 16 is larger than the 8 channels"):
        width(8, 16)
    with pytest.raises(CostModelError, match="reduction 16 is larger"):
        width(dimension(np.array([64, 8])), 16)


def test_somewhere_and_differ_are_sure_or_silent() -> None:
    """Of arrays any element decides; of symbols only what holds for all values."""
    c = sympy.Symbol("C", integer=True, positive=True)
    assert somewhere(np.array([False, True]))
    assert not somewhere(np.array([False, False]))
    assert somewhere(c > 0)
    assert not somewhere(c > 1)
    assert differ(3, 4)
    assert not differ(c, 4)
    assert differ(c, c + 1)
    assert differ(dimension(np.array([3, 4])), 3)


def test_functions_of_integers_take_arrays_and_symbols() -> None:
    """Element by element, and as functions that wait for numbers."""
    n = sympy.Symbol("n", integer=True, positive=True)
    assert square_root(dimension(np.array([8, 9]))).tolist() == [2, 3]
    assert minimum(n, 5).subs(n, 7) == 5
    assert square_root(n).subs(n, 8) == 2


def test_unknown_types_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the module that knows symbols, nothing is guessed."""
    monkeypatch.delitem(lifts, sympy.Basic)

    @on_integers
    def twice(a: int) -> int:
        return 2 * a

    assert twice(4) == 8
    with pytest.raises(CostModelError, match="twice of Symbol"):
        twice(sympy.Symbol("n"))


def test_elements_is_a_product() -> None:
    """3·5·7, and 1 for a scalar."""
    assert elements((3, 5, 7)) == 105
    assert elements(()) == 1


def test_errors_stay_short() -> None:
    """A number of 5,001 digits is named by its size."""
    assert abbreviate(10**5000) == "about 1e5000"
    assert abbreviate(-(10**30)) == "about -1e30"
    assert len(abbreviate("x" * 1000)) < 70
    assert abbreviate(511) == "511"
