"""Factorised sparse attention: Child et al. 2019, Sparse Transformers (arXiv:1904.10509).

Who attends to whom is counted in `costmodel.patterns`.
"""

from typing import Literal

from costmodel import patterns
from costmodel.catalog import Headline, layer
from costmodel.dimension import ceil_div, square_root
from costmodel.layers.dense_attention import output, projections
from costmodel.tensor import Tensor


@layer(
    "sparse-attention",
    source="Child et al. 2019, Generating Long Sequences with Sparse Transformers, §4.2-4.3 (arXiv:1904.10509)",
    symbols={"stride": "l", "heads": "h", "summary": "c"},
    closed=("summary",),
    headline=Headline(
        "N*C*H*W*l", "macs", ("scores",), when={}, source="Child et al. 2019, §4.2: O(n·√n), with l close to √n"
    ),
    places="head",
)
def sparse_attention(
    x: Tensor,
    *,
    pattern: Literal["strided", "fixed"] = "strided",
    stride: int | None = None,
    summary: int = 8,
    heads: int = 8,
    causal: bool = True,
    window: Literal["paper", "code"] = "paper",
    count: Literal["ideal", "block", "masked"] = "ideal",
    block: int = 32,
    bias: bool = False,
) -> Tensor:
    """Multi-head attention in which every position attends to a local and to a strided or summary set.

    ``N×C×H×W`` as ``N×P×C`` tokens in raster order; every head attends to the union of both sets (§4.2, the "merged"
    head), four C×C projections. `stride` l is ⌊√P⌋ unless given. `window`: the local set of the strided pattern is
    l+1 positions in the paper, l in the authors' code. `summary` c is used by the fixed pattern alone.
    `count`: the pairs of the union (ideal), the whole blocks of `block`² that they touch, in raster order and without
    the mask inside them (block), or all P² pairs and a mask (masked). Unless `causal`, both sets reach forward as they
    reach back.

    Raises if `heads` does not divide C, if `stride` is larger than P, or if `summary` is larger than `stride`.
    """
    positions = x.positions
    stride = x.choose("stride", stride, lambda: square_root(positions))
    x.ledger.bounds.append((stride, positions))
    if pattern == "fixed":
        x.ledger.bounds.append((summary, stride))
    pairs = (
        patterns.strided_pairs(positions, stride, causal=causal, window=window)
        if pattern == "strided"
        else patterns.fixed_pairs(positions, stride, summary, causal=causal)
    )
    x.ledger.facts["pairs"] = pairs._asdict()

    query, key, value = projections(x, heads=heads, bias=bias)
    if count == "masked":
        scores = query.matmul(key.T, "scores").mul_scalar("scale").add_scalar("mask")
        return output(scores.softmax().matmul(value, "context"), bias=bias)
    if count == "ideal":
        attended, rows = pairs.union, positions
    else:
        blocks = patterns.touched_blocks(positions, stride, summary, block, pattern=pattern, causal=causal)
        attended, rows = blocks * block * block, ceil_div(positions, block) * block
    scores = query.sampled_matmul(key, attended, "scores").mul_scalar("scale")
    weights = scores.softmax(vectors=x.n * heads * rows)
    return output(weights.sparse_matmul(value, positions, "context"), bias=bias)
