"""Global context blocks: Cao et al. 2019, GCNet: Non-local Networks Meet Squeeze-Excitation Networks and Beyond.

arXiv:1904.11492.
"""

from typing import Literal

from costmodel.catalog import Headline, layer
from costmodel.dimension import width
from costmodel.tensor import Tensor


@layer(
    "gc",
    source="Cao et al. 2019, GCNet, §4, Eq. 5, Fig. 4d (arXiv:1904.11492)",
    symbols={"reduction": "r"},
    headline=Headline(
        "2*C*C/r", "params", ("reduce", "expand"), when={}, source="Cao et al. 2019, §4: 2·C·C/r in place of C·C"
    ),
    places="res3,res4,res5",
)
def global_context(
    x: Tensor,
    *,
    reduction: int = 16,
    pool: Literal["attention", "avg"] = "attention",
    fusion: Literal["add", "mul"] = "add",
    norm: bool = True,
    bias: bool = True,
) -> Tensor:
    """Give every position the same context, which one attention map gathers and a bottleneck transforms.

    ``N×C×H×W``; a 1×1 convolution to one channel and a softmax over its P positions weigh x into one vector ``N×C``
    (or `pool` takes their average), which is reduced to ``N×C/r``, normalised, through a ReLU, and expanded to ``N×C``:
    x + W₂ relu(LN(W₁ Σⱼ aⱼxⱼ)). With `fusion` mul it scales x through a sigmoid. Eq. 5 writes no bias; the authors'
    convolutions have them, and so have the parameters of the paper's tables.

    Raises if `reduction` is larger than C.
    """
    if pool == "attention":
        weights = x.conv(1, "mask", bias=bias).flatten().softmax()
        context = x.flatten().matmul(weights.T, "context").reshape((x.n, x.c))
    else:
        context = x.global_avg_pool("context")
    hidden = context.linear(width(x.c, reduction), "reduce", bias=bias)
    transformed = (hidden.layer_norm() if norm else hidden).relu().linear(x.c, "expand", bias=bias)
    return x.add(transformed, "fuse") if fusion == "add" else x.mul(transformed.sigmoid(), "fuse")
