"""A module run over symbols: what ran where, what the symbols are, and what it did not cost."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from costmodel.trace import trace

SHAPE = (3, 5, 7, 11)


@pytest.fixture(autouse=True)
def without_data():
    """Modules whose weights have no data, as those have that are traced."""
    with torch.device("meta"):
        yield


class Calls(nn.Module):
    """A module that is one function of its input."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        """What the function says."""
        return self.function(x)


def at(traced, expression):
    """A number for an expression of the trace."""
    return int(expression.xreplace(traced.values))


def macs(traced):
    return sum(operation.arithmetic.get("mac", 0) for operation in traced.operations)


def test_paths() -> None:
    """Every operator is written down under the submodule that ran it, and what a module runs itself under its own."""

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(5, 13, 1), nn.ReLU())

        def forward(self, x):
            return self.body(x).sigmoid()

    ran = [(operation.operator, operation.module) for operation in trace(Outer(), SHAPE).operations]
    assert ran == [("convolution", "body.0"), ("relu", "body.1"), ("sigmoid", "")]


def test_symbols() -> None:
    """Sizes and widths are symbols, kernels numbers; the product holds at other sizes than those traced."""
    traced = trace(nn.Conv2d(5, 13, 3, padding=1, bias=False), SHAPE)
    n, c, h, w = traced.input
    out, fan_in, *kernel = traced.weights["weight"]
    assert [at(traced, size) for size in traced.input] == list(SHAPE)
    assert fan_in == c
    assert kernel == [3, 3]
    assert (macs(traced) - 9 * n * c * h * w * out).expand() == 0
    assert len({n, c, h, w, out}) == 5


def test_guards() -> None:
    """A choice by the sizes is made as it is there, and is a guard."""
    traced = trace(Calls(lambda x: x.relu() if x.shape[2] > 6 else x.sigmoid()), SHAPE)
    assert [operation.operator for operation in traced.operations] == ["relu"]
    height = traced.input[2]
    assert any(guard in (height > 6, height >= 7) for guard in traced.guards)


def test_a_size_that_is_needed_as_a_number() -> None:
    """A size that a module makes an int of is that number in the trace."""
    traced = trace(Calls(lambda x: x.view(-1, 5 * int(x.shape[2]))), SHAPE)
    assert traced.input[2] == 7


def test_shared_weights() -> None:
    """A weight that two modules share is one weight, and runs twice."""

    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(11, 11, bias=False)
            self.second = nn.Linear(11, 11, bias=False)
            self.second.weight = self.first.weight

        def forward(self, x):
            return self.second(self.first(x))

    traced = trace(Shared(), (3, 11))
    assert list(traced.weights) == ["first.weight"]
    assert at(traced, macs(traced)) == 2 * 3 * 11 * 11


def test_a_module_that_runs_twice() -> None:
    """A module that is called twice is counted twice."""

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(11, 11)

        def forward(self, x):
            return self.linear(self.linear(x))

    assert [operation.module for operation in trace(Twice(), (3, 11)).operations] == ["linear", "linear"]


def test_buffers() -> None:
    """Buffers have shapes as parameters do."""
    traced = trace(nn.BatchNorm2d(5).eval(), SHAPE)
    assert {name: len(shape) for name, shape in traced.weights.items()} == {
        **dict.fromkeys(("weight", "bias", "running_mean", "running_var"), 1),
        "num_batches_tracked": 0,
    }


def test_in_place() -> None:
    """An operator that works in place is the operator."""
    assert [operation.operator for operation in trace(nn.ReLU(inplace=True), SHAPE).operations] == ["relu"]


def test_several_results() -> None:
    """A module may return several tensors."""
    assert len(trace(Calls(lambda x: (x.relu(), x.sigmoid())), SHAPE).operations) == 2


def test_ignored() -> None:
    """Views and copies compute nothing, and are named."""
    traced = trace(Calls(lambda x: torch.cat([x, x], 1).flatten(2).transpose(1, 2)), SHAPE)
    assert traced.operations == []
    assert {"cat", "transpose"} <= traced.ignored


def test_uncounted() -> None:
    """What nobody counts is on record as unknown and never as 0."""
    [operation] = trace(Calls(torch.erfinv), SHAPE).operations
    assert (operation.operator, operation.arithmetic) == ("erfinv", None)


def test_the_module_is_as_before() -> None:
    """A trace leaves the weights and the hooks of a module as they were."""
    module = nn.Conv2d(5, 13, 3)
    weight = module.weight
    trace(module, SHAPE)
    assert module.weight is weight
    assert not module._forward_hooks
    assert not module._forward_pre_hooks


def test_an_error_leaves_no_hooks() -> None:
    """A module that raises raises, and keeps no hooks."""
    module = nn.Linear(13, 5)
    with pytest.raises(RuntimeError):
        trace(module, (3, 11))
    assert not module._forward_hooks


PEAK = """
import resource, sys, torch
from costmodel.trace import trace
from costmodel.validate.references import REFERENCES
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
trace(torch.nn.Conv2d(3, 5, 1), (2, 3, 7, 11))
before = peak()
with torch.device("meta"):
    module = REFERENCES["non-local"](512).eval()
traced = trace(module, (1, 512, 512, 512))
positions = 512 * 512
affinity = max(int(operation.arithmetic["mac"].xreplace(traced.values)) for operation in traced.operations
               if operation.operator == "bmm")
assert affinity == positions**2 * 256
print(peak() - before)
"""


def test_no_memory_for_positions_squared() -> None:
    """An affinity of (512·512)² numbers, 256 GiB of them, is counted in less than 200 MB."""
    ran = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 200 * 10**6
