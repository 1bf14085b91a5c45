"""Which insertions of a layer into a network fit a budget, and which of them nothing beats.

Every candidate is one layer, with one choice of its options, at some of the places of the network. What it costs is a
sum over these places, since an inserted layer keeps the shape of the map: each is counted once, and the candidates are
sums of integers. Places of a stage whose maps are alike are interchangeable: a candidate says how many.
"""

import bisect
import itertools
import math
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from costmodel.catalog import Layer, Subject, nearest, spoken
from costmodel.dimension import CostModelError, abbreviate, elements
from costmodel.insertion import Insert, Place, inside, maps_of, spelled
from costmodel.metrics import METRICS, total, totals
from costmodel.tensor import Tensor

USUAL: Mapping[str, tuple[int, ...]] = {"reduction": (2, 4, 8, 16, 32), "kernel": (3, 7)}
"""What is tried of an option that is not given, besides its default."""

MOST = 2 * 10**6
"""Candidates that are counted at all."""

AGAINST = ("blocks", "positions")

Cost: TypeAlias = tuple[int, ...]
"""In each of some metrics."""


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
    """Those that were given or tried."""
    counts: tuple[int, ...]
    """How many places of each of `Found.groups`."""
    attended: int
    """Blocks, or positions of one sample."""
    params: int
    macs: int


class Group(NamedTuple):
    """Places of one stage whose maps are alike."""

    stage: str
    where: str
    """Empty where it is the usual one."""
    shape: tuple[int, ...]
    blocks: tuple[int, ...]


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
    """Where nothing fits, the one that adds least of what the first limit is on, then the second."""

    def places(self, candidate: Candidate) -> str:
        """Where it stands, as ``--at`` takes it: the last ones of each group."""
        taken: dict[tuple[str, str], list[int]] = {}
        for group, count in zip(self.groups[candidate.layer], candidate.counts, strict=True):
            if count:
                taken.setdefault((group.stage, group.where), []).extend(group.blocks[-count:])
        return ",".join(spelled(stage, sorted(blocks), where) for (stage, where), blocks in taken.items())


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

    A candidate is on the front unless another one attends at least as many `against` (blocks, or positions of one
    sample) for no more parameters and no more MACs, and is better in one of the three. `places` says where a layer may
    stand at most, everywhere that it usually does in a block unless given; `tried` what values of integer options are
    tried, `USUAL` and the default unless given. A layer stands where it is defined: not where a reduction is larger
    than the channels.

    Raises `CostModelError` for a layer that is defined nowhere there, and for more than `MOST` candidates.
    """
    if against not in AGAINST:
        raise CostModelError(f"what is wanted much of is {' or '.join(AGAINST)}, not {abbreviate(against)}")
    _check_tried(layers, tried or {})
    input_ = tuple(shape or network.layer.input or ())
    base = totals(network.layer.run(input_, network.options))
    bounds = [(limit.metric, limit.bound(base)) for limit in limits]
    metrics = list(dict.fromkeys(["params", "macs", *(metric for metric, _ in bounds)]))
    within = [(metrics.index(metric), bound) for metric, bound in bounds]
    groups: dict[str, Sequence[Group]] = {}
    fitting: list[Candidate] = []
    count = 0
    counted: list[tuple[str, Mapping[str, Any]]] = []
    least: tuple[Cost, Candidate] | None = None
    for subject in layers:
        name = subject.layer.name
        groups[name] = found = _groups(subject.layer, network, input_, places)
        weights = [1 if against == "blocks" else elements(group.shape[2:]) for group in found]
        for options, costs in _costs(subject, tried or {}, found, metrics):
            if (name, options) in counted:
                continue
            counted.append((name, options))
            most = [0 if cost is None else len(group.blocks) for group, cost in zip(found, costs, strict=True)]
            count += math.prod(each + 1 for each in most) - 1
            if count > MOST:
                raise CostModelError(f"there are more than {MOST:,} candidates: fewer places (--at) or options (--try)")
            for counts, attended, sums in _sums(most, weights, costs, len(metrics)):
                candidate = Candidate(name, options, counts, attended, sums[0], sums[1])
                if all(sums[index] <= bound for index, bound in within):
                    fitting.append(candidate)
                elif least is None or tuple(sums[index] for index, _ in within) < least[0]:
                    least = tuple(sums[index] for index, _ in within), candidate
    fitting.sort(key=lambda candidate: (-candidate.attended, candidate.params, candidate.macs))
    return Found(base, groups, count, fitting, _front(fitting), None if fitting or not least else least[1])


def _check_tried(layers: Sequence[Subject], tried: Mapping[str, Sequence[int]]) -> None:
    """Raise unless every option that is tried is an integer option of a layer that it is not given for."""
    open_ = {
        spoken(name)
        for subject in layers
        for name, option in subject.layer.options.items()
        if option.is_integer and name not in subject.options
    }
    for name in map(spoken, tried):
        if name not in open_:
            raise CostModelError(
                f"no layer here has an integer option {abbreviate(name)} that is not given{nearest(name, open_)}; "
                f"what can be tried is {', '.join(sorted(open_)) or 'none'}"
            )


def _groups(layer: Layer, network: Subject, shape: tuple[int, ...], places: Sequence[Place]) -> list[Group]:
    """Where a layer may stand."""
    options = network.layer.resolve(network.options)
    if not places:
        usual = Place.read(layer.places.split(",")[0])
        places = (usual if usual.stage == "head" else Place("all", "all", "", usual.where),)
    said = any(place.where for place in places)
    shapes = maps_of(network.layer.program, shape, options)
    found: dict[tuple[str, str, tuple[int, ...]], list[int]] = {}
    for site in Insert(layer, {}, tuple(places)).sites(network.layer, options):
        found.setdefault((site.stage, site.where if said else "", shapes[site]), []).append(site.block)
    return [Group(stage, where, map_, tuple(blocks)) for (stage, where, map_), blocks in found.items()]


def _costs(
    subject: Subject, tried: Mapping[str, Sequence[int]], groups: Sequence[Group], metrics: Sequence[str]
) -> Iterator[tuple[dict[str, Any], list[Cost | None]]]:
    """Every choice of options that is defined somewhere, and what the layer costs with it on the maps of each group.

    Raises `CostModelError` if there is none.
    """
    why: CostModelError | None = None
    defined = False
    for options in _choices(subject, tried):
        costs: list[Cost | None] = []
        for group in groups:
            try:
                x = Tensor(group.shape)
                inside(Insert(subject.layer, subject.layer.resolve(options), ()), x)
                costs.append(tuple(total(x.ledger, metric) for metric in metrics))
            except CostModelError as error:  # a reduction larger than the channels, an even kernel
                why = error
                costs.append(None)
        if any(costs):
            defined = True
            yield options, costs
    if not defined:
        raise CostModelError(f"{subject.name} fits nowhere there with any option that is tried: {why}")


def _choices(subject: Subject, tried: Mapping[str, Sequence[int]]) -> Iterator[dict[str, Any]]:
    """The options given, and every combination of the values tried of the others."""
    varied: dict[str, Sequence[Any]] = {}
    for name, option in subject.layer.options.items():
        if name in subject.options:
            continue
        if name in tried:
            varied[name] = tuple(tried[name])
        # What a layer takes from its input unless it is given is not for trying.
        elif name in USUAL and option.default is not None:
            varied[name] = tuple(sorted({*USUAL[name], option.default}))
    for values in itertools.product(*varied.values()):
        yield dict(subject.options) | dict(zip(varied, values, strict=True))


def _sums(
    most: Sequence[int], weights: Sequence[int], costs: Sequence[Cost | None], width: int
) -> Iterator[tuple[tuple[int, ...], int, Cost]]:
    """For every choice of how many of each group, at least one: how much is attended, and its `width` costs."""
    partial: list[tuple[tuple[int, ...], int, Cost]] = [((), 0, (0,) * width)]
    for up_to, weight, cost in zip(most, weights, costs, strict=True):
        steps = [(k, k * weight, tuple(k * each for each in cost or (0,) * width)) for k in range(up_to + 1)]
        partial = [
            ((*counts, k), attended + more, tuple(map(operator.add, sums, added)))
            for counts, attended, sums in partial
            for k, more, added in steps
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
