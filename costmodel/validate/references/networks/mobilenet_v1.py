"""MobileNet v1: Howard et al. 2017 (arXiv:1704.04861), Table 1."""

from fractions import Fraction

from torch import nn

from costmodel.validate.references.networks.insertion import Insert, nothing
from costmodel.validate.references.networks.inverted_residual import conv
from costmodel.validate.references.registry import reference

BLOCKS = (
    *((1, 64, 1), (2, 128, 2), (2, 128, 1), (3, 256, 2), (3, 256, 1), (4, 512, 2), *((4, 512, 1),) * 5),
    *((5, 1024, 2), (5, 1024, 1)),
)
"""Of each: its stage, channels and stride."""


@reference("mobilenet-v1")
def mobilenet_v1(
    channels: int, *, width: Fraction = Fraction(1), classes: int = 1000, insert: Insert | None = None
) -> nn.Module:
    """Depthwise and pointwise convolutions in turn, each with batch norm and ReLU."""
    insert = insert or nothing
    before = int(32 * width)
    layers: list[nn.Module] = [conv(channels, before, 3, nn.ReLU, stride=2)]
    stage, number = 1, 0
    for of, out, stride in BLOCKS:
        if of != stage:
            layers.append(insert(f"res{stage}", 0, "between", before))
            stage, number = of, 0
        number += 1
        after = int(out * width)
        layers += [
            conv(before, before, 3, nn.ReLU, stride=stride, groups=before),
            insert(f"res{stage}", number, "depthwise", before),
            conv(before, after, 1, nn.ReLU),
            insert(f"res{stage}", number, "after", after),
        ]
        before = after
    head = [insert("head", 0, "after", before), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes)]
    return nn.Sequential(*layers, *head)
