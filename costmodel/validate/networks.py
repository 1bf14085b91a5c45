"""Which networks, options and inserted layers are held against the oracles, and the modules that they are held against.

At `SMALL` a network runs by default, with every single change of an option, and with layers at every place that it has;
at the input that it was made for by default. To keep it short, a changed number, which brings no other operation, is
not shown to fvcore, and a network of more than `DEEP` rows runs by default only, and not by fvcore.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import torch
from torch import nn

from costmodel.catalog import Layer, Option, find
from costmodel.dimension import CostModelError
from costmodel.insertion import Insert, Place, Site, compose, sites_of
from costmodel.ledger import Ledger
from costmodel.validate.references import REFERENCES

Options = dict[str, Any]

SMALL = (2, 3, 33, 65)
"""Sides that differ, and of which every halving rounds."""

TINY = (2, 3, 9, 17)
"""The same for networks whose pictures are no larger than `SMALL`."""

CLIP = (1, 3, 5, 33, 35)

DEEP = 250
"""The most rows of a network that runs with options and inserted layers."""

INTEGERS = (8, 12, 16)
FRACTIONS = (Fraction(3, 4),)
"""A number is changed to the first that the network takes."""

EVERYWHERE = "everywhere"

GUESTS: Mapping[bool, tuple[tuple[str, Options, str], ...]] = {
    False: (("cbam", {}, ""), ("bam", {}, "all@between"), ("se", {"reduction": 4}, EVERYWHERE)),
    True: (("non-local", {}, EVERYWHERE),),
}
"""Layers, their options, and where they stand (where their papers have them if it is not said), inserted together into
a network of pictures, and of video."""


class NetworkCase(NamedTuple):
    """A network with options and inserted layers on a shape, and its ledger."""

    layer: Layer
    """The network and what is inserted, as one; its name says both."""
    options: Options
    """Of the network, those that are not the defaults."""
    shape: tuple[int, ...]
    large: bool
    """Whether its tensors hold no data, unless on a GPU."""
    ledger: Ledger
    network: Layer
    inserts: tuple[Insert, ...] = ()

    @property
    def places(self) -> list[Site]:
        """Where the network says that a layer can stand."""
        return list(sites_of(self.network, self.network.resolve(self.options)))

    def module(self, place: str, asked: list[Site]) -> nn.Module:
        """The reference with the references of the inserted layers on the device `place`; its places are `asked`."""
        resolved = self.network.resolve(self.options)
        chosen = [(insert, set(insert.sites(self.network, resolved))) for insert in self.inserts]
        video = {"video": True} if len(self.shape) == 5 else {}

        def insert(stage: str, block: int, where: str, channels: int) -> nn.Module:
            asked.append(site := Site(stage, block, where))
            guests = [guest for guest, sites in chosen if site in sites]
            return nn.Sequential(*(REFERENCES[g.layer.name](channels, **g.options, **video) for g in guests))

        # Weights are never drawn, which would take longer than everything else.
        with torch.device("meta"):
            module = REFERENCES[self.network.name](self.shape[1], **self.options, insert=insert).eval()
        if place != "meta":
            module.to_empty(device=place)
            for tensor in module.buffers():
                tensor.zero_()
        return module


def cases(network: Layer) -> list[NetworkCase]:
    """Every case of a network."""
    assert network.input is not None
    small = small_input(network)
    deep = is_deep(network)
    found = [_case(network, {}, small, large=deep), _case(network, {}, network.input, large=True)]
    if not deep:
        for name, option in network.options.items():
            found += _changed(network, name, option, small)
        found.append(_case(network, {}, small, inserts=_guests(network)))
    return [case for case in found if case]


def default(network: Layer) -> NetworkCase:
    """A network by default at its small input, without data."""
    shape = small_input(network)
    return NetworkCase(network, {}, shape, True, network.run(shape, {}), network)


def small_input(network: Layer) -> tuple[int, ...]:
    """`CLIP`, `SMALL` or `TINY`, by what the network was made for."""
    assert network.input is not None
    return CLIP if network.video else SMALL if network.input[-1] > SMALL[-2] else TINY


def _changed(network: Layer, name: str, option: Option, shape: tuple[int, ...]) -> list[NetworkCase]:
    """A case for every other value of an option, or for one number."""
    is_number = option.is_integer or option.is_fraction
    values = FRACTIONS if option.is_fraction else INTEGERS if is_number else option.choices or (False, True)
    cases = (_case(network, {name: value}, shape, large=is_number) for value in values if value != option.default)
    taken = [case for case in cases if case]
    return taken[:1] if is_number else taken


def is_deep(network: Layer) -> bool:
    """Whether a network has too many operations for every option to be tried."""
    assert network.input is not None
    return len(network.run(network.input, {}).rows) > DEEP


def _case(
    network: Layer,
    options: Options,
    shape: tuple[int, ...],
    *,
    large: bool = False,
    inserts: tuple[Insert, ...] = (),
) -> NetworkCase | None:
    guests = "".join(f" with {insert.layer.name}" for insert in inserts)
    layer = compose(network, inserts, network.name + guests) if inserts else network
    try:
        return NetworkCase(layer, options, shape, large, layer.run(shape, options), network, inserts)
    except CostModelError:
        return None


def _guests(network: Layer) -> tuple[Insert, ...]:
    """What is inserted together; a network has not every place."""
    sites = sites_of(network, network.resolve({}))
    found = []
    for name, options, where in GUESTS[network.video]:
        places = [where] if where else []
        if where == EVERYWHERE:
            places = list(dict.fromkeys(f"{site.stage}@{site.where}" for site in sites))
        found.append(Insert(find(name), options, tuple(map(Place.read, places))))
    return tuple(found)
