"""ResNets, ResNeXts and wide ResNets: published figures, a block by hand, and the modules that count the same."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from costmodel import CostModelError, subjects
from costmodel.ledger import Ledger

Totals = Callable[[str], tuple[int, int]]


@pytest.mark.parametrize(
    "name, params, gmacs",
    [
        ("resnet18", 11689512, "1.814"),
        ("resnet34", 21797672, "3.664"),
        ("resnet50", 25557032, "4.089"),
        ("resnet101", 44549160, "7.801"),
        ("resnet152", 60192808, "11.514"),
        ("resnext50", 25028904, "4.230"),
        ("resnext101", 88791336, "16.414"),
        ("resnext101:groups=64,width=4", 83455272, "15.460"),
        ("wide-resnet50", 68883240, "11.398"),
        ("wide-resnet101", 126886696, "22.753"),
    ],
)
def test_torchvision(totals: Totals, name: str, params: int, gmacs: str) -> None:
    """Parameters and GMACs (there "GFLOPS") of torchvision's weights."""
    found = totals(name)
    assert (found[0], f"{found[1] / 10**9:.3f}") == (params, gmacs)


@pytest.mark.parametrize(
    "name, published",
    [
        ("resnet50:variant=v1", ("25.56", "3.858")),
        ("resnext50:variant=v1", ("25.03", "3.768")),
        ("resnext101:variant=v1,width=4", ("44.18", "7.508")),
        ("wide-resnet18:widen=1.5", ("25.88", "3.866")),
        ("wide-resnet18", ("45.62", "6.696")),
    ],
)
def test_cbam(totals: Totals, name: str, published: tuple[str, str]) -> None:
    """Millions of parameters and GMACs in CBAM's Table 4: strides on the first 1×1, and stems as narrow as ever."""
    params, macs = totals(name)
    assert (f"{params / 10**6:.2f}", f"{macs / 10**9:.3f}") == published


def test_pytorchcv(totals: Totals) -> None:
    """Its seresnet50 and cbam_resnet50, whose gates have biases."""
    assert totals("resnet50 with se:bias=true")[0] == 28088024
    assert totals("resnet50 with cbam")[0] == 28089624


def test_stems_by_hand(totals: Totals) -> None:
    """3·49·64 weights, or three convolutions of 3×3; the wide one's 128 channels make res2.1 wider, too."""
    params, macs = totals("resnet50")
    deep = 9 * (3 * 32 + 32 * 32 + 32 * 64)
    norms = 2 * (32 + 32)
    assert totals("resnet50:stem=deep") == (
        params - 9408 + deep + norms,
        macs + 112 * 112 * (deep - 9408),
    )
    wide = 9 * (3 * 64 + 64 * 64 + 64 * 128)
    more = 64 * (64 + 256)  # inputs of res2.1, times its first 1×1 and its shortcut
    assert totals("resnet50:stem=deep-wide") == (
        params - 9408 + wide + 2 * (64 + 64 + 128) - 2 * 64 + more,
        macs + 112 * 112 * (wide - 9408) + 56 * 56 * more,
    )


def test_a_block_by_hand() -> None:
    """res3.1 of a ResNeXt with 8 groups of 4·2: 256 → 64 → 64 → 512 at half of 9×17, with a shortcut."""
    ledger = subjects.read("resnext50:groups=8").layer.run((2, 3, 33, 65), {"groups": 8})
    rows = {row.name.removeprefix("res3.1."): row for row in ledger.rows if row.name.startswith("res3.1.")}
    convolutions = {name: row for name, row in rows.items() if row.kind == "conv"}
    weights = [256 * 64, 64 * 8 * 9, 64 * 512, 256 * 512]
    assert [row.params for row in convolutions.values()] == weights
    positions = [2 * 9 * 17, *[2 * 5 * 9] * 3]  # 9×17 halved is 5×9
    macs = [count * at for count, at in zip(weights, positions, strict=True)]
    assert [row.arithmetic["mac"] for row in convolutions.values()] == macs


SHAPE = (2, 3, 33, 65)


@pytest.mark.parametrize(
    "name, options",
    [
        *[("resnet18", {"output_stride": stride, "stem": "deep"}) for stride in (8, 16)],
        ("resnet50", {"output_stride": 16}),
        ("resnet50", {"output_stride": 8, "variant": "v1"}),
        ("resnet50", {"stem": "deep-wide", "classes": 7}),
        ("resnext50", {"groups": 8, "width": 5, "output_stride": 16}),
        ("wide-resnet50", {"width": 96}),
        ("wide-resnet18", {"widen": Fraction(3, 2), "output_stride": 16}),
    ],
    ids=str,
)
def test_reference(agree: Callable[..., Ledger], name: str, options: dict[str, Any]) -> None:
    """At odd sizes, dilated or not."""
    agree(name, SHAPE, **options)


@pytest.mark.parametrize("name", ["resnet34", "resnet50"])
def test_reference_with_layers(agree: Callable[..., Ledger], name: str) -> None:
    """After some blocks, in one of them, and in the head."""
    agree(name, SHAPE, "se", "res3:even@after,res5:last,head")


def test_output_strides(totals: Totals) -> None:
    """Dilation costs no parameter, and the last stage works at an eighth of the side."""
    assert totals("resnet50:output-stride=8")[0] == totals("resnet50")[0]
    ledger = subjects.read("resnet50").layer.run((1, 3, 64, 96), {"output_stride": 8})
    last = [row.output for row in ledger.rows if row.name.startswith("res5.3.")]
    assert last[-1] == (1, 2048, 8, 12)


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("resnet50", {"output_stride": 4}, "output stride must be 8, 16 or 32, not 4"),
        ("resnet50", {"output_stride": np.array([8, 16])}, "output stride must be 8, 16 or 32, not"),
        ("wide-resnet18", {"widen": "2"}, "widen must be a positive number"),
    ],
)
def test_refused(name: str, options: dict[str, Any], message: str) -> None:
    """In one sentence."""
    with pytest.raises(CostModelError, match=message):
        subjects.find(name).run((1, 3, 64, 64), options)


def test_too_narrow() -> None:
    """A stage keeps a channel."""
    asked = subjects.read("wide-resnet18:widen=0.01")
    with pytest.raises(CostModelError, match=r"0\.01 times 64 channels is less than one"):
        asked.layer.run((1, 3, 64, 64), asked.options)
