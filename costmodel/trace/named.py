"""A trace in named symbols: the sizes of the input by their letters, and widths by the weights that carry them."""

import contextlib
from collections.abc import Iterable, Sequence

import sympy
from torch import nn

from costmodel.dimension import CostModelError
from costmodel.symbolic import symbol
from costmodel.trace.costs import Costs, Part
from costmodel.trace.run import Expression, Trace, trace
from costmodel.trace.running import copied, counted, running

BATCH = 3
"""What runs in place of a batch of one, which would be taken for a number."""


class Named:
    """One trace of a module, whose symbols have names."""

    def __init__(
        self, module: nn.Module, shape: Sequence[int], names: str, *, widths: bool = True, one: bool = False
    ) -> None:
        """Of an input of `shape`, the letters of whose sizes are `names`; `widths` are symbols too, or numbers.

        A batch of one runs as more than that, unless it is to run as `one`.

        Raises `CostModelError` if the module does not run there.
        """
        self.module, self.shape, self.names = module, tuple(shape), names
        # What it does not take, it refuses in numbers.
        self.counted = {} if one else counted(module, shape)
        """The arithmetic there, by kind; of what runs as `one`, which another run has, none."""
        self._widths = widths
        self.traced = self._trace(widths=widths, one=one)
        self.fixed: dict[str, int] = {}
        """The sizes of the input that the module needs as numbers."""
        self.widths: dict[str, int] = {}
        """The widths by their names, and what they are."""
        self.places: dict[str, tuple[str, str, int]] = {}
        """The submodule that each is a width of, the weight that carries it, and on which axis."""
        self._named: dict[Expression, Expression] = {}
        for name, found in zip(names, self.traced.input, strict=True):
            if found.is_number:
                self.fixed[name] = int(found)
            else:
                # A size that the module cuts into parts is so many of one of them.
                part = found.free_symbols.pop()
                self._named[part] = sympy.solve(found - symbol(name), part)[0]
        for weight, sizes in self.traced.weights.items():
            for axis, size in enumerate(sizes):
                if size.is_Symbol and size not in self._named:
                    self._name(size, weight, axis)
        self.guards = list(dict.fromkeys(guard.xreplace(self._named) for guard in self.traced.guards))

    def guards_of_one(self) -> list[Expression] | None:
        """What a batch of one asks of the other sizes, where it costs what the formulas say; None where it does not.

        Where torch broadcasts a size of one, it takes another way through a module.
        """
        if self.names[0] != "N" or "N" in self.fixed:
            return None
        try:
            alone = Named(self.module, (1, *self.shape[1:]), self.names, widths=self._widths, one=True)
        except CostModelError:
            return None
        one = {symbol("N"): sympy.Integer(1)}
        costs, expected = (run.costs().placed(one) for run in (alone, self))
        same = costs.params == expected.params and costs.at({}) == expected.at({})
        if not same or not alone.fixed.keys() <= {"N", *self.fixed}:
            return None
        return [guard.xreplace(one) for guard in alone.guards]

    def _trace(self, *, widths: bool, one: bool) -> Trace:
        if self.shape[0] == 1 and self.names[0] == "N" and not one:
            # Unless it takes one sample only, or does something else with one.
            with contextlib.suppress(CostModelError):
                traced = _traced(self.module, (BATCH, *self.shape[1:]), widths=widths)
                (samples,) = traced.input[0].free_symbols or (None,)
                if samples is not None and traced.total({**traced.values, samples: 1}) == self.counted:
                    return traced
        return _traced(self.module, self.shape, widths=widths)

    def _name(self, size: Expression, weight: str, axis: int) -> None:
        path = weight.rpartition(".")[0] or weight
        spelled = [f"C_{each}".replace(".", "_") for each in (path.rpartition(".")[2], path, f"{weight}.{axis}")]
        name = next(each for each in spelled if each not in self.widths)
        self._named[size] = symbol(name)
        self.widths[name] = self.traced.values[size]
        self.places[name] = (path, weight, axis)

    def costs(self) -> Costs:
        """What it costs, in named symbols."""
        own = dict(self.module.named_parameters())
        weights = {
            name: sympy.prod(size).xreplace(self._named) for name, size in self.traced.weights.items() if name in own
        }
        operations = [
            (
                operation.module,
                {kind: found.xreplace(self._named) for kind, found in (operation.arithmetic or {}).items()},
            )
            for operation in self.traced.operations
        ]
        kinds = sorted({kind for _, arithmetic in operations for kind in arithmetic})
        total = {kind: _sum(arithmetic.get(kind, 0) for _, arithmetic in operations) for kind in kinds}
        parts = [
            Part(
                path,
                type(part).__name__,
                _sum(size for name, size in weights.items() if name.startswith(f"{path}.")),
                _sum(counts.get("mac", 0) for where, counts in operations if f"{where}.".startswith(f"{path}.")),
            )
            for path, part in self.module.named_modules()
            if path
        ]
        return Costs(_sum(weights.values()), {kind: found for kind, found in total.items() if found != 0}, parts)

    def numbers(self) -> dict[Expression, Expression]:
        """The channels and the widths, as they are."""
        sizes = {**dict(zip(self.names, self.shape, strict=True)), **self.widths}
        return {symbol(name): sympy.Integer(sizes[name]) for name in ("C", *self.widths)}


def _traced(module: nn.Module, shape: Sequence[int], *, widths: bool) -> Trace:
    """The trace of a copy of a module, with its widths as symbols or as the numbers that they are."""
    with running(module, shape):
        return trace(copied(module), shape, widths=widths)


def _sum(expressions: Iterable[Expression]) -> Expression:
    return sympy.expand(sympy.Add(*expressions))
