"""The cost of a torch module in closed form: traced over symbols, and checked against a count at its input."""

import contextlib
import copy
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import sympy
import torch
from sympy.core.relational import Relational
from torch import nn
from torch._dispatch.python import enable_python_dispatcher, no_python_dispatcher
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from costmodel.conventions import CONVENTIONS
from costmodel.dimension import CostModelError
from costmodel.symbolic import symbol
from costmodel.symbolic.domain import Domain, guard_text
from costmodel.trace.run import Expression, Sizes, Trace, trace
from costmodel.trace.target import said

LETTERS = {2: "NC", 3: "NLC", 4: "NCHW", 5: "NCTHW"}
"""The sizes of an input by its rank; tokens come as ``N×L×C``."""
SEQUENCE = "NCL"
"""Those of three sizes of which the second is what the constructor was given."""
MEANINGS = {"N": "batch size", "C": "channels", "L": "length", "T": "frames", "H": "height", "W": "width"}
BATCH = 3
"""What runs in place of a batch of one, which would be taken for a number."""
FITTED, HELD_OUT = 4, 2
"""At how many numbers of channels a polynomial is fitted, and at how many more it is checked."""
WIDTHS = 8
"""The most widths that stay symbols: a formula in more of them helps nobody."""
MATRICES = 3 * WIDTHS
"""The most weights of a module whose widths are tried as symbols, unless they are known to follow from C."""

Make = Callable[[Mapping[str, Any]], nn.Module]
"""A module from the arguments of its constructor."""


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
    """Where every division is exact, which `guards` says."""
    guards: Sequence[str]
    """The sizes for which it is known to hold, a condition each."""
    uncounted: Sequence[str]
    """Operators that ran and that nobody counts: the formulas lack them."""
    method: str

    def at_input(self, expression: Expression) -> int:
        """One of the expressions of `exact`, at the input."""
        return int(expression.subs({symbol(name): value for name, value in self.values.items()}))


def derive_module(make: Make, init: Mapping[str, Any], shape: Sequence[int]) -> Derived:
    """The cost of what `make` makes of the arguments `init`, for inputs of all sizes.

    `shape` is an input that it takes. Arguments that are the number of its channels are varied: the widths that follow
    from them become functions of C, and so does the whole cost of a module that needs its channels as a number, by
    interpolation over several constructions that two more check.

    Raises `CostModelError` if the module does not run on such an input, or if the formula there is not what
    `FlopCounterMode` counts.
    """
    names = LETTERS.get(len(shape))
    if names is None:
        raise CostModelError(f"an input has two to five sizes, such as 2x64x28x28, not {len(shape)}")
    if len(shape) == len(SEQUENCE) and shape[1] in init.values() and shape[2] not in init.values():
        names = SEQUENCE
    alike = list(_channels(init, shape[names.index("C")]))
    module = _shapes_of(make(init), shape)
    large = not alike and sum(weight.dim() > 1 for weight in module.parameters()) > MATRICES
    first = _Run(module, shape, names, widths=not large)
    exact, guards, fixed, widths, method = first.costs(), first.guards, first.fixed, first.widths, "traced over symbols"
    method += "; its widths as numbers" if large else ""
    divisions: list[tuple[Expression, Expression]] = []
    multiples: list[str] = []
    for varied in alike:
        with contextlib.suppress(_NoPolynomialError):
            over = _OverChannels(make, init, varied, first)
            exact, guards, fixed, widths, divisions = over.costs, over.guards, over.fixed, {}, over.divisions
            method += f"; {over}"
            multiples = [f"C is a multiple of {shape[names.index('C')]}, as it was made"]
            break
    if len(widths) > WIDTHS:
        numbers = {symbol(name): sympy.Integer(value) for name, value in widths.items()}
        exact, guards, widths = exact.placed(numbers), [guard.xreplace(numbers) for guard in guards], {}
        method += f"; its {len(numbers)} widths as numbers"
    sizes = [symbol(name) for name in (*names, *widths) if name not in fixed]
    domain = Domain([*guards, *exact.arithmetic.values()], sizes, divisions, whole=True)
    left = _readable_guards([guard for guard in guards if not domain.implies(guard)], domain)
    conditions = [*domain.conditions(), *(f"{name} = {value}" for name, value in fixed.items()), *left]
    used = {s for cost in (exact.params, *exact.arithmetic.values()) for s in cost.free_symbols}
    values = {n: v for n, v in {**dict(zip(names, shape, strict=True)), **widths}.items() if symbol(n) in used}
    derived = Derived(
        tuple(shape),
        values,
        {name: MEANINGS.get(name) or f"width of {first.places[name][0]}" for name in values},
        exact,
        exact.joined(lambda same: domain.simplified(same[0])),
        _strongest(conditions, shape[names.index("C")] if multiples else 1) + multiples,
        sorted({operation.operator for operation in first.traced.operations if operation.arithmetic is None}),
        method,
    )
    _check(derived, first)
    return derived


def _channels(init: Mapping[str, Any], channels: int) -> Iterator[list[str]]:
    """The arguments to vary: all that are the number of channels, or else one of them, where the others are not it."""
    same = [name for name, value in init.items() if type(value) is int and value == channels]
    if same:
        yield same
    if len(same) > 1:
        yield from ([name] for name in same)


def _copied(module: nn.Module, memo: dict[int, Any] | None = None) -> nn.Module:
    """A copy, if it can be made: a functional call does not give a module that has two names its weights back."""
    with contextlib.suppress(Exception):
        return copy.deepcopy(module, memo)
    return module


def _shapes_of(module: nn.Module, shape: Sequence[int]) -> nn.Module:
    """A copy of `module` whose tensors have shapes and no data, so that all of them are on one device."""
    tensors = [*module.parameters(), *module.buffers()]
    tensors += [each for part in module.modules() for each in vars(part).values() if isinstance(each, torch.Tensor)]
    memo: dict[int, Any] = {}
    for tensor in tensors:
        if not is_lazy(tensor):
            bare = torch.empty_like(tensor, device="meta")
            memo[id(tensor)] = nn.Parameter(bare, requires_grad=False) if isinstance(tensor, nn.Parameter) else bare
    module = _copied(module, memo)
    if any(map(is_lazy, tensors)):
        # The weights of a lazy layer exist from the first run on.
        with _readable(module, shape), torch.no_grad():
            module.to("meta")(torch.empty(*shape, device="meta"))
    return module.eval()


class _Run:
    """One trace, whose symbols have names: sizes of the input, and widths by the weights that carry them."""

    def __init__(self, module: nn.Module, shape: Sequence[int], names: str, *, widths: bool = True) -> None:
        self.module, self.shape, self.names = module, tuple(shape), names
        # What it does not take, it refuses in numbers.
        self.counted = _counted(module, shape)
        """The arithmetic there, by kind."""
        self.traced = self._trace(widths=widths)
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

    def _trace(self, *, widths: bool) -> Trace:
        if self.shape[0] == 1 and self.names[0] == "N":
            # Unless it takes one sample only.
            at = (BATCH, *self.shape[1:])
            with contextlib.suppress(CostModelError):
                traced = _traced(self.module, at, widths=widths)
                if not traced.input[0].is_number:
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
    module = _copied(module)
    weights = dict([*module.named_parameters(), *module.named_buffers()])
    if not widths:
        # Weights that nobody names are taken as they are.
        module.named_parameters = module.named_buffers = lambda *_, **__: iter(())  # type: ignore[method-assign]
    with _readable(module, shape):
        traced = trace(module, shape)
    if widths:
        return traced
    return traced._replace(weights={name: tuple(map(sympy.Integer, each.shape)) for name, each in weights.items()})


def _sum(expressions: Any) -> Expression:
    return sympy.expand(sympy.Add(*expressions))


@contextlib.contextmanager
def _readable(module: nn.Module, shape: Sequence[int]) -> Iterator[None]:
    """Say in a sentence what a module raises, and run it so that it can be counted for all sizes.

    In parts and not in one fused kernel, by torch's own rules for symbols where it has some, and with what it makes on
    its way where the rest is.
    """
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with _quietly(), enable_python_dispatcher(), torch.device("meta"), _Interpolating():
            yield
    except (Exception, SystemExit) as error:  # noqa: BLE001 (it is the user's code: whatever it raises is said)
        raise CostModelError(
            f"{type(module).__name__} does not run on {'x'.join(map(str, shape))}: {said(error)}"
        ) from None
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without torch's own log of an error that is raised and said."""
    log = logging.getLogger("torch")
    disabled, log.disabled = log.disabled, True
    children = [each for name, each in log.manager.loggerDict.items() if name.startswith("torch._subclasses")]
    before = [(each, each.disabled) for each in children if isinstance(each, logging.Logger)]
    for each, _ in before:
        each.disabled = True
    try:
        yield
    finally:
        log.disabled = disabled
        for each, was in before:
            each.disabled = was


class _Interpolating(TorchFunctionMode):
    """Has `interpolate` take the nearest as one operator, which torch would take apart or need sizes for."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is nn.functional.interpolate:
            operator = self._operator(*args, **(kwargs or {}))
            if operator is not None:
                with no_python_dispatcher():
                    return operator()
        return function(*args, **(kwargs or {}))

    @staticmethod
    def _operator(
        x: torch.Tensor,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        *_: Any,
        **__: Any,
    ) -> Callable[[], Any] | None:
        axes = x.dim() - 2
        if size is None:
            factors = [scale_factor] * axes if isinstance(scale_factor, (int, float)) else list(scale_factor or ())
            if not factors or any(factor != int(factor) for factor in factors):
                return None
            size = [int(factor) * axis for factor, axis in zip(factors, x.shape[2:], strict=True)]
        size = [size] * axes if isinstance(size, (int, torch.SymInt)) else list(size)
        if mode == "nearest":
            operator = getattr(torch.ops.aten, f"upsample_nearest{axes}d").default
            return partial(operator, x, size)
        return None


def _readable_guards(guards: Sequence[Expression], domain: Domain) -> list[str]:
    """What is asked of the sizes, as a person writes it; a size that must be one number is said to be that."""
    left = list(chain.from_iterable(guard.args if isinstance(guard, sympy.And) else [guard] for guard in guards))
    left = [
        _normal(part.func(domain.simplified(part.lhs - part.rhs), 0)) if isinstance(part, Relational) else part
        for part in left
    ]
    pinned: dict[Expression, Expression] = {}
    for guard in left:
        if isinstance(guard, sympy.Eq) and len(guard.free_symbols) == 1:
            (size,) = guard.free_symbols
            if guard.lhs.is_polynomial(size) and sympy.degree(guard.lhs, size) == 1:
                pinned[size] = sympy.solve(guard.lhs, size)[0]
    rest = [each.xreplace(pinned) for each in left]
    least = {size: -guard.lhs.coeff(size, 0) for guard in rest for size in _bounded(guard)}
    texts = [f"{size} = {value}" for size, value in pinned.items()]
    return sorted({*texts, *(_condition(each) for each in rest if not _follows(each, least, domain))})


def _normal(guard: Expression) -> Expression:
    """A relation of integers as one to 0, by ≥, = or ≠."""
    if isinstance(guard, (sympy.Lt, sympy.Le)):
        guard = guard.reversed
    if not isinstance(guard, Relational):
        return guard
    strict = int(isinstance(guard, sympy.Gt))
    kind = sympy.Ge if isinstance(guard, (sympy.Ge, sympy.Gt)) else guard.func
    return kind(sympy.expand(guard.lhs - guard.rhs - strict), 0)


def _bounded(guard: Expression) -> set[Expression]:
    """H, of ``H - 3 ≥ 0``."""
    if isinstance(guard, sympy.Ge) and len(guard.free_symbols) == 1:
        (size,) = guard.free_symbols
        if (guard.lhs - size).is_Integer:
            return {size}
    return set()


def _follows(guard: Expression, least: Mapping[Expression, Expression], domain: Domain) -> bool:
    """Whether it holds for all sizes of at least 2, and from their bounds in `least` on."""
    if not isinstance(guard, Relational):
        return bool(guard == sympy.true)
    if _bounded(guard):
        return False
    steps = {
        size: least.get(size, 2) + sympy.Symbol(f"k_{size}", integer=True, nonnegative=True)
        for size in guard.free_symbols
    }
    return domain.implies(guard.xreplace(steps))


def _condition(guard: Expression) -> str:
    """``H - 3 ≥ 0`` as ``H ≥ 3``."""
    if isinstance(guard, Relational):
        number, rest = sympy.expand(guard.lhs - guard.rhs).as_coeff_Add()
        if rest.could_extract_minus_sign():
            kind = sympy.Le if isinstance(guard, sympy.Ge) else guard.func
            guard = kind(-rest, number)
        else:
            guard = guard.func(rest, -number)
    return guard_text(guard)


def _strongest(conditions: Sequence[str], multiple: int) -> list[str]:
    """Without bounds and divisors that others imply, where C is a multiple of `multiple` besides."""
    least: dict[str, int] = {}
    known = {name for name, sign, _ in map(_words, conditions) if sign == "="}
    for name, sign, number in map(_words, conditions):
        if sign == "≥" and number.isdigit():
            least[name] = max(least.get(name, 0), int(number))

    def is_implied(condition: str) -> bool:
        first, sign, last = _words(condition)
        if sign == "≥" and last.isdigit():
            return first in known or int(last) < least[first] or (first == "C" and int(last) <= multiple)
        return sign == "divides" and (last in known or (last == "C" and first.isdigit() and multiple % int(first) == 0))

    return [condition for condition in dict.fromkeys(conditions) if not is_implied(condition)]


def _words(condition: str) -> tuple[str, str, str]:
    words = condition.split(" ")
    return (words[0], words[1], words[2]) if len(words) == 3 else (condition, "", "")


class _NoPolynomialError(Exception):
    """The costs are no polynomials in C, or nobody says how to make the module with other channels."""


class _OverChannels:
    """The costs in C, from several constructions."""

    def __init__(self, make: Make, init: Mapping[str, Any], varied: Sequence[str], first: _Run) -> None:
        axis = first.names.index("C")
        channels = first.shape[axis]
        self._varied = varied
        self._steps = [channels * times for times in range(1, FITTED + HELD_OUT + 1)]
        shapes = [(*first.shape[:axis], step, *first.shape[axis + 1 :]) for step in self._steps[1:]]
        try:
            made = [
                _shapes_of(make({**init, **dict.fromkeys(varied, step)}), size)
                for step, size in zip(self._steps[1:], shapes, strict=True)
            ]
            self._fit(first, made, shapes)
        except CostModelError:
            raise _NoPolynomialError from None

    def _fit(self, first: _Run, made: Sequence[nn.Module], shapes: Sequence[Sizes]) -> None:
        self.fixed = {name: value for name, value in first.fixed.items() if name != "C"}
        weights = [dict(module.named_parameters()) | dict(module.named_buffers()) for module in (first.module, *made)]
        if any(
            [(path, type(part)) for path, part in each.named_modules()]
            != [(path, type(part)) for path, part in first.module.named_modules()]
            or weights[0].keys() != named.keys()
            for each, named in zip(made, weights[1:], strict=True)
        ):
            raise _NoPolynomialError
        known = {
            symbol(name): self._polynomial([sympy.Integer(each[weight].shape[at]) for each in weights])
            for name, (_, weight, at) in first.places.items()
        }
        self.costs = first.costs().placed(known)
        # A module that keeps its channels as numbers says the same of all of them only if it is made with others.
        self._interpolated = "C" in first.fixed or not all(map(partial(self._predicted, first.names), made, shapes))
        if self._interpolated:
            runs = [first, *(_Run(each, size, first.names) for each, size in zip(made, shapes, strict=True))]
            costs, *others = [run.costs().placed(run.numbers()) for run in runs]
            self.costs = costs.joined(self._polynomial, *others)
            known = first.numbers()
        self.guards = [guard.xreplace(known) for guard in first.guards]
        self.divisions = [(sympy.fraction(sympy.together(found))[1], symbol("C")) for found in known.values()]

    def _predicted(self, names: str, module: nn.Module, shape: Sizes) -> bool:
        """Whether the costs, in C, are those of the module that was made with this number of channels."""
        at = {symbol(name): size for name, size in zip(names, shape, strict=True)}
        return {kind: int(found.subs(at)) for kind, found in self.costs.arithmetic.items()} == _counted(module, shape)

    def _polynomial(self, values: Sequence[Expression]) -> Expression:
        """The polynomial in C through the first values, which goes through the others too."""
        c = symbol("C")
        points = list(zip(self._steps, values, strict=True))
        found = sympy.expand(sympy.interpolate(points[:FITTED], c))
        if any(sympy.expand(found.subs(c, x) - y) != 0 for x, y in points[FITTED:]):
            raise _NoPolynomialError
        return found

    def __str__(self) -> str:
        fitted, checked = (", ".join(map(str, part)) for part in (self._steps[:FITTED], self._steps[FITTED:]))
        told = f"in C from {' and '.join(self._varied)} = {fitted}, checked at {checked}"
        if not self._interpolated:
            return told
        return f"{told}; the module keeps its channels as numbers, so its costs are interpolated"


def _counted(module: nn.Module, shape: Sequence[int]) -> dict[str, int]:
    """The arithmetic at one shape, by kind."""
    with _readable(module, shape):
        run = trace(_copied(module), shape, symbolic=False)
    found: Counter[str] = Counter()
    for operation in run.operations:
        found.update({kind: int(count) for kind, count in (operation.arithmetic or {}).items()})
    return {kind: count for kind, count in found.items() if count}


def _check(derived: Derived, run: _Run) -> None:
    """Raise unless the formulas at the input are what runs there, and what `FlopCounterMode` counts."""
    ours = {kind: derived.at_input(found) for kind, found in derived.exact.arithmetic.items()}
    ours = {kind: count for kind, count in ours.items() if count}
    if ours != run.counted:
        raise CostModelError(f"the formulas give {ours} at the input, where {run.counted} runs")
    module, mode = _copied(run.module), FakeTensorMode(allow_non_fake_inputs=True)
    named = dict([*module.named_parameters(), *module.named_buffers()])
    weights: dict[str, Any] = {
        name: mode.from_tensor(each.detach(), static_shapes=True) for name, each in named.items()
    }
    x = mode.from_tensor(torch.empty(*derived.input, device="meta"), static_shapes=True)
    with _readable(module, derived.input), torch.no_grad(), mode, FlopCounterMode(display=False) as counter:
        torch.func.functional_call(module, weights, (x,))
    flops, counted = derived.at_input(derived.exact.metric("flops")), counter.get_total_flops()
    if flops != counted and not derived.uncounted:
        raise CostModelError(
            f"the formula gives {flops:,} FLOPs at the input, where FlopCounterMode counts {counted:,}"
        )
