"""Which insertions of a layer into a network fit a budget, and which of them nothing beats.

Every candidate is one layer, with one choice of its options, at some of the places of the network. What it costs is a
sum over these places, since an inserted layer keeps the shape of the map: each is counted once, and the candidates are
sums of integers. Places of a stage whose maps are alike are interchangeable: a candidate says how many.
"""

import bisect
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from costmodel.catalog import Layer, Subject, nearest
from costmodel.conventions import METRICS, total
from costmodel.dimension import CostModelError, abbreviate, elements
from costmodel.insertion import Insert, Place, Site
from costmodel.tensor import Tensor

USUAL: Mapping[str, tuple[int, ...]] = {"reduction": (2, 4, 8, 16, 32), "kernel": (3, 7)}
"""What is tried of an option that is not given."""

MOST = 2 * 10**6
"""Candidates that are counted at all."""

AGAINST = ("blocks", "positions")


class Limit(NamedTuple):
    """What a network with a layer inserted may cost at most."""

    text: str
    metric: str
    amount: Fraction
    relative: bool
    """Whether `amount` is a multiple of the network without it."""

    @classmethod
    def read(cls, text: str) -> "Limit":
        """The limit that ``macs<=1.05x`` or ``params<=30e6`` spells."""
        number = r"[0-9]{1,30}(?:\.[0-9]{1,30})?(?:e[0-9]{1,2})?"
        found = re.fullmatch(rf"\s*([a-z-]+)\s*(?:<=|≤)\s*({number})\s*(x|×)?\s*", text)
        if not found:
            raise CostModelError(
                f"a limit is a metric, <= and a number or a multiple, as macs<=1.05x, not {abbreviate(text)}"
            )
        metric, amount, times = found.groups()
        if metric not in METRICS:
            raise CostModelError(f"a limit is on {', '.join(METRICS)}, not {metric!r}{nearest(metric, METRICS)}")
        return cls(text.strip(), metric, Fraction(amount), times is not None)

    def bound(self, base: Mapping[str, int]) -> int:
        """The most that may be added to `base`; negative where it is too much already."""
        whole = self.amount * base[self.metric] if self.relative else self.amount
        return math.floor(whole) - base[self.metric]


class Candidate(NamedTuple):
    """A layer with options, how often it stands where, and what that adds."""

    layer: str
    options: Mapping[str, Any]
    counts: tuple[int, ...]
    """How many of each of `Search.groups`."""
    attended: int
    params: int
    macs: int


class Group(NamedTuple):
    """Places of one stage whose maps are alike."""

    stage: str
    where: str
    """Empty where it is the usual one."""
    shape: tuple[int, ...]
    blocks: tuple[int, ...]

    def taken(self, count: int) -> str:
        """The last `count` of them, as ``--at`` takes it."""
        runs: list[list[int]] = []
        for block in filter(None, self.blocks[len(self.blocks) - count :]):
            if runs and runs[-1][-1] == block - 1:
                runs[-1].append(block)
            else:
                runs.append([block])
        blocks = "+".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
        return f"{self.stage}{':' * bool(blocks)}{blocks}{'@' * bool(self.where)}{self.where}"


class Found(NamedTuple):
    """What a search found."""

    base: Mapping[str, int]
    """The network without any, in all metrics."""
    groups: Mapping[str, Sequence[Group]]
    """By layer."""
    tried: int
    fitting: Sequence[Candidate]
    """Those within the limits, the most attended first."""
    front: Sequence[Sequence[Candidate]]
    """Those that no other one beats, the most attended first; those that cost and attend the same together."""
    least: Candidate | None
    """Where nothing fits, what comes nearest: of the least MACs."""

    def places(self, candidate: Candidate) -> str:
        """Where it stands, as ``--at`` takes it."""
        groups = self.groups[candidate.layer]
        return ",".join(group.taken(count) for group, count in zip(groups, candidate.counts, strict=True) if count)


def search(
    layers: Sequence[Subject],
    network: Subject,
    limits: Sequence[Limit],
    *,
    shape: Sequence[int] | None = None,
    places: Sequence[Place] = (),
    tried: Mapping[str, Sequence[int]] | None = None,
    against: str = "blocks",
) -> Found:
    """The insertions of one of `layers` into `network` within `limits`, and the Pareto front among them.

    A candidate is on the front if none that attends as many `against` (blocks, or positions of one sample) costs no
    more parameters and MACs and less of one of them. `places` says where a layer may stand at most, everywhere that it
    usually does in a block unless given; `tried` what values of integer options are tried, `USUAL` unless given.

    Raises `CostModelError` if a layer cannot stand there, or for more than `MOST` candidates.
    """
    known = {name for subject in layers for name in subject.layer.options}
    for name in tried or {}:
        if name not in known:
            raise CostModelError(f"no layer here has an option {abbreviate(name)}{nearest(name, known)}")
    input_ = tuple(shape or network.layer.input or ())
    base = {metric: total(network.layer.run(input_, network.options), metric) for metric in METRICS}
    bounds = [(limit.metric, limit.bound(base)) for limit in limits]
    metrics = list(dict.fromkeys(["params", "macs", *(metric for metric, _ in bounds)]))
    groups: dict[str, Sequence[Group]] = {}
    fitting: list[Candidate] = []
    count = 0
    least: Candidate | None = None
    for subject in layers:
        groups[subject.name] = found = _groups(subject.layer, network, input_, places)
        ways = math.prod(len(group.blocks) + 1 for group in found) - 1
        for options in _choices(subject, tried or {}):
            try:
                costs = [_cost(subject.layer, options, group.shape, metrics) for group in found]
            except CostModelError:  # a reduction larger than a stage's width, an even kernel
                continue
            count += ways
            if count > MOST:
                raise CostModelError(f"there are more than {MOST:,} candidates: fewer places (--at) or options (--try)")
            weights = [1 if against == "blocks" else elements(group.shape[2:]) for group in found]
            for counts, attended, sums in _sums(found, weights, costs, len(metrics)):
                candidate = Candidate(subject.name, options, counts, attended, sums[0], sums[1])
                if all(sums[metrics.index(metric)] <= bound for metric, bound in bounds):
                    fitting.append(candidate)
                elif least is None or (candidate.macs, candidate.params) < (least.macs, least.params):
                    least = candidate
    if not count:
        names = " or ".join(subject.name for subject in layers)
        raise CostModelError(f"{names} is not defined there with any option that is tried")
    fitting.sort(key=lambda candidate: (-candidate.attended, candidate.params, candidate.macs))
    return Found(base, groups, count, fitting, _front(fitting), None if fitting else least)


def _groups(layer: Layer, network: Subject, shape: tuple[int, ...], places: Sequence[Place]) -> list[Group]:
    """Where a layer may stand."""
    options = network.layer.resolve(network.options)
    if not places:
        usual = Place.read(layer.places.split(",")[0])
        places = (usual if usual.stage == "head" else Place("all", "all", "", usual.where),)
    said = any(place.where for place in places)
    shapes = _maps(network, shape, options)
    found: dict[tuple[str, str, tuple[int, ...]], list[int]] = {}
    for site in Insert(layer, {}, tuple(places)).sites(network.layer, options):
        found.setdefault((site.stage, site.where if said else "", shapes[site]), []).append(site.block)
    return [Group(stage, where, map_, tuple(blocks)) for (stage, where, map_), blocks in found.items()]


def _maps(network: Subject, shape: tuple[int, ...], options: Mapping[str, Any]) -> dict[Site, tuple[int, ...]]:
    """The map at every place."""
    x = Tensor(shape)
    found: dict[Site, tuple[int, ...]] = {}

    def visit(y: Tensor, where: str) -> Tensor:
        found[Site.at(y.ledger.prefix, where)] = y.shape
        return y

    x.ledger.visit = visit
    network.layer.program(x, **options)
    return found


def _choices(subject: Subject, tried: Mapping[str, Sequence[int]]) -> Iterator[dict[str, Any]]:
    """The options given, and every combination of the values tried of the others."""
    varied = {
        name: values
        for name, values in {**USUAL, **tried}.items()
        if name in subject.layer.options and name not in subject.options
    }
    for values in itertools.product(*varied.values()):
        yield dict(subject.options) | dict(zip(varied, values, strict=True))


def _cost(layer: Layer, options: Mapping[str, Any], shape: tuple[int, ...], metrics: Iterable[str]) -> tuple[int, ...]:
    """What a layer costs on a map, in each of `metrics`."""
    ledger = layer.run(shape, options)
    return tuple(total(ledger, metric) for metric in metrics)


def _sums(
    groups: Sequence[Group], weights: Sequence[int], costs: Sequence[tuple[int, ...]], width: int
) -> Iterator[tuple[tuple[int, ...], int, tuple[int, ...]]]:
    """For every choice of how many of each group, at least one: how much is attended, and its costs."""
    partial: list[tuple[tuple[int, ...], int, tuple[int, ...]]] = [((), 0, (0,) * width)]
    for group, weight, cost in zip(groups, weights, costs, strict=True):
        partial = [
            ((*counts, k), attended + k * weight, tuple(a + k * b for a, b in zip(sums, cost, strict=True)))
            for counts, attended, sums in partial
            for k in range(len(group.blocks) + 1)
        ]
    return (each for each in partial if each[1])


def _front(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Those of `candidates` in their order that no other beats; those that are equal in all three together."""
    front: list[list[Candidate]] = []
    # Of those that attend at least as much: params rising and MACs falling, so that one look-up tells.
    stairs: list[tuple[int, int]] = []
    for (_, params, macs), equal in itertools.groupby(candidates, key=lambda c: (c.attended, c.params, c.macs)):
        place = bisect.bisect_right(stairs, (params, macs))
        if place and stairs[place - 1][1] <= macs:
            continue
        end = place
        while end < len(stairs) and stairs[end][1] >= macs:
            end += 1
        stairs[place:end] = [(params, macs)]
        front.append(list(equal))
    return front
