"""fvcore's `FlopCountAnalysis`: a jit trace of the module, counted by operator.

It counts the multiply-accumulates of convolutions, ``linear`` and ``bmm``, never a bias, and by rules of its own batch,
layer and group norms, adaptive average pools and upsampling. What else it meets it reports as uncounted, except for a
list of operators that it takes for free, relu among them.
"""

import warnings
from collections.abc import Iterator, Mapping
from operator import index

from torch import Tensor, nn

from costmodel.conventions import FVCORE
from costmodel.ledger import Ledger, Row
from costmodel.validate.oracles.reading import Oracle, Reading, look_up

with warnings.catch_warnings():
    # fvcore scripts a loss as it is imported, and torch deprecates scripting.
    warnings.simplefilter("ignore", DeprecationWarning)
    from fvcore.nn import FlopCountAnalysis

TABLE: Mapping[str, tuple[str | None, str | None]] = {
    # Our operation: the operator that fvcore counts it under, and the one that it reports as uncounted.
    "conv": ("conv", None),
    "linear": ("linear", None),
    "matmul": ("bmm", None),
    "sampled_matmul": ("bmm", None),
    "sparse_matmul": ("bmm", "aten::index_add"),
    "batch_norm": ("batch_norm", None),
    "batch_norm_plain": ("batch_norm", None),
    "layer_norm": ("layer_norm", None),
    "layer_norm_plain": ("layer_norm", None),
    "group_norm": ("group_norm", None),
    "group_norm_plain": ("group_norm", None),
    "adaptive_avg_pool2d": ("adaptive_avg_pool2d", None),
    "adaptive_avg_pool3d": (None, "aten::adaptive_avg_pool3d"),
    "upsample_nearest": ("upsample_nearest2d", None),
    "upsample_bilinear": ("upsample_bilinear2d", None),
    "softmax": (None, "aten::softmax"),
    "sigmoid": (None, "aten::sigmoid"),
    "add": (None, "aten::add"),
    "sub": (None, "aten::sub"),
    "mul": (None, "aten::mul"),
    "div": (None, "aten::div"),
    "scale": (None, "aten::mul"),
    "mean": (None, "aten::mean"),
    "max": (None, "aten::amax"),
    "adaptive_max_pool": (None, "aten::adaptive_max_pool2d"),
    "max_pool": (None, "aten::max_pool{rank}d"),
    "avg_pool": (None, "aten::avg_pool{rank}d"),
    "relu": (None, None),
    "relu6": (None, "aten::hardtanh"),
    "silu": (None, "aten::silu"),
    "hard_sigmoid": (None, "aten::hardsigmoid"),
    "hard_swish": (None, "aten::hardswish"),
    "concat": (None, None),
    "pad": (None, "aten::pad"),
    "copy": (None, None),
}


def ours(ledger: Ledger) -> Reading:
    """The ledger under the convention `fvcore`, by operator, and the uncounted operators to expect."""
    return Reading.of(_counts(ledger.rows), filter(None, map(_reported, ledger.rows)))


def _counts(rows: list[Row]) -> Iterator[tuple[str, int]]:
    for row in rows:
        operator, _ = look_up(TABLE, row.kind, "fvcore")
        # A row that the convention weighs must show among the operators: under its own kind it would match none.
        yield operator or row.kind, FVCORE.weigh(row)


def _reported(row: Row) -> str | None:
    _, operator = look_up(TABLE, row.kind, "fvcore")
    return operator and operator.format(rank=len(row.output) - 2)


def theirs(module: nn.Module, x: Tensor) -> Reading:
    """What fvcore counts and reports, of tensors with data: its trace hands out sizes that meta kernels refuse."""
    analysis = FlopCountAnalysis(module, (x,))
    # It logs what it does not count, which is half of what is compared here.
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    counts = analysis.by_operator()
    return Reading.of(((operator, index(count)) for operator, count in counts.items()), analysis.unsupported_ops())


ORACLE = Oracle(
    "fvcore",
    "multiply-accumulates of conv, linear and bmm; norms, average pools and upsampling by rules of its own",
    ours,
    theirs,
    needs_data=True,
    counted=frozenset(kind for kind, (counted, _) in TABLE.items() if counted),
    noticed=frozenset(kind for kind, (_, reported) in TABLE.items() if reported),
)
