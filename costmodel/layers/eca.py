"""Efficient channel attention: Wang et al. 2020, ECA-Net (arXiv:1910.03151)."""

from costmodel.catalog import Headline, layer
from costmodel.dimension import on_integers
from costmodel.tensor import Tensor


@on_integers
def adaptive_kernel(channels: int) -> int:
    """ψ(C), the odd number nearest to (log₂C + 1)/2, or the larger of two (Eq. 12 with gamma = 2 and b = 1)."""
    # ⌊(log₂C + 1)/2⌋ is half of C's bits, rounded down; one that is even lies below the odd number meant.
    return channels.bit_length() // 2 | 1


@layer(
    "eca",
    source="Wang et al. 2020, ECA-Net, §3.2, Eq. 9, 12, Fig. 3, and the authors' code (arXiv:1910.03151)",
    symbols={"kernel": "K"},
    closed=("kernel",),
    headline=Headline("K", "params", ("conv",), when={}, source="Wang et al. 2020, §3.2: k, which all channels share"),
)
def efficient_channel_attention(x: Tensor, *, kernel: int | None = None) -> Tensor:
    """Gate every channel by a convolution over the averages of its neighbours, without a bottleneck.

    ``N×C×H×W``, squeezed to ``N×C``, convolved along the channels by one kernel of K weights without bias, and
    multiplied back: x · σ(conv_K(avg(x))). K is ψ(C), the odd number nearest to (log₂C + 1)/2, unless given.

    Raises if `kernel` is even.
    """
    kernel = x.choose("kernel", kernel, lambda: adaptive_kernel(x.c))
    sequence = x.global_avg_pool("squeeze").reshape((x.n, 1, x.c))
    gate = sequence.conv(1, "conv", kernel=kernel).reshape((x.n, x.c)).sigmoid()
    return x.mul(gate, "scale")
