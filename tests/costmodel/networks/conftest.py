"""Networks against their references, layers inserted in both."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

import costmodel.layers
import costmodel.networks  # noqa: F401  (both register what they have)
from costmodel import catalog, metrics, subjects
from costmodel.insertion import Insert, Site, compose
from costmodel.ledger import Ledger
from costmodel.validate.networks import NetworkCase
from costmodel.validate.oracles import ORACLES

Agree = Callable[..., Ledger]
Totals = Callable[[str], tuple[int, int]]


@pytest.fixture
def totals() -> Totals:
    """Parameters and MACs of a network, as users write it, at the size that it was made for."""

    def count(text: str) -> tuple[int, int]:
        asked = subjects.read(text)
        ledger = asked.layer.run(asked.layer.input or (), asked.options)
        return metrics.total(ledger, "params"), metrics.total(ledger, "macs")

    return count


@pytest.fixture
def agree() -> Agree:
    """Hold a network on a shape against its reference, by every oracle, as integers by operator; its ledger.

    For what `validate` itself does not hold: it does every network by default, with every option changed by itself, and
    with layers at all places.
    """

    def check(name: str, shape: tuple[int, ...], inserted: str = "", at: str = "", **options: Any) -> Ledger:
        network = catalog.NETWORKS[name]
        inserts: tuple[Insert, ...] = ()
        layer = network
        if inserted:
            guest = catalog.read(inserted)
            inserts = (Insert(guest.layer, guest.options, subjects.places(at) if at else ()),)
            layer = compose(network, inserts, name)
        case = NetworkCase(layer, options, shape, False, layer.run(shape, options), network, inserts)
        asked: list[Site] = []
        module, x = case.module("cpu", asked), torch.zeros(shape)
        assert sorted(asked) == sorted(case.places)
        for oracle in ORACLES.values():
            assert oracle.ours(case.ledger) == oracle.theirs(module, x)
        return case.ledger

    return check
