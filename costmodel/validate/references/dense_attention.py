"""Multi-head attention: Vaswani et al. 2017 (arXiv:1706.03762), §3.2, Eq. 1, over the positions of a map."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from costmodel.validate.references.registry import reference


class MultiHead(nn.Module, ABC):
    """The four C×C projections of multi-head attention; what happens between them is `attend`.

    Tokens lie position by position, as in `nn.MultiheadAttention`, so that the heads of all samples are a view of them.
    """

    mask: Tensor

    def __init__(self, channels: int, *, heads: int, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (channels // heads) ** -0.5
        self.query = nn.Linear(channels, channels, bias=bias)
        self.key = nn.Linear(channels, channels, bias=bias)
        self.value = nn.Linear(channels, channels, bias=bias)
        self.output = nn.Linear(channels, channels, bias=bias)
        self.register_buffer("mask", torch.empty(0, 0), persistent=False)

    @abstractmethod
    def attend(self, x: Tensor) -> Tensor:
        """The context ``N·heads×P×d`` of a map."""

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of a map, ``N·heads×P×d`` each."""
        tokens = x.flatten(2).permute(2, 0, 1).contiguous()
        return self.split(self.query(tokens)), self.split(self.key(tokens)), self.split(self.value(tokens))

    def split(self, tokens: Tensor) -> Tensor:
        """``P×N×C`` → ``N·heads×P×d``."""
        positions, n, channels = tokens.shape
        return tokens.view(positions, n * self.heads, channels // self.heads).transpose(0, 1)

    def merge(self, context: Tensor) -> Tensor:
        """``N·heads×P×d`` → ``P×N×C``."""
        _, positions, size = context.shape
        return context.transpose(0, 1).contiguous().view(positions, -1, self.heads * size)

    def attend_to_all(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """softmax(Q Kᵀ / √d + mask) V."""
        query, key, value = self.project(x)
        scores = torch.bmm(query, key.transpose(1, 2))
        del query, key
        scores = scores * self.scale
        if mask is not None:
            scores = scores + mask
        scores = scores.softmax(2)
        return torch.bmm(scores, value)

    def kept_mask(self, positions: int) -> Tensor:
        """0 where positions attend and -∞ elsewhere, ``P×P``: made once, as long as maps are as large."""
        if self.mask.shape[0] != positions:
            self.mask = self.mask.new_zeros(positions, positions).masked_fill(self.unattended(positions), float("-inf"))
        return self.mask

    @abstractmethod
    def unattended(self, positions: int) -> Tensor:
        """Where i does not attend to j, a row an i."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.output(self.merge(self.attend(x)))
        return y.transpose(0, 1)


@reference("dense-attention")
class DenseAttention(MultiHead):
    """softmax(Q Kᵀ / √d) V, where `causal` with an additive mask of -∞ above the diagonal."""

    def __init__(self, channels: int, *, heads: int = 8, causal: bool = False, bias: bool = False) -> None:
        super().__init__(channels, heads=heads, bias=bias)
        self.causal = causal

    def attend(self, x: Tensor) -> Tensor:
        return self.attend_to_all(x, self.kept_mask(x.flatten(2).shape[2]) if self.causal else None)

    def unattended(self, positions: int) -> Tensor:
        index = torch.arange(positions, device=self.mask.device)
        return index > index[:, None]
