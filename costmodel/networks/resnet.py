"""Residual networks: He et al. 2016, Deep Residual Learning for Image Recognition (arXiv:1512.03385), Table 1.

Also ResNeXt (Xie et al. 2017, arXiv:1611.05431) and wide ResNets (Zagoruyko and Komodakis 2016, arXiv:1605.07146).

``N×3×H×W``; stages are named after the side that they leave of 2^k: ``res2`` works at H/4, ``res5`` at H/32.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Literal

from costmodel.catalog import network
from costmodel.dimension import CostModelError, Dim
from costmodel.tensor import Tensor

Variant = Literal["v1.5", "v1"]
Stem = Literal["plain", "deep"]
Block = Callable[..., Tensor]

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Blocks of each stage: Table 1."""


def entry(x: Tensor, channels: Dim, kind: Stem) -> Tensor:
    """From H to H/4: a 7×7 convolution of stride 2, or three of 3×3 (He et al. 2019, arXiv:1812.01187), and a pool."""
    with x.scope("stem"):
        if kind == "plain":
            x = x.conv(channels, "conv", kernel=7, stride=2).batch_norm("norm").relu()
        else:
            x = x.conv(channels // 2, "conv1", kernel=3, stride=2).batch_norm("norm1").relu("relu1")
            x = x.conv(channels // 2, "conv2", kernel=3).batch_norm("norm2").relu("relu2")
            x = x.conv(channels, "conv3", kernel=3).batch_norm("norm3").relu("relu3")
        return x.max_pool(3, stride=2)


def basic(x: Tensor, channels: Dim, *, stride: int, dilation: int, **_: object) -> Tensor:
    """Two 3×3 convolutions around which x is carried: Fig. 5, left."""
    y = x.conv(channels, "conv1", kernel=3, stride=stride, dilation=dilation).batch_norm("norm1").relu("relu1")
    y = y.conv(channels, "conv2", kernel=3, dilation=dilation).batch_norm("norm2").place("branch")
    return y.add(shortcut(x, y, stride), "residual").relu("relu2").place("after")


def bottleneck(
    x: Tensor, channels: Dim, *, stride: int, dilation: int, inner: Dim, groups: int, variant: Variant
) -> Tensor:
    """A 3×3 convolution between two of 1×1, to ``4·channels``: Fig. 5, right.

    The stride is on the first 1×1 in the paper (`v1`), on the 3×3 in everybody's code since (`v1.5`).
    """
    first, second = (stride, 1) if variant == "v1" else (1, stride)
    y = x.conv(inner, "conv1", stride=first).batch_norm("norm1").relu("relu1")
    y = y.conv(inner, "conv2", kernel=3, stride=second, groups=groups, dilation=dilation)
    y = y.batch_norm("norm2").relu("relu2")
    y = y.conv(4 * channels, "conv3").batch_norm("norm3").place("branch")
    return y.add(shortcut(x, y, stride), "residual").relu("relu3").place("after")


def shortcut(x: Tensor, y: Tensor, stride: int) -> Tensor:
    """x itself, or a 1×1 convolution where y has another shape (option B)."""
    if stride == 1 and x.c == y.c:
        return x
    return x.conv(y.c, "shortcut", stride=stride).batch_norm("shortcut_norm")


def stages(
    x: Tensor,
    block: Block,
    depths: tuple[int, ...],
    *,
    channels: int = 64,
    output_stride: int = 32,
    variant: Variant = "v1.5",
    groups: int = 1,
    width: Fraction = Fraction(1),
) -> dict[str, Tensor]:
    """The maps after ``res2`` … ``res5``: channels double and the side halves from each to the next.

    Below an `output_stride` of 32 the last stages dilate in place of striding (Yu and Koltun 2016, as in DeepLab): the
    first block of a stage with the dilation of the one before it. A bottleneck's inner convolutions have
    ``channels·width·groups`` channels.
    """
    if output_stride not in (8, 16, 32):
        raise CostModelError(f"the output stride must be 8, 16 or 32, not {output_stride}")
    found = {}
    side, dilation = 4, 1
    for index, depth in enumerate(depths):
        planes = channels << index
        stride, before = 1, dilation
        if index:
            if side < output_stride:
                stride, side = 2, 2 * side
            else:
                dilation *= 2
        with x.scope(name := f"res{index + 2}"):
            for number in range(1, depth + 1):
                with x.scope(str(number)):
                    x = block(
                        x,
                        planes,
                        stride=stride if number == 1 else 1,
                        dilation=before if number == 1 else dilation,
                        inner=int(planes * width) * groups,
                        groups=groups,
                        variant=variant,
                    )
            if index + 1 < len(depths):
                x = x.place("between")
        found[name] = x
    return found


def classify(x: Tensor, classes: int) -> Tensor:
    """The mean over positions, and a linear layer."""
    with x.scope("head"):
        return x.place("after").global_avg_pool().linear(classes, "fc")


def _register(depth: int) -> None:
    @network(f"resnet{depth}", source="He et al. 2016, Deep Residual Learning, Table 1 (arXiv:1512.03385)")
    def resnet(
        x: Tensor,
        *,
        variant: Variant = "v1.5",
        output_stride: int = 32,
        stem: Stem = "plain",
        classes: int = 1000,
    ) -> Tensor:
        """Classify pictures by residual blocks: v1.5 strides on the 3×3, v1 on the first 1×1."""
        x = entry(x, 64, stem)
        maps = stages(
            x, basic if depth < 50 else bottleneck, DEPTHS[depth], output_stride=output_stride, variant=variant
        )
        return classify(maps["res5"], classes)


for _depth in DEPTHS:
    _register(_depth)
