"""The channel MLP of Woo et al. 2018, CBAM (arXiv:1807.06521), §3.1, Eq. 2, over any number of pooled vectors."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from costmodel.validate.references.registry import reference


class ChannelMLP(nn.Module):
    """W₁ relu(W₀ v) of a pooled ``N×C``, W₀ of C/r×C, W₁ of C×C/r."""

    def __init__(self, channels: int, *, reduction: int, bias: bool) -> None:
        super().__init__()
        self.reduce = nn.Linear(channels, channels // reduction, bias=bias)
        self.expand = nn.Linear(channels // reduction, channels, bias=bias)

    def forward(self, v: Tensor) -> Tensor:
        y: Tensor = self.expand(torch.relu(self.reduce(v)))
        return y


def total(tensors: Iterable[Tensor]) -> Tensor:
    """Their sum; unlike `sum`, without adding the first to 0."""
    first, *others = tensors
    for other in others:
        first = first + other
    return first


@reference("shared-fc")
class SharedFC(nn.Module):
    """x · σ(Σ MLPᵢ(poolᵢ(x))); average and maximum in turn, one MLP for all branches or one for each."""

    def __init__(
        self, channels: int, *, branches: int = 2, shared: bool = True, reduction: int = 16, bias: bool = True
    ) -> None:
        super().__init__()
        self.pools = nn.ModuleList(
            nn.AdaptiveMaxPool2d(1) if branch % 2 else nn.AdaptiveAvgPool2d(1) for branch in range(branches)
        )
        mlp = ChannelMLP(channels, reduction=reduction, bias=bias)
        self.mlps = nn.ModuleList(
            mlp if shared else ChannelMLP(channels, reduction=reduction, bias=bias) for _ in range(branches)
        )

    def forward(self, x: Tensor) -> Tensor:
        pairs = zip(self.pools, self.mlps, strict=True)
        gate = torch.sigmoid(total(mlp(pool(x).flatten(1)) for pool, mlp in pairs))
        return x * gate[:, :, None, None]
