"""Readings of a ledger: what a tool or a paper would call its cost. One table each.

A convention weighs either the arithmetic of the rows, by kind, or the operations that the rows
are, each by the quantities that its tool looks at. Nothing is 0 by default: a kind that a table does not name
is an error.
"""

from collections.abc import Mapping
from typing import NamedTuple

from costmodel.dimension import CostModelError, Dim, elements
from costmodel.ledger import Ledger, Row


class Convention(NamedTuple):
    """A table of weights over ``arithmetic`` kinds, or over operations and their quantities."""

    name: str
    counts: str
    equals: str
    arithmetic: Mapping[str, int] | None = None
    operations: Mapping[str, Mapping[str, int]] | None = None
    """Operation → quantity → weight; a quantity is a kind of arithmetic, or ``input`` or ``output``:
    the elements of the first input and of the output."""

    def weigh(self, row: Row) -> Dim:
        """The cost of one row."""
        if self.operations is None:
            return self.weigh_arithmetic(row.arithmetic)
        try:
            weights = self.operations[row.kind]
        except KeyError:
            raise CostModelError(f"the convention {self.name!r} has no weights for {row.kind!r}") from None
        total: Dim = 0
        for quantity, weight in weights.items():
            if quantity == "input":
                total = total + weight * elements(row.inputs[0])
            elif quantity == "output":
                total = total + weight * elements(row.output)
            else:
                total = total + weight * row.arithmetic[quantity]
        return total

    def weigh_arithmetic(self, arithmetic: Mapping[str, Dim]) -> Dim:
        """The cost of so much arithmetic, by kind."""
        assert self.arithmetic is not None
        total: Dim = 0
        for kind, count in arithmetic.items():
            try:
                weight = self.arithmetic[kind]
            except KeyError:
                raise CostModelError(f"the convention {self.name!r} has no weight for {kind!r}") from None
            if weight:
                total = total + weight * count
        return total

    def total(self, ledger: Ledger) -> Dim:
        """The cost of a whole ledger."""
        if self.operations is None:
            return self.weigh_arithmetic(ledger.arithmetic())
        return sum(map(self.weigh, ledger.rows))


_FUNCTIONS = ("exp", "erf", "log", "sin", "cos", "sqrt")
"""Kinds of arithmetic that are functions, one a value."""

MACS = Convention(
    "macs",
    counts="multiply-accumulates of convolutions, linear layers and matrix products",
    equals='the "FLOPs" of most vision papers',
    arithmetic={"mac": 1, "add": 0, "mul": 0, "div": 0, "cmp": 0, **dict.fromkeys(_FUNCTIONS, 0)},
)

FLOPS = Convention(
    "flops",
    counts="2 × macs: a multiplication and an addition each",
    equals="torch's FlopCounterMode",
    arithmetic={"mac": 2, "add": 0, "mul": 0, "div": 0, "cmp": 0, **dict.fromkeys(_FUNCTIONS, 0)},
)

FVCORE = Convention(
    "fvcore",
    counts="macs, and what fvcore adds: norms in eval mode, adaptive average pools, upsampling",
    equals="fvcore's FlopCountAnalysis of the same module",
    operations={
        "conv": {"mac": 1},
        "linear": {"mac": 1},
        "matmul": {"mac": 1},
        "sampled_matmul": {"mac": 1},
        "sparse_matmul": {"mac": 1},
        "batch_norm": {"output": 2},
        "batch_norm_plain": {"output": 1},
        "layer_norm": {"output": 5},
        "layer_norm_plain": {"output": 4},
        "group_norm": {"output": 5},
        "group_norm_plain": {"output": 4},
        "adaptive_avg_pool2d": {"input": 1},
        "upsample_nearest": {"output": 1},
        "upsample_bilinear": {"output": 4},
        # Not counted by fvcore: with a warning, or (relu, concat, copy) without a word.
        "adaptive_avg_pool3d": {},
        "softmax": {},
        "sigmoid": {},
        "relu": {},
        "relu6": {},
        "silu": {},
        "hard_sigmoid": {},
        "hard_swish": {},
        "add": {},
        "sub": {},
        "mul": {},
        "div": {},
        "scale": {},
        "mean": {},
        "max": {},
        "adaptive_max_pool": {},
        "max_pool": {},
        "avg_pool": {},
        "concat": {},
        "pad": {},
        "copy": {},
    },
)

ARITHMETIC_OPERATIONS = Convention(
    "arithmetic",
    counts="every arithmetic operation as 1, a multiply-accumulate as 2",
    equals="an honest count of the work, comparisons and exponentials included",
    arithmetic={"mac": 2, "add": 1, "mul": 1, "div": 1, "cmp": 1, **dict.fromkeys(_FUNCTIONS, 1)},
)

CONVENTIONS: dict[str, Convention] = {
    convention.name: convention for convention in (MACS, FLOPS, FVCORE, ARITHMETIC_OPERATIONS)
}
