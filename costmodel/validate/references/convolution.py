"""Convolutions and the linear layer. Depthwise separable: Howard et al. 2017, MobileNets (arXiv:1704.04861), Fig. 3."""

import torch
from torch import Tensor, nn

from costmodel.validate.references.registry import reference


@reference("conv")
class Convolution(nn.Module):
    """``N×C×H×W`` → ``N×out×⌈H/stride⌉×⌈W/stride⌉``."""

    def __init__(
        self,
        channels: int,
        *,
        out: int | None = None,
        kernel: int = 3,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            channels,
            channels if out is None else out,
            kernel,
            stride,
            padding=dilation * (kernel // 2),
            dilation=dilation,
            groups=groups,
            bias=bias,
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return y


@reference("depthwise-separable")
class DepthwiseSeparable(nn.Module):
    """A K×K convolution of each channel and a 1×1 one of all, each with batch norm and ReLU."""

    def __init__(
        self, channels: int, *, out: int | None = None, kernel: int = 3, stride: int = 1, norm: bool = True
    ) -> None:
        super().__init__()
        out = channels if out is None else out
        self.depthwise = nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(channels) if norm else nn.Identity()
        self.pointwise = nn.Conv2d(channels, out, 1, bias=False)
        self.pointwise_norm = nn.BatchNorm2d(out) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.pointwise_norm(self.pointwise(torch.relu(self.depthwise_norm(self.depthwise(x))))))


@reference("linear")
class Linear(nn.Module):
    """``N×C×H×W`` → ``N×P×out``, or flattened ``N×CHW`` → ``N×out``."""

    def __init__(self, channels: int, *, out: int | None = None, flatten: bool = False, bias: bool = False) -> None:
        super().__init__()
        out = channels if out is None else out
        self.flatten = flatten
        # Only the input says how many features C·H·W are: the weights exist from the first forward pass on.
        self.linear = nn.LazyLinear(out, bias=bias) if flatten else nn.Linear(channels, out, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x.flatten(1) if self.flatten else x.flatten(2).transpose(1, 2).contiguous())
        return y
