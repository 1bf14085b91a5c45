"""Sparse attention: Child et al. 2019, Generating Long Sequences with Sparse Transformers (arXiv:1904.10509), §4.2-4.3.

Who attends to whom is written out from the paper's sets, one pair at a time, and counted nowhere.
"""

import functools
import math

import torch
from torch import Tensor

from costmodel.validate.references.dense_attention import MultiHead
from costmodel.validate.references.registry import reference


@functools.lru_cache(maxsize=8)
def attended(
    positions: int, *, pattern: str, stride: int, summary: int, causal: bool, window: str
) -> tuple[tuple[int, int], ...]:
    """All (i, j) of which j is in A¹ᵢ or in A²ᵢ (§4.3); without the order both reach ahead as they reach back.

    strided: A¹ᵢ = {i − l, …, i} (l − 1 back in the authors' code), A²ᵢ = {j : (i − j) mod l = 0}.
    fixed: A¹ᵢ = {j : ⌊j/l⌋ = ⌊i/l⌋}, A²ᵢ = {j : j mod l ∈ {l − c, …, l − 1}}.
    """

    def attends(i: int, j: int) -> bool:
        if causal and j > i:
            return False
        if pattern == "strided":
            reach = stride if window == "paper" else stride - 1
            return abs(i - j) <= reach or (i - j) % stride == 0
        return j // stride == i // stride or j % stride in range(stride - summary, stride)

    return tuple((i, j) for i in range(positions) for j in range(positions) if attends(i, j))


@reference("sparse-attention")
class SparseAttention(MultiHead):
    """Attention over the union of both sets, computed pair by pair, block by block, or densely behind a mask."""

    def __init__(
        self,
        channels: int,
        *,
        pattern: str = "strided",
        stride: int | None = None,
        summary: int = 8,
        heads: int = 8,
        causal: bool = True,
        window: str = "paper",
        count: str = "ideal",
        block: int = 32,
        bias: bool = False,
    ) -> None:
        super().__init__(channels, heads=heads, bias=bias)
        self.pattern, self.stride, self.summary, self.causal, self.window = pattern, stride, summary, causal, window
        self.count, self.block = count, block

    def pairs(self, positions: int) -> tuple[tuple[int, int], ...]:
        """The pairs over so many positions; l is near √n unless it is given (§4.2)."""
        return attended(
            positions,
            pattern=self.pattern,
            stride=math.isqrt(positions) if self.stride is None else self.stride,
            summary=self.summary,
            causal=self.causal,
            window=self.window,
        )

    def attend(self, x: Tensor) -> Tensor:
        # An int, also in a trace, where the pairs so become constants: listing them is no work of the layer's.
        positions = int(x.flatten(2).shape[2])
        if self.count == "masked":
            return self.attend_to_all(x, self.kept_mask(positions))
        pairs = self.pairs(positions)
        rows, columns = torch.tensor(pairs, device=x.device).unbind(1)
        query, key, value = self.project(x)
        if self.count == "block":
            return self.by_block(query, key, value, rows, columns, pairs)
        return self.by_pair(query, key, value, rows, columns)

    def unattended(self, positions: int) -> Tensor:
        rows, columns = torch.tensor(self.pairs(positions), device=self.mask.device).unbind(1)
        found = torch.ones(positions, positions, dtype=torch.bool, device=self.mask.device)
        found[rows, columns] = False
        return found

    def by_pair(self, query: Tensor, key: Tensor, value: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """One dot product a pair, one scaled value a pair."""
        scores = torch.bmm(query[:, rows].flatten(0, 1).unsqueeze(1), key[:, columns].flatten(0, 1).unsqueeze(2))
        scores = (scores * self.scale).view(query.shape[0], len(rows))
        positions = query.shape[1]
        dense = scores.new_full((query.shape[0], positions, positions), float("-inf"))
        dense[:, rows, columns] = scores
        weights = dense.softmax(2)[:, rows, columns]
        values = torch.bmm(weights.flatten()[:, None, None], value[:, columns].flatten(0, 1).unsqueeze(1))
        return torch.zeros_like(query).index_add(1, rows, values.view(query.shape[0], len(rows), query.shape[2]))

    def by_block(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        rows: Tensor,
        columns: Tensor,
        pairs: tuple[tuple[int, int], ...],
    ) -> Tensor:
        """All scores of the blocks that hold a pair, over a sequence padded to whole blocks."""
        size, positions = self.block, int(query.shape[1])
        count = math.ceil(positions / size)
        padding = (0, 0, 0, count * size - positions)
        query, key, value = (
            torch.constant_pad_nd(tokens, padding).view(tokens.shape[0], count, size, -1)
            for tokens in (query, key, value)
        )
        touched = sorted({(i // size, j // size) for i, j in pairs})
        block_rows, block_columns = torch.tensor(touched, device=query.device).unbind(1)

        scores = torch.bmm(query[:, block_rows].flatten(0, 1), key[:, block_columns].flatten(0, 1).transpose(1, 2))
        scores = (scores * self.scale).view(query.shape[0], -1, size, size)
        # A finite -∞: rows of padding attend to nothing, and must not turn into NaN.
        nothing = torch.finfo(scores.dtype).min
        blocks = scores.new_full((query.shape[0], count, count, size, size), nothing)
        blocks[:, block_rows, block_columns] = scores
        unattended = torch.ones(count * size, count * size, dtype=torch.bool, device=query.device)
        unattended[rows, columns] = False
        dense = blocks.transpose(2, 3).flatten(3).flatten(1, 2).masked_fill(unattended, nothing)
        weights = dense.softmax(2).view(query.shape[0], count, size, count, size).transpose(2, 3)

        values = torch.bmm(weights[:, block_rows, block_columns].flatten(0, 1), value[:, block_columns].flatten(0, 1))
        context = torch.zeros_like(query).index_add(1, block_rows, values.view(query.shape[0], -1, *query.shape[2:]))
        return context.flatten(1, 2)[:, :positions]
