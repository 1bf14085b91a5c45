"""What was timed: every layer beside its bound, layers in the order predicted and measured, and where two cross."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from costmodel.catalog import said
from costmodel.devices import Device
from costmodel.validate.report import label

APART = 2
"""How many times two times differ at least, for it to be said that they do."""

SHOWN = 5
"""The most swaps that a sentence names; the report has all."""


class Sample(NamedTuple):
    """How long runs of one thing took, in seconds."""

    best: Fraction
    median: Fraction
    spread: Fraction
    """The third quartile less the first."""
    runs: int


class Timing(NamedTuple):
    """What a layer took, beside the least that it can take."""

    layer: str
    options: Mapping[str, Any]
    """Those that are not the layer's defaults."""
    shape: tuple[int, ...]
    dtype: str
    bound: Fraction
    """In seconds, exactly."""
    shares: Mapping[str, Fraction]
    """What its operations wait for, the greatest part of the bound first."""
    sample: Sample

    @property
    def holds(self) -> bool:
        """Whether even the fastest run is no faster than the bound; there is no tolerance.

        Whatever disturbs a run makes it slower, so that no noise excuses a fast one.
        """
        return self.sample.best >= self.bound

    @property
    def ratio(self) -> Fraction:
        """How many times the bound the median is."""
        return self.sample.median / self.bound

    def __str__(self) -> str:
        where = label(self.layer, self.options, self.shape)
        best, bound = (f"{float(time * 10**6):.4g} µs" for time in (self.sample.best, self.bound))
        times = float(self.sample.best / self.bound)
        return f"{where}, {self.dtype}: a run took {best}, which is {times:.3g}× its bound of {bound}"

    def row(self) -> dict[str, Any]:
        """For JSON: the bound exactly, and what was measured to four digits."""
        return {
            "layer": self.layer,
            "options": dict(self.options),
            "shape": self.shape,
            "dtype": self.dtype,
            "bound": str(self.bound),
            "bound_us": _us(self.bound),
            "best_us": _us(self.sample.best),
            "median_us": _us(self.sample.median),
            "spread_us": _us(self.sample.spread),
            "runs": self.sample.runs,
            "ratio": _digits(self.ratio),
            "bound_by": {limit: _digits(share) for limit, share in self.shares.items()},
            "holds": self.holds,
        }


class Swap(NamedTuple):
    """Two layers that come in the other order than predicted."""

    predicted: str
    """The one whose bound is less."""
    measured: str
    """The one that took less."""
    bounds: Fraction
    """How many times the lesser bound the greater one is."""
    medians: Fraction

    def __str__(self) -> str:
        return (
            f"{self.predicted}, of which the bound is {float(self.bounds):.3g}× less than that of {self.measured}, "
            f"took {float(self.medians):.3g}× as long"
        )


class Order(NamedTuple):
    """Every two of the layers at one shape, by their bounds and by the medians that were measured."""

    shape: tuple[int, ...]
    dtype: str
    concordant: int
    """Pairs in the same order."""
    discordant: int
    """Pairs in the other order."""
    ties: int
    """Pairs whose bounds are equal, or whose medians are."""
    swaps: Sequence[Swap]
    """Discordant pairs whose bounds are at least `APART` times apart, the furthest apart first."""

    @property
    def pairs(self) -> int:
        """How many there are."""
        return self.concordant + self.discordant + self.ties

    @property
    def tau(self) -> Fraction:
        """Kendall 1938, A new measure of rank correlation: 1 in the same order, -1 in the other; a tie counts 0."""
        return Fraction(self.concordant - self.discordant, self.pairs)

    def __str__(self) -> str:
        where = f"{'x'.join(map(str, self.shape))}, {self.dtype}"
        tied = f", {self.ties} tied" if self.ties else ""
        counts = f"{self.concordant} of {self.pairs} pairs of layers in the order predicted{tied}"
        named = [str(swap) for swap in self.swaps[:SHOWN]]
        named += [f"{len(self.swaps) - SHOWN} more"] if len(self.swaps) > SHOWN else []
        others = "; ".join(named) or f"none of the others is {APART}× apart by its bounds"
        return f"{where}: {counts}, Kendall's τ {float(self.tau):.3f}{f'; {others}' if self.discordant else ''}"

    def row(self) -> dict[str, Any]:
        """For JSON."""
        counts = {name: getattr(self, name) for name in ("pairs", "concordant", "discordant", "ties")}
        swaps = [[swap.predicted, swap.measured, _digits(swap.bounds), _digits(swap.medians)] for swap in self.swaps]
        return {
            "shape": self.shape,
            "dtype": self.dtype,
            **counts,
            "tau": _digits(self.tau),
            "swaps": swaps,
            "says": str(self),
        }


class Change(NamedTuple):
    """One change of the faster layer as a side grows."""

    last_before: int
    first_after: int
    faster_before: str
    faster_after: str


class Crossing(NamedTuple):
    """Where one layer becomes faster than another as the side of a square map grows, predicted and measured."""

    a: str
    b: str
    at: Mapping[str, int]
    dtype: str
    verdict: str
    """The prediction in words."""
    predicted: Sequence[Change]
    measured: Sequence[Change]
    """Between sides at which one is clearly `faster`."""
    samples: Mapping[int, tuple[Sample, Sample]]
    """By side, what both took."""

    def __str__(self) -> str:
        sides = sorted(self.samples)
        changes = [f"{change.faster_before} is faster up to {change.last_before}" for change in self.measured]
        if changes:
            seen = ", ".join([*changes, f"{self.measured[-1].faster_after} from {self.measured[-1].first_after} on"])
        else:
            names = {1: self.a, -1: self.b}
            told = {names[sign] for both in self.samples.values() if (sign := faster(*both))}
            seen = f"{told.pop()} is faster wherever one can tell" if told else "nobody can tell which is faster"
        fixed = ", ".join(f"{name} = {size}" for name, size in self.at.items())
        return (
            f"{self.a} and {self.b} over side at {fixed}, {self.dtype}: predicted, {self.verdict}; "
            f"measured from {sides[0]} to {sides[-1]}, {seen}"
        )

    def row(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "a": self.a,
            "b": self.b,
            "over": "side",
            "at": dict(self.at),
            "dtype": self.dtype,
            "predicted": [change._asdict() for change in self.predicted],
            "measured": [change._asdict() for change in self.measured],
            "medians_us": {side: [_us(each.median) for each in self.samples[side]] for side in sorted(self.samples)},
            "says": str(self),
        }


class Timings(NamedTuple):
    """All that was timed on one machine, with what it depends on."""

    date: str
    """In UTC."""
    versions: Mapping[str, str]
    device: Mapping[str, str]
    """``name``, ``type``, how it was ``chosen``, and ``threads``."""
    profile: Device
    """What it can do at most, of which the bounds are made."""
    measured: bool
    """Whether that was measured here and now."""
    comparisons: Sequence[Timing]
    crossings: Sequence[Crossing]
    not_covered: Sequence[str]
    """What nothing here speaks about, a sentence each."""

    @property
    def failures(self) -> list[Timing]:
        """What was faster than its bound."""
        return [timing for timing in self.comparisons if not timing.holds]

    @property
    def failed(self) -> int:
        """How many were."""
        return len(self.failures)

    @property
    def passed(self) -> int:
        """How many were not."""
        return len(self.comparisons) - self.failed

    @property
    def disturbed(self) -> list[Timing]:
        """What took `APART` times its best run in the median, or more: other work was in the way."""
        return [timing for timing in self.comparisons if timing.sample.median >= APART * timing.sample.best]

    @property
    def orders(self) -> list[Order]:
        """Those of every shape and dtype with two layers or more."""
        return [order(group) for group in self.groups() if len(group) > 1]

    def groups(self) -> Iterator[list[Timing]]:
        """What was timed, by shape and dtype."""
        for _, group in itertools.groupby(self.comparisons, key=lambda timing: (timing.shape, timing.dtype)):
            yield [*group]

    def to_json(self) -> str:
        """Everything, a case a line."""
        head = {
            "kind": "time",
            "date": self.date,
            "versions": dict(self.versions),
            "device": dict(self.device),
            "profile": _figures(self.profile) | {"measured": self.measured},
            "passed": self.passed,
            "failed": self.failed,
            "disturbed": len(self.disturbed),
            "not_covered": list(self.not_covered),
        }
        lists: dict[str, Sequence[Timing | Order | Crossing]] = {
            "cases": self.comparisons,
            "order": self.orders,
            "crossovers": self.crossings,
        }
        rows = {
            name: ",\n".join(json.dumps(each.row(), separators=(",", ":"), default=said) for each in found)
            for name, found in lists.items()
        }
        tail = ",\n".join(f'  "{name}": [\n{text}\n  ]' for name, text in rows.items())
        return f"{json.dumps(head, indent=2)[:-2]},\n{tail}\n}}"


def order(timings: Sequence[Timing]) -> Order:
    """How the bounds of two layers or more, at one shape and in one dtype, and their medians agree on who is faster."""
    counts = {1: 0, -1: 0, 0: 0}
    swaps = []
    for pair in itertools.combinations(timings, 2):
        less, more = sorted(pair, key=lambda timing: timing.bound)
        signs = [(b > a) - (b < a) for a, b in ((less.bound, more.bound), (less.sample.median, more.sample.median))]
        counts[signs[0] * signs[1]] += 1
        if signs == [1, -1] and more.bound >= APART * less.bound:
            times = less.sample.median / more.sample.median
            swaps.append(Swap(less.layer, more.layer, more.bound / less.bound, times))
    swaps.sort(key=lambda swap: swap.bounds, reverse=True)
    return Order(timings[0].shape, timings[0].dtype, counts[1], counts[-1], counts[0], swaps)


def faster(a: Sample, b: Sample) -> int:
    """1 where `a` clearly is: half of its runs are faster than every run of `b`; -1 where `b` is; else 0."""
    return (a.median < b.best) - (b.median < a.best)


def changes(sides: Sequence[int], sign: Callable[[int], int]) -> Iterator[tuple[int, int]]:
    """Between which integers a sign, 1 or -1, changes from one of `sides` to the next; where it is 0 nobody can tell.

    What lies between two of them is halved for as long as one can.
    """
    told = [(side, found) for side in sides if (found := sign(side))]
    for (side, before), (next_side, after) in itertools.pairwise(told):
        if before != after:
            low, high = side, next_side
            while high - low > 1 and (between := sign(middle := (low + high) // 2)):
                low, high = (middle, high) if between == before else (low, middle)
            yield low, high


def _figures(device: Device) -> dict[str, Any]:
    return {
        "name": device.name,
        "title": device.title,
        "launch_ns": str(device.launch * 10**9),
        "vector": dict(device.vector),
        "matrix": dict(device.matrix),
        "levels": [level._asdict() for level in device.levels],
        "sources": dict(device.sources),
    }


def _us(seconds: Fraction) -> float:
    return _digits(seconds * 10**6)


def _digits(value: Fraction) -> float:
    """Four significant digits."""
    return float(f"{float(value):.4g}")
