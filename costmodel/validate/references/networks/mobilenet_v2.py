"""MobileNet v2: Sandler et al. 2018 (arXiv:1801.04381), Table 2."""

from fractions import Fraction

from torch import nn

from costmodel.validate.references.networks.insertion import Insert, nothing
from costmodel.validate.references.networks.inverted_residual import Classifier, Features, Line, conv, make_divisible
from costmodel.validate.references.registry import reference


def lines(channels: int, width: float) -> list[Line]:
    """The seven lines of bottlenecks, written out."""
    found = []
    for t, c, n, s in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2)):
        for index in range(n):
            out = make_divisible(c * width)
            found.append(Line(3, t * channels, out, 1 if index else s, nn.ReLU6))
            channels = out
    return [*found, Line(3, 6 * channels, make_divisible(320 * width), 1, nn.ReLU6)]


@reference("mobilenet-v2")
def mobilenet_v2(
    channels: int, *, width: Fraction = Fraction(1), classes: int = 1000, insert: Insert | None = None
) -> nn.Module:
    """Inverted residuals with ReLU6, and a last convolution that a small width leaves as it is."""
    insert = insert or nothing
    first, last = make_divisible(32 * float(width)), make_divisible(1280 * max(1.0, float(width)))
    stem = conv(channels, first, 3, nn.ReLU6, stride=2)
    features = Features(stem, first, lines(first, float(width)), (last, nn.ReLU6), insert)
    return Classifier(features, insert("head", 0, "after", last), nn.Linear(last, classes))
