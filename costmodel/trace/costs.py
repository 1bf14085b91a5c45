"""What a module costs, part by part, in expressions."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import sympy

from costmodel.conventions import CONVENTIONS
from costmodel.trace.run import Expression


class Part(NamedTuple):
    """What one submodule does, with those below it."""

    path: str
    kind: str
    params: Expression
    macs: Expression


class Costs(NamedTuple):
    """What a module costs, part by part."""

    params: Expression
    arithmetic: Mapping[str, Expression]
    """By kind, as in `costmodel.ledger.Row`."""
    submodules: Sequence[Part]

    def metric(self, name: str) -> Expression:
        """``params``, ``macs``, ``flops`` or ``arithmetic``."""
        if name == "params":
            return self.params
        weights = CONVENTIONS[name].arithmetic or {}
        return sympy.expand(sum((weights[kind] * found for kind, found in self.arithmetic.items()), sympy.Integer(0)))

    def joined(self, join: Callable[[Sequence[Expression]], Expression], *others: "Costs") -> "Costs":
        """Every expression joined with those in its place of `others`."""
        every = (self, *others)
        zero = sympy.Integer(0)
        kinds = sorted({kind for costs in every for kind in costs.arithmetic})
        return Costs(
            join([costs.params for costs in every]),
            {kind: join([costs.arithmetic.get(kind, zero) for costs in every]) for kind in kinds},
            [
                parts[0]._replace(params=join([p.params for p in parts]), macs=join([p.macs for p in parts]))
                for parts in zip(*(costs.submodules for costs in every), strict=True)
            ],
        )

    def placed(self, places: Mapping[Expression, Expression]) -> "Costs":
        """With symbols replaced."""
        return self.joined(lambda same: sympy.expand(same[0].xreplace(places)))

    def at(self, values: Mapping[Expression, int]) -> dict[str, Expression]:
        """The arithmetic by kind where the symbols have these values, without zeros."""
        counts = {kind: found.subs(values) for kind, found in self.arithmetic.items()}
        return {kind: count for kind, count in counts.items() if count != 0}
