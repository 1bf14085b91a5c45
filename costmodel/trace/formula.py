"""The cost of a torch module in closed form: traced over symbols, and checked against a count at its input."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sympy

from costmodel.dimension import CostModelError
from costmodel.symbolic import symbol
from costmodel.trace.channels import Make, NoPolynomialError, OverChannels, takes_other_channels, varied_together
from costmodel.trace.costs import Costs
from costmodel.trace.guards import Condition, Region, divides, strongest
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
    conditions: Sequence[Condition]
    """The sizes for which `costs` are known to hold."""
    exact_conditions: Sequence[Condition] | None
    """Those for which `exact` are; None where nobody says."""
    uncounted: Sequence[str]
    """Operators that ran and that nobody counts: the arithmetic lacks them."""
    method: str

    @property
    def guards(self) -> list[str]:
        """The sizes for which it is known to hold, a condition each."""
        return [condition.text for condition in self.conditions]

    @property
    def has_all_macs(self) -> bool:
        """Whether the operators that nobody counts are known to multiply and accumulate nothing."""
        return WITHOUT_MACS.issuperset(self.uncounted)

    def at_input(self, expression: Expression) -> int:
        """One of the expressions of `exact`, at the input."""
        return int(expression.subs({symbol(name): value for name, value in self.values.items()}))


def derive_module(
    make: Make, init: Mapping[str, Any], shape: Sequence[int], *, most_widths: int = WIDTHS, exactly: bool = False
) -> Derived:
    """The cost of what `make` makes of the arguments `init`, for inputs of all sizes.

    More than `most_widths` that do not follow from C are numbers. Where it is asked `exactly`, it is said for which
    sizes the formulas hold that round, too.

    `shape` is an input that it takes. Arguments that are the number of its channels are varied, unless it takes any
    number: the widths that follow from them become functions of C, and so does the whole cost of a module that needs
    its channels as a number, by interpolation over several constructions that two more check.

    Raises `CostModelError` if the module does not run on such an input, or if the formula there is not what
    `FlopCounterMode` counts.
    """
    names = letters_of(shape, init)
    channels = shape[names.index("C")]
    module = without_data(make(init), shape)
    alike = list(varied_together(init, channels))
    if alike and takes_other_channels(module, shape, names.index("C")):
        alike = []
    large = not alike and sum(weight.dim() > 1 for weight in module.parameters()) > MATRICES
    first = Named(module, shape, names, widths=not large)
    of_one = first.guards_of_one()
    first.guards += of_one or []
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
    if len(widths) > most_widths:
        numbers = {symbol(name): sympy.Integer(value) for name, value in widths.items()}
        exact, guards, widths = exact.placed(numbers), [guard.xreplace(numbers) for guard in guards], {}
        method += f"; its {len(numbers)} widths as numbers"
    values = {**dict(zip(names, shape, strict=True)), **widths}
    region = Region(exact, guards, {symbol(n): v for n, v in values.items() if n not in fixed}, divisions)
    however = region.however_divided() if exactly else None

    def conditions(of: Region) -> list[Condition]:
        found = [Condition(f"{name} = {value}", sympy.Eq(symbol(name), value)) for name, value in fixed.items()]
        found += [each for each in of.conditions() if of_one is None or each.relation != sympy.Ge(symbol("N"), 2)]
        made = divides(sympy.Integer(multiple), symbol("C"))
        said = made._replace(text=f"C is a multiple of {multiple}, as it was made")
        return strongest(found, multiple) + [said] * (multiple > 1)

    used = {s for cost in (exact.params, *exact.arithmetic.values()) for s in cost.free_symbols}
    values = {name: value for name, value in values.items() if symbol(name) in used}
    derived = Derived(
        tuple(shape),
        values,
        {name: MEANINGS.get(name) or f"width of {first.places[name][0]}" for name in values},
        exact,
        exact.joined(lambda same: region.simplified(same[0])),
        conditions(region),
        conditions(however) if however else None,
        sorted({operation.operator for operation in first.traced.operations if operation.arithmetic is None}),
        method,
    )
    _check(derived, first)
    return derived


def letters_of(shape: Sequence[int], init: Mapping[str, Any]) -> str:
    """The letters of the sizes of an input for a module that was made with `init`."""
    names = LETTERS.get(len(shape))
    if names is None:
        raise CostModelError(f"an input has two to five sizes, such as 2x64x28x28, not {len(shape)}")
    is_sequence = len(shape) == len(SEQUENCE) and shape[1] in init.values() and shape[2] not in init.values()
    return SEQUENCE if is_sequence else names


def _check(derived: Derived, run: Named) -> None:
    """Raise unless the formulas at the input are what runs there, and what `FlopCounterMode` counts."""
    at = {symbol(name): value for name, value in derived.values.items()}
    for costs in (derived.exact, derived.costs):
        if costs.at(at) != run.counted:
            raise CostModelError(f"the formulas give {costs.at(at)} at the input, where {run.counted} runs")
    flops, theirs = derived.at_input(derived.exact.metric("flops")), counted_by_torch(run.module, derived.input)
    if flops != theirs and derived.has_all_macs:
        raise CostModelError(f"the formula gives {flops:,} FLOPs at the input, where FlopCounterMode counts {theirs:,}")
