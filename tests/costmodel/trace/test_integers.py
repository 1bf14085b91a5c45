"""What torch computes of sizes in floats, as fractions where these are the same."""

import math

import pytest
import sympy
from torch.utils._sympy import functions as torchs

from costmodel.trace.integers import in_sympy, unknown

H = sympy.Symbol("H", integer=True, positive=True)
FLOAT = torchs.ToFloat(H)


@pytest.mark.parametrize(
    "theirs, ours, python",
    [
        (torchs.CeilToInt(torchs.IntTrueDiv(H, 49)), sympy.ceiling(H / 49), lambda h: math.ceil(h / 49)),
        (torchs.FloorToInt(torchs.FloatTrueDiv(FLOAT, 3)), sympy.floor(H / 3), lambda h: math.floor(float(h) / 3)),
        (torchs.TruncToInt(1.5 * FLOAT + 0.25), sympy.floor(H * 3 / 2 + sympy.Rational(1, 4)), lambda h: int(1.5 * h)),
        (
            sympy.Eq(torchs.ToFloat(sympy.floor(torchs.IntTrueDiv(H, 14))), torchs.IntTrueDiv(H, 14)),
            sympy.Eq(sympy.floor(H / 14), H / 14),
            lambda h: (h / 14).is_integer(),
        ),
        (torchs.Max(1, torchs.FloorDiv(H, 2)), sympy.Max(1, sympy.floor(H / 2)), lambda h: max(1, h // 2)),
    ],
)
def test_what_rounds_nowhere(theirs, ours, python) -> None:
    """As SymPy has it, and as Python computes it."""
    found = in_sympy(theirs)
    assert found == ours
    assert not unknown(found)
    assert [found.subs(H, h) for h in range(1, 200)] == [python(h) for h in range(1, 200)]


@pytest.mark.parametrize(
    "theirs",
    [
        torchs.TruncToInt(0.3 * FLOAT),  # of 10 it is 3, where the fraction that 0.3 is gives 2
        torchs.FloorToInt(49 * torchs.IntTrueDiv(H, 49)),
        torchs.TruncToInt(torchs.FloatPow(FLOAT, 0.5)),
        torchs.TruncToInt(FLOAT - 2.5),  # towards 0, which is up for 1
        torchs.RoundToInt(0.5 * FLOAT),
    ],
)
def test_what_rounds(theirs) -> None:
    """It is left, and found."""
    assert [type(part) for part in unknown(in_sympy(theirs)) if part == theirs] == [type(theirs)]
