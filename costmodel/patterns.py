"""How many pairs a sparse attention pattern attends to: exactly, for every length and stride.

Child, Gray, Radford, Sutskever, "Generating Long Sequences with Sparse Transformers", 2019,
arXiv:1904.10509, section 4.3, "Two-dimensional factorized attention". For n positions 0 … n−1 and a
stride 1 ≤ l ≤ n, position i attends, causally (j ≤ i),

    strided  A¹ᵢ = {max(0, i − l), …, i}         the local head
             A²ᵢ = {j : (i − j) mod l = 0}       the strided head
    fixed    A¹ᵢ = {j : ⌊j / l⌋ = ⌊i / l⌋}       the block head
             A²ᵢ = {j : j mod l ≥ l − c}         the summary head, 1 ≤ c ≤ l

The local head of the paper sees l + 1 positions (``window="paper"``); that of the authors' code
(github.com/openai/sparse_attention, `get_attn_mask`) sees l (``window="code"``). A position at
distance l is one of the strided head too, so the union of both heads is the same either way.

The paper is causal throughout. Without the order the sets are these without j ≤ i, and the local head
looks equally far to both sides: |i − j| ≤ l, or ≤ l − 1.

Every count is one of (query, key) pairs, for one head of one sample. Where l divides n the closed
forms are polynomials in n / l: with ⌊n / l⌋ and ⌈n / l⌉ read as n / l every correction is 0, of symbols too.
"""

from typing import NamedTuple

from costmodel.dimension import CostModelError, Dim, abbreviate, ceil_div, minimum, on_integers, somewhere

WINDOWS = ("paper", "code")
PATTERNS = ("strided", "fixed")

BLOCK_LIMIT = 10**7
"""The most blocks along one side that `touched_blocks` adds up: some seconds."""


class StridedPairs(NamedTuple):
    """Pairs of the strided pattern: of each head, and of either."""

    local: Dim
    strided: Dim
    union: Dim


class FixedPairs(NamedTuple):
    """Pairs of the fixed pattern: of each head, and of either."""

    block: Dim
    summary: Dim
    union: Dim


def strided_pairs(n: Dim, stride: Dim, *, causal: bool, window: str) -> StridedPairs:
    """Pairs of the strided pattern over `n` positions.

    Causally, with q = ⌊n / l⌋ and r = n − q·l:

    - fewer than l apart: l a position, less the l − 1, …, 1 missing before the first: n·l − l(l−1)/2;
      the paper's window adds the n − l pairs exactly l apart
    - strided: each position sees itself and ⌊i / l⌋ before it, and Σ ⌊i / l⌋ = l·q(q−1)/2 + r·q
    - union: the pairs fewer than l apart and the strided ones, which share the n at distance 0

    Both heads see as much ahead as behind: without the order each count doubles, less the n at distance 0.
    """
    _check_stride(n, stride)
    _check_choice("window", window, WINDOWS)
    q = n // stride
    r = n - q * stride
    near = n * stride - _half(stride * (stride - 1))
    before = stride * _half(q * (q - 1)) + r * q
    pairs = StridedPairs(
        local=near + (n - stride) if window == "paper" else near,
        strided=n + before,
        union=near + before,
    )
    return pairs if causal else StridedPairs(*(2 * count - n for count in pairs))


def fixed_pairs(n: Dim, stride: Dim, summary: Dim, *, causal: bool) -> FixedPairs:
    """Pairs of the fixed pattern over `n` positions, with the last `summary` of each block as its summary.

    q = ⌈n / l⌉ blocks would hold q·l positions. The last one lacks `missing` = q·l − n of them, and so
    `cut` = min(c, missing) of its c summary positions; each count is that of q whole blocks less what
    the missing rows and columns held. The heads share the pairs `inside`, of a query and a summary
    position in one block; those `across` blocks are the summary head's alone.
    """
    _check_stride(n, stride)
    _check_summary(stride, summary)
    q = ceil_div(n, stride)
    missing = q * stride - n
    cut = minimum(summary, missing)
    if causal:
        # The last k rows of a triangle of side l hold l + (l−1) + … (k terms) = k·l − k(k−1)/2 pairs.
        block = q * _half(stride * (stride + 1)) - missing * stride + _half(missing * (missing - 1))
        inside = q * _half(summary * (summary + 1)) - cut * summary + _half(cut * (cut - 1))
        across = summary * (stride * _half(q * (q - 1)) - missing * (q - 1))
    else:
        block = q * stride * stride - missing * (2 * stride - missing)
        inside = q * stride * summary - missing * summary - (stride - missing) * cut
        across = n * (q * summary - cut) - inside
    return FixedPairs(block=block, summary=inside + across, union=block + across)


@on_integers
def touched_blocks(n: int, stride: int, summary: int, block: int, *, pattern: str, causal: bool) -> int:
    """Pairs of a query block and a key block that hold at least one pair of the union.

    Blocks are `block` consecutive positions from 0 on, and the last may be partial. Positions keep their
    order; the authors' block-sparse kernel transposes them for the strided head (`strided_transpose`), and
    touches other blocks. `summary` matters to the fixed pattern only; both windows of the strided pattern have
    one union.
    """
    _check_stride(n, stride)
    _check_choice("pattern", pattern, PATTERNS)
    blocks = ceil_div(n, block)
    if blocks > BLOCK_LIMIT:
        raise CostModelError(
            f"whole blocks are summed one by one, up to {BLOCK_LIMIT} of them, "
            f"and {abbreviate(n)} positions in blocks of {abbreviate(block)} are more"
        )
    if pattern == "strided":
        return _touched_by_strided(n, stride, block, blocks, causal)
    _check_summary(stride, summary)
    return _touched_by_fixed(n, stride, summary, block, blocks, causal)


def _touched_by_strided(n: int, stride: int, block: int, blocks: int, causal: bool) -> int:
    """Add up the distances between blocks: positions count by their distance alone.

    A query `apart` ≥ 1 blocks behind a key is at every distance from `nearest` on, to (apart + 1)·block − 1
    in a whole row of blocks and to n − 1 − (the key block's start) in the last one, which may be partial.
    """
    last_row = n - (blocks - 1) * block
    touched = 0
    for apart in range(1, blocks):
        nearest = (apart - 1) * block + 1
        attended = nearest if nearest <= stride else ceil_div(nearest, stride) * stride
        if attended < (apart + 1) * block:
            touched += blocks - 1 - apart
        if attended < apart * block + last_row:
            touched += 1
    return blocks + (touched if causal else 2 * touched)


def _touched_by_fixed(n: int, stride: int, summary: int, block: int, blocks: int, causal: bool) -> int:
    """Add up the key blocks.

    One with a summary position touches every query block (from its own on, if causal). One without
    lies inside a single block of the pattern, from `home` on, and touches the query blocks that meet it.
    """
    touched = 0
    for column in range(blocks):
        start = column * block
        last = min(start + block, n) - 1
        home = last - last % stride
        if home > start or last - home >= stride - summary:  # home > start: home − 1 is a summary position
            first, end = 0, blocks
        else:
            first, end = home // block, min((home + stride - 1) // block + 1, blocks)
        touched += end - (column if causal else first)
    return touched


def _half(even: Dim) -> Dim:
    """Half of a product of neighbours, which is even; of symbols without a floor, which would be a condition."""
    return even / 2 if hasattr(even, "free_symbols") else even // 2


def _check_stride(n: Dim, stride: Dim) -> None:
    if somewhere(stride > n):
        raise CostModelError(f"stride {abbreviate(stride)} is larger than the {abbreviate(n)} positions it steps over")


def _check_summary(stride: Dim, summary: Dim) -> None:
    if somewhere(summary > stride):
        raise CostModelError(
            f"summary {abbreviate(summary)} is larger than the stride {abbreviate(stride)}, of which it is a part"
        )


def _check_choice(option: str, given: str, accepted: tuple[str, ...]) -> None:
    if given not in accepted:
        raise CostModelError(f"{option} must be {' or '.join(accepted)}, not {abbreviate(given)}")
