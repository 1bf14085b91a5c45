"""Convolutions and the linear layer: what attention is measured against.

Depthwise separable: Howard et al. 2017, MobileNets, §3.1 (arXiv:1704.04861).
"""

from costmodel.catalog import Headline, layer
from costmodel.dimension import elements
from costmodel.tensor import Tensor


@layer(
    "conv",
    source="the survey's baseline; e.g. Dumoulin & Visin 2016, A guide to convolution arithmetic",
    symbols={"out": "C_out", "kernel": "K", "stride": "s", "groups": "g"},
    headline=Headline(
        "K*K*C*C_out*N*H*W", "macs", ("conv",), when={"s": 1, "g": 1}, source="the survey: K·K·Cin·Cout·NHW"
    ),
)
def conv(
    x: Tensor,
    *,
    out: int | None = None,
    kernel: int = 3,
    stride: int = 1,
    groups: int = 1,
    dilation: int = 1,
    bias: bool = False,
) -> Tensor:
    """Convolve with K×K kernels, "same" padding.

    ``N×C×H×W`` → ``N×out×⌈H/stride⌉×⌈W/stride⌉``; `out` is C unless given. Every output element takes
    C/groups · K² multiply-accumulates; padded taps are counted, as every library does.

    Raises if `kernel` is even, or if `groups` does not divide C and `out`.
    """
    out = x.choose("out", out, lambda: x.c)
    return x.conv(out, kernel=kernel, stride=stride, groups=groups, dilation=dilation, bias=bias)


@layer(
    "depthwise-separable",
    source="Howard et al. 2017, MobileNets, §3.1, Eq. 5 (arXiv:1704.04861)",
    symbols={"out": "C_out", "kernel": "K", "stride": "s"},
    headline=Headline(
        "K*K*C*N*H*W + C*C_out*N*H*W",
        "macs",
        ("depthwise", "pointwise"),
        when={"s": 1},
        source="Howard et al. 2017, Eq. 5: D_K·D_K·M·D_F·D_F + M·N·D_F·D_F",
    ),
)
def depthwise_separable(
    x: Tensor, *, out: int | None = None, kernel: int = 3, stride: int = 1, norm: bool = True
) -> Tensor:
    """Convolve each channel by itself, then mix the channels by a 1×1 convolution.

    ``N×C×H×W`` → ``N×out×⌈H/stride⌉×⌈W/stride⌉``; `out` is C unless given. Both convolutions are without bias and
    followed by batch norm (if `norm`) and ReLU, as in Fig. 3 of the paper.

    Raises if `kernel` is even.
    """
    y = x.conv(x.c, "depthwise", kernel=kernel, stride=stride, groups=x.c)
    y = (y.batch_norm("depthwise_norm") if norm else y).relu("depthwise_relu")
    y = y.conv(x.choose("out", out, lambda: x.c), "pointwise")
    return (y.batch_norm("pointwise_norm") if norm else y).relu("pointwise_relu")


@layer(
    "linear",
    source="the fully connected layer; flattened as VGG's fc6 is (Simonyan & Zisserman 2015, §2.1)",
    symbols={"out": "C_out"},
    headline=Headline("N*H*W*C*C_out", "macs", ("linear",), when={}, source="one matrix of Cin·Cout a position"),
)
def linear(x: Tensor, *, out: int | None = None, flatten: bool = False, bias: bool = False) -> Tensor:
    """Map the channels by one matrix, at every position alike or, flattened, all positions together.

    ``N×C×H×W`` → ``N×P×out``: at every position C·out multiply-accumulates, which a 1×1 convolution also takes. The map
    is copied first, as ``N×P×C`` tokens.
    With `flatten` the whole map is one vector: ``N×CHW`` → ``N×out``, and the matrix has C·H·W·out weights. `out` is C
    unless given.
    """
    features = x.reshape((x.n, elements(x.shape[1:]))) if flatten else x.flatten().T.contiguous("tokens")
    return features.linear(x.choose("out", out, lambda: x.c), bias=bias)
