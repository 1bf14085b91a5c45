"""torch's `FlopCounterMode`: the aten operators that run, each counted from its shapes.

It counts 2 for every multiply-accumulate of a convolution or a matrix product, never a bias, and nothing else. It needs
no data: of a module on the meta device it counts an affinity of P² that nobody holds.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from costmodel.conventions import FLOPS
from costmodel.ledger import Ledger, Row
from costmodel.validate.oracles.reading import Oracle, Reading, look_up

TABLE: Mapping[str, str | None] = {
    # Our operation: the aten operator that it runs as.
    "conv": "convolution",
    "linear": "mm",
    "matmul": "bmm",
    "sampled_matmul": "bmm",
    "sparse_matmul": "bmm",
    **dict.fromkeys(
        (
            "batch_norm",
            "batch_norm_plain",
            "layer_norm",
            "layer_norm_plain",
            "group_norm",
            "group_norm_plain",
            "adaptive_avg_pool2d",
            "adaptive_avg_pool3d",
            "upsample_nearest",
            "upsample_bilinear",
            "softmax",
            "sigmoid",
            "add",
            "sub",
            "mul",
            "div",
            "scale",
            "mean",
            "max",
            "adaptive_max_pool",
            "max_pool",
            "avg_pool",
            "relu",
            "relu6",
            "silu",
            "hard_sigmoid",
            "hard_swish",
            "concat",
            "pad",
            "copy",
        )
    ),
}

# A linear layer runs as addmm, which adds the bias, or as mm, by its bias and the layout of its input.
ALIASES = {"addmm": "mm"}


def ours(ledger: Ledger) -> Reading:
    """The ledger under the convention `flops`, by aten operator."""
    return Reading.of(_counts(ledger.rows))


def _counts(rows: list[Row]) -> Iterator[tuple[str, int]]:
    for row in rows:
        # A row that the convention weighs must show among the operators: under its own kind it would match none.
        yield look_up(TABLE, row.kind, "FlopCounterMode") or row.kind, FLOPS.weigh(row)


def theirs(module: nn.Module, x: Tensor) -> Reading:
    """What one forward pass counts. Not in inference mode, in which linear layers reach the counter undecomposed."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(x)
    counts = counter.get_flop_counts().get("Global", {})
    operators = ((str(operator).removeprefix("aten."), count) for operator, count in counts.items())
    return Reading.of((ALIASES.get(operator, operator), count) for operator, count in operators)


ORACLE = Oracle(
    "FlopCounterMode",
    "2 for every multiply-accumulate of a convolution or a matrix product",
    ours,
    theirs,
    counted=frozenset(kind for kind, operator in TABLE.items() if operator),
)
