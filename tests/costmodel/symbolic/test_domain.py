"""Identities over all sizes of a domain, held against their values at sizes of it."""

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.symbolic import symbol
from costmodel.symbolic.domain import Domain, guard_text

N, C, H, W, R, OUT = map(symbol, ("N", "C", "H", "W", "r", "C_out"))
floor = sympy.floor


def domain(*expressions, sizes=(N, C, H, W), **keywords):
    return Domain(expressions, sizes, **keywords)


def test_every_remainder() -> None:
    """⌊H/2⌋ + ⌊(H+1)/2⌋ is H on both remainders, 2·⌊H/2⌋ on one alone."""
    both = floor(H / 2) + floor((H + 1) / 2) - H
    assert domain(both).is_zero(both)
    one = 2 * floor(H / 2) - H
    assert not domain(one).is_zero(one)


def test_channels_are_multiples() -> None:
    """2·⌊C/2⌋ is C, since C is a multiple of what divides it, and the domain says so."""
    found = domain(floor(C / 2))
    assert found.is_zero(2 * floor(C / 2) - C)
    assert found.conditions() == ["2 divides C", "N ≥ 2", "C ≥ 4", "H ≥ 2", "W ≥ 2"]


def test_multiples_of_letters() -> None:
    """r·⌊C/r⌋ is C; 8·⌊⌊C/8⌋/4⌋ is C/4 where 32 divides C."""
    assert domain(floor(C / R)).is_zero(R * floor(C / R) - C)
    assert domain(floor(C / R)).conditions()[0] == "r divides C"
    nested = floor(floor(C / 8) / 4)
    assert domain(nested).is_zero(nested * 32 - C)
    assert domain(nested).conditions()[0] == "32 divides C"


def test_widths_are_multiples_too() -> None:
    """A width without a default is as whole as C is."""
    found = domain(floor(OUT / 3), sizes=(N, C, OUT))
    assert found.conditions() == ["3 divides C_out", "N ≥ 2", "C ≥ 2", "C_out ≥ 6"]


def test_nested_floors() -> None:
    """⌊⌊H/2⌋/3⌋ is ⌊H/6⌋, and ⌊2·⌊H/2⌋/3⌋ is not ⌊H/3⌋: at H = 9 one is 2, the other 3."""
    nested = floor(floor(H / 2) / 3) - floor(H / 6)
    assert domain(nested).is_zero(nested)
    scaled = floor(2 * floor(H / 2) / 3) - floor(H / 3)
    assert scaled.subs(H, 9) == -1
    assert not domain(scaled).is_zero(scaled)
    product = floor(floor(H / 2) * floor(W / 2) / 2) - floor(H * W / 8)
    assert not domain(product).is_zero(product)


def test_divisions_from_elsewhere() -> None:
    """What a layer divides restricts the domain also where no floor is left of it."""
    assert domain(C, divisions=[(sympy.Integer(8), C)]).conditions()[0] == "8 divides C"


@pytest.mark.parametrize(
    "guard, implied",
    [
        (H >= 2, True),
        (H >= 3, False),
        (H * W > 3, True),
        (H * W > 4, False),
        (sympy.Ne(H, 1), True),
        (sympy.Ne(H, W), False),
        (sympy.Eq(H, W), False),
        (sympy.Eq(sympy.Mod(1, N), 0), False),
        (sympy.Ne(sympy.Mod(1, N), 0), True),
        (sympy.Le(2, H * W), True),
        (sympy.Lt(H * W, 2), False),
        (R * C >= 2, True),
        (sympy.Ne(C * R, C), False),  # with r = 1 they are equal
        (sympy.Or(H > W, H >= 2), True),
        (sympy.And(H > W, H >= 2), False),
        (floor(H / R - 5) >= 0, False),  # a floor may be less than its coefficient says
        (1 / H >= 1, False),
    ],
    ids=str,
)
def test_guards(guard, implied) -> None:
    """A guard is implied if all sizes from 2 on, and letters from 1 on, satisfy it."""
    assert domain().implies(guard) is implied


def test_required() -> None:
    """An equation that does not always hold makes a size a number; a bound does not."""
    assert domain().requires(sympy.Eq(H * W, 77))
    assert not domain().requires(H > W)
    assert not domain(sympy.Mod(C, 8)).requires(sympy.Eq(sympy.Mod(C, 8), 0))


@pytest.mark.parametrize(
    "guard, words",
    [
        (sympy.Eq(H * W, 77), "H·W = 77"),
        (sympy.Ne(H, W), "H ≠ W"),
        (H > 7, "H > 7"),
        (sympy.Eq(sympy.Mod(C, 8), 0), "8 divides C"),
        (sympy.Or(H > 7, W <= 5), "H > 7 or W ≤ 5"),
    ],
)
def test_guards_in_words(guard, words) -> None:
    """Guards are printed as a person writes them."""
    assert guard_text(guard) == words


def test_degree() -> None:
    """The degree is that of the polynomial on the remainder where it is greatest."""
    count = N * C**2 * H + floor(H / 2) ** 2 * W
    found = domain(count)
    assert [found.degree(count, size) for size in (N, C, H, W)] == [1, 2, 2, 1]
    only_odd = (H - 2 * floor(H / 2)) * H
    assert domain(only_odd).degree(only_odd, H) == 1


def test_no_polynomial() -> None:
    """What is no polynomial has no degree."""
    with pytest.raises(NotImplementedError):
        domain().degree(floor(sympy.sqrt(H)), H)


def test_places() -> None:
    """Sizes at given k are given on every remainder, and channels as multiples."""
    places = list(domain(floor(H / 2), floor(C / 3)).places((0, 1, 5, 3)))
    assert places == [(2, 9, 14, 5), (2, 9, 15, 5)]


def test_multiple() -> None:
    """A multiple of what divides a size, where that is a letter too."""
    assert domain(floor(C / R)).multiple(C, 7, {R: 5}) == 35
    assert domain().multiple(C, 7, {}) == 7


PARTS = st.sampled_from(
    [H, W, H**2, floor(H / 2), floor((H + 1) / 2), floor(W / 3), floor(floor(H / 2) / 2), floor(C / 4)]
)
POLYNOMIALS = st.lists(st.tuples(st.integers(-3, 3), PARTS, PARTS), max_size=4).map(
    lambda terms: sympy.Add(*(coefficient * a * b for coefficient, a, b in terms))
)


@settings(max_examples=60)
@given(POLYNOMIALS)
def test_zero_is_zero_everywhere(count) -> None:
    """An expression is 0 on the domain exactly if it is at more sizes of it than it has degrees."""
    sizes = [{H: h, W: w, C: 4 * c} for h in range(8, 25) for w in (6, 7, 8, 11) for c in (2, 3, 5)]
    plain = sympy.lambdify((H, W, C), count, modules=[{"floor": lambda x: x.__floor__()}, "math"])
    everywhere = all(plain(*map(sympy.Integer, (at[H], at[W], at[C]))) == 0 for at in sizes)
    assert domain(count).is_zero(count) == everywhere
