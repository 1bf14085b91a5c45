"""DANet, and what it costs beside its dilated-FCN baseline."""

from collections.abc import Callable

import pytest

from costmodel import LAYERS, subjects
from costmodel.ledger import Ledger


def test_agrees_with_its_reference(agree: Callable[..., Ledger]) -> None:
    """At odd sizes."""
    agree("danet-resnet50", (2, 3, 37, 71), classes=21, output_stride=16, stem="deep")


def test_agrees_with_a_layer_inserted(agree: Callable[..., Ledger]) -> None:
    """In the backbone."""
    agree("danet-resnet50", (1, 3, 37, 71), "se", "res4")


@pytest.mark.parametrize("depth", [50, 101])
def test_its_head_is_all_that_it_adds_to_the_baseline(depth: int) -> None:
    """DANet less its dilated FCN is the catalog's head at 2048×96×96 less the FCN's: a 3×3 and a classifier."""
    shape = (1, 3, 768, 768)
    danet = subjects.read(f"danet-resnet{depth}").layer.run(shape, {})
    fcn = subjects.read(f"fcn-resnet{depth}").layer.run(shape, {"classes": 19, "aux": False})
    head = LAYERS["danet-head"].run((1, 2048, 96, 96), {})
    plain = 2048 * 512 * 9 + 512 * 19
    assert danet.params() - fcn.params() == head.params() - plain - 2 * 512 - 19
    more = danet.arithmetic()["mac"] - fcn.arithmetic()["mac"]
    assert more == head.arithmetic()["mac"] - 9216 * plain
