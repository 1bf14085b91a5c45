"""Squeeze-and-Excitation: Hu et al. 2018 (arXiv:1709.01507), Fig. 3, Eq. 2-4."""

import torch
from torch import Tensor, nn

from costmodel.validate.references.registry import reference


@reference("se")
class SqueezeExcitation(nn.Module):
    """x · σ(W₂ relu(W₁ z)), z the mean of every channel, W₁ of C/r×C, W₂ of C×C/r."""

    def __init__(self, channels: int, *, reduction: int = 16, bias: bool = False) -> None:
        super().__init__()
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Linear(channels, channels // reduction, bias=bias)
        self.expand = nn.Linear(channels // reduction, channels, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        s = torch.sigmoid(self.expand(torch.relu(self.reduce(self.squeeze(x).flatten(1)))))
        return x * s[:, :, None, None]
