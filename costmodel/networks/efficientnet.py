"""EfficientNet: Tan and Le 2019, EfficientNet: Rethinking Model Scaling (arXiv:1905.11946), Table 1.

``N×3×H×W``; stages are named after the side that they leave of 2^k: ``res1`` works at H/2, ``res5`` at H/32. The larger
ones are scaled in width and depth as the authors' code does, by factors that the paper does not list.
"""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil

from costmodel.catalog import network
from costmodel.networks.inverted_residual import Block, Gate, divisible, last, stages
from costmodel.networks.resnet import classify
from costmodel.tensor import Tensor

STEM, LAST = 32, 1280
LINES = (
    # Expansion, kernel, channels, blocks, stride of the first.
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
)
SCALES = {
    # Width, depth, side of the pictures.
    "b0": ("1.0", "1.0", 224),
    "b1": ("1.0", "1.1", 240),
    "b2": ("1.1", "1.2", 260),
    "b3": ("1.2", "1.4", 300),
    "b4": ("1.4", "1.8", 380),
    "b5": ("1.6", "2.2", 456),
    "b6": ("1.8", "2.6", 528),
    "b7": ("2.0", "3.1", 600),
}


def _blocks(width: Fraction, depth: Fraction, *, se: bool) -> Iterator[Block]:
    channels = divisible(STEM * width)
    for expansion, kernel, out, number, first in LINES:
        for index in range(ceil(number * depth)):
            # A quarter of the channels that come in, not of the expanded ones.
            gate = Gate(channels // 4, Tensor.silu, Tensor.sigmoid) if se else None
            stride = 1 if index else first
            yield Block(divisible(out * width), channels * expansion, kernel, stride, Tensor.silu, gate)
            channels = divisible(out * width)


def _register(name: str, width: Fraction, depth: Fraction, side: int) -> None:
    @network(
        f"efficientnet-{name}",
        source="Tan and Le 2019, EfficientNet, Table 1 (arXiv:1905.11946)",
        input=(1, 3, side, side),
    )
    def efficientnet(x: Tensor, *, se: bool = True, classes: int = 1000) -> Tensor:
        """Classify pictures by inverted residual blocks with a squeeze-and-excitation each, unless `se` is off."""
        with x.scope("stem"):
            x = x.conv(divisible(STEM * width), "conv", kernel=3, stride=2).batch_norm("norm").silu()
        x = stages(x, _blocks(width, depth, se=se))["res5"]
        return classify(last(x, divisible(LAST * width), Tensor.silu), classes)


for _name, (_width, _depth, _side) in SCALES.items():
    _register(_name, Fraction(_width), Fraction(_depth), _side)
