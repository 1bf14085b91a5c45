"""What a figure may have counted: the readings that are tried, and the counts under each."""

import functools
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from costmodel import subjects
from costmodel.catalog import nearest
from costmodel.conventions import CONVENTIONS
from costmodel.dimension import CostModelError, Dim, abbreviate, elements
from costmodel.ledger import Row
from costmodel.metrics import of_row


class Reading(NamedTuple):
    """One other answer to one question about what a figure counts."""

    name: str
    says: str
    question: str
    """Two readings go together if they answer different ones."""
    answer: str
    source: str = ""
    """Whose figures alone may be read so; anybody's where it is empty."""


Way = Mapping[str, str]
"""Questions and answers; what is not among them is as it is asked for."""

READINGS = (
    Reading("truncated", "cut off after the last digit, not rounded", "rounding", "truncated"),
    Reading("other unit", "powers of 2 for powers of 10, or the other way round", "unit", "other"),
    Reading("2×MACs", "a multiply-accumulate is two operations", "arithmetic", "flops"),
    Reading("MACs", "a multiply-accumulate is one operation", "arithmetic", "macs"),
    Reading("bias adds", "MACs and the additions of biases", "arithmetic", "biases"),
    Reading("pools", "MACs, and an operation for every input of a global pool", "arithmetic", "pools"),
    Reading("weights", "weights of convolutions and linear layers: no biases, no norms", "params", "weights"),
    Reading("statistics", "the mean and variance that a batch norm keeps are parameters too", "params", "statistics"),
    Reading(
        "other stride", "stride on the 3×3 (v1.5) for the first 1×1 (v1), or the other way round", "stride", "other"
    ),
    Reading(
        "other bias", "inserted layers have the biases that they lack, or lack those that they have", "bias", "other"
    ),
    Reading("no head", "without the classifier", "head", "none"),
    Reading("fvcore", "what fvcore counts: norms and adaptive pools too", "arithmetic", "fvcore"),
    Reading("arithmetic", "every operation, a multiply-accumulate as two", "arithmetic", "arithmetic"),
    Reading("arithmetic/2", "half of every operation, a multiply-accumulate as two", "arithmetic", "half"),
    Reading(
        "pytorchcv",
        "half of what the counter in pytorchcv's repository counts: for a convolution without bias 2 × MACs less one "
        "for every pair of channels, with bias 2 × MACs, 4 for every input of a norm or a sigmoid, 1 for that of a "
        "ReLU or a global pool, every tap of a pool, and nothing for what is no module",
        "arithmetic",
        "pytorchcv",
        source="pytorchcv",
    ),
    Reading(
        "gluoncv2",
        "the same counter on the Gluon twins of these models, where a gate's global pool is a window of one tap",
        "arithmetic",
        "gluoncv2",
        source="pytorchcv",
    ),
)
"""In the order in which they are tried, each by itself and then two at a time."""

METRICS = ("params", *CONVENTIONS, "checkpoint", "written")
"""What an expression may ask for: also the bytes of a state dict, and the elements that operations write."""


def cost(metric: str, arguments: Sequence[str], shape: Sequence[int], way: Way) -> Fraction:
    """``macs("resnet50 with se")``, or of some rows, ``written("danet-pam", "affinity")``, at `shape`, in one `way`.

    Raises `CostModelError` for what cannot be read, and `LookupError` where that way does not say how to count it.
    """
    if metric not in METRICS:
        raise CostModelError(
            f"a cost is one of {', '.join(METRICS)}, not {abbreviate(metric)}{nearest(metric, METRICS)}"
        )
    if not arguments:
        raise CostModelError(f"{metric} is that of a layer or a network, such as {metric}('resnet50')")
    text, *names = arguments
    counting = way.get("arithmetic" if metric in CONVENTIONS else metric, metric)
    # A way that says nothing of the network shares its ledger with all others.
    of_network = tuple(question for question in ("stride", "bias", "head") if question in way)
    return _count(text, tuple(names), tuple(shape), of_network, counting, metric)


@functools.cache
def _count(
    text: str, names: tuple[str, ...], shape: tuple[int, ...], changes: tuple[str, ...], counting: str, metric: str
) -> Fraction:
    rows = _rows(text, shape, changes)
    for name in names:
        if name not in (known := [row.name for row in rows]):
            raise CostModelError(f"{text} has no row {abbreviate(name)}{nearest(name, known)}")
    chosen = [row for row in rows if row.name in names] if names else rows
    # A reading counts in MACs, of which an expression in FLOPs asks for two.
    times = 2 if metric == "flops" and counting in _IN_MACS else 1
    return times * Fraction(_COUNTS[counting](chosen))


@functools.cache
def _rows(text: str, shape: tuple[int, ...], changes: tuple[str, ...]) -> Sequence[Row]:
    layer, given, _ = subjects.read(text)
    options = layer.resolve(given)
    for name, value in list(options.items()):
        if name == "variant" and "stride" in changes:
            options[name] = next(choice for choice in layer.options[name].choices if choice != value)
        if (name == "bias" or name.endswith("_bias")) and "out_bias" not in name and "bias" in changes:
            options[name] = not value
    rows = layer.run(shape, options).rows
    return [row for row in rows if not row.name.startswith("head.")] if "head" in changes else rows


# Counts of rows.


def _convention(name: str) -> Callable[[Sequence[Row]], Dim]:
    return lambda rows: sum(of_row(row, name) for row in rows)


def _with_biases(rows: Sequence[Row]) -> Dim:
    return _convention("macs")(rows) + sum(row.arithmetic["add"] for row in rows if _has_bias(row))


def _is_weighted(row: Row) -> bool:
    return row.kind in ("conv", "linear")


def _has_bias(row: Row) -> bool:
    return _is_weighted(row) and "add" in row.arithmetic


def _out(row: Row) -> Dim:
    """Channels that a convolution or a linear layer makes."""
    return row.output[1 if row.kind == "conv" else -1]


def _weights(rows: Sequence[Row]) -> Dim:
    return sum(row.params - (_out(row) if _has_bias(row) and row.params else 0) for row in rows if _is_weighted(row))


def _norms(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.kind.startswith("batch_norm")]


def _with_statistics(rows: Sequence[Row]) -> Dim:
    return sum(row.params for row in rows) + sum(2 * row.output[1] for row in _norms(rows))


def _checkpoint(rows: Sequence[Row]) -> Dim:
    """Bytes of a state dict in float32: parameters, statistics of batch norms, and for each an int64 that counts."""
    return 4 * _with_statistics(rows) + 8 * len(_norms(rows))


def _with_pools(rows: Sequence[Row]) -> Dim:
    pools = sum(elements(row.inputs[0]) for row in rows if row.kind.startswith("adaptive"))
    return _convention("macs")(rows) + pools


_OF_INPUT = {
    "relu": 1,
    "relu6": 1,
    "sigmoid": 4,
    "batch_norm": 4,
    "adaptive_avg_pool2d": 1,
    "adaptive_max_pool": 1,
}


def _pytorchcv(rows: Sequence[Row], *, gluon: bool = False) -> Fraction:
    """See `READINGS`; ``measure_model`` of https://github.com/osmr/imgclsmob."""
    total = 0
    for row in rows:
        if _is_weighted(row):
            total += 2 * row.arithmetic["mac"] - (0 if _has_bias(row) else _first_terms(row))
        elif row.kind in ("max_pool", "avg_pool"):
            total += sum(row.arithmetic.values()) + (row.written if row.kind == "max_pool" else 0)
        elif gluon and row.kind.startswith("adaptive") and not row.name.startswith("head."):
            total += row.written
        else:
            total += _OF_INPUT.get(row.kind, 0) * elements(row.inputs[0])
    return Fraction(total, 2)


def _first_terms(row: Row) -> Dim:
    """What it takes off a layer without bias: 1 for each output, or of a convolution for each pair of channels.

    Raises `LookupError` where the ledger does not tell a convolution's taps from its channels.
    """
    out, channels = _out(row), row.inputs[0][1]
    fan_in = row.weights // out
    if row.kind == "linear" or fan_in in _TAPS:  # depthwise: as many pairs as channels
        return out
    if fan_in % channels:
        raise LookupError("the ledger does not say how a grouped convolution's weights divide into taps and channels")
    return channels * out


_TAPS = (9, 25, 49)

_COUNTS: Mapping[str, Callable[[Sequence[Row]], Dim | Fraction]] = {
    **{name: _convention(name) for name in ("params", *CONVENTIONS)},
    "biases": _with_biases,
    "pools": _with_pools,
    "half": lambda rows: Fraction(_convention("arithmetic")(rows), 2),
    "pytorchcv": _pytorchcv,
    "gluoncv2": functools.partial(_pytorchcv, gluon=True),
    "weights": _weights,
    "statistics": _with_statistics,
    "checkpoint": _checkpoint,
    "written": lambda rows: sum(row.written for row in rows),
}
_IN_MACS = ("biases", "pools", "half", "pytorchcv", "gluoncv2")
