"""Residual networks: He et al. 2016, Deep Residual Learning for Image Recognition (arXiv:1512.03385), Table 1.

Also ResNeXt (Xie et al. 2017, arXiv:1611.05431) and wide ResNets (Zagoruyko and Komodakis 2016, arXiv:1605.07146),
whose bottlenecks or whose stages are wider.

``N×3×H×W``; stages are named after the side that they leave of 2^k: ``res2`` works at H/4, ``res5`` at H/32.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Literal

from costmodel.catalog import network, said
from costmodel.dimension import CostModelError, Dim, abbreviate
from costmodel.tensor import Tensor

Variant = Literal["v1.5", "v1"]
Stem = Literal["plain", "deep", "deep-wide"]
Block = Callable[..., Tensor]

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Blocks of each stage: Table 1."""

CHANNELS = (64, 128, 256, 512)
"""Of the 3×3 convolutions of each stage: Table 1."""

WIDE = "Zagoruyko and Komodakis 2016, Wide Residual Networks, on ImageNet (arXiv:1605.07146)"


def entry(x: Tensor, channels: Dim, kind: Stem) -> Tensor:
    """From H to H/4: a 7×7 convolution of stride 2, or three of 3×3 (He et al. 2019, arXiv:1812.01187), and a pool.

    The three are of 32, 32 and 64 channels, or of 64, 64 and 128 as in the code that DANet and PSPNet build on.
    """
    first, last = (channels, 2 * channels) if kind == "deep-wide" else (channels // 2, channels)
    with x.scope("stem"):
        if kind == "plain":
            x = x.conv(channels, "conv", kernel=7, stride=2).batch_norm("norm").relu()
        else:
            x = x.conv(first, "conv1", kernel=3, stride=2).batch_norm("norm1").relu("relu1")
            x = x.conv(first, "conv2", kernel=3).batch_norm("norm2").relu("relu2")
            x = x.conv(last, "conv3", kernel=3).batch_norm("norm3").relu("relu3")
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
    channels: tuple[int, ...] = CHANNELS,
    output_stride: int = 32,
    variant: Variant = "v1.5",
    groups: Dim = 1,
    width: Dim = 64,
) -> dict[str, Tensor]:
    """The maps after ``res2`` … ``res5``: the side halves from each to the next.

    Below an `output_stride` of 32 the last stages dilate in place of striding (Yu and Koltun 2016, as in DeepLab): the
    first block of a stage with the dilation of the one before it. The 3×3 convolution of a bottleneck in ``res2`` has
    `width` channels in each of its `groups`, as many times more in later stages as these have more channels.
    """
    if type(output_stride) is not int or output_stride not in (8, 16, 32):
        raise CostModelError(f"the output stride must be 8, 16 or 32, not {abbreviate(output_stride)}")
    found = {}
    side, dilation = 4, 1
    for index, depth in enumerate(depths):
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
                        channels[index],
                        stride=stride if number == 1 else 1,
                        dilation=before if number == 1 else dilation,
                        inner=channels[index] * width // CHANNELS[0] * groups,
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


def scaled(channels: int, factor: Fraction) -> int:
    """``⌊channels · factor⌋``; never 0."""
    found = int(channels * factor)
    if not found:
        raise CostModelError(f"{said(factor)} times {channels} channels is less than one")
    return found


def _resnet(depth: int) -> None:
    @network(f"resnet{depth}", source="He et al. 2016, Deep Residual Learning, Table 1 (arXiv:1512.03385)")
    def resnet(
        x: Tensor,
        *,
        variant: Variant = "v1.5",
        output_stride: int = 32,
        stem: Stem = "plain",
        classes: int = 1000,
    ) -> Tensor:
        """Classify pictures by residual blocks: v1.5 strides on the 3×3 of a bottleneck, v1 on its first 1×1."""
        block = basic if depth < 50 else bottleneck
        maps = stages(entry(x, 64, stem), block, DEPTHS[depth], output_stride=output_stride, variant=variant)
        return classify(maps["res5"], classes)


def _resnext(depth: int, group: int) -> None:
    @network(f"resnext{depth}", source="Xie et al. 2017, ResNeXt, Table 1 (arXiv:1611.05431)")
    def resnext(
        x: Tensor,
        *,
        groups: int = 32,
        width: int = group,
        variant: Variant = "v1.5",
        output_stride: int = 32,
        stem: Stem = "plain",
        classes: int = 1000,
    ) -> Tensor:
        """Classify pictures by bottlenecks of `groups`×`width`d: 32×4d in the paper's table, then 64×4d."""
        maps = stages(
            entry(x, 64, stem),
            bottleneck,
            DEPTHS[depth],
            output_stride=output_stride,
            variant=variant,
            groups=groups,
            width=width,
        )
        return classify(maps["res5"], classes)


def _wide_bottlenecks(depth: int) -> None:
    @network(f"wide-resnet{depth}", source=WIDE)
    def wide_resnet(
        x: Tensor,
        *,
        width: int = 128,
        variant: Variant = "v1.5",
        output_stride: int = 32,
        stem: Stem = "plain",
        classes: int = 1000,
    ) -> Tensor:
        """Classify pictures by bottlenecks whose inner convolutions are twice as wide: of `width` channels in res2."""
        maps = stages(
            entry(x, 64, stem), bottleneck, DEPTHS[depth], output_stride=output_stride, variant=variant, width=width
        )
        return classify(maps["res5"], classes)


def _wide_stages(depth: int) -> None:
    @network(f"wide-resnet{depth}", source=WIDE)
    def wide_resnet(
        x: Tensor, *, widen: Fraction = Fraction(2), output_stride: int = 32, stem: Stem = "plain", classes: int = 1000
    ) -> Tensor:
        """Classify pictures by basic blocks, every stage `widen` times as wide, the stem as it was."""
        channels = tuple(scaled(of_stage, widen) for of_stage in CHANNELS)
        maps = stages(entry(x, 64, stem), basic, DEPTHS[depth], channels=channels, output_stride=output_stride)
        return classify(maps["res5"], classes)


for _depth in DEPTHS:
    _resnet(_depth)
_resnext(50, 4)
_resnext(101, 8)  # as in torchvision
for _depth in (50, 101):
    _wide_bottlenecks(_depth)
for _depth in (18, 34):
    _wide_stages(_depth)
