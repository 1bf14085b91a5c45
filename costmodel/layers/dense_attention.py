"""Multi-head attention over positions: Vaswani et al. 2017, Attention Is All You Need (arXiv:1706.03762)."""

from costmodel.catalog import Headline, layer
from costmodel.tensor import Tensor


def projections(x: Tensor, *, heads: int, bias: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values ``N×heads×P×C/heads`` of a map ``N×C×H×W``: C² weights each.

    The map is copied once, so that the channels of a position lie side by side.
    """
    tokens = x.flatten().T.contiguous("tokens")
    query, key, value = (tokens.linear(x.c, name, bias=bias).split_heads(heads) for name in ("query", "key", "value"))
    return query, key, value


def output(context: Tensor, *, bias: bool) -> Tensor:
    """The heads joined and mapped, ``N×heads×P×C/heads`` → ``N×P×C``: C² weights."""
    tokens = context.merge_heads("merge")
    return tokens.linear(tokens.shape[-1], "output", bias=bias)


@layer(
    "dense-attention",
    source="Vaswani et al. 2017, Attention Is All You Need, §3.2, Eq. 1 (arXiv:1706.03762)",
    symbols={"heads": "h"},
    headline=Headline(
        "N*(H*W)**2*C", "macs", ("scores",), when={}, source="Vaswani et al. 2017, Table 1: O(n²·d) a layer"
    ),
    places="head",
)
def dense_attention(x: Tensor, *, heads: int = 8, causal: bool = False, bias: bool = False) -> Tensor:
    """Multi-head scaled dot-product attention over the P positions, projections counted.

    ``N×C×H×W`` as ``N×P×C`` tokens; per head scores ``P×P`` over C/heads channels, divided by √(C/heads), softmax,
    values; four C×C projections. `causal` adds a mask to full scores and saves nothing: what attends only to the
    past at half the cost is sparse-attention.

    Raises if `heads` does not divide C.
    """
    query, key, value = projections(x, heads=heads, bias=bias)
    scores = query.matmul(key.T, "scores").mul_scalar("scale")
    if causal:
        scores = scores.add_scalar("mask")
    return output(scores.softmax().matmul(value, "context"), bias=bias)
