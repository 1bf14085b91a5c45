"""Lite R-ASPP on MobileNet v3."""

from collections.abc import Callable

import pytest

from costmodel import subjects
from costmodel.ledger import Ledger


def test_published(totals: Callable[[str], tuple[int, int]]) -> None:
    """torchvision's weights, at 1×3×520×520 with 21 classes: parameters, and GMACs (there "GFLOPS") to a thousandth."""
    params, macs = totals("lraspp-mobilenet-v3-large")
    assert (params, round(macs, -6) // 10**6) == (3_221_538, 2_086)


def test_the_head_by_hand() -> None:
    """On 960 and 40 channels: two 1×1 to 128, a norm, and two classifiers of 21 with biases."""
    ledger = subjects.read("lraspp-mobilenet-v3-large").layer.run((1, 3, 64, 64), {})
    head = sum(row.params for row in ledger.rows if row.name.startswith("head."))
    assert head == 2 * 960 * 128 + 2 * 128 + (40 + 128 + 2) * 21


@pytest.mark.parametrize("inserted, at", [("danet-cam", "head"), ("se", "res4:even@inner,res3:1@after")])
def test_agrees_with_layers_inserted(agree: Callable[..., Ledger], inserted: str, at: str) -> None:
    """In the head, and in blocks and after that whose map the head reads."""
    agree("lraspp-mobilenet-v3-large", (1, 3, 37, 71), inserted, at)
