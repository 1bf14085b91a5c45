"""Costs in C, the number of channels, from several constructions of a module."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import sympy
from torch import nn

from costmodel.dimension import CostModelError
from costmodel.symbolic import symbol
from costmodel.trace.costs import Costs
from costmodel.trace.named import Named
from costmodel.trace.run import Expression, Sizes
from costmodel.trace.running import counted, without_data

FITTED, HELD_OUT = 4, 2
"""At how many numbers of channels a polynomial is fitted, and at how many more it is checked."""

Make = Callable[[Mapping[str, Any]], nn.Module]
"""A module from the arguments of its constructor."""


class NoPolynomialError(Exception):
    """The costs are no polynomials in C, or nobody says how to make the module with other channels."""


def varied_together(init: Mapping[str, Any], channels: int) -> Iterator[list[str]]:
    """The arguments to vary: all that are the number of channels, or else one of them, where the others are not it."""
    same = [name for name, value in init.items() if type(value) is int and value == channels]
    if same:
        yield same
    if len(same) > 1:
        yield from ([name] for name in same)


def takes_other_channels(module: nn.Module, shape: Sequence[int], axis: int) -> bool:
    """Whether the module runs with one channel more, so that no argument that it was made with is their number."""
    try:
        counted(module, (*shape[:axis], shape[axis] + 1, *shape[axis + 1 :]))
    except CostModelError:
        return False
    return True


class OverChannels:
    """The costs in C, from several constructions."""

    costs: Costs
    guards: list[Expression]
    fixed: dict[str, int]
    """The sizes of the input that the module needs as numbers."""
    divisions: list[tuple[Expression, Expression]]
    """Pairs (b, a) where a width is a polynomial only if b divides a."""

    def __init__(self, make: Make, init: Mapping[str, Any], varied: Sequence[str], first: Named) -> None:
        """Of what `make` makes of `init` with the arguments in `varied` changed; `first` is it with them unchanged.

        Raises `NoPolynomialError`.
        """
        axis = first.names.index("C")
        channels = first.shape[axis]
        self._varied = varied
        self._steps = [channels * times for times in range(1, FITTED + HELD_OUT + 1)]
        shapes = [(*first.shape[:axis], step, *first.shape[axis + 1 :]) for step in self._steps[1:]]
        try:
            made = [
                without_data(make({**init, **dict.fromkeys(varied, step)}), size)
                for step, size in zip(self._steps[1:], shapes, strict=True)
            ]
            self._fit(first, made, shapes)
        except CostModelError:
            raise NoPolynomialError from None

    def _fit(self, first: Named, made: Sequence[nn.Module], shapes: Sequence[Sizes]) -> None:
        self.fixed = {name: value for name, value in first.fixed.items() if name != "C"}
        every = (first.module, *made)
        weights = [dict(module.named_parameters()) | dict(module.named_buffers()) for module in every]
        structures = [[(path, type(part)) for path, part in module.named_modules()] for module in every]
        if any(each != structures[0] for each in structures) or any(w.keys() != weights[0].keys() for w in weights):
            raise NoPolynomialError
        known = {
            symbol(name): self._polynomial([sympy.Integer(each[weight].shape[at]) for each in weights])
            for name, (_, weight, at) in first.places.items()
        }
        self.costs = first.costs().placed(known)
        # A module that keeps its channels as numbers says the same of all of them only if it is made with others.
        self._interpolated = "C" in first.fixed or not all(map(partial(self._predicted, first.names), made, shapes))
        if self._interpolated:
            runs = [first, *(Named(each, size, first.names) for each, size in zip(made, shapes, strict=True))]
            costs, *others = [run.costs().placed(run.numbers()) for run in runs]
            self.costs = costs.joined(self._polynomial, *others)
            known = first.numbers()
        self.guards = [guard.xreplace(known) for guard in first.guards]
        self.divisions = [(sympy.fraction(sympy.together(found))[1], symbol("C")) for found in known.values()]

    def _predicted(self, names: str, module: nn.Module, shape: Sizes) -> bool:
        """Whether the costs, in C, are those of the module that was made with this number of channels."""
        at = {symbol(name): size for name, size in zip(names, shape, strict=True)}
        return self.costs.at(at) == counted(module, shape)

    def _polynomial(self, values: Sequence[Expression]) -> Expression:
        """The polynomial in C through the first values, which goes through the others too."""
        c = symbol("C")
        points = list(zip(self._steps, values, strict=True))
        found = sympy.expand(sympy.interpolate(points[:FITTED], c))
        if any(sympy.expand(found.subs(c, x) - y) != 0 for x, y in points[FITTED:]):
            raise NoPolynomialError
        return found

    def __str__(self) -> str:
        fitted, checked = (", ".join(map(str, part)) for part in (self._steps[:FITTED], self._steps[FITTED:]))
        told = f"in C from {' and '.join(self._varied)} = {fitted}, checked at {checked}"
        if not self._interpolated:
            return told
        return f"{told}; the module keeps its channels as numbers, so its costs are interpolated"
