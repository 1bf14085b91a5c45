"""Criss-cross attention: Huang et al. 2019, CCNet (arXiv:1811.11721), §3.2-3.3, Eq. 1, 2, Fig. 3."""

from functools import partial

import torch
from torch import Tensor, nn

from costmodel.validate.references.registry import reference


def crosses(x: Tensor) -> Tensor:
    """``P×(H+W-1)``: the positions in the row and the column of every position of a map, itself once."""
    h, w = x.shape[2:]
    positions = torch.arange(x.flatten(2).shape[2], device=x.device).view(h, w)
    rows = positions.unsqueeze(1).expand(h, w, w)
    # Row i of this is i, i+1, …, i, a circle of all h: without its ends, the others.
    circle = torch.arange(h, device=x.device).expand(h, h)
    others = torch.cat([circle, circle[:1]]).reshape(h, -1)[:, 1:-1]
    columns = positions[others].transpose(1, 2)
    return torch.cat([rows, columns], 2).flatten(0, 1)


@reference("criss-cross")
class CrissCrossAttention(nn.Module):
    """x ← gamma · Σ_i A_i,u Φ_i,u + x_u, `loops` times, A_u the softmax of Q_u Ω_uᵀ over the cross of u."""

    def __init__(self, channels: int, *, reduction: int = 8, loops: int = 2, count: str = "ideal") -> None:
        super().__init__()
        self.loops, self.count = loops, count
        self.query = nn.Conv2d(channels, channels // reduction, 1)
        self.key = nn.Conv2d(channels, channels // reduction, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        attend = partial(self.by_cross, crosses(x)) if self.count == "ideal" else self.by_line
        for _ in range(self.loops):
            x = self.gamma * attend(self.query(x), self.key(x), self.value(x)) + x
        return x

    def by_cross(self, index: Tensor, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Each query by the C/r×(H+W-1) keys and the values of its own cross, which `index` has."""

        def gathered(tensor: Tensor) -> Tensor:
            return tensor.flatten(2)[:, :, index].transpose(1, 2).flatten(0, 1)

        queries = query.flatten(2).transpose(1, 2).flatten(0, 1).unsqueeze(1)
        attention = torch.bmm(queries, gathered(key)).softmax(2)
        summed = torch.bmm(attention, gathered(value).transpose(1, 2))
        return summed.view(value.shape[0], -1, value.shape[1]).transpose(1, 2).reshape(value.shape)

    def by_line(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Whole columns and whole rows, one product each; -∞ where a position meets itself in its column."""
        n, _, h, w = query.shape

        def columns(tensor: Tensor) -> Tensor:
            return tensor.permute(0, 3, 1, 2).flatten(0, 1)

        def rows(tensor: Tensor) -> Tensor:
            return tensor.permute(0, 2, 1, 3).flatten(0, 1)

        down = torch.bmm(columns(query).transpose(1, 2), columns(key))
        index = torch.arange(h, device=query.device)
        itself = index == index.unsqueeze(1)
        down = down + down.new_zeros(h, h).masked_fill(itself, float("-inf"))
        along = torch.bmm(rows(query).transpose(1, 2), rows(key))

        scores = torch.cat([down.view(n, w, h, h).transpose(1, 2), along.view(n, h, w, w)], 3)
        weights = scores.softmax(3)
        to_column, to_row = weights[..., :h].transpose(1, 2).flatten(0, 1), weights[..., h:].flatten(0, 1)
        of_column = torch.bmm(columns(value), to_column.transpose(1, 2)).view(n, w, -1, h).permute(0, 2, 3, 1)
        of_row = torch.bmm(rows(value), to_row.transpose(1, 2)).view(n, h, -1, w).permute(0, 2, 1, 3)
        return of_column + of_row
