"""The cost of a torch module in closed form: traced over symbols, and checked against a count at its input."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sympy

from costmodel.dimension import CostModelError
from costmodel.symbolic import symbol
from costmodel.trace.channels import Make, NoPolynomialError, OverChannels, takes_other_channels, varied_together
from costmodel.trace.costs import Costs
from costmodel.trace.guards import Region, strongest
from costmodel.trace.named import Named
from costmodel.trace.operators import WITHOUT_MACS
from costmodel.trace.run import Expression
from costmodel.trace.running import counted_by_torch, without_data

LETTERS = {2: "NC", 3: "NLC", 4: "NCHW", 5: "NCTHW"}
"""The sizes of an input by its rank; tokens come as ``N×L×C``."""
SEQUENCE = "NCL"
"""Those of three sizes of which the second is what the constructor was given."""
MEANINGS = {"N": "batch size", "C": "channels", "L": "length", "T": "frames", "H": "height", "W": "width"}
WIDTHS = 8
"""The most widths that stay symbols: a formula in more of them helps nobody."""
MATRICES = 3 * WIDTHS
"""The most weights of a module whose widths are tried as symbols, unless they are known to follow from C."""


class Derived(NamedTuple):
    """The cost of a module in closed form."""

    input: tuple[int, ...]
    values: Mapping[str, int]
    """Each symbol, and what it is at the input."""
    meanings: Mapping[str, str]
    """What each symbol stands for."""
    exact: Costs
    """With divisions that round."""
    costs: Costs
    """Where every division is exact, or has the remainder that it has at the input, which `guards` says."""
    guards: Sequence[str]
    """The sizes for which it is known to hold, a condition each."""
    uncounted: Sequence[str]
    """Operators that ran and that nobody counts: the arithmetic lacks them."""
    method: str

    @property
    def has_all_macs(self) -> bool:
        """Whether the operators that nobody counts are known to multiply and accumulate nothing."""
        return WITHOUT_MACS.issuperset(self.uncounted)

    def at_input(self, expression: Expression) -> int:
        """One of the expressions of `exact`, at the input."""
        return int(expression.subs({symbol(name): value for name, value in self.values.items()}))


def derive_module(make: Make, init: Mapping[str, Any], shape: Sequence[int]) -> Derived:
    """The cost of what `make` makes of the arguments `init`, for inputs of all sizes.

    `shape` is an input that it takes. Arguments that are the number of its channels are varied, unless it takes any
    number: the widths that follow from them become functions of C, and so does the whole cost of a module that needs
    its channels as a number, by interpolation over several constructions that two more check.

    Raises `CostModelError` if the module does not run on such an input, or if the formula there is not what
    `FlopCounterMode` counts.
    """
    names = LETTERS.get(len(shape))
    if names is None:
        raise CostModelError(f"an input has two to five sizes, such as 2x64x28x28, not {len(shape)}")
    if len(shape) == len(SEQUENCE) and shape[1] in init.values() and shape[2] not in init.values():
        names = SEQUENCE
    channels = shape[names.index("C")]
    module = without_data(make(init), shape)
    alike = list(varied_together(init, channels))
    if alike and takes_other_channels(module, shape, names.index("C")):
        alike = []
    large = not alike and sum(weight.dim() > 1 for weight in module.parameters()) > MATRICES
    first = Named(module, shape, names, widths=not large)
    exact, guards, divisions = first.costs(), first.guards, list[tuple[Expression, Expression]]()
    fixed, widths, multiple = first.fixed, first.widths, 1
    method = "traced over symbols" + ("; its widths as numbers" if large else "")
    for varied in alike:
        with contextlib.suppress(NoPolynomialError):
            over = OverChannels(make, init, varied, first)
            exact, guards, fixed, widths, divisions = over.costs, over.guards, over.fixed, {}, over.divisions
            method += f"; {over}"
            multiple = channels
            break
    if len(widths) > WIDTHS:
        numbers = {symbol(name): sympy.Integer(value) for name, value in widths.items()}
        exact, guards, widths = exact.placed(numbers), [guard.xreplace(numbers) for guard in guards], {}
        method += f"; its {len(numbers)} widths as numbers"
    values = {**dict(zip(names, shape, strict=True)), **widths}
    region = Region(exact, guards, {symbol(n): v for n, v in values.items() if n not in fixed}, divisions)
    conditions = [*(f"{name} = {value}" for name, value in fixed.items()), *region.conditions()]
    used = {s for cost in (exact.params, *exact.arithmetic.values()) for s in cost.free_symbols}
    values = {name: value for name, value in values.items() if symbol(name) in used}
    derived = Derived(
        tuple(shape),
        values,
        {name: MEANINGS.get(name) or f"width of {first.places[name][0]}" for name in values},
        exact,
        exact.joined(lambda same: region.simplified(same[0])),
        strongest(conditions, multiple) + [f"C is a multiple of {channels}, as it was made"] * (multiple > 1),
        sorted({operation.operator for operation in first.traced.operations if operation.arithmetic is None}),
        method,
    )
    _check(derived, first)
    return derived


def _check(derived: Derived, run: Named) -> None:
    """Raise unless the formulas at the input are what runs there, and what `FlopCounterMode` counts."""
    at = {symbol(name): value for name, value in derived.values.items()}
    for costs in (derived.exact, derived.costs):
        if costs.at(at) != run.counted:
            raise CostModelError(f"the formulas give {costs.at(at)} at the input, where {run.counted} runs")
    flops, theirs = derived.at_input(derived.exact.metric("flops")), counted_by_torch(run.module, derived.input)
    if flops != theirs and derived.has_all_macs:
        raise CostModelError(f"the formula gives {flops:,} FLOPs at the input, where FlopCounterMode counts {theirs:,}")
