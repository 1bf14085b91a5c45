"""MobileNet v2: Sandler et al. 2018, Inverted Residuals and Linear Bottlenecks (arXiv:1801.04381), Table 2.

``N×3×H×W``; stages are named after the side that they leave of 2^k: ``res1`` works at H/2, ``res5`` at H/32.
"""

from collections.abc import Iterator
from fractions import Fraction

from costmodel.catalog import network
from costmodel.networks.inverted_residual import Block, divisible, last, stages
from costmodel.networks.resnet import classify
from costmodel.tensor import Tensor

STEM, LAST = 32, 1280
LINES = (
    # Expansion, channels, blocks, stride of the first: t, c, n, s.
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _blocks(width: Fraction) -> Iterator[Block]:
    channels = divisible(STEM * width)
    for expansion, out, number, first in LINES:
        for index in range(number):
            stride = 1 if index else first
            yield Block(divisible(out * width), channels * expansion, 3, stride, Tensor.relu6)
            channels = divisible(out * width)


@network("mobilenet-v2", source="Sandler et al. 2018, MobileNetV2, Table 2 (arXiv:1801.04381)")
def mobilenet_v2(x: Tensor, *, width: Fraction = Fraction(1), classes: int = 1000) -> Tensor:
    """Classify pictures by inverted residual blocks; a `width` below 1 leaves the last convolution as wide as it is."""
    with x.scope("stem"):
        x = x.conv(divisible(STEM * width), "conv", kernel=3, stride=2).batch_norm("norm").relu6()
    x = stages(x, _blocks(width))["res5"]
    return classify(last(x, divisible(LAST * max(width, Fraction(1))), Tensor.relu6), classes)
