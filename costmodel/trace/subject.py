"""A torch module as a layer, which is compared and crossed like those of the catalog."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sympy
import torch
from torch import nn

from costmodel.catalog import Layer, Subject
from costmodel.dimension import CostModelError, Dim
from costmodel.ledger import Row
from costmodel.symbolic import expression, expression_text, symbol
from costmodel.tensor import Tensor
from costmodel.trace.costs import Costs
from costmodel.trace.formula import Derived, derive_module, letters_of
from costmodel.trace.guards import Condition
from costmodel.trace.run import Expression
from costmodel.trace.running import running, without_data
from costmodel.trace.target import arguments, first_integer, load

SIDE = 32
"""Height and width of the map on which a module is traced where none is given."""


class Uncounted(CostModelError):  # noqa: N818 (it names a state, which is not an error of the input)
    """Operators ran that nobody counts, so that there is no formula of all that runs."""


def as_subject(text: str, sizes: Mapping[str, int], *, inside: bool = False) -> Subject:
    """``my/module.py:Block:channels=64``, traced on maps.

    `sizes` are those that are known, by their lower-case letters or as ``side``; the channels are, unless they are
    among them, the first argument that is an integer, or would be one if it were given. What is to stand `inside` a
    network must keep the shape of its input, and takes other channels only if its width follows them.

    Raises as `derived` does.
    """
    place, _, rest = text.partition(".py:") if ".py:" in text else text.partition(":")
    name, _, given = rest.partition(":")
    target = f"{place}.py:{name}" if ".py:" in text else f"{place}:{name}"
    init = arguments(given.split(",") if given else [])
    if "c" not in sizes and _channels(init) is None:
        init = {**init, **first_integer(target)}
    shape = _shape(target, init, sizes, f"{target}:channels=64")
    layer = _layer(text, derived(target, init, shape))
    return Subject(_kept(layer, target, init, shape) if inside else layer, {}, text)


class Formula(NamedTuple):
    """One cost of a module in the sizes of its input, with the sizes for which it is known to be that."""

    expression: Expression
    conditions: Sequence[Expression]


class Formulas(NamedTuple):
    """The costs of a module; widths that do not follow from C are the numbers that they are."""

    input: Mapping[str, int]
    """The sizes at which all of them were checked, by their letters."""
    closed: Mapping[str, Formula]
    """Each metric, where every division is exact, or has the remainder that it has at the input."""
    exact: Mapping[str, Formula]
    """With divisions that round; none where nobody says for which sizes that is so."""


def derive(target: str | nn.Module, init: Mapping[str, Any], input: Sequence[int] | None = None) -> Formulas:  # noqa: A002 (as users say it)
    """Every metric of a module, or of what `target` makes of `init`. Raises as `derived` does."""
    shape = input
    if shape is None and isinstance(target, str):
        init = init if _channels(init) else {**first_integer(target), **init}
        shape = _shape(target, init, {}, f"derive({target}, channels=64), or input={(1, 64, SIDE, SIDE)}")
    elif shape is None:
        shape = _shape(type(target).__name__, init, {}, f"input={(1, 64, SIDE, SIDE)}")
    found = derived(target, init, shape, most_widths=0, exactly=True)
    letters = letters_of(shape, init)
    metrics = ("params", "macs", "flops", "arithmetic")

    def formulas(costs: Costs, conditions: Sequence[Condition]) -> dict[str, Formula]:
        asked = [condition.relation for condition in conditions]
        # How many parameters there are depends on no size of the input but its channels.
        of_channels = [each for each in asked if each.free_symbols <= {symbol("C")}]
        return {each: Formula(costs.metric(each), of_channels if each == "params" else asked) for each in metrics}

    exact = found.exact_conditions
    return Formulas(
        dict(zip(letters, shape, strict=True)),
        formulas(found.costs, found.conditions),
        {} if exact is None else formulas(found.exact, exact),
    )


def derived(target: str | nn.Module, init: Mapping[str, Any], shape: Sequence[int], **how: Any) -> Derived:
    """The cost of a module of which every operator is counted; `how` as `derive_module` has it.

    Raises `CostModelError` as `load` and `derive_module` do, and `Uncounted`.
    """
    found = derive_module(lambda given: load(target, given) if isinstance(target, str) else target, init, shape, **how)
    if found.uncounted:
        raise Uncounted(f"nobody counts {', '.join(found.uncounted)}, which run in {target}")
    return found


def _shape(target: str, init: Mapping[str, Any], sizes: Mapping[str, int], example: str) -> tuple[int, ...]:
    """A map that the module takes, as far as its arguments and the sizes that are known say; or how to say it."""
    channels = sizes.get("c") or _channels(init)
    if channels is None:
        raise CostModelError(f"nobody says how many channels {target} takes: say it, as in {example}")
    side = sizes.get("side", SIDE)
    return (sizes.get("n", 1), channels, sizes.get("h", side), sizes.get("w", side))


def _channels(init: Mapping[str, Any]) -> int | None:
    return next((value for value in init.values() if type(value) is int), None)


def _widths(found: Derived) -> dict[Expression, Expression]:
    return {symbol(name): expression(value) for name, value in found.values.items() if name.startswith("C_")}


def _kept(layer: Layer, target: str, init: Mapping[str, Any], shape: Sequence[int]) -> Layer:
    """`layer`, which keeps the shape of its input, and is refused for other channels unless it follows them."""
    n, channels, *sides = shape
    _check_shape(load(target, init), shape)
    try:
        twice = {name: 2 * channels if value == channels else value for name, value in init.items()}
        _check_shape(load(target, twice), (n, 2 * channels, *sides))
    except CostModelError:

        def program(x: Tensor) -> None:
            if x.c != channels:
                raise CostModelError(f"its width, for {channels} channels, does not follow them to {x.c}")
            layer.program(x)

        return layer._replace(program=program)
    return layer


def _check_shape(module: nn.Module, shape: Sequence[int]) -> None:
    """Raise `CostModelError` unless `module` runs on `shape` and keeps it."""
    bare = without_data(module, shape)
    with running(bare, shape), torch.no_grad():
        made = bare(torch.empty(*shape, device="meta"))
    if getattr(made, "shape", None) != torch.Size(shape):
        what = "×".join(map(str, made.shape)) if isinstance(made, torch.Tensor) else type(made).__name__
        raise CostModelError(
            f"what stands inside a network must keep the shape, and {type(module).__name__} makes {what} of "
            f"{'×'.join(map(str, shape))}"
        )


def _layer(name: str, derived: Derived) -> Layer:
    costs = derived.exact.placed(_widths(derived))

    asked = [condition.relation for condition in derived.conditions if isinstance(condition.relation, sympy.Eq)]
    pinned = {str(equation.lhs): int(equation.rhs) for equation in asked if equation.lhs.is_Symbol}

    def program(x: Tensor) -> None:
        for letter, size in zip("NCHW", x.shape, strict=True):
            if size != pinned.get(letter, size):
                raise CostModelError(f"it takes {letter} = {pinned[letter]} only, as it was traced, not {size}")
        places = {symbol(letter): expression(size) for letter, size in zip("NCHW", x.shape, strict=True)}
        arithmetic: dict[str, Dim] = {kind: _at(count, places) for kind, count in costs.arithmetic.items()}
        weights = x.ledger.own("module", _at(costs.params, places), reuse=False)
        x.ledger.rows.append(
            Row(f"{x.ledger.prefix}module", "traced", (x.shape,), x.shape, weights, weights, arithmetic)
        )

    def _at(count: Expression, places: Mapping[Any, Expression]) -> Dim:
        found = count.xreplace(places)
        if found.is_number and not found.is_Integer:
            at = ", ".join(f"{letter} = {size}" for letter, size in places.items())
            raise CostModelError(f"its formula {expression_text(count)} is no integer at {at}")
        return int(found) if found.is_number else found

    return Layer(name, program, "a module of yours", {}, video=False, headline=None)
