"""What can be asked of a ledger, each by its name: parameters, arithmetic under a convention, memory, time."""

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from costmodel import memory, padding
from costmodel.conventions import CONVENTIONS
from costmodel.devices import device
from costmodel.dimension import CostModelError, Dim
from costmodel.fusion import fused_bytes
from costmodel.ledger import Ledger, Row
from costmodel.roofline import Roofline, time

METRICS = ("params", *CONVENTIONS)
"""What is told of a layer: its parameters, and its cost under each convention."""

BYTES: Mapping[str, Callable[[Ledger, str, memory.Gradients], Dim]] = {
    **memory.MEASURES,
    "fused-bytes": lambda ledger, dtype, _: fused_bytes(ledger, dtype),
}
"""Those in bytes, of elements of a dtype, which one may name, as in ``peak-bytes:bf16``; fp32 unless it does.

Of those of a step of training, `memory.STEPS`, one may say last what learns nothing, as in ``training-macs:frozen``.
"""

TIMES = ("time", "fused-time")
"""Those in time, which name a device, and may name a dtype: ``time:h200``, ``time:h200:bf16``."""

ASKED = (*METRICS, padding.METRIC, *memory.TRAINING, *BYTES, *TIMES)
"""What can be asked of it: memory, training, time, and convolutions without their padding too."""

_COUNTS = {
    "params": "learned numbers, shared ones once",
    padding.METRIC: "macs without the taps of convolutions that lie in their padding",
    **{name: convention.counts for name, convention in CONVENTIONS.items()},
    **memory.COUNTS,
    "fused-bytes": "bytes that operations read and write, fused as compilers do",
    "time": "least time of all operations, each by itself",
    "fused-time": "least time of all operations, fused as compilers do",
}

_CASES = {"frozen": "weights without gradients", "first": "an input without a gradient"}


def known(metric: str) -> bool:
    """Whether `metric` is one of `ASKED`, with what it may or must name; not whether there is such a device."""
    name, *named = metric.split(":")
    if name in TIMES:
        return len(named) in (1, 2) and {*named[1:]} <= memory.DTYPES.keys()
    if name in memory.STEPS and named and named[-1] in memory.CASES:
        named.pop()
    return name in ASKED and (not named or (name in BYTES and len(named) == 1 and named[0] in memory.DTYPES))


def counts(metric: str) -> str:
    """What one of `ASKED` counts, in words."""
    name, *named = metric.split(":")
    if name in TIMES:
        on = roofline(metric)
        return f"{_COUNTS[name]}: {on.device.title}, {on.dtype}"
    told = [_COUNTS[name], *([f"in {_said(named)[0]}"] if name in BYTES else [])]
    return ", ".join([*told, *(_CASES[word] for word in named if word in _CASES)])


def total(ledger: Ledger, metric: str) -> Dim:
    """The ledger's total in one of `ASKED`: a time in ticks, of which `seconds` knows the length."""
    name, *named = metric.split(":")
    if name in CONVENTIONS:
        return CONVENTIONS[name].total(ledger)
    if name in TIMES:
        return time(ledger, roofline(metric), fusing=name == "fused-time")
    dtype, gradients = _said(named)
    if name in BYTES:
        return BYTES[name](ledger, dtype, gradients)
    if name in memory.TRAINING:
        return memory.TRAINING[name](ledger, gradients)
    return padding.inside_macs(ledger) if name == padding.METRIC else ledger.params()


def peak_row(ledger: Ledger, metric: str) -> str | None:
    """Which operation holds one of `memory.PEAKS`, as `memory.Peak` says."""
    name, *named = metric.split(":")
    return memory.PEAKS[name](ledger, *_said(named)).row


def kept(ledger: Ledger, metric: str) -> list[tuple[str, Dim]]:
    """The bytes that each operation adds to ``saved-bytes``."""
    return memory.kept(ledger, *_said(metric.split(":")[1:]))


def _said(named: Sequence[str]) -> tuple[str, memory.Gradients]:
    """The dtype and the case of training that are named behind a metric."""
    dtype = next((word for word in named if word in memory.DTYPES), "fp32")
    return dtype, next((memory.CASES[word] for word in named if word in memory.CASES), memory.ALL)


@functools.lru_cache(maxsize=64)
def roofline(metric: str) -> Roofline:
    """What bounds one of `TIMES`.

    Raises `CostModelError` if it names no device, or one that is not known.
    """
    name, *named = metric.split(":")
    if not named:
        raise CostModelError(f"{name} is that of a device: name one, as in {name}:h200")
    return Roofline(device(named[0]), *named[1:])


def seconds(metric: str) -> Fraction | None:
    """The length of a tick of one of `TIMES`; None of what is no time."""
    return Fraction(1, roofline(metric).ticks_per_second) if metric.split(":", maxsplit=1)[0] in TIMES else None


def of_row(row: Row, metric: str) -> Dim:
    """One row's share of `total` in one of `METRICS`.

    Raises `CostModelError` for what is no sum over rows, as memory is not.
    """
    if metric not in METRICS:
        raise CostModelError(f"{metric} is of a whole layer, not of some of its operations")
    return row.params if metric == "params" else CONVENTIONS[metric].weigh(row)


def totals(ledger: Ledger) -> dict[str, Dim]:
    """The ledger's totals in all of `METRICS`."""
    arithmetic = ledger.arithmetic()
    found = {"params": ledger.params()}
    for name, convention in CONVENTIONS.items():
        found[name] = convention.total(ledger) if convention.operations else convention.weigh_arithmetic(arithmetic)
    return found


def countable(ledger: Ledger) -> dict[str, Dim]:
    """The ledger's totals in those of `METRICS` that weigh all its rows: fvcore's does not weigh a traced module."""
    found: dict[str, Dim] = {}
    for metric in METRICS:
        with contextlib.suppress(CostModelError):
            found[metric] = total(ledger, metric)
    return found
