"""MobileNet v1: Howard et al. 2017, MobileNets: Efficient Convolutional Neural Networks (arXiv:1704.04861), Table 1.

``N×3×H×W``; stages are named after the side that they leave of 2^k: ``res1`` works at H/2, ``res5`` at H/32.
"""

from fractions import Fraction

from costmodel.catalog import network
from costmodel.networks.resnet import classify, scaled
from costmodel.tensor import Tensor

STEM = 32
CHANNELS = {"res1": (64,), "res2": (128,) * 2, "res3": (256,) * 2, "res4": (512,) * 6, "res5": (1024,) * 2}
"""Of every block; the first of ``res2`` and later halves the side.

The last line of convolutions says stride 2 in the table, but the map that it makes has the side of the one it takes.
"""


def separable(x: Tensor, channels: int, stride: int) -> Tensor:
    """A 3×3 depthwise convolution and a pointwise one: Fig. 3, right."""
    y = x.conv(x.c, "depthwise", kernel=3, stride=stride, groups=x.c).batch_norm("depthwise_norm")
    y = y.relu("depthwise_relu").place("depthwise")
    return y.conv(channels, "pointwise").batch_norm("pointwise_norm").relu("pointwise_relu").place("after")


@network("mobilenet-v1", source="Howard et al. 2017, MobileNets, Table 1 (arXiv:1704.04861)")
def mobilenet_v1(x: Tensor, *, width: Fraction = Fraction(1), classes: int = 1000) -> Tensor:
    """Classify pictures by depthwise separable convolutions of `width` times the channels, rounded down."""
    with x.scope("stem"):
        x = x.conv(scaled(STEM, width), "conv", kernel=3, stride=2).batch_norm("norm").relu()
    for stage, blocks in CHANNELS.items():
        with x.scope(stage):
            for number, channels in enumerate(blocks, start=1):
                with x.scope(str(number)):
                    x = separable(x, scaled(channels, width), 2 if number == 1 and stage != "res1" else 1)
            if stage != "res5":
                x = x.place("between")
    return classify(x, classes)
