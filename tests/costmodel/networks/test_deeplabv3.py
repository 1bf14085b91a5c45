"""DeepLabv3 on dilated ResNets and MobileNet v3."""

from collections.abc import Callable
from typing import Any

import pytest

from costmodel import subjects
from costmodel.ledger import Ledger

Totals = Callable[[str], tuple[int, int]]

PUBLISHED = {
    # torchvision's weights: parameters, and GMACs (there "GFLOPS") to a thousandth.
    "deeplabv3-resnet50": (42_004_074, 178_722),
    "deeplabv3-resnet101": (60_996_202, 258_743),
    "deeplabv3-mobilenet-v3-large": (11_029_328, 10_452),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published(totals: Totals, name: str) -> None:
    """At 1×3×520×520 with 21 classes and the auxiliary head, by ours."""
    params, macs = totals(name)
    assert (params, round(macs, -6) // 10**6) == PUBLISHED[name]


@pytest.mark.parametrize("options", [{"aux": False, "classes": 5}, {"output_stride": 16, "stem": "deep"}], ids=str)
def test_agrees_with_its_reference(agree: Callable[..., Ledger], options: dict[str, Any]) -> None:
    """At odd sizes."""
    agree("deeplabv3-resnet50", (2, 3, 37, 71), **options)


def test_agrees_with_its_reference_on_mobilenet(agree: Callable[..., Ledger]) -> None:
    """At odd sizes."""
    agree("deeplabv3-mobilenet-v3-large", (2, 3, 37, 71), aux=False, classes=5)


def test_agrees_with_a_layer_inserted(agree: Callable[..., Ledger]) -> None:
    """In the head."""
    agree("deeplabv3-resnet50", (1, 3, 37, 71), "danet-pam", "head")


def test_the_pyramid_by_hand() -> None:
    """On 2048 channels two 1×1 and three 3×3, a projection of 5·256, a 3×3, seven norms, and the classifier."""
    ledger = subjects.read("deeplabv3-resnet101").layer.run((1, 3, 64, 64), {})
    head = sum(row.params for row in ledger.rows if row.name.startswith("head."))
    weights = 2048 * 256 * (1 + 1 + 3 * 9) + 5 * 256 * 256 + 9 * 256 * 256
    assert head == weights + 7 * 2 * 256 + 256 * 21 + 21
