"""The channel MLP and the question whether its branches share it: Woo et al. 2018, CBAM, §3.1 (arXiv:1807.06521)."""

from costmodel.catalog import Headline, layer
from costmodel.dimension import CostModelError, abbreviate, width
from costmodel.tensor import Tensor

MOST_BRANCHES = 100


def channel_mlp(
    pooled: list[Tensor], *, channels: int, reduction: int, bias: bool = True, shared: bool = True
) -> Tensor:
    """The sum over branches of W₂ relu(W₁ v): ``N×C`` each → ``N×C``.

    With `shared` every branch runs through the first one's weights: the arithmetic of all branches, the
    parameters of one.
    """
    total = None
    for branch, vector in enumerate(pooled):
        reuse, suffix = shared and branch > 0, "" if shared else f"_{branch + 1}"
        hidden = vector.linear(width(channels, reduction), f"reduce{suffix}", bias=bias, reuse=reuse).relu()
        mapped = hidden.linear(channels, f"expand{suffix}", bias=bias, reuse=reuse)
        total = mapped if total is None else total + mapped
    assert total is not None
    return total


@layer(
    "shared-fc",
    source="Woo et al. 2018, CBAM, §3.1, Eq. 2 (arXiv:1807.06521)",
    symbols={"reduction": "r"},
    headline=Headline(
        "4*N*C*C/r", "macs", ("reduce", "expand"), when={}, source="Woo et al. 2018, Eq. 2: W₁(W₀(·)) for both vectors"
    ),
)
def shared_fc(x: Tensor, *, branches: int = 2, shared: bool = True, reduction: int = 16, bias: bool = True) -> Tensor:
    """Gate every channel by an MLP over several pooled vectors, one MLP for all of them or one for each.

    ``N×C×H×W``, pooled to `branches` vectors ``N×C`` (the first, third, … by average, the others by
    maximum), each through an MLP C → C/r → C; their sum, through a sigmoid, scales x.

    Raises if `reduction` is larger than C, or if there are more than 100 branches, since each has rows of its own.
    """
    if branches > MOST_BRANCHES:
        raise CostModelError(f"branches must be at most {MOST_BRANCHES}, not {abbreviate(branches)}")
    pooled = [
        x.global_max_pool(f"pool_{branch + 1}") if branch % 2 else x.global_avg_pool(f"pool_{branch + 1}")
        for branch in range(branches)
    ]
    gate = channel_mlp(pooled, channels=x.c, reduction=reduction, bias=bias, shared=shared)
    return x.mul(gate.sigmoid(), "scale")
