"""Layers inserted into networks: where, and what becomes of both.

A network's program says at which places a layer may stand (`Tensor.place`), inside the scopes of its stages and
blocks: ``inner`` in a block's bottleneck, ``branch`` at the end of its branch, before the addition, ``after`` the
block, ``depthwise`` after the depthwise convolution of a block without a bottleneck, ``between`` a stage and the next.
"""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from costmodel.catalog import Layer, nearest
from costmodel.dimension import CostModelError, Shape, abbreviate, differ
from costmodel.ledger import Ledger
from costmodel.tensor import Tensor

WHERE = ("inner", "branch", "after", "depthwise", "between")
"""The places of a block; one that is not named is the first of those that the block has."""

PROBE = 512
"""Side of a picture that every network takes, to see what places it has."""


class Site(NamedTuple):
    """A place of a network."""

    stage: str
    block: int
    """From 1 on; 0 where a stage has no blocks."""
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
    blocks: str
    where: str

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
            raise CostModelError(f"a layer stands {', '.join(WHERE)}, not {abbreviate(where)}{nearest(where, WHERE)}")
        return cls(text.strip(), stage, blocks, where)

    def among(self, sites: Sequence[Site]) -> list[Site]:
        """Those of `sites` that are meant, at least one."""
        stages = list(dict.fromkeys(site.stage for site in sites))
        if self.stage != "all" and self.stage not in stages:
            raise CostModelError(
                f"it has no stage {abbreviate(self.stage)}{nearest(self.stage, stages)}, but {', '.join(stages)}"
            )
        found: list[Site] = []
        for stage in stages if self.stage == "all" else [self.stage]:
            within = [site for site in sites if site.stage == stage]
            if self.stage == "all" and self.where != "between" and not any(site.block for site in within):
                continue  # a head is named
            found += self._within(within)
        if not found:
            has = ", ".join(dict.fromkeys(site.where for site in sites if self.stage in ("all", site.stage)))
            raise CostModelError(f"it has no place {self.text}: there a layer can stand {has}")
        return found

    def _within(self, sites: Sequence[Site]) -> list[Site]:
        """Those of the `sites` of one stage that are meant."""
        numbers = list(dict.fromkeys(site.block for site in sites if site.block))
        chosen = _blocks(self, numbers) if self.blocks or numbers else {0}
        found = []
        for block in numbers or [0]:
            has = {site.where: site for site in sites if site.block == block}
            where = self.where or next(name for name in WHERE if name in has)
            if block in chosen and where in has:
                found.append(has[where])
        return found or [site for site in sites if site.where == self.where and not site.block and not self.blocks]


def _blocks(place: Place, numbers: Sequence[int]) -> set[int]:
    """Which blocks of a stage that has `numbers` are meant."""
    words = {
        "": numbers,
        "all": numbers,
        "first": numbers[:1],
        "last": numbers[-1:],
        "even": [number for number in numbers if number % 2 == 0],
        "odd": [number for number in numbers if number % 2],
    }
    chosen: set[int] = set()
    for part in place.blocks.split("+"):
        if part in words:
            chosen |= set(words[part])
            continue
        span = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", part)
        if not span:
            raise CostModelError(
                f"blocks are all, first, last, even, odd, numbers or ranges such as 2+4-6, not {abbreviate(part)}"
            )
        first = int(span[1])
        wanted = range(first, int(span[2] or first) + 1)
        if not set(wanted) <= set(numbers) or not wanted:
            raise CostModelError(
                f"it has no block {part} in {place.stage}, which has {len(numbers) or 'no'}"
                f" block{'s' * (len(numbers) != 1)}"
            )
        chosen |= set(wanted)
    return chosen


class Insert(NamedTuple):
    """A layer, its options, and where it goes: places, or none for those of its paper."""

    layer: Layer
    options: Mapping[str, Any]
    places: tuple[Place, ...]

    def sites(self, network: Layer, options: Mapping[str, Any]) -> list[Site]:
        """Where it stands in `network`, in the network's order."""
        sites = sites_of(network, options)
        places = self.places or tuple(map(Place.read, self.layer.places.split(",")))
        try:
            meant = {site for place in places for site in place.among(sites)}
        except CostModelError as error:
            if self.places:
                raise
            raise CostModelError(f"where does {self.layer.name} go? {error}") from None
        return [site for site in sites if site in meant]


class Span(NamedTuple):
    """The rows that an inserted layer wrote at one place."""

    insert: int
    site: Site
    first: int
    last: int
    """One after its last row."""


class Visitor:
    """What inserts layers while a network runs, and remembers what they wrote."""

    def __init__(self, inserts: Sequence[Insert], sites: Sequence[Iterable[Site]]) -> None:
        self._guests: dict[Site, list[int]] = {}
        for index, of_insert in enumerate(sites):
            for site in of_insert:
                self._guests.setdefault(site, []).append(index)
        self._inserts = inserts
        self.spans: list[Span] = []

    def __call__(self, x: Tensor, where: str) -> Tensor:
        """What the layers that stand here make of `x`."""
        ledger = x.ledger
        site = Site.at(ledger.prefix, where)
        for index in self._guests.get(site, ()):
            layer, options, _ = self._inserts[index]
            first = len(ledger.rows)
            try:
                with ledger.scope(where), ledger.scope(layer.name):
                    y = layer.program(x, **options) or x  # a traced module says nothing of its output
            except CostModelError as error:
                raise CostModelError(f"{layer.name} in {ledger.prefix.rstrip('.')}: {error}") from None
            if len(y.shape) != len(x.shape) or any(map(differ, y.shape, x.shape)):
                raise CostModelError(f"{layer.name} makes {y} of {x}: what stands inside a network must keep the shape")
            self.spans.append(Span(index, site, first, len(ledger.rows)))
            x = y
        return x


def visited(x: Tensor, network: Layer, options: Mapping[str, Any], inserts: Sequence[Insert]) -> list[Span]:
    """Run `network` on `x` with layers inserted; what these wrote. All options are resolved."""
    visitor = Visitor(inserts, [insert.sites(network, options) for insert in inserts])
    x.ledger.visit = visitor
    network.program(x, **options)
    return visitor.spans


class Stage(NamedTuple):
    """What one stage of a network does, by itself and by the layers inserted there."""

    name: str
    output: Shape
    backbone: Ledger
    inserted: Ledger


def by_stage(ledger: Ledger) -> list[Stage]:
    """The rows of a network by the first part of their names, those of inserted layers apart."""
    spans = ledger.visit.spans if isinstance(ledger.visit, Visitor) else []
    guests = {index for span in spans for index in range(span.first, span.last)}
    found: dict[str, Stage] = {}
    for index, row in enumerate(ledger.rows):
        name = row.name.partition(".")[0]
        stage = found.get(name) or Stage(name, (), Ledger(), Ledger())
        (stage.inserted if index in guests else stage.backbone).rows.append(row)
        found[name] = stage._replace(output=row.output)
    return list(found.values())


def sites_of(network: Layer, options: Mapping[str, Any]) -> tuple[Site, ...]:
    """The places of a network, in its order."""
    return _sites(network.name, network.program, network.video, tuple(options.items()))


@functools.cache
def _sites(name: str, program: Any, video: bool, options: tuple[tuple[str, Any], ...]) -> tuple[Site, ...]:  # noqa: ARG001
    x = Tensor((1, 3, *(PROBE,) * (2 + video)))
    found: list[Site] = []

    def visit(y: Tensor, where: str) -> Tensor:
        found.append(Site.at(y.ledger.prefix, where))
        return y

    x.ledger.visit = visit
    program(x, **dict(options))
    return tuple(found)


def compose(network: Layer, inserts: Sequence[Insert], name: str, *, alone: bool = False) -> Layer:
    """`network` with layers inserted, as one layer; or `alone`, what these cost there.

    Its options are those of all of them, under their own names where these are unique, else ``se_reduction``. Those
    given to an insert become defaults.
    """
    options = dict(network.options)
    names: list[dict[str, str]] = []
    for index, insert in enumerate(inserts):
        names.append({})
        for own, option in insert.layer.options.items():
            called, symbol = own, option.symbol
            if _owners(own, network, inserts) > 1:
                called, symbol = f"{insert.layer.name.replace('-', '_')}_{own}", symbol and f"{symbol}{index + 1}"
            while called in options:  # the same layer twice
                called += f"_{index + 1}"
            names[-1][own] = called
            options[called] = option._replace(
                name=called,
                default=insert.options.get(own, option.default),
                symbol=symbol,
                open=option.open and own not in insert.options,
            )

    def program(x: Tensor, **given: Any) -> None:
        of_network = {option: given[option] for option in network.options}
        resolved = [
            insert._replace(options={option: given[called] for option, called in renamed.items()})
            for insert, renamed in zip(inserts, names, strict=True)
        ]
        spans = visited(x, network, of_network, resolved)
        if alone:
            x.ledger.rows[:] = [row for span in spans for row in x.ledger.rows[span.first : span.last]]
            x.ledger.visit = None

    return network._replace(name=name, program=program, options=options)


def _owners(option: str, network: Layer, inserts: Sequence[Insert]) -> int:
    """How many have an option of this name."""
    return sum(option in layer.options for layer in (network, *(insert.layer for insert in inserts)))
