"""Efficient channel attention: Wang et al. 2020, ECA-Net (arXiv:1910.03151), Eq. 9, 12, Fig. 3."""

import math

import torch
from torch import Tensor, nn

from costmodel.validate.references.registry import reference


@reference("eca")
class EfficientChannelAttention(nn.Module):
    """x · σ(C1D_k(z)), z the mean of every channel, k the odd number nearest to log₂(C)/2 + 1/2."""

    def __init__(self, channels: int, *, kernel: int | None = None) -> None:
        super().__init__()
        if kernel is None:
            # As the authors' code rounds: down, and what is then even, up.
            nearest = int(abs((math.log2(channels) + 1) / 2))
            kernel = nearest if nearest % 2 else nearest + 1
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.conv(self.squeeze(x).flatten(2).transpose(1, 2)).flatten(1))
        return x * gate[:, :, None, None]
