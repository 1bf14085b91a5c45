"""Expressions over floating-point numbers, to be drawn. Nothing that is counted comes from here."""

from collections.abc import Callable, Sequence
from typing import Any

import sympy


def over_reals(expression: sympy.Expr, variables: Sequence[sympy.Symbol]) -> Callable[..., Any]:
    """`expression` as a function of NumPy arrays of floating-point or complex numbers, one for each of `variables`."""
    function: Callable[..., Any] = sympy.lambdify(variables, expression, "numpy")
    return function
