"""Dual attention: Fu et al. 2019, Dual Attention Network for Scene Segmentation (arXiv:1809.02983)."""

from costmodel.catalog import Headline, layer
from costmodel.dimension import width
from costmodel.tensor import Tensor


@layer(
    "danet-pam",
    source="Fu et al. 2019, DANet, §3.2, Eq. 1-2 (arXiv:1809.02983)",
    symbols={"reduction": "r"},
    headline=Headline(
        "N*(H*W)**2*C", "macs", ("aggregate",), when={}, source="Fu et al. 2019, Eq. 2: Σᵢ s_ji D_i for every j"
    ),
    places="head",
)
def position_attention(x: Tensor, *, reduction: int = 8) -> Tensor:
    """Let every position attend to every other one; keys are narrow, values are not.

    ``N×C×H×W``; B and C ``N×P×C/r``, affinity ``N×P×P``, values D ``N×C×P``, scaled by one learned
    number and added to x (Eq. 2). 1×1 convolutions with bias, no output convolution.

    Raises if `reduction` is larger than C.
    """
    reduced = width(x.c, reduction, "position attention's reduction")
    query = x.conv(reduced, "query", bias=True).flatten().T
    key = x.conv(reduced, "key", bias=True).flatten()
    attention = query.matmul(key, "affinity").softmax()
    value = x.conv(x.c, "value", bias=True).flatten()
    return value.matmul(attention.T, "aggregate").reshape(x.shape).scale("alpha").add(x, "residual")


@layer(
    "danet-cam",
    source="Fu et al. 2019, DANet, §3.3, Eq. 3-4 (arXiv:1809.02983)",
    headline=Headline(
        "N*C**2*H*W", "macs", ("affinity",), when={}, source="Fu et al. 2019, Eq. 3: A_i·A_j for every two channels"
    ),
    places="head",
)
def channel_attention(x: Tensor) -> Tensor:
    """Let every channel attend to every other one, without any projection.

    ``N×C×H×W``; affinity ``N×C×C`` of x with itself, taken from each row's maximum before the softmax as in the
    authors' code, values x ``N×C×P``, scaled by one learned number β, the only parameter, and added
    to x (Eq. 4).
    """
    channels = x.flatten()
    energy = channels.matmul(channels.T, "affinity")
    attention = energy.max(2, "row_max").sub(energy, "from_max").softmax()
    return attention.matmul(channels, "aggregate").reshape(x.shape).scale("beta").add(x, "residual")


@layer(
    "danet-head",
    source="Fu et al. 2019, DANet, §3.1, §3.4, Fig. 2, and the authors' code (arXiv:1809.02983)",
    symbols={"inner": "m"},
    closed=("inner",),
    headline=Headline(
        "2*N*H*W*3*3*C*(C/4)",
        "macs",
        ("position.reduce", "channel.reduce"),
        when={},
        source="Fu et al. 2019, Fig. 2: the 3×3 convolution before each branch",
    ),
)
def dual_attention_head(x: Tensor, *, inner: int | None = None, classes: int = 19) -> Tensor:
    """Segment by position attention and channel attention side by side, and their sum.

    ``N×C×H×W`` → ``N×classes×H×W``; each branch is a 3×3 convolution to `inner` channels (C/4 unless given), its
    attention, and another 3×3; batch norm and ReLU after each. Three biased 1×1 classifiers read the sum and each
    branch. The position attention reduces by 8. Dropout does nothing in eval mode.

    Raises if C or `inner` is too small to be reduced.
    """
    return class_maps(x, inner, classes)[0]


def class_maps(x: Tensor, inner: int | None, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """What the head's three classifiers make of the sum of both branches, of position and of channel attention."""
    inner = x.choose("inner", inner, lambda: width(x.c, 4, "the head's reduction"))

    def block(tensor: Tensor, name: str) -> Tensor:
        return tensor.conv(inner, name, kernel=3).batch_norm(f"{name}_norm").relu()

    with x.scope("position"):
        positions = block(position_attention(block(x, "reduce")), "smooth")
    with x.scope("channel"):
        channels = block(channel_attention(block(x, "reduce")), "smooth")
    return (
        positions.add(channels, "sum").conv(classes, "classify", bias=True),
        positions.conv(classes, "position_classify", bias=True),
        channels.conv(classes, "channel_classify", bias=True),
    )
