"""Dual attention: Fu et al. 2019 (arXiv:1809.02983), Eq. 1-4, Fig. 2, 3."""

import torch
from torch import Tensor, nn

from costmodel.validate.references.registry import reference


@reference("danet-pam")
class PositionAttention(nn.Module):
    """E_j = alpha · Σ_i s_ji D_i + A_j, s the softmax of B·C over positions (Eq. 1, 2)."""

    def __init__(self, channels: int, *, reduction: int = 8) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // reduction, 1)
        self.key = nn.Conv2d(channels, channels // reduction, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.alpha = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        attention = torch.bmm(self.query(x).flatten(2).transpose(1, 2), self.key(x).flatten(2)).softmax(2)
        # The values come only now, as in the authors' code: during the softmax there are none.
        attended = torch.bmm(self.value(x).flatten(2), attention.transpose(1, 2))
        del attention
        attended = self.alpha * attended
        return attended.reshape(x.shape) + x


@reference("danet-cam")
class ChannelAttention(nn.Module):
    """E_j = β Σ_i x_ji A_i + A_j (Eq. 3, 4), affinities taken from their row's maximum as in the authors' code."""

    def __init__(self, _channels: int) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        energy = torch.bmm(x.flatten(2), x.flatten(2).transpose(1, 2))
        energy = energy.amax(2, keepdim=True) - energy
        energy = energy.softmax(2)
        attended = torch.bmm(energy, x.flatten(2))
        del energy
        attended = self.beta * attended
        return attended.reshape(x.shape) + x


def block(channels: int, out: int) -> tuple[nn.Module, ...]:
    """A 3×3 convolution, batch norm and ReLU."""
    return nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()


@reference("danet-head")
class DualAttentionHead(nn.Module):
    """Both branches; returns the class maps of their sum, of position and of channel attention."""

    def __init__(self, channels: int, *, inner: int | None = None, classes: int = 19) -> None:
        super().__init__()
        inner = channels // 4 if inner is None else inner
        self.position = nn.Sequential(*block(channels, inner), PositionAttention(inner), *block(inner, inner))
        self.channel = nn.Sequential(*block(channels, inner), ChannelAttention(inner), *block(inner, inner))
        self.classify = nn.Conv2d(inner, classes, 1)
        self.position_classify = nn.Conv2d(inner, classes, 1)
        self.channel_classify = nn.Conv2d(inner, classes, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        position, channel = self.position(x), self.channel(x)
        return self.classify(position + channel), self.position_classify(position), self.channel_classify(channel)
