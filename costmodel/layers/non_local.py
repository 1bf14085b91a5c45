"""Non-local blocks: Wang et al. 2018, Non-local Neural Networks (arXiv:1711.07971)."""

from typing import Literal

from costmodel.catalog import Headline, layer
from costmodel.dimension import width
from costmodel.tensor import Tensor


@layer(
    "non-local",
    source="Wang et al. 2018, Non-local Neural Networks, §3, Eq. 1-6, Fig. 2 (arXiv:1711.07971)",
    symbols={"reduction": "r"},
    video=True,
    headline=Headline(
        "(N*H*W)*C*(N*H*W)",
        "macs",
        ("affinity",),
        when={"N": 1, "r": 1},
        source="the survey: NHW·C·NHW; its N² is N, since attention works inside one sample",
    ),
    places="res3:even@after,res4:even@after",
)
def non_local(
    x: Tensor,
    *,
    reduction: int = 2,
    affinity: Literal["embedded-gaussian", "gaussian", "dot-product", "concatenation"] = "embedded-gaussian",
    subsample: Literal["none", "after", "before"] = "none",
    scale: bool = False,
    norm: bool = True,
    bias: bool = True,
    out_bias: bool = True,
) -> Tensor:
    """Let every position attend to every other one, inside each sample.

    ``N×C×(T×)H×W``; queries θ ``N×P×C/r``, keys φ and values g ``N×C/r×P'``, affinity ``N×P×P'``, summed values
    ``N×P×C/r``, a 1×1 output convolution back to C with batch norm, and the residual. P' is P, or with `subsample`
    the positions of a 2×2 max pool in H and W, put after the φ and g convolutions or, as in the authors' released
    code, before them. `gaussian` has no θ and φ and compares x itself, in all C channels. `concatenation` (Eq. 6)
    scores each pair's 2·C/r concatenated channels by one vector of weights. `dot-product` and `concatenation` divide
    by the number of positions (Eq. 4), the others take a softmax (Eq. 2, 3), before which `scale` multiplies by
    1/√(C/r) as the released code does. `bias` is that of θ, φ and g.

    Raises if `reduction` is larger than C, or if a map is too small to subsample.
    """
    inner = width(x.c, reduction)
    source = x.max_pool(2, "subsample") if subsample == "before" else x

    def projected(tensor: Tensor, name: str) -> Tensor:
        return tensor.conv(inner, name, bias=bias)

    def subsampled(tensor: Tensor, name: str) -> Tensor:
        return tensor.max_pool(2, name) if subsample == "after" else tensor

    theta = x if affinity == "gaussian" else projected(x, "theta")
    phi = subsampled(source if affinity == "gaussian" else projected(source, "phi"), "phi_subsample")
    g = subsampled(projected(source, "g"), "g_subsample")

    if affinity == "concatenation":
        # Every pair (i, j) is one position of a P×P' map with the channels of both.
        pairs = theta.flatten().outer_concat(phi.flatten(), "pairs")
        scores = pairs.conv(1, "affinity").relu().reshape((x.n, *pairs.spatial))
    else:
        scores = theta.flatten().T.matmul(phi.flatten(), "affinity")
    if "gaussian" in affinity:
        weights = (scores.mul_scalar("scale") if scale else scores).softmax()
    else:
        weights = scores.div_scalar("normalise")

    y = weights.matmul(g.flatten().T, "aggregate").T.reshape((x.n, inner, *x.spatial))
    y = y.conv(x.c, "out", bias=out_bias)
    return (y.batch_norm() if norm else y).add(x, "residual")
