"""Residual networks for CIFAR: He et al. 2016, Deep Residual Learning for Image Recognition (arXiv:1512.03385), §4.2.

Also the wide ones (Zagoruyko and Komodakis 2016, arXiv:1605.07146), Table 1, which norm before they convolve.

``N×3×H×W``; three stages of as many blocks, ``res0`` at H, ``res1`` at H/2, ``res2`` at H/4.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Literal

from costmodel.catalog import network
from costmodel.dimension import CostModelError, abbreviate
from costmodel.networks.resnet import basic, classify, scaled
from costmodel.tensor import Tensor

CHANNELS = (16, 32, 64)
"""Of each stage."""

DEEPEST = 10_000
"""Layers: a bound on the work. The papers have up to 1,202."""

Block = Callable[..., Tensor]


def blocks_of(depth: int, others: int) -> int:
    """Blocks of a stage, of three, of a network of `depth` layers, `others` of which are in no block."""
    if type(depth) is not int or not others < depth <= DEEPEST or (depth - others) % 6:
        raise CostModelError(
            f"the depth must be 6n + {others}, from {6 + others} to {DEEPEST}, not {abbreviate(depth)}"
        )
    return (depth - others) // 6


def stages(x: Tensor, block: Block, count: int, channels: tuple[int, ...]) -> Tensor:
    """`count` blocks of each of `channels`; the side halves from a stage to the next."""
    for index, out in enumerate(channels):
        with x.scope(f"res{index}"):
            for number in range(1, count + 1):
                with x.scope(str(number)):
                    x = block(x, out, stride=2 if index and number == 1 else 1)
            if index + 1 < len(channels):
                x = x.place("between")
    return x


def padded(x: Tensor, channels: int, *, stride: int) -> Tensor:
    """Two 3×3 convolutions; where the shape changes, every second position is carried, with channels of zeros."""
    y = x.conv(channels, "conv1", kernel=3, stride=stride).batch_norm("norm1").relu("relu1")
    y = y.conv(channels, "conv2", kernel=3).batch_norm("norm2").place("branch")
    if stride != 1:
        x = x.subsample(stride).pad_channels(channels)
    return y.add(x, "residual").relu("relu2").place("after")


def projected(x: Tensor, channels: int, *, stride: int) -> Tensor:
    """Two 3×3 convolutions; where the shape changes, a 1×1 convolution carries."""
    return basic(x, channels, stride=stride, dilation=1)


def preactivated(x: Tensor, channels: int, *, stride: int) -> Tensor:
    """Two 3×3 convolutions, each after its norm and ReLU: Fig. 1(c). Where channels change, a 1×1 convolution carries.

    That one takes the normed map, which its branch does too.
    """
    y = x.batch_norm("norm1").relu("relu1")
    if stride != 1 or x.c != channels:
        x = y.conv(channels, "shortcut", stride=stride)
    y = y.conv(channels, "conv1", kernel=3, stride=stride).batch_norm("norm2").relu("relu2")
    y = y.conv(channels, "conv2", kernel=3).place("branch")
    return y.add(x, "residual").place("after")


@network(
    "resnet-cifar",
    source="He et al. 2016, Deep Residual Learning, §4.2 (arXiv:1512.03385)",
    input=(1, 3, 32, 32),
    stride=4,
)
def resnet(
    x: Tensor, *, depth: int = 20, shortcut: Literal["padding", "projection"] = "padding", classes: int = 10
) -> Tensor:
    """Classify small pictures by 3n residual blocks, depth = 6n + 2; shortcuts without parameters in the paper."""
    count = blocks_of(depth, 2)
    with x.scope("stem"):
        x = x.conv(CHANNELS[0], "conv", kernel=3).batch_norm("norm").relu()
    return classify(stages(x, padded if shortcut == "padding" else projected, count, CHANNELS), classes)


@network(
    "wide-resnet-cifar",
    source="Zagoruyko and Komodakis 2016, Wide Residual Networks, Table 1 (arXiv:1605.07146)",
    input=(1, 3, 32, 32),
    stride=4,
)
def wide_resnet(x: Tensor, *, depth: int = 28, widen: Fraction = Fraction(10), classes: int = 10) -> Tensor:
    """Classify small pictures by 3n preactivated blocks, depth = 6n + 4, `widen` times as wide: WRN-depth-widen."""
    count = blocks_of(depth, 4)
    with x.scope("stem"):
        x = x.conv(CHANNELS[0], "conv", kernel=3)
    x = stages(x, preactivated, count, tuple(scaled(channels, widen) for channels in CHANNELS))
    with x.scope("head"):
        x = x.batch_norm("norm").relu()
    return classify(x, classes)
