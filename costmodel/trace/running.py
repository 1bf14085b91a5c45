"""Somebody else's module, run on shapes alone so that it can be counted: quietly and in parts."""

import contextlib
import copy
import logging
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import torch
from torch import nn
from torch._dispatch.python import enable_python_dispatcher, no_python_dispatcher
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from costmodel.dimension import CostModelError
from costmodel.trace.integers import FINEST
from costmodel.trace.run import trace
from costmodel.trace.target import said


def copied(module: nn.Module, memo: dict[int, Any] | None = None) -> nn.Module:
    """A copy, if it can be made: a functional call does not give a module that has two names its weights back."""
    with contextlib.suppress(Exception):
        return copy.deepcopy(module, memo)
    return module


def without_data(module: nn.Module, shape: Sequence[int]) -> nn.Module:
    """A copy of `module`, which takes `shape`, whose tensors have no data, so that all of them are on one device."""
    tensors = [*module.parameters(), *module.buffers()]
    tensors += [each for part in module.modules() for each in vars(part).values() if isinstance(each, torch.Tensor)]
    memo: dict[int, Any] = {}
    for tensor in tensors:
        if not is_lazy(tensor):
            bare = torch.empty_like(tensor, device="meta")
            memo[id(tensor)] = nn.Parameter(bare, requires_grad=False) if isinstance(tensor, nn.Parameter) else bare
    module = copied(module, memo)
    if any(map(is_lazy, tensors)):
        # The weights of a lazy layer exist from the first run on.
        with running(module, shape), torch.no_grad():
            module.to("meta")(torch.empty(*shape, device="meta"))
    return module.eval()


def counted(module: nn.Module, shape: Sequence[int]) -> dict[str, int]:
    """The arithmetic at one shape, by kind, without zeros.

    Raises `CostModelError` if the module does not run there.
    """
    with running(module, shape):
        run = trace(copied(module), shape, symbolic=False)
    total = run.total({})
    if not all(count.is_number for count in total.values()):
        raise CostModelError(_depends_on_data(module, shape))
    return {kind: int(count) for kind, count in total.items()}


def counted_by_torch(module: nn.Module, shape: Sequence[int]) -> int:
    """The FLOPs at one shape by `FlopCounterMode`."""
    module, mode = copied(module), FakeTensorMode(allow_non_fake_inputs=True)
    named = dict([*module.named_parameters(), *module.named_buffers()])
    weights: dict[str, Any] = {
        name: mode.from_tensor(each.detach(), static_shapes=True) for name, each in named.items()
    }
    x = mode.from_tensor(torch.empty(*shape, device="meta"), static_shapes=True)
    with running(module, shape), torch.no_grad(), mode, FlopCounterMode(display=False) as counter:
        torch.func.functional_call(module, weights, (x,))
    return int(counter.get_total_flops())


@contextlib.contextmanager
def running(module: nn.Module, shape: Sequence[int]) -> Iterator[None]:
    """Say in a sentence what a module raises, and run it so that it can be counted for all sizes.

    In parts and not in one fused kernel, by torch's own rules for symbols where it has some, and with what it makes on
    its way where the rest is.
    """
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with _quietly(), enable_python_dispatcher(), torch.device("meta"), _Interpolating():
            yield
    except CostModelError:
        raise
    except (DataDependentOutputException, DynamicOutputShapeException, GuardOnDataDependentSymNode):
        raise CostModelError(_depends_on_data(module, shape)) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 (it is the user's code: whatever it raises is said)
        raise CostModelError(f"{_on(module, shape)}: {said(error)}") from None
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def _on(module: nn.Module, shape: Sequence[int]) -> str:
    return f"{type(module).__name__} does not run on {'x'.join(map(str, shape))}"


def _depends_on_data(module: nn.Module, shape: Sequence[int]) -> str:
    return f"{_on(module, shape)} without data: what it computes depends on the values of its tensors"


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without torch's own log of an error that is raised and said."""
    log = logging.getLogger("torch")
    children = [each for name, each in log.manager.loggerDict.items() if name.startswith("torch._subclasses")]
    loggers = [log, *(each for each in children if isinstance(each, logging.Logger))]
    before = [each.disabled for each in loggers]
    for each in loggers:
        each.disabled = True
    try:
        yield
    finally:
        for each, was in zip(loggers, before, strict=True):
            each.disabled = was


class _Interpolating(TorchFunctionMode):
    """Has `interpolate` run as one operator where it has one, which torch would take apart or need sizes for."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is nn.functional.interpolate:
            operator = _interpolation(*args, **(kwargs or {}))
            if operator is not None:
                with no_python_dispatcher():
                    return operator()
        return function(*args, **(kwargs or {}))


def _interpolation(
    x: torch.Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: Any = None,
    _: Any = None,
    antialias: bool = False,
    **__: Any,
) -> Callable[[], Any] | None:
    """The operator that `interpolate` runs with these arguments, if it is one that is counted."""
    axes = x.dim() - 2
    linear = ("", "linear", "bilinear", "trilinear")[axes] if 1 <= axes <= 3 else ""
    if mode not in ("nearest", linear) or not linear or antialias:
        return None
    if size is None:
        factors = [scale_factor] * axes if isinstance(scale_factor, (int, float)) else list(scale_factor or ())
        if len(factors) != axes:
            return None  # torch says what is wrong
        size = [_scaled(axis, factor) for axis, factor in zip(x.shape[2:], factors, strict=True)]
    size = [size] * axes if isinstance(size, (int, torch.SymInt)) else list(size)
    operator = getattr(torch.ops.aten, f"upsample_{mode}{axes}d").default
    return partial(operator, x, size) if mode == "nearest" else partial(operator, x, size, bool(align_corners))


def _scaled(size: Any, factor: float) -> Any:
    """A size times a factor, rounded down: by a division of integers where that is the same."""
    exact = Fraction(factor)
    if exact.denominator <= FINEST:
        return size * exact.numerator // exact.denominator
    return torch.sym_int(size * factor)  # type: ignore[no-untyped-call]
