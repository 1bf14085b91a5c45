"""Global context: Cao et al. 2019, GCNet (arXiv:1904.11492), Eq. 5, Fig. 4d, and its ablations (Table 1)."""

import torch
from torch import Tensor, nn

from costmodel.validate.references.registry import reference


@reference("gc")
class GlobalContext(nn.Module):
    """z_i = x_i + W_v2 relu(LN(W_v1 Σ_j a_j x_j)), a the softmax of W_k x over positions; or x_i · σ(…)."""

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 16,
        pool: str = "attention",
        fusion: str = "add",
        norm: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        reduced = channels // reduction
        self.fusion = fusion
        self.mask = nn.Conv2d(channels, 1, 1, bias=bias) if pool == "attention" else None
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Linear(channels, reduced, bias=bias)
        self.norm = nn.LayerNorm(reduced) if norm else None
        self.expand = nn.Linear(reduced, channels, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        if self.mask is not None:
            weights = self.mask(x).flatten(2).softmax(2)
            z = torch.bmm(x.flatten(2), weights.transpose(1, 2)).flatten(1)
            del weights
        else:
            z = self.pool(x).flatten(1)
        z = self.reduce(z)
        if self.norm is not None:
            # Over as many channels as its weights have: the module itself would hold their number.
            z = torch.layer_norm(z, self.norm.weight.shape, self.norm.weight, self.norm.bias)
        z = torch.relu(z)
        z = self.expand(z)[:, :, None, None]
        if self.fusion == "mul":
            z = torch.sigmoid(z)
        y: Tensor = x + z if self.fusion == "add" else x * z
        return y
