"""A torch module run on shapes of symbols: every operator that it runs, and what that computes, as expressions.

Nothing is computed: the tensors are torch's fake ones, which have shapes and no data. Every size of the input and every
width of a weight is a symbol; sizes of kernels stay numbers. What the module asks of the symbols on its way, such as
whether two widths are equal, is answered as it is at the sizes given, and kept as a guard.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import sympy
import torch
from torch import nn
from torch._dispatch.python import enable_python_dispatcher
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StatelessSymbolicContext
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from costmodel.memory import Gradients
from costmodel.trace.integers import in_sympy, unknown
from costmodel.trace.operators import COUNTED, FREE, Run, Shaped

Expression = Any
Sizes = tuple[Expression, ...]


class Operation(NamedTuple):
    """One operator that ran."""

    operator: str
    """As ATen calls it."""
    module: str
    """The path of the submodule that ran it, as `named_modules` has it."""
    output: Sizes
    arithmetic: Mapping[str, Expression] | None
    """By kind, as in `costmodel.ledger.Row`; None where nobody knows it."""


class Trace(NamedTuple):
    """One forward pass over symbols."""

    operations: list[Operation]
    weights: Mapping[str, Sizes]
    """The shapes of parameters and buffers."""
    input: Sizes
    """The sizes of the input: symbols, or the numbers that the module needs them to be."""
    values: Mapping[sympy.Symbol, int]
    """What every symbol was while the module ran."""
    guards: list[Expression]
    """What the symbols must satisfy for the module to run the same operators, as it was found on the way."""
    ignored: frozenset[str]
    """The operators that ran and compute no value: views, copies, constants, masks."""

    def total(self, values: Mapping[sympy.Symbol, int]) -> dict[str, Expression]:
        """The arithmetic of all operators by kind, where the symbols have these values, without zeros."""
        found: Counter[str] = Counter()
        for operation in self.operations:
            for kind, count in (operation.arithmetic or {}).items():
                found[kind] += sympy.sympify(count).xreplace({s: sympy.Integer(v) for s, v in values.items()})
        return {kind: count for kind, count in found.items() if count != 0}


def trace(
    module: nn.Module,
    shape: Sequence[int],
    *,
    symbolic: bool = True,
    widths: bool = True,
    gradients: Gradients | None = None,
) -> Trace:
    """Run `module`, in the mode that it is in, on an input of `shape` with every size and every width a symbol.

    Unless `symbolic` all of them are the numbers that they are, unless `widths` those of the weights. So are the sizes
    from which the module computes others in floats that round: these have no formula.

    With `gradients` it runs forward and backward, and its operations are those that `FlopCounterMode` counts, all of
    one operator as one, with its count in the place of arithmetic.
    """
    free, found = [symbolic] * len(shape), None
    while found is None or (rounded := _rounded(found)):
        if found is not None:
            left = [each and not size.free_symbols & rounded for each, size in zip(free, found.input, strict=True)]
            # What is computed from a width, or from several of them, leaves the widths as numbers.
            widths, free = widths and left != free, left
        found = _run(module, shape, free, gradients, symbolic=symbolic, widths=widths)
    return found


def _run(
    module: nn.Module,
    shape: Sequence[int],
    free: Sequence[bool],
    gradients: Gradients | None,
    *,
    symbolic: bool,
    widths: bool,
) -> Trace:
    """One run with those sizes of the input as symbols that are `free`."""
    environment = ShapeEnv(specialize_zero_one=False, duck_shape=False)
    mode = FakeTensorMode(shape_env=environment, allow_non_fake_inputs=True)
    mode.cache_enabled = False

    def fake(tensor: torch.Tensor, name: str, free: Sequence[bool]) -> torch.Tensor:
        context: Any = StatelessSymbolicContext(
            dynamic_sizes=[DimDynamic.DYNAMIC if each else DimDynamic.STATIC for each in free],
            constraint_sizes=[None] * len(free),
            dynamic_strides=[DimDynamic.INFER_STRIDE] * len(free),
            constraint_strides=[None] * len(free),
        )
        return mode.from_tensor(tensor, symbolic_context=context, source=ConstantSource(name))

    named = dict([*module.named_parameters(), *module.named_buffers()])
    fakes = {
        # A width of 1 is a constant of the module, as the sizes of its kernels are.
        name: fake(
            weight.detach(),
            f"w{number}",
            [symbolic and axis < 2 and size > 1 for axis, size in enumerate(weight.shape)],
        )
        for number, (name, weight) in enumerate(named.items())
        if widths
    }
    x = fake(torch.empty(*shape, device="meta"), "x", free)
    where = [""]
    log = _Log(where)
    if gradients:
        learned = (fakes.get(name, weight) for name, weight in module.named_parameters())
        for tensor, learns in ((x, gradients.input), *((weight, gradients.weights) for weight in learned)):
            tensor.requires_grad_(learns)
        with mode, log, FlopCounterMode(display=False) as counter:
            _step(torch.func.functional_call(module, {**fakes}, (x,)))
        log.replace(counter)
    else:
        with torch.no_grad(), mode, log, _following(module, where):
            # A copy, since it would put in what the module makes of its buffers.
            torch.func.functional_call(module, {**fakes}, (x,))
    return _resolved(log, named | fakes, x, environment)


def _step(outputs: torch.Tensor | tuple[torch.Tensor, ...]) -> None:
    """Backward, from gradients of all outputs on."""
    ends = [each for each in tree_leaves(outputs) if each.requires_grad]
    torch.autograd.backward(ends, [torch.empty_like(end) for end in ends])


class _Log(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down every operator that computes something."""

    def __init__(self, where: Sequence[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []
        self.ignored: set[str] = set()
        self._where = where

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # An operator that is taken apart to find its shape is so by torch's rules for symbols.
        with enable_python_dispatcher():
            out = function(*args, **(kwargs or {}))
        # Without the underscore of an operator that works in place.
        name = function.overloadpacket.__name__.removesuffix("_")
        result = out[0] if isinstance(out, (tuple, list)) and out else out
        if name in FREE:
            self.ignored.add(name)
        elif function.namespace != "prim" and isinstance(result, torch.Tensor):
            self.operations.append(self._operation(name, args, kwargs or {}, result))
        return out

    def replace(self, counter: FlopCounterMode) -> None:
        """In the place of what ran, what `counter` counts of it; it passes over all else."""
        counts = counter.get_flop_counts().get("Global", {})
        counted = {operator.__name__: count for operator, count in counts.items()}
        self.ignored |= {operation.operator for operation in self.operations} - counted.keys()
        self.operations = [
            Operation(name, "", (), {"flop": _expression(count)}) for name, count in sorted(counted.items())
        ]

    def _operation(self, name: str, args: Any, kwargs: Any, result: torch.Tensor) -> Operation:
        arithmetic = None
        # A product of complex numbers is several of real ones.
        if name in COUNTED and not any(map(_is_complex, tree_leaves((args, kwargs, result)))):
            with contextlib.suppress(NotImplementedError):
                arithmetic = COUNTED[name](Run(_plain(args), _plain(kwargs), _plain(result)))
        return Operation(name, self._where[-1], _plain(result).shape, arithmetic)


@contextlib.contextmanager
def _following(module: nn.Module, where: list[str]) -> Iterator[None]:
    """Keep the path of the submodule that runs at the end of `where`."""
    handles = []
    for name, part in module.named_modules():
        handles.append(part.register_forward_pre_hook(lambda *_, name=name: where.append(name)))
        handles.append(part.register_forward_hook(lambda *_: where.pop() and None, always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _is_complex(value: Any) -> bool:
    return isinstance(value, complex) or (isinstance(value, torch.Tensor) and value.is_complex())


def _plain(value: Any) -> Any:
    """Tensors as their shapes, and symbolic integers as expressions."""
    if isinstance(value, torch.Tensor):
        return Shaped(tuple(map(_expression, value.shape)), value.dtype.is_floating_point)
    if isinstance(value, torch.SymInt):
        return _expression(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _rounded(found: Trace) -> set[sympy.Symbol]:
    """The symbols from which something is computed in a way that no formula here has."""
    counts = (count for operation in found.operations for count in (operation.arithmetic or {}).values())
    sizes = chain.from_iterable((*(operation.output for operation in found.operations), *found.weights.values()))
    parts = chain.from_iterable(map(unknown, chain(counts, sizes, found.input, found.guards)))
    return set().union(*(part.free_symbols for part in parts)) & found.values.keys()


def _expression(size: int | torch.SymInt) -> Expression:
    return size.node.expr if isinstance(size, torch.SymInt) else sympy.Integer(size)


def _resolved(log: _Log, weights: Mapping[str, torch.Tensor], x: torch.Tensor, environment: ShapeEnv) -> Trace:
    """The log with every symbol that equals another, or a number, written as that."""

    def resolve(expression: Expression) -> Expression:
        return in_sympy(environment.replace(sympy.sympify(expression)))

    def sizes(shape: Sequence[Any]) -> Sizes:
        return tuple(resolve(_expression(size)) for size in shape)

    operations = [
        operation._replace(
            output=tuple(map(resolve, operation.output)),
            arithmetic=operation.arithmetic and {kind: resolve(count) for kind, count in operation.arithmetic.items()},
        )
        for operation in log.operations
    ]
    return Trace(
        operations,
        {name: sizes(weight.shape) for name, weight in weights.items()},
        sizes(x.shape),
        {symbol: int(value) for symbol, value in environment.backed_var_to_val.items()},
        [resolve(guard.expr) for guard in environment.guards],
        frozenset(log.ignored),
    )
