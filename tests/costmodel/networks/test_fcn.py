"""FCN on dilated ResNets."""

from collections.abc import Callable
from typing import Any

import pytest

from costmodel import subjects
from costmodel.ledger import Ledger

Totals = Callable[[str], tuple[int, int]]

PUBLISHED = {
    # torchvision's weights: parameters, and GMACs (there "GFLOPS") to a thousandth.
    "fcn-resnet50": (35_322_218, 152_717),
    "fcn-resnet101": (54_314_346, 232_738),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published(totals: Totals, name: str) -> None:
    """At 1×3×520×520 with 21 classes and the auxiliary head, by ours."""
    params, macs = totals(name)
    assert (params, round(macs, -6) // 10**6) == PUBLISHED[name]


@pytest.mark.parametrize(
    "options",
    [{"aux": False, "classes": 19}, {"output_stride": 32, "stem": "deep"}],
    ids=str,
)
def test_agrees_with_its_reference(agree: Callable[..., Ledger], options: dict[str, Any]) -> None:
    """At odd sizes."""
    agree("fcn-resnet50", (2, 3, 37, 71), **options)


@pytest.mark.parametrize(
    "inserted, at",
    [("danet-pam", "head"), ("se", "res4:even"), ("danet-cam", "all@between"), ("se", "res5:last@after")],
)
def test_agrees_with_layers_inserted(agree: Callable[..., Ledger], inserted: str, at: str) -> None:
    """In the head, in branches, between stages, after a block."""
    agree("fcn-resnet50", (1, 3, 37, 71), inserted, at)


def test_the_head_is_a_place() -> None:
    """Position attention on 512 channels: two keys of 64 and values of 512, biases, and a scale; 65·65 positions."""
    alone = subjects.read("danet-pam in fcn-resnet50").layer.run((1, 3, 520, 520), {})
    assert alone.params() == 2 * (512 * 64 + 64) + 512 * 512 + 512 + 1
    assert alone.arithmetic()["mac"] == 4225 * 512 * (2 * 64 + 512) + 4225**2 * (64 + 512)


def test_the_auxiliary_head_by_hand(totals: Totals) -> None:
    """1024·256·9 weights and a norm, 21 classes of 256 with biases; at 65·65 positions."""
    with_, without = totals("fcn-resnet50"), totals("fcn-resnet50:aux=false")
    assert with_[0] - without[0] == 1024 * 256 * 9 + 2 * 256 + 256 * 21 + 21
    assert with_[1] - without[1] == 4225 * (1024 * 256 * 9 + 256 * 21)
