"""Multi-head attention: Vaswani et al. 2017 (arXiv:1706.03762), §3.2, Eq. 1, over the positions of a map."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from costmodel.validate.references.registry import reference


class MultiHead(nn.Module, ABC):
    """The four C×C projections of multi-head attention; what happens between them is `attend`."""

    def __init__(self, channels: int, *, heads: int, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (channels // heads) ** -0.5
        self.query = nn.Linear(channels, channels, bias=bias)
        self.key = nn.Linear(channels, channels, bias=bias)
        self.value = nn.Linear(channels, channels, bias=bias)
        self.output = nn.Linear(channels, channels, bias=bias)

    @abstractmethod
    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Three of ``N·heads×P×d`` → the context, of the same shape."""

    def split(self, tokens: Tensor) -> Tensor:
        """``N×P×C`` → ``N·heads×P×d``."""
        n, positions, channels = tokens.shape
        return tokens.view(n, positions, self.heads, channels // self.heads).transpose(1, 2).flatten(0, 1)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        query, key, value = (self.split(project(tokens)) for project in (self.query, self.key, self.value))
        context = self.attend(query, key, value)
        context = context.view(x.shape[0], self.heads, *context.shape[1:]).transpose(1, 2).flatten(2)
        y: Tensor = self.output(context)
        return y


@reference("dense-attention")
class DenseAttention(MultiHead):
    """softmax(Q Kᵀ / √d) V, where `causal` with an additive mask of -∞ above the diagonal."""

    def __init__(self, channels: int, *, heads: int = 8, causal: bool = False, bias: bool = False) -> None:
        super().__init__(channels, heads=heads, bias=bias)
        self.causal = causal

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        scores = torch.bmm(query, key.transpose(1, 2)) * self.scale
        if self.causal:
            positions = query.shape[1]
            index = torch.arange(positions, device=query.device)
            ahead = index > index[:, None]
            scores = scores + scores.new_zeros(positions, positions).masked_fill(ahead, float("-inf"))
        return torch.bmm(scores.softmax(2), value)
