"""MobileNet v3: Howard et al. 2019, Searching for MobileNetV3 (arXiv:1905.02244), Tables 1 and 2.

``N×3×H×W``; stages are named after the side that they leave of 2^k: ``res1`` works at H/2, ``res5`` at H/32. The
numbers that the paper leaves open are torchvision's: the squeeze-and-excitation of a block has a quarter of its
expanded channels, rounded, and biases.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal

from costmodel.catalog import network
from costmodel.networks.inverted_residual import Activation, Block, Gate, divisible, last
from costmodel.networks.inverted_residual import stages as stages_of
from costmodel.tensor import Tensor

Size = Literal["large", "small"]
Line = tuple[int, int, int, bool, Activation, int]

RE: Activation = Tensor.relu
HS: Activation = Tensor.hard_swish

STEM = 16
LINES: dict[Size, tuple[Line, ...]] = {
    # Kernel, expanded channels, channels, squeeze-and-excitation, activation, stride.
    "large": (
        (3, 16, 16, False, RE, 1),
        (3, 64, 24, False, RE, 2),
        (3, 72, 24, False, RE, 1),
        (5, 72, 40, True, RE, 2),
        (5, 120, 40, True, RE, 1),
        (5, 120, 40, True, RE, 1),
        (3, 240, 80, False, HS, 2),
        (3, 200, 80, False, HS, 1),
        (3, 184, 80, False, HS, 1),
        (3, 184, 80, False, HS, 1),
        (3, 480, 112, True, HS, 1),
        (3, 672, 112, True, HS, 1),
        (5, 672, 160, True, HS, 2),
        (5, 960, 160, True, HS, 1),
        (5, 960, 160, True, HS, 1),
    ),
    "small": (
        (3, 16, 16, True, RE, 2),
        (3, 72, 24, False, RE, 2),
        (3, 88, 24, False, RE, 1),
        (5, 96, 40, True, HS, 2),
        (5, 240, 40, True, HS, 1),
        (5, 240, 40, True, HS, 1),
        (5, 120, 48, True, HS, 1),
        (5, 144, 48, True, HS, 1),
        (5, 288, 96, True, HS, 2),
        (5, 576, 96, True, HS, 1),
        (5, 576, 96, True, HS, 1),
    ),
}
FEATURES: dict[Size, int] = {"large": 1280, "small": 1024}
"""Channels between the two linear layers of the head."""


def stages(
    x: Tensor, size: Size = "large", *, width: Fraction = Fraction(1), se: bool = True, dilated: bool = False
) -> dict[str, Tensor]:
    """The stem and all blocks of a table: the maps after each block, ``res3.1``, and each stage, ``res3``.

    ``res5`` ends with the last 1×1 convolution, to six times the channels. Where it is `dilated`, it works at H/16 with
    a dilation of 2 (§6.4).
    """
    with x.scope("stem"):
        x = x.conv(divisible(STEM * width), "conv", kernel=3, stride=2).batch_norm("norm").hard_swish()
    found = stages_of(x, _blocks(size, width, se=se, dilated=dilated))
    x = found["res5"]
    return found | {"res5": last(x, 6 * x.c, HS)}


def _blocks(size: Size, width: Fraction, *, se: bool, dilated: bool) -> Iterator[Block]:
    side = 2
    for kernel, expanded, out, gated, activation, stride in LINES[size]:
        side *= stride
        inner = divisible(expanded * width)
        gate = Gate(divisible(Fraction(inner // 4)), Tensor.relu, Tensor.hard_sigmoid) if gated and se else None
        dilation = 2 if dilated and side == 32 else 1
        yield Block(divisible(out * width), inner, kernel, stride, activation, gate, dilation)


def classify(x: Tensor, features: int, classes: int) -> Tensor:
    """The mean over positions, and two linear layers: the paper's last stage, redesigned (§5.1)."""
    with x.scope("head"):
        x = x.place("after").global_avg_pool().linear(features, "features").hard_swish()
        return x.linear(classes, "fc")


def _register(size: Size, table: int) -> None:
    @network(
        f"mobilenet-v3-{size}",
        source=f"Howard et al. 2019, Searching for MobileNetV3, Table {table} (arXiv:1905.02244)",
    )
    def mobilenet_v3(
        x: Tensor, *, width: Fraction = Fraction(1), se: bool = True, dilated: bool = False, classes: int = 1000
    ) -> Tensor:
        """Classify pictures by inverted residual blocks, some with a squeeze-and-excitation unless `se` is off."""
        maps = stages(x, size, width=width, se=se, dilated=dilated)
        return classify(maps["res5"], divisible(FEATURES[size] * width), classes)


_register("large", 1)
_register("small", 2)
