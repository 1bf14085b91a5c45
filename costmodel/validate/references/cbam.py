"""CBAM: Woo et al. 2018 (arXiv:1807.06521), Eq. 1-3, Fig. 1, 2 and its ablations (Tables 1-3).

BAM: Park et al. 2018 (arXiv:1807.06514), Eq. 1-4, Fig. 2.
"""

import torch
from torch import Tensor, nn

from costmodel.validate.references.registry import reference
from costmodel.validate.references.shared_fc import ChannelMLP, total


class ChannelGate(nn.Module):
    """M_c(x) = σ(Σ MLP(pool(x))), ``N×C×1×1``."""

    def __init__(self, channels: int, *, reduction: int, pool: str, bias: bool) -> None:
        super().__init__()
        kinds = {"avg": nn.AdaptiveAvgPool2d, "max": nn.AdaptiveMaxPool2d}
        self.pools = nn.ModuleList(kinds[kind](1) for kind in pool.split("+"))
        self.mlp = ChannelMLP(channels, reduction=reduction, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(total(self.mlp(pool(x).flatten(1)) for pool in self.pools))
        return gate[:, :, None, None]


class SpatialGate(nn.Module):
    """M_s(x) = σ(f([mean_c(x); max_c(x)])), ``N×1×H×W``, f a K×K convolution."""

    def __init__(self, channels: int, *, kernel: int, compress: str, norm: bool) -> None:
        super().__init__()
        self.compress = nn.Conv2d(channels, 1, 1, bias=False) if compress == "conv" else None
        self.conv = nn.Conv2d(1 if self.compress else 2, 1, kernel, padding=kernel // 2, bias=not norm)
        self.norm = nn.BatchNorm2d(1) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        maps = self.compress(x) if self.compress else torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return torch.sigmoid(self.norm(self.conv(maps)))


@reference("cbam-channel")
class CBAMChannel(nn.Module):
    """M_c(x) · x."""

    def __init__(self, channels: int, *, reduction: int = 16, pool: str = "avg+max", bias: bool = True) -> None:
        super().__init__()
        self.gate = ChannelGate(channels, reduction=reduction, pool=pool, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.gate(x)
        return x * gate


@reference("cbam-spatial")
class CBAMSpatial(nn.Module):
    """M_s(x) · x."""

    def __init__(self, channels: int, *, kernel: int = 7, compress: str = "pool", norm: bool = True) -> None:
        super().__init__()
        self.gate = SpatialGate(channels, kernel=kernel, compress=compress, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        gate: Tensor = self.gate(x)
        return x * gate


@reference("cbam")
class CBAM(nn.Module):
    """Both gates one after the other, each from what the first one left, or both from x."""

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 16,
        pool: str = "avg+max",
        bias: bool = True,
        kernel: int = 7,
        compress: str = "pool",
        norm: bool = True,
        order: str = "channel-spatial",
    ) -> None:
        super().__init__()
        channel = ChannelGate(channels, reduction=reduction, pool=pool, bias=bias)
        spatial = SpatialGate(channels, kernel=kernel, compress=compress, norm=norm)
        self.gates = nn.ModuleList([spatial, channel] if order == "spatial-channel" else [channel, spatial])
        self.parallel = order == "parallel"

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.gates
        y: Tensor = x * first(x)
        gate: Tensor = second(x if self.parallel else y)
        return y * gate


@reference("bam")
class BAM(nn.Module):
    """x · (1 + σ(M_c(x) ⊙ M_s(x))): the product of the authors' code, where Eq. 2 prints a sum."""

    def __init__(self, channels: int, *, reduction: int = 16, dilation: int = 4) -> None:
        super().__init__()
        reduced = channels // reduction
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.channel = nn.Sequential(
            nn.Linear(channels, reduced), nn.BatchNorm1d(reduced), nn.ReLU(), nn.Linear(reduced, channels)
        )
        layers: list[nn.Module] = [nn.Conv2d(channels, reduced, 1), nn.BatchNorm2d(reduced), nn.ReLU()]
        for _ in range(2):
            dilated = nn.Conv2d(reduced, reduced, 3, padding=dilation, dilation=dilation)
            layers += [dilated, nn.BatchNorm2d(reduced), nn.ReLU()]
        self.spatial = nn.Sequential(*layers, nn.Conv2d(reduced, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 + torch.sigmoid(self.channel(self.pool(x).flatten(1))[:, :, None, None] * self.spatial(x)))
