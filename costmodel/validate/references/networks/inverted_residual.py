"""Inverted residual blocks: Sandler et al. 2018 (arXiv:1801.04381), Fig. 3; with gates, Howard et al. 2019, Fig. 4."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from torch import Tensor, nn

from costmodel.validate.references.networks.insertion import Insert

Activation = Callable[[], nn.Module]


class Line(NamedTuple):
    """What one block has; `squeezed` are the channels in the bottleneck of its gate, 0 without one."""

    kernel: int
    expanded: int
    out: int
    stride: int
    activation: Activation
    squeezed: int = 0
    dilation: int = 1


def make_divisible(value: float) -> int:
    """The nearest multiple of 8 that is not more than a tenth below, in floats."""
    nearest = max(8, int(value + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * value else nearest


def conv(
    channels: int,
    out: int,
    kernel: int,
    activation: Activation = nn.Identity,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
) -> nn.Sequential:
    """A convolution that keeps its map where it does not stride, batch norm, and an activation."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, stride, padding, dilation, groups, bias=False),
        nn.BatchNorm2d(out),
        activation(),
    )


class Gate(nn.Module):
    """x · σ₂(W₂ σ₁(W₁ z)), z the mean of every channel, W₁ and W₂ with biases."""

    def __init__(self, channels: int, squeezed: int, inner: Activation, outer: Activation) -> None:
        super().__init__()
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.weigh = nn.Sequential(nn.Linear(channels, squeezed), inner(), nn.Linear(squeezed, channels), outer())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x * self.weigh(self.squeeze(x).flatten(1))[:, :, None, None]
        return y


class InvertedResidual(nn.Module):
    """Wide inside and narrow at both ends, which are added where they have one shape."""

    def __init__(
        self, channels: int, line: Line, gates: tuple[Activation, Activation], insert: Insert, name: str
    ) -> None:
        super().__init__()
        stage, _, number = name.partition(".")
        expanded, out = line.expanded, line.out
        stride = line.stride if line.dilation == 1 else 1
        self.body = nn.Sequential(
            conv(channels, expanded, 1, line.activation) if channels != expanded else nn.Identity(),
            conv(
                expanded,
                expanded,
                line.kernel,
                line.activation,
                stride=stride,
                dilation=line.dilation,
                groups=expanded,
            ),
            Gate(expanded, line.squeezed, *gates) if line.squeezed else nn.Identity(),
            insert(stage, int(number), "inner", expanded),
            conv(expanded, out, 1),
            insert(stage, int(number), "branch", out),
        )
        self.residual = line.stride == 1 and channels == out
        self.after = insert(stage, int(number), "after", out)

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        z: Tensor = self.after(y + x if self.residual else y)
        return z


class Features(nn.Module):
    """The stem, blocks and last convolution: the maps after each, ``res3.1``, and after whole stages, ``res3``."""

    def __init__(
        self,
        stem: nn.Module,
        channels: int,
        lines: Iterable[Line],
        last: tuple[int, Activation],
        insert: Insert,
        gates: tuple[Activation, Activation] = (nn.Identity, nn.Identity),
    ) -> None:
        super().__init__()
        self.channels = last[0]
        self.names, layers = ["stem"], [stem]
        stage, number = 1, 0
        for line in lines:
            if line.stride == 2:
                if number:
                    self.names.append(f"res{stage}")
                    layers.append(insert(f"res{stage}", 0, "between", channels))
                stage, number = stage + 1, 0
            number += 1
            self.names.append(f"res{stage}.{number}")
            layers.append(InvertedResidual(channels, line, gates, insert, self.names[-1]))
            channels = line.out
        self.names.append(f"res{stage}")
        layers.append(conv(channels, last[0], 1, last[1]))
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = {}
        for name, layer in zip(self.names, self.layers, strict=True):
            x = maps[name] = layer(x)
        return maps


class Classifier(nn.Module):
    """Scores of the mean of the last map."""

    def __init__(self, features: nn.Module, inserted: nn.Module, *linear: nn.Module) -> None:
        super().__init__()
        self.features, self.inserted = features, inserted
        self.pool, self.linear = nn.AdaptiveAvgPool2d(1), nn.Sequential(*linear)

    def forward(self, x: Tensor) -> Tensor:
        last = self.inserted(self.features(x)["res5"])
        scores: Tensor = self.linear(self.pool(last).flatten(1))
        return scores
