"""Relations of sizes as progressions and as signs."""

import pytest
import sympy

from costmodel.symbolic import symbol
from costmodel.symbolic.relations import Steps, difference, floors, integral, steps

H, W = symbol("H"), symbol("W")


@pytest.mark.parametrize(
    "relation, expected",
    [
        (sympy.Ge(H, 7), (7, 1, None)),
        (sympy.Gt(2 * H, 7), (4, 1, None)),
        (sympy.Gt(2 * H, 8), (5, 1, None)),
        (sympy.Lt(7, 2 * H), (4, 1, None)),
        (sympy.Le(3 * H, 20), (1, 1, 6)),
        (sympy.Lt(H, 6), (1, 1, 5)),
        (sympy.Ge(6 - H, 0), (1, 1, 6)),
        (sympy.Eq(2 * H, 10), (5, 1, 5)),
        (sympy.Eq(sympy.Mod(H, 4), 0), (4, 4, None)),
        (sympy.Eq(sympy.Mod(H - 1, 4, evaluate=False), 0, evaluate=False), (1, 4, None)),
        (sympy.Eq(sympy.Mod(H + 2, 5), 1), (4, 5, None)),
        (sympy.Ge(sympy.floor(H / 2), 3), None),
        (sympy.Ge(H * H, 9), None),
        (sympy.Ne(H, 9), None),
        (sympy.Ge(H * W, 9), None),
        (sympy.Or(sympy.Ge(H, 9), sympy.Le(H, 3)), None),
    ],
)
def test_of_one_size(relation, expected) -> None:
    """A progression, whose values are those for which the relation holds."""
    found = steps(relation)
    assert found == (expected and Steps(H, *expected))
    if found:
        last = 40 if found.last is None else found.last
        values = {*range(found.first, last + 1, found.step)}
        assert values == {size for size in range(1, 41) if relation.subs(H, size) == sympy.true}


def test_signs() -> None:
    """Of the difference, in floors alone."""
    assert difference(sympy.Ge(H * W, 9)) == (H * W - 9, {0, 1})
    assert difference(sympy.Ne(sympy.ceiling(H / 2), W)) == (-sympy.floor(-H / 2) - W, {-1, 1})
    assert difference(sympy.Lt(sympy.Max(H, 3), W)) is None
    assert difference(sympy.Or(sympy.Ge(H, 9), sympy.Le(W, 3))) is None


def test_floors() -> None:
    """Everything that rounds as floors."""
    found = integral(sympy.ceiling(H / 2) + sympy.Mod(W, 3))
    assert found is not None
    assert [found.subs({H: h, W: w}) for h, w in ((4, 4), (5, 6))] == [3, 3]
    assert floors(found) == [sympy.floor(-H / 2), sympy.floor(W / 3)]
    assert integral(sympy.Max(H, W)) is None
