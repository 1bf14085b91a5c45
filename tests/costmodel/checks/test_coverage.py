"""At which points the formulas of modules are known."""

from collections.abc import Mapping

import pytest
import sympy

from costmodel.checks.coverage import Condition, Coverage, Known
from costmodel.checks.derived import Undecided
from costmodel.checks.domain import axis
from costmodel.symbolic import symbol

C, H, W, P = map(symbol, "CHWP")


def coverage(*relations: sympy.Basic, apart: bool = False, **values: object) -> Coverage:
    known = Known("m:M", [Condition(each, str(each), apart) for each in relations], [(C, 64)])
    return Coverage([known], {symbol(name): axis(name, given) for name, given in values.items()})


def test_conditions_on_one_size_meet() -> None:
    """As one progression, in words for what is open."""
    found = coverage(sympy.Ge(C, 9), sympy.Eq(sympy.Mod(C, 4), 0), sympy.Eq(sympy.Mod(C, 6), 0), sympy.Le(C, 40))
    assert found.conditions() == ["12 divides C", "C ≤ 36"]
    assert [found.admits({C: size}) for size in (12, 18, 36, 48)] == [True, False, True, False]
    assert found.missed() is None


def test_conditions_on_several() -> None:
    """Asked at single points; where all have values, a point that does not satisfy them is found."""
    open_ = coverage(sympy.Ge(H * W, 20))
    assert (open_.conditions(), open_.sizes) == (["H·W ≥ 20"], {H, W})
    assert [open_.admits({H: 4, W: width}) for width in (4, 5)] == [False, True]
    found = coverage(sympy.Ge(H * W, 20), H="4..9", W="5..9")
    assert found.missed() is None
    assert coverage(sympy.Ge(H * W, 20), H="4..9", W="3..9", C=5).missed() == ({H: 4, W: 3, C: 5}, "H·W ≥ 20")
    with pytest.raises(Undecided, match=r"the formula of m:M is known where max\(H, W\) ≥ 3"):
        coverage(sympy.Ge(sympy.Max(H, W), 3), H="4..9", W="5..9").missed()


@pytest.mark.parametrize(
    "relations, values",
    [
        ([sympy.Eq(C, 3), sympy.Ge(C, 4)], {}),
        ([sympy.Eq(C, 3)], {"C": "4..9"}),
        ([sympy.false], {}),
    ],
)
def test_nowhere(relations: list[sympy.Basic], values: Mapping[str, object]) -> None:
    """A check for no point at all is none."""
    with pytest.raises(Undecided, match="and so at no point that is asked"):
        coverage(*relations, **values)


def test_positions() -> None:
    """Products of heights and widths that satisfy what is asked of each."""
    found = coverage(sympy.Ge(H, 4), sympy.Eq(sympy.Mod(W, 6), 0), sympy.Ne(H, W), apart=True)
    assert [found.admits({P: positions}) for positions in (24, 30, 36, 25)] == [True, True, False, False]
    assert found.of(P, axis("p", "1..50")).runs[0].first == 24
    with pytest.raises(Undecided, match="at no point"):
        coverage(sympy.Ge(H, 4), apart=True, P="1..3")


def test_the_point_that_was_checked() -> None:
    """There nothing is asked."""
    assert coverage(sympy.Ge(C, 99), C=64).admits({C: 64})
    with pytest.raises(Undecided):
        coverage(sympy.Ge(C, 99), C=65)
