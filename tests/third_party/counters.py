"""What each counter itself says of a module: one function a tool, an integer as it reports it."""

import contextlib
import io
import os
import warnings
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without what tools print, warn and deprecate."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def imported(name: str):
    """A tool, or the end of the test where it is not installed."""
    with quietly():
        return pytest.importorskip(name)


def integer(value) -> int:
    """A count as an int, if it is one: some tools add in floats."""
    assert value == int(value)
    return int(value)


def fvcore(module: nn.Module, x: torch.Tensor) -> int:
    analysis = imported("fvcore.nn").FlopCountAnalysis(module, (x,))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    return integer(analysis.total())


def flop_counter_mode(module: nn.Module, x: torch.Tensor) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        module(x)
    return counter.get_total_flops()


def ptflops(backend: str) -> Callable[[nn.Module, torch.Tensor], int]:
    def count(module: nn.Module, x: torch.Tensor) -> int:
        return imported("ptflops").get_model_complexity_info(
            module,
            tuple(x.shape[1:]),
            backend=backend,
            as_strings=False,
            print_per_layer_stat=False,
            input_constructor=lambda _: x,
        )[0]

    return count


def thop(module: nn.Module, x: torch.Tensor) -> int:
    return integer(imported("thop").profile(module, inputs=(x,), verbose=False)[0])


def torchinfo(module: nn.Module, x: torch.Tensor) -> int:
    return imported("torchinfo").summary(module, input_data=x, verbose=0).total_mult_adds


def torchprofile(module: nn.Module, x: torch.Tensor) -> int:
    return imported("torchprofile").profile_macs(module, (x,))


def calflops(which: int) -> Callable[[nn.Module, torch.Tensor], int]:
    def count(module: nn.Module, x: torch.Tensor) -> int:
        tool = imported("calflops")
        return tool.calculate_flops(module, tuple(x.shape), print_results=False, output_as_string=False)[which]

    return count


def deepspeed(which: int) -> Callable[[nn.Module, torch.Tensor], int]:
    def count(module: nn.Module, x: torch.Tensor) -> int:
        os.environ["DS_ACCELERATOR"] = "cpu"  # or it looks for one
        tool = imported("deepspeed.profiling.flops_profiler")
        return tool.get_model_profile(module, args=[x], print_profile=False, as_string=False)[which]

    return count


COUNTERS: dict[str, Callable[[nn.Module, torch.Tensor], int]] = {
    "fvcore": fvcore,
    "FlopCounterMode": flop_counter_mode,
    "ptflops-pytorch": ptflops("pytorch"),
    "ptflops-aten": ptflops("aten"),
    "thop": thop,
    "torchinfo": torchinfo,
    "torchprofile": torchprofile,
    "calflops": calflops(0),
    "calflops-macs": calflops(1),
    "deepspeed": deepspeed(0),
    "deepspeed-macs": deepspeed(1),
}
