"""The curves over two variables on which two costs are equal."""

import contextlib
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from costmodel.catalog import Subject
from costmodel.crossover import forms
from costmodel.dimension import CostModelError, Dim
from costmodel.symbolic import expression_text, symbol
from costmodel.symbolic.reals import over_reals
from costmodel.symbolic.roots import closed_forms, order, sign

SAMPLES = 1000
"""Points of a curve, which is exact at each of them up to floating point."""
SPELLED = {symbol("P"): symbol("H") * symbol("W"), symbol("S"): symbol("H")}
"""Positions and a side as the axes of figures have them."""


class Boundary(NamedTuple):
    """Where two layers cost the same."""

    text: str
    """In words and in closed form, of H·W, or of H = W; or why there is no line."""
    lines: list[tuple[Any, Any]]
    """Arrays of x and y; nan where a line is interrupted."""


class View(NamedTuple):
    """Costs in closed form over two variables, of which a side may be given by its positions."""

    names: tuple[str, ...]
    variables: Sequence[Any]
    costs: Sequence[Dim]
    functions: Sequence[Callable[..., Any]]
    """The costs, of arrays of floating-point numbers."""


class Equation(NamedTuple):
    """That two costs are equal, as an equation for one of the variables of a view."""

    order: int
    """How many roots it has other than 0."""
    view: View
    of: int
    """The number of that variable."""
    difference: Dim

    def roots(self) -> list[Dim]:
        """In terms of the other variable, complex ones among them.

        Raises `NotImplementedError` where there is no closed form.
        """
        return closed_forms(self.difference, self.view.variables[self.of])


class Plane:
    """Costs of layers over two variables, in closed form."""

    def __init__(
        self, subjects: Sequence[Subject], limits: Mapping[str, tuple[float, float]], at: Mapping[str, int], metric: str
    ) -> None:
        """Between the `limits` of the two variables."""
        self._names = [subject.name for subject in subjects]
        self._limits = [*limits.values()]
        self._views, self._why_none = _views(subjects, [*limits], at, metric)

    def boundary(self, a: int, b: int) -> Boundary:
        """Where the costs of layers number `a` and `b` are equal, and those of all others at least as high."""
        first, second = self._names[a], self._names[b]
        if not self._views:
            return Boundary(f"no exact line between {first} and {second}: {self._why_none}", [])
        equations = [*self._equations(a, b)]
        if equations and not any(equation.order for equation in equations):
            equal = "cost the same everywhere" if sign(equations[0].difference) == 0 else "are nowhere equal"
            return Boundary(f"{first} and {second} {equal}", [])
        # The simplest one; for the positions, if that is no harder.
        for equation in sorted(filter(operator.attrgetter("order"), equations), key=operator.attrgetter("order")):
            with contextlib.suppress(NotImplementedError):
                seen = [(root, line) for root in equation.roots() if (line := self._seen(equation, root, (a, b)))]
                if not seen:
                    return Boundary(f"{first} and {second} are nowhere equal here", [])
                variable = _spelled(equation.view.variables[equation.of])
                values = " or ".join(_spelled(root) for root, _ in seen)
                return Boundary(f"{first} = {second} on {variable} = {values}", [line for _, line in seen])
        return Boundary(f"no exact line between {first} and {second}: their equation has no closed form", [])

    def _equations(self, a: int, b: int) -> Iterator[Equation]:
        """Those that are rational, for either variable of every view."""
        for view in self._views:
            difference = view.costs[a] - view.costs[b]
            with contextlib.suppress(NotImplementedError):
                orders = [order(difference, variable) for variable in view.variables]
                yield from (Equation(roots, view, of, difference) for of, roots in enumerate(orders))

    def _seen(self, equation: Equation, root: Dim, pair: tuple[int, int]) -> tuple[Any, Any] | None:
        """The curve on which the variable of `equation` is `root`, nan where it is not seen; None if that is all."""
        view, of = equation.view, equation.of
        powers = [2 if name == "p" else 1 for name in view.names]
        least, most = self._limits[1 - of]
        given = np.geomspace(least, most, SAMPLES) ** powers[1 - of]
        complex_ = over_reals(root, [view.variables[1 - of]])(given.astype(complex)) + np.zeros(SAMPLES)
        real = (complex_.real > 0) & (abs(complex_.imag) <= 1e-9 * abs(complex_.real))
        solved = np.where(real, complex_.real, np.nan)
        point = [solved, given] if of == 0 else [given, solved]
        costs = [function(*point) + np.zeros(SAMPLES) for function in view.functions]
        equal = np.maximum(costs[pair[0]], costs[pair[1]])
        seen = real & np.all([equal <= cost * (1 + 1e-6) for cost in costs], axis=0)
        drawn = [values ** (1 / power) for values, power in zip(point, powers, strict=True)]
        for values, (least, most) in zip(drawn, self._limits, strict=True):
            seen &= (values >= least) & (values <= most)
        x, y = (np.where(seen, values, np.nan) for values in drawn)
        return (x, y) if seen.any() else None


def _spelled(expression: Dim) -> str:
    return expression_text(expression.subs(SPELLED))


def _views(
    subjects: Sequence[Subject], over: Sequence[str], at: Mapping[str, int], metric: str
) -> tuple[list[View], str]:
    """The costs over `over`, before that with positions instead of a side, and why there are none, if so."""
    found, why = [], ""
    for names in dict.fromkeys([tuple("p" if name == "side" else name for name in over), tuple(over)]):
        try:
            variables, costs = forms(subjects, over=names, at=at, metric=metric)
        except CostModelError as error:
            why = str(error)
        else:
            found.append(View(names, variables, costs, [over_reals(cost, variables) for cost in costs]))
    return found, why
