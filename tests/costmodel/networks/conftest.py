"""Networks against their references, layers inserted in both."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

import costmodel.layers
import costmodel.networks
import costmodel.validate.references.networks  # noqa: F401  (registers the references)
from costmodel import catalog, metrics, subjects
from costmodel.insertion import Insert, Site
from costmodel.ledger import Ledger
from costmodel.validate.oracles import ORACLES
from costmodel.validate.references import REFERENCES

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
def one_thread() -> Iterator[None]:
    """Small maps gain nothing from more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def agree(one_thread: None) -> Agree:  # noqa: ARG001
    """Hold a network on a shape against its reference, by every oracle, as integers by operator; its ledger."""

    def check(name: str, shape: tuple[int, ...], inserted: str = "", at: str = "", **options: Any) -> Ledger:
        network = catalog.NETWORKS[name]
        video = {"video": True} if len(shape) == 5 else {}
        guest = catalog.read(inserted or "se")
        places = subjects.places(at) if at else ()
        insert = Insert(guest.layer, guest.options, places)
        sites = set(insert.sites(network, network.resolve(options))) if inserted else set()
        layer = subjects.composed(catalog.Subject(network, options, name), [insert], name) if inserted else network

        left: set[Site] = set()

        def place(stage: str, block: int, where: str, channels: int) -> nn.Module:
            site = Site(stage, block, where)
            if site not in left:
                return nn.Identity()
            left.remove(site)
            return REFERENCES[guest.layer.name](channels, **guest.options, **video)

        ledger = layer.run(shape, options)
        for device in ("meta", "cpu"):
            left |= sites
            with torch.device(device):
                module, x = REFERENCES[name](shape[1], **options, insert=place).eval(), torch.zeros(shape)
            assert not left
            for oracle in ORACLES.values():
                if oracle.needs_data == (device == "cpu"):
                    assert oracle.ours(ledger) == oracle.theirs(module, x)
        return ledger

    return check
