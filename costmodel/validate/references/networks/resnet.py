"""Residual networks: He et al. 2016 (arXiv:1512.03385), Fig. 5, Table 1.

ResNeXt: Xie et al. 2017 (arXiv:1611.05431), Fig. 3(c). Wide: Zagoruyko and Komodakis 2016 (arXiv:1605.07146).
"""

from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from costmodel.validate.references.networks.insertion import Insert, nothing
from costmodel.validate.references.registry import reference

BLOCKS = {18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}
PLANES = (64, 128, 256, 512)


def normed(
    inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    """A convolution that keeps the size but for its stride, and a norm."""
    padding = (kernel // 2) * dilation
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """relu(F(x) + x), or relu(F(x) + Wx) where F changes the shape; layers at the end of F and after the sum."""

    def __init__(self, f: nn.Module, shortcut: nn.Module, branch: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.f, self.shortcut, self.branch, self.after = f, shortcut, branch, after

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.after(torch.relu(self.branch(self.f(x)) + self.shortcut(x)))
        return y


class Stem(nn.Sequential):
    """A 7×7 convolution or three of 3×3, the first of stride 2, and a 3×3 max pool of stride 2."""

    def __init__(self, channels: int, kind: str) -> None:
        if kind == "plain":
            convolutions = [normed(channels, 64, 7, 2), nn.ReLU()]
        else:
            half = {"deep": 32, "deep-wide": 64}[kind]
            convolutions = [normed(channels, half, 3, 2), nn.ReLU(), normed(half, half, 3), nn.ReLU()]
            convolutions += [normed(half, 2 * half, 3), nn.ReLU()]
        super().__init__(*convolutions, nn.MaxPool2d(3, 2, 1))
        self.channels = 128 if kind == "deep-wide" else 64


class Backbone(nn.Module):
    """The stem and four stages; gives the maps that the stages leave, ``res2`` first.

    Stages whose side is not to be halved are dilated instead, their first block half as much as the rest.
    """

    def __init__(
        self,
        channels: int,
        depth: int,
        *,
        planes: tuple[int, ...] = PLANES,
        groups: int = 1,
        width: int = 64,
        variant: str = "v1.5",
        output_stride: int = 32,
        stem: str = "plain",
        insert: Insert = nothing,
    ) -> None:
        super().__init__()
        self.stem = Stem(channels, stem)
        self.channels = self.stem.channels
        self._depth, self._groups, self._width, self._variant, self._insert = depth, groups, width, variant, insert
        self.stages = nn.ModuleList()
        dilation = 1
        for stage, (blocks, plane) in enumerate(zip(BLOCKS[depth], planes, strict=True)):
            halves = stage > 0 and 4 * 2**stage <= output_stride
            rest = 2 * dilation if stage > 0 and not halves else dilation
            modules = [self._block(stage, 1, plane, stride=2 if halves else 1, dilation=dilation)]
            modules += [self._block(stage, n, plane, stride=1, dilation=rest) for n in range(2, blocks + 1)]
            dilation = rest
            if stage < 3:
                modules.append(insert(f"res{stage + 2}", 0, "between", self.channels))
            self.stages.append(nn.Sequential(*modules))

    def _block(self, stage: int, number: int, plane: int, *, stride: int, dilation: int) -> nn.Module:
        inputs = self.channels
        if self._depth < 50:
            outputs = plane
            f = [normed(inputs, plane, 3, stride, dilation), nn.ReLU(), normed(plane, plane, 3, 1, dilation)]
        else:
            outputs = 4 * plane
            inner = plane * self._width // 64 * self._groups
            first, second = (stride, 1) if self._variant == "v1" else (1, stride)
            f = [normed(inputs, inner, 1, first), nn.ReLU()]
            f += [normed(inner, inner, 3, second, dilation, self._groups), nn.ReLU(), normed(inner, outputs, 1)]
        same = stride == 1 and inputs == outputs
        shortcut = nn.Identity() if same else normed(inputs, outputs, 1, stride)
        self.channels = outputs
        name = f"res{stage + 2}"
        return Residual(
            nn.Sequential(*f),
            shortcut,
            self._insert(name, number, "branch", outputs),
            self._insert(name, number, "after", outputs),
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class Classifier(nn.Module):
    """The mean over positions of a map, and a linear layer."""

    def __init__(self, channels: int, classes: int, after: nn.Module) -> None:
        super().__init__()
        self.after = after
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.fc(self.pool(self.after(x)).flatten(1))
        return scores


class ResNet(nn.Module):
    """A backbone and a classifier of its last map."""

    def __init__(
        self, channels: int, depth: int, *, classes: int = 1000, insert: Insert | None, **options: Any
    ) -> None:
        super().__init__()
        insert = insert or nothing
        self.backbone = Backbone(channels, depth, insert=insert, **options)
        last = self.backbone.channels
        self.classifier = Classifier(last, classes, insert("head", 0, "after", last))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.backbone(x)[-1])
        return scores


def _resnet(depth: int) -> None:
    @reference(f"resnet{depth}")
    def resnet(
        channels: int,
        *,
        variant: str = "v1.5",
        output_stride: int = 32,
        stem: str = "plain",
        classes: int = 1000,
        insert: Insert | None = None,
    ) -> nn.Module:
        return ResNet(
            channels, depth, variant=variant, output_stride=output_stride, stem=stem, classes=classes, insert=insert
        )


def _resnext(depth: int, group: int) -> None:
    @reference(f"resnext{depth}")
    def resnext(
        channels: int,
        *,
        groups: int = 32,
        width: int = group,
        variant: str = "v1.5",
        output_stride: int = 32,
        stem: str = "plain",
        classes: int = 1000,
        insert: Insert | None = None,
    ) -> nn.Module:
        return ResNet(
            channels,
            depth,
            groups=groups,
            width=width,
            variant=variant,
            output_stride=output_stride,
            stem=stem,
            classes=classes,
            insert=insert,
        )


def _wide_bottlenecks(depth: int) -> None:
    @reference(f"wide-resnet{depth}")
    def wide_resnet(
        channels: int,
        *,
        width: int = 128,
        variant: str = "v1.5",
        output_stride: int = 32,
        stem: str = "plain",
        classes: int = 1000,
        insert: Insert | None = None,
    ) -> nn.Module:
        return ResNet(
            channels,
            depth,
            width=width,
            variant=variant,
            output_stride=output_stride,
            stem=stem,
            classes=classes,
            insert=insert,
        )


def _wide_stages(depth: int) -> None:
    @reference(f"wide-resnet{depth}")
    def wide_resnet(
        channels: int,
        *,
        widen: Fraction = Fraction(2),
        output_stride: int = 32,
        stem: str = "plain",
        classes: int = 1000,
        insert: Insert | None = None,
    ) -> nn.Module:
        planes = tuple(int(plane * widen) for plane in PLANES)
        return ResNet(
            channels, depth, planes=planes, output_stride=output_stride, stem=stem, classes=classes, insert=insert
        )


for _depth in BLOCKS:
    _resnet(_depth)
for _depth, _group in ((50, 4), (101, 8)):
    _resnext(_depth, _group)
    _wide_bottlenecks(_depth)
for _depth in (18, 34):
    _wide_stages(_depth)
