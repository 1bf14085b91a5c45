"""A torch module run on shapes of symbols: every operator that it runs, and what that computes, as expressions.

Nothing is computed: the tensors are torch's fake ones, which have shapes and no data. Every size of the input and every
width of a weight is a symbol; sizes of kernels stay numbers. What the module asks of the symbols on its way, such as
whether two widths are equal, is answered as it is at the sizes given, and kept as a guard.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sympy
import torch
from torch import nn
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StatelessSymbolicContext
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._sympy.functions import CleanDiv, FloorDiv, Mod, PythonMod

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


def trace(module: nn.Module, shape: Sequence[int], *, symbolic: bool = True) -> Trace:
    """Run `module`, in eval mode, on an input of `shape` with every size and every width a symbol.

    Unless `symbolic` all of them are the numbers that they are.
    """
    environment = ShapeEnv(specialize_zero_one=False, duck_shape=False)
    mode = FakeTensorMode(shape_env=environment, allow_non_fake_inputs=True)
    mode.cache_enabled = False

    def fake(tensor: torch.Tensor, name: str, free: Sequence[bool]) -> torch.Tensor:
        context: Any = StatelessSymbolicContext(
            dynamic_sizes=[DimDynamic.DYNAMIC if each and symbolic else DimDynamic.STATIC for each in free],
            constraint_sizes=[None] * len(free),
            dynamic_strides=[DimDynamic.INFER_STRIDE] * len(free),
            constraint_strides=[None] * len(free),
        )
        return mode.from_tensor(tensor, symbolic_context=context, source=ConstantSource(name))

    named = dict([*module.named_parameters(), *module.named_buffers()])
    weights = {
        # A width of 1 is a constant of the module, as the sizes of its kernels are.
        name: fake(weight.detach(), f"w{number}", [axis < 2 and size > 1 for axis, size in enumerate(weight.shape)])
        for number, (name, weight) in enumerate(named.items())
    }
    x = fake(torch.empty(*shape, device="meta"), "x", [True] * len(shape))
    where = [""]
    log = _Log(where)
    with torch.no_grad(), mode, log, _following(module, where):
        torch.func.functional_call(module, weights, (x,))
    return _resolved(log, weights, x, environment)


class _Log(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down every operator that computes something."""

    def __init__(self, where: Sequence[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []
        self.ignored: set[str] = set()
        self._where = where

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        # Without the underscore of an operator that works in place.
        name = function.overloadpacket.__name__.removesuffix("_")
        result = out[0] if isinstance(out, (tuple, list)) and out else out
        if name in FREE:
            self.ignored.add(name)
        elif function.namespace != "prim" and isinstance(result, torch.Tensor):
            self.operations.append(self._operation(name, args, kwargs or {}, _plain(result)))
        return out

    def _operation(self, name: str, args: Any, kwargs: Any, out: Shaped) -> Operation:
        arithmetic = None
        if name in COUNTED:
            with contextlib.suppress(NotImplementedError):
                arithmetic = COUNTED[name](Run(_plain(args), _plain(kwargs), out))
        return Operation(name, self._where[-1], out.shape, arithmetic)


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


def _expression(size: int | torch.SymInt) -> Expression:
    return size.node.expr if isinstance(size, torch.SymInt) else sympy.Integer(size)


def _resolved(log: _Log, weights: Mapping[str, torch.Tensor], x: torch.Tensor, environment: ShapeEnv) -> Trace:
    """The log with every symbol that equals another, or a number, written as that."""

    def resolve(expression: Expression) -> Expression:
        found = sympy.sympify(environment.replace(sympy.sympify(expression)))
        for torchs, ours in _FUNCTIONS.items():
            found = found.replace(torchs, ours)
        return found

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


_FUNCTIONS: Mapping[Any, Any] = {
    # torch divides and takes remainders by functions of its own, which SymPy does not simplify.
    FloorDiv: lambda above, below: sympy.floor(above / below),
    CleanDiv: lambda above, below: above / below,
    Mod: sympy.Mod,
    PythonMod: sympy.Mod,
}
