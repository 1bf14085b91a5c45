"""Layers inserted into networks: where, and what becomes of both.

A network's program says at which places a layer may stand (`Tensor.place`), inside the scopes of its stages and
blocks: ``inner`` in a block's bottleneck, ``branch`` at the end of its branch, before the addition, ``after`` the
block, ``depthwise`` after the depthwise convolution of a block without a bottleneck, ``between`` a stage and the next.
"""

import functools
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from costmodel.catalog import Layer, nearest
from costmodel.dimension import CostModelError, Shape, abbreviate, somewhere
from costmodel.ledger import Ledger
from costmodel.tensor import Tensor

WHERE = ("inner", "branch", "after", "depthwise", "between")
"""The places of a block; one that is not named is the first of those that the block has."""


class Site(NamedTuple):
    """A place of a network."""

    stage: str
    block: int
    """From 1 on; 0 where it belongs to no block: in a stage without any, or between stages."""
    where: str

    @classmethod
    def at(cls, prefix: str, where: str) -> "Site":
        """The place called `where` inside the scopes ``res4.3.``."""
        stage, _, rest = prefix.partition(".")
        block = rest.partition(".")[0]
        return cls(stage, int(block) if block.isdigit() else 0, where)


class Place(NamedTuple):
    """Places, as they are asked for: ``res4:last``, ``res3:even@after``, ``all@between``."""

    text: str
    stage: str
    """Or ``all``: every stage that has blocks."""
    blocks: str
    """Empty for all of them, and where there are none."""
    where: str
    """One of `WHERE`, or empty."""

    @classmethod
    def read(cls, text: str) -> "Place":
        """The place that `text` spells."""
        found = re.fullmatch(r"([a-z][a-z0-9-]*)(?::([a-z0-9+-]+))?(?:@([a-z]+))?", text.strip())
        if not found:
            raise CostModelError(
                f"a place is stage, stage:blocks or stage:blocks@where, such as res4:last@after, not {abbreviate(text)}"
            )
        stage, blocks, where = found.groups(default="")
        if where and where not in WHERE:
            raise CostModelError(
                f"where a layer stands is one of {', '.join(WHERE)}, not {abbreviate(where)}{nearest(where, WHERE)}"
            )
        return cls(text.strip(), stage, blocks, where)

    def among(self, sites: Sequence[Site]) -> list[Site]:
        """Those of `sites` that are meant, at least one.

        Raises `CostModelError` if there is no such stage, block or place.
        """
        stages: dict[str, list[Site]] = {}
        for site in sites:
            stages.setdefault(site.stage, []).append(site)
        if self.stage != "all" and self.stage not in stages:
            raise CostModelError(
                f"it has no stage {abbreviate(self.stage)}{nearest(self.stage, stages)}, but {', '.join(stages)}"
            )
        found: list[Site] = []
        for stage, within in stages.items():
            has_blocks = any(site.block for site in within)
            # Of all stages, a head without blocks is not meant: it is named.
            if self.stage == stage or (self.stage == "all" and (has_blocks or self._is_between)):
                found += self._within(stage, within)
        if not found:
            near = [site for site in sites if self.stage in ("all", site.stage) and (site.block or not self.blocks)]
            has = ", ".join(dict.fromkeys(site.where for site in near))
            raise CostModelError(f"it has no place {self.text}: there a layer can stand {has}")
        return found

    @property
    def _is_between(self) -> bool:
        """Whether it is no place of blocks."""
        return self.where == "between" and not self.blocks

    def _within(self, stage: str, sites: Sequence[Site]) -> list[Site]:
        """Those of the `sites` of one stage that are meant; none if its blocks have no place of that kind."""
        numbers = list(dict.fromkeys(site.block for site in sites if site.block))
        found = []
        for block in _blocks(self.blocks, stage, numbers) if self.blocks else numbers or [0]:
            has = {site.where: site for site in sites if site.block == block}
            where = self.where or min(has, key=WHERE.index)
            if where in has:
                found.append(has[where])
        return found or [site for site in sites if site.where == self.where and not site.block and not self.blocks]


def _blocks(text: str, stage: str, numbers: Sequence[int]) -> list[int]:
    """Which blocks of a `stage` that has `numbers` are meant by ``2+4-6``."""
    if not numbers:
        raise CostModelError(f"{stage} has no blocks of which {abbreviate(text)} would be some")
    words = {
        "all": numbers,
        "first": numbers[:1],
        "last": numbers[-1:],
        "even": [number for number in numbers if number % 2 == 0],
        "odd": [number for number in numbers if number % 2],
    }
    chosen: set[int] = set()
    for part in text.split("+"):
        if part in words:
            chosen |= set(words[part])
            continue
        span = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", part)
        if not span:
            raise CostModelError(
                f"blocks are all, first, last, even, odd, numbers or ranges such as 2+4-6, not "
                f"{abbreviate(part)}{nearest(part, words)}"
            )
        first = int(span[1])
        wanted = range(first, int(span[2] or first) + 1)
        if not set(wanted) <= set(numbers) or not wanted:
            raise CostModelError(
                f"{stage} has no block{'s' * ('-' in part)} {part}: it has {numbers[0]} to {numbers[-1]}"
            )
        chosen |= set(wanted)
    return sorted(chosen)


def spelled(stage: str, blocks: Iterable[int], where: str) -> str:
    """Places of one stage, as `Place` reads them: ``res4:2+4-6@after``."""
    # Numbers that follow each other are as far from their positions in the list.
    pairs = enumerate(filter(None, blocks))
    runs = [[block for _, block in run] for _, run in itertools.groupby(pairs, lambda pair: pair[1] - pair[0])]
    text = "+".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return f"{stage}{':' * bool(text)}{text}{'@' * bool(where)}{where}"


class Insert(NamedTuple):
    """A layer, its options, and where it goes: places, or none for those of its paper."""

    layer: Layer
    options: Mapping[str, Any]
    places: tuple[Place, ...]

    def sites(self, network: Layer, options: Mapping[str, Any]) -> list[Site]:
        """Where it stands in `network` with `options`, all of them resolved; in the network's order.

        Raises `CostModelError` if it has no such place.
        """
        sites = sites_of(network, options)
        places = self.places or tuple(map(Place.read, self.layer.places.split(",")))
        try:
            meant = {site for place in places for site in place.among(sites)}
        except CostModelError as error:
            if self.places:
                raise
            raise CostModelError(f"where does {self.layer.name} go? {error}") from None
        return [site for site in sites if site in meant]


class Visitor:
    """What inserts layers while a network runs, and remembers what they wrote."""

    def __init__(
        self,
        inserts: Sequence[Insert],
        sites: Sequence[Iterable[Site]],
        then: Callable[[Tensor, str], Tensor] | None = None,
    ) -> None:
        """`inserts` stand at `sites` each, before what `then` happens there."""
        self.then = then
        self.written: list[range] = []
        """The rows of each inserted layer."""
        self._guests: dict[Site, list[tuple[Insert, str]]] = {}
        for insert, of_insert in zip(inserts, sites, strict=True):
            for site in of_insert:
                guests = self._guests.setdefault(site, [])
                twins = sum(guest.layer.name == insert.layer.name for guest, _ in guests)
                guests.append((insert, f"{site.where}.{insert.layer.name}{twins + 1 if twins else ''}"))

    def __call__(self, x: Tensor, where: str) -> Tensor:
        """What the layers that stand here make of `x`."""
        ledger = x.ledger
        for insert, scope in self._guests.get(Site.at(ledger.prefix, where), ()):
            first = len(ledger.rows)
            try:
                with ledger.scope(scope):
                    x = inside(insert, x)
            except CostModelError as error:
                raise CostModelError(f"{insert.layer.name} at {ledger.prefix.rstrip('.')}: {error}") from None
            self.written.append(range(first, len(ledger.rows)))
        return self.then(x, where) if self.then else x


def inside(insert: Insert, x: Tensor) -> Tensor:
    """What a layer inside a network makes of `x`: a map like it, or its tokens ``N×P×C``, which are one.

    Raises `CostModelError` if the layer does not take `x`, or makes something else of it.
    """
    ledger, layer = x.ledger, insert.layer
    # What it chooses and finds out at one place, such as an option's default, is not the whole network's.
    facts, chosen = dict(ledger.facts), dict(ledger.chosen)
    layer.admit(x)
    y = layer.program(x, **insert.options) or x  # a traced module says nothing of its output
    ledger.facts, ledger.chosen = facts, chosen
    if _differ(y.shape, x.shape) and _differ(y.shape, (x.n, x.positions, x.c)):
        made, of = ("×".join(map(str, each.shape)) for each in (y, x))
        raise CostModelError(f"what stands inside a network must keep the shape, and this makes {made} of {of}")
    return y.reshape(x.shape)


def _differ(one: Shape, other: Shape) -> bool:
    """Whether two shapes are not known to be the same."""
    return len(one) != len(other) or any(somewhere(a != b) for a, b in zip(one, other, strict=True))


class Stage(NamedTuple):
    """What one stage of a network does, by itself and by the layers inserted there."""

    name: str
    output: Shape
    """Of its last operation."""
    backbone: Ledger
    inserted: Ledger


def by_stage(ledger: Ledger) -> list[Stage]:
    """The rows of a network by the first part of their names, those of inserted layers apart."""
    guests: set[int] = set()
    visit = ledger.visit
    while isinstance(visit, Visitor):
        guests.update(itertools.chain(*visit.written))
        visit = visit.then
    found: dict[str, Stage] = {}
    for index, row in enumerate(ledger.rows):
        name = row.name.partition(".")[0]
        stage = found.get(name) or Stage(name, (), Ledger(), Ledger())
        (stage.inserted if index in guests else stage.backbone).rows.append(row)
        found[name] = stage._replace(output=row.output)
    return list(found.values())


def sites_of(network: Layer, options: Mapping[str, Any]) -> tuple[Site, ...]:
    """The places of a network with `options`, all of them resolved, in its order; of whatever size its input is."""
    assert network.input is not None
    asked = network.program, network.input, tuple(options.items())
    try:
        return _sites(*asked)
    except TypeError:  # an array among the options has no hash
        return _sites.__wrapped__(*asked)


@functools.lru_cache(maxsize=1024)
def _sites(
    program: Callable[..., Any], shape: tuple[int, ...], options: tuple[tuple[str, Any], ...]
) -> tuple[Site, ...]:
    return tuple(maps_of(program, shape, dict(options)))


def maps_of(program: Callable[..., Any], shape: tuple[int, ...], options: Mapping[str, Any]) -> dict[Site, Shape]:
    """The shape of the map at every place of a network's `program`, on an input of `shape`, in its order."""
    x = Tensor(shape)
    found: dict[Site, Shape] = {}

    def visit(y: Tensor, where: str) -> Tensor:
        site = Site.at(y.ledger.prefix, where)
        if where not in WHERE or site in found:
            what = "exists already" if site in found else f"is none of {', '.join(WHERE)}"
            raise CostModelError(f"the place {y.ledger.prefix}{where} {what}")
        found[site] = y.shape
        return y

    x.ledger.visit = visit
    program(x, **options)
    return found


def compose(network: Layer, inserts: Sequence[Insert], name: str, *, alone: bool = False) -> Layer:
    """`network` with layers inserted, as one layer; or `alone`, what these cost there.

    Its options are those of all of them, under their own names where these are unique, else ``se_reduction``; its
    letters their own, else ``r1`` and ``r2``. Options given to an insert become defaults.

    Raises `CostModelError` if `network` is a layer; where a layer does not fit is found out when it runs.
    """
    if network.input is None:
        raise CostModelError(f"layers are inserted into a network, and {network.name} is a layer")
    options = dict(network.options)
    names = _names(network, inserts)
    letters = Counter(o.symbol for layer in (network, *(i.layer for i in inserts)) for o in layer.options.values())
    used = Counter(option.symbol for option in network.options.values())
    for insert, renamed in zip(inserts, names, strict=True):
        for own, called in renamed.items():
            option = insert.layer.options[own]
            used[option.symbol] += 1
            options[called] = option._replace(
                name=called,
                default=insert.options.get(own, option.default),
                symbol=option.symbol and f"{option.symbol}{used[option.symbol] if letters[option.symbol] > 1 else ''}",
                # What a layer takes from its input differs from place to place, so that no letter stands for it.
                open=option.open and own not in insert.options and option.default is not None,
            )

    def program(x: Tensor, **values: Any) -> None:
        of_network = {option: values[option] for option in network.options}
        resolved = [
            insert._replace(options={own: values[called] for own, called in renamed.items()})
            for insert, renamed in zip(inserts, names, strict=True)
        ]
        sites = [insert.sites(network, of_network) for insert in resolved]
        x.ledger.visit = visitor = Visitor(resolved, sites, x.ledger.visit)
        network.program(x, **of_network)
        if alone:
            x.ledger.rows[:] = [row for rows in visitor.written for row in x.ledger.rows[rows.start : rows.stop]]
            x.ledger.visit = None

    program.__doc__ = f"What {'these layers cost in' if alone else 'they cost together with'} {network.name}."
    return network._replace(name=name, program=program, options=options)


def given(network: Layer, inserts: Sequence[Insert]) -> dict[str, Any]:
    """The options that are given to `inserts`, by their names in what `compose` makes."""
    return {
        renamed[own]: value
        for insert, renamed in zip(inserts, _names(network, inserts), strict=True)
        for own, value in insert.options.items()
    }


def _names(network: Layer, inserts: Sequence[Insert]) -> list[dict[str, str]]:
    """For every insert its options, and what they are called in what is composed."""
    owners = Counter(option for layer in (network, *(insert.layer for insert in inserts)) for option in layer.options)
    taken = set(network.options)
    found = []
    for index, insert in enumerate(inserts):
        renamed = {}
        for own in insert.layer.options:
            called = own if owners[own] == 1 else f"{insert.layer.name.replace('-', '_')}_{own}"
            if called in taken:  # the same layer twice
                called += f"_{index + 1}"
            taken.add(called)
            renamed[own] = called
        found.append(renamed)
    return found
