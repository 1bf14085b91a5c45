"""Criss-cross attention: Huang et al. 2019, CCNet (arXiv:1811.11721)."""

from typing import Literal

from costmodel.catalog import Headline, layer
from costmodel.dimension import CostModelError, abbreviate, width
from costmodel.tensor import Tensor

MOST_LOOPS = 100


def attended(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Every position against the H + W - 1 of its own row and column, itself once: §3.2, Eq. 1 and 2."""
    n, c, h, w = value.shape
    cross = h + w - 1
    # As many products as there are queries, each of one row.
    queries = n * h * w
    keys = key.flatten().gather(cross).reshape((queries, key.c, cross))
    values = value.flatten().gather(cross).reshape((queries, c, cross))
    scores = query.flatten().T.reshape((queries, 1, query.c)).matmul(keys, "affinity")
    return scores.softmax().matmul(values.T, "aggregate").reshape(value.shape)


def attended_by_line(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """All of every column, of every row: H + W scores a position, of which -∞ masks itself in its column."""
    n, _, h, w = value.shape

    def columns(tensor: Tensor) -> Tensor:
        return tensor.reshape((n * w, tensor.c, h))

    def rows(tensor: Tensor) -> Tensor:
        return tensor.reshape((n * h, tensor.c, w))

    down = columns(query).T.matmul(columns(key), "column_affinity").add_scalar("mask")
    along = rows(query).T.matmul(rows(key), "row_affinity")
    scores = down.reshape((n, h, h, w)).concat(along.reshape((n, w, h, w)))
    to_column, to_row = scores.reshape((n * h * w, h + w)).softmax().split(h, w)
    of_column = columns(value).matmul(to_column.reshape((n * w, h, h)).T, "column_aggregate")
    of_row = rows(value).matmul(to_row.reshape((n * h, w, w)).T, "row_aggregate")
    return of_column.reshape(value.shape).add(of_row.reshape(value.shape), "sum")


@layer(
    "criss-cross",
    source="Huang et al. 2019, CCNet, §3.2-3.3, Eq. 1-2, Fig. 3 (arXiv:1811.11721)",
    symbols={"reduction": "r"},
    headline=Headline(
        "2*N*(H*W)*(H+W-1)*C",
        "macs",
        ("aggregate",),
        when={},
        source="Huang et al. 2019, §1: (H×W)×(H+W-1) affinities, by which C channels are summed in each of R = 2 loops",
    ),
    places="head",
)
def criss_cross_attention(
    x: Tensor, *, reduction: int = 8, loops: int = 2, count: Literal["ideal", "masked"] = "ideal"
) -> Tensor:
    """Let every position attend to those of its row and its column, in several loops with the same weights.

    ``N×C×H×W``; queries and keys ``N×C/r×H×W``, values ``N×C×H×W``, by 1×1 convolutions with bias; every position's
    affinity with the H + W - 1 of its cross, a softmax over these, their summed values, scaled by one learned number
    and added to x. After two `loops` every position has heard of every other. `count`: the H + W - 1 positions of the
    paper and of the authors' kernel (ideal), or the H + W of their module without one, which scores whole columns and
    rows and masks the position that is in both (masked). The head's 3×3 convolutions before and after are not part.

    Raises if `reduction` is larger than C, or if there are more than 100 loops, since each has rows of its own.
    """
    if loops > MOST_LOOPS:
        raise CostModelError(f"loops must be at most {MOST_LOOPS}, not {abbreviate(loops)}")
    inner = width(x.c, reduction)
    attend = attended if count == "ideal" else attended_by_line
    for loop in range(loops):
        query, key, value = (
            x.conv(channels, name, bias=True, reuse=loop > 0)
            for name, channels in (("query", inner), ("key", inner), ("value", x.c))
        )
        x = attend(query, key, value).scale("gamma", reuse=loop > 0).add(x, "residual")
    return x
