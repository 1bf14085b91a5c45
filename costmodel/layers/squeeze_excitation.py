"""Squeeze-and-Excitation: Hu et al. 2018, Squeeze-and-Excitation Networks (arXiv:1709.01507)."""

from costmodel.catalog import Headline, layer
from costmodel.dimension import width
from costmodel.tensor import Tensor


@layer(
    "se",
    source="Hu et al. 2018, Squeeze-and-Excitation Networks, §3.1-3.2, Eq. 2-4 (arXiv:1709.01507)",
    symbols={"reduction": "r"},
    headline=Headline(
        "2*C*C/r", "params", ("reduce", "expand"), when={}, source="Hu et al. 2018, §4: (2/r) Σ N_s·C_s²"
    ),
)
def squeeze_excitation(x: Tensor, *, reduction: int = 16, bias: bool = False) -> Tensor:
    """Gate every channel by a bottleneck over its global average.

    ``N×C×H×W``, squeezed to ``N×C``, reduced to ``N×C/r``, expanded to ``N×C``, and multiplied back:
    x · σ(W₂ relu(W₁ avg(x))). The FC layers' biases are neglected in the paper; `bias` adds them.

    Raises if `reduction` is larger than C.
    """
    gate = x.global_avg_pool("squeeze").linear(width(x.c, reduction), "reduce", bias=bias).relu()
    return x.mul(gate.linear(x.c, "expand", bias=bias).sigmoid(), "scale")
