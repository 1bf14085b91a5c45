"""CBAM and its two halves: Woo et al. 2018, CBAM: Convolutional Block Attention Module (arXiv:1807.06521).

Also BAM, its predecessor: Park et al. 2018, BAM: Bottleneck Attention Module (arXiv:1807.06514).
"""

from typing import Literal

from costmodel.catalog import Headline, layer
from costmodel.dimension import width
from costmodel.layers.shared_fc import channel_mlp
from costmodel.tensor import Tensor

Pool = Literal["avg+max", "avg", "max"]
Compress = Literal["pool", "conv"]


def channel_gate(x: Tensor, *, reduction: int, pool: Pool, bias: bool) -> Tensor:
    """M_c(x), ``N×C``: σ(MLP(avg(x)) + MLP(max(x))), Eq. 2; one MLP for both."""
    pooled = {
        "avg+max": lambda: [x.global_avg_pool(), x.global_max_pool()],
        "avg": lambda: [x.global_avg_pool()],
        "max": lambda: [x.global_max_pool()],
    }[pool]()
    return channel_mlp(pooled, channels=x.c, reduction=reduction, bias=bias).sigmoid()


def spatial_gate(x: Tensor, *, kernel: int, compress: Compress, norm: bool) -> Tensor:
    """M_s(x), ``N×1×H×W``: σ(f^{K×K}([avg(x); max(x)])), Eq. 3."""
    pooled = compress == "pool"
    maps = x.mean(1, "channel_avg").concat(x.max(1, "channel_max")) if pooled else x.conv(1, "compress")
    gate = maps.conv(1, "conv", kernel=kernel, bias=not norm)
    return (gate.batch_norm() if norm else gate).sigmoid()


@layer(
    "cbam-channel",
    source="Woo et al. 2018, CBAM, §3.1, Eq. 2 (arXiv:1807.06521)",
    symbols={"reduction": "r"},
    headline=Headline(
        "2*C*C/r",
        "params",
        ("reduce", "expand"),
        when={},
        source="Woo et al. 2018, §3.1: W₀ of C/r×C and W₁ of C×C/r, shared",
    ),
)
def cbam_channel(x: Tensor, *, reduction: int = 16, pool: Pool = "avg+max", bias: bool = True) -> Tensor:
    """Gate every channel by a shared MLP over its average and its maximum.

    ``N×C×H×W``, pooled to ``N×C`` once or twice, each vector through the same MLP C → C/r → C; their
    sum, through a sigmoid, scales x.

    Raises if `reduction` is larger than C.
    """
    return x.mul(channel_gate(x, reduction=reduction, pool=pool, bias=bias), "scale")


@layer(
    "cbam-spatial",
    source="Woo et al. 2018, CBAM, §3.2, Eq. 3 (arXiv:1807.06521)",
    symbols={"kernel": "K"},
    closed=("kernel",),
    headline=Headline("N*H*W*7*7*2*1", "macs", ("conv",), when={}, source="the survey: NHW·7·7·2·1"),
)
def cbam_spatial(x: Tensor, *, kernel: int = 7, compress: Compress = "pool", norm: bool = True) -> Tensor:
    """Gate every position by a K×K convolution over the channels' average and maximum.

    ``N×C×H×W``, compressed to ``N×2×H×W`` (`compress` = pool) or by a 1×1 convolution without bias to ``N×1×H×W``
    (conv), convolved to ``N×1×H×W``, normed, through a sigmoid, scales x. The K×K convolution has a bias exactly
    when there is no norm.

    Raises if `kernel` is even.
    """
    return x.mul(spatial_gate(x, kernel=kernel, compress=compress, norm=norm), "scale")


@layer(
    "cbam",
    source="Woo et al. 2018, CBAM, §3, Eq. 1-3 (arXiv:1807.06521)",
    symbols={"reduction": "r", "kernel": "K"},
    closed=("kernel",),
    headline=Headline("N*H*W*7*7*2*1", "macs", ("spatial.conv",), when={}, source="the survey: NHW·7·7·2·1"),
)
def cbam(
    x: Tensor,
    *,
    reduction: int = 16,
    pool: Pool = "avg+max",
    bias: bool = True,
    kernel: int = 7,
    compress: Compress = "pool",
    norm: bool = True,
    order: Literal["channel-spatial", "spatial-channel", "parallel"] = "channel-spatial",
) -> Tensor:
    """Gate the channels, then the positions: both halves of CBAM in one of three orders.

    ``N×C×H×W`` → the same: x' = M_c(x)·x, x'' = M_s(x')·x' (Eq. 1), the other way round, or both gates
    from x (`order` = parallel). The order changes no count; it changes what each half sees.

    Raises if `reduction` is larger than C, or if `kernel` is even.
    """

    def gate_channels(source: Tensor) -> Tensor:
        with x.scope("channel"):
            return channel_gate(source, reduction=reduction, pool=pool, bias=bias)

    def gate_positions(source: Tensor) -> Tensor:
        with x.scope("spatial"):
            return spatial_gate(source, kernel=kernel, compress=compress, norm=norm)

    if order == "parallel":
        channels, positions = gate_channels(x), gate_positions(x)
        return x.mul(channels, "channel_scale").mul(positions, "spatial_scale")
    if order == "spatial-channel":
        y = x.mul(gate_positions(x), "spatial_scale")
        return y.mul(gate_channels(y), "channel_scale")
    y = x.mul(gate_channels(x), "channel_scale")
    return y.mul(gate_positions(y), "spatial_scale")


@layer(
    "bam",
    source="Park et al. 2018, BAM: Bottleneck Attention Module, §3, Eq. 1-4 (arXiv:1807.06514)",
    symbols={"reduction": "r"},
    headline=Headline(
        "N*H*W*(C*C/r + 2*9*C*C/(r*r) + C/r)",
        "macs",
        ("spatial.reduce", "spatial.dilated_1", "spatial.dilated_2", "spatial.conv"),
        when={},
        source="Park et al. 2018, Eq. 4: f₃(f₂(f₁(f₀(F))))",
    ),
    places="all@between",
)
def bam(x: Tensor, *, reduction: int = 16, dilation: int = 4) -> Tensor:
    """Gate every element by a channel branch times a spatial branch, side by side.

    ``N×C×H×W`` → the same: x·(1 + σ(M_c(x) ⊙ M_s(x))), with M_c an MLP C → C/r → C over the global average
    (norm and ReLU inside), M_s a 1×1, two dilated 3×3 and a 1×1 convolution to one channel, all with bias. The two are
    combined by the product, as the authors' released code does; the paper's Eq. 2 prints a sum, which costs the same.

    Raises if `reduction` is larger than C.
    """
    reduced = width(x.c, reduction)
    with x.scope("channel"):
        hidden = x.global_avg_pool().linear(reduced, "reduce").batch_norm().relu()
        channels = hidden.linear(x.c, "expand")
    with x.scope("spatial"):
        y = x.conv(reduced, "reduce", bias=True).batch_norm("norm_0").relu()
        for index in (1, 2):
            y = y.conv(reduced, f"dilated_{index}", kernel=3, dilation=dilation, bias=True)
            y = y.batch_norm(f"norm_{index}").relu()
        positions = y.conv(1, "conv", bias=True)
    return x.mul(channels.mul(positions, "combine").sigmoid().add_scalar("one_plus"), "scale")
