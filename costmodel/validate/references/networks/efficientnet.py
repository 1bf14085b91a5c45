"""EfficientNet: Tan and Le 2019 (arXiv:1905.11946), Table 1."""

import math
from collections.abc import Iterator

from torch import nn

from costmodel.validate.references.networks.insertion import Insert, nothing
from costmodel.validate.references.networks.inverted_residual import Classifier, Features, Line, conv, make_divisible
from costmodel.validate.references.registry import reference

COEFFICIENTS = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8), (1.6, 2.2), (1.8, 2.6), (2.0, 3.1))
"""By which B0 to B7 are wider and deeper."""


def lines(channels: int, width: float, depth: float, *, se: bool) -> Iterator[Line]:
    """MBConv of stages 2 to 8: its expansion and kernel, channels, layers, and the stride of the first."""
    for expansion, kernel, out, layers, stride in (
        (1, 3, 16, 1, 1),
        (6, 3, 24, 2, 2),
        (6, 5, 40, 2, 2),
        (6, 3, 80, 3, 2),
        (6, 5, 112, 3, 1),
        (6, 5, 192, 4, 2),
        (6, 3, 320, 1, 1),
    ):
        for index in range(math.ceil(layers * depth)):
            after, squeezed = make_divisible(out * width), channels // 4 if se else 0
            yield Line(kernel, expansion * channels, after, 1 if index else stride, nn.SiLU, squeezed)
            channels = after


def _register(index: int, width: float, depth: float) -> None:
    @reference(f"efficientnet-b{index}")
    def efficientnet(channels: int, *, se: bool = True, classes: int = 1000, insert: Insert | None = None) -> nn.Module:
        insert = insert or nothing
        first, last = make_divisible(32 * width), make_divisible(1280 * width)
        stem = conv(channels, first, 3, nn.SiLU, stride=2)
        blocks = lines(first, width, depth, se=se)
        features = Features(stem, first, blocks, (last, nn.SiLU), insert, (nn.SiLU, nn.Sigmoid))
        return Classifier(features, insert("head", 0, "after", last), nn.Linear(last, classes))


for _index, (_width, _depth) in enumerate(COEFFICIENTS):
    _register(_index, _width, _depth)
