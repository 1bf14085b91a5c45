"""The inverted residual block, of which MobileNet v2 and v3 and EfficientNet are made, and their rounding of widths.

Sandler et al. 2018, MobileNetV2 (arXiv:1801.04381), §3.3 and Table 1.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import NamedTuple

from costmodel.tensor import Tensor

Activation = Callable[[Tensor, str], Tensor]


class Gate(NamedTuple):
    """A squeeze-and-excitation that belongs to a block: its bottleneck's channels and both activations."""

    channels: int
    inner: Activation
    outer: Activation


class Block(NamedTuple):
    """A line of a table: `expanded` channels inside and `out` after it."""

    out: int
    expanded: int
    kernel: int
    stride: int
    activation: Activation
    gate: Gate | None = None
    dilation: int = 1


def divisible(channels: Fraction) -> int:
    """The multiple of 8 nearest to `channels`, or the next where that is less than nine tenths of them.

    As ``_make_divisible`` of the authors' code and everybody's since, where it is computed in floats.
    """
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if 10 * rounded >= 9 * channels else rounded + 8


def inverted_residual(x: Tensor, block: Block) -> Tensor:
    """A 1×1 convolution to more channels, a depthwise one, and one of 1×1 to few, on which nothing acts.

    ``N×C×H×W`` → ``N×out×⌈H/stride⌉×⌈W/stride⌉``, plus x where both have the same shape. What does not expand has no
    first convolution.
    """
    y, out, expanded, activation = x, block.out, block.expanded, block.activation
    if expanded != x.c:
        y = activation(y.conv(expanded, "expand").batch_norm("expand_norm"), "expand_activation")
    # Where it dilates, it does so in place of striding.
    stride = 1 if block.dilation > 1 else block.stride
    y = y.conv(expanded, "depthwise", kernel=block.kernel, stride=stride, groups=expanded, dilation=block.dilation)
    y = activation(y.batch_norm("depthwise_norm"), "depthwise_activation")
    if block.gate:
        with y.scope("se"):
            y = excite(y, block.gate)
    y = y.place("inner").conv(out, "project").batch_norm("project_norm").place("branch")
    if block.stride == 1 and out == x.c:
        y = y.add(x, "residual")
    return y.place("after")


def excite(x: Tensor, gate: Gate) -> Tensor:
    """Squeeze-and-excitation (Hu et al. 2018) with biases, under the activations of `gate`."""
    z = gate.inner(x.global_avg_pool("squeeze").linear(gate.channels, "reduce"), "inner")
    return x.mul(gate.outer(z.linear(x.c, "expand"), "outer"), "scale")


def stages(x: Tensor, blocks: Iterable[Block]) -> dict[str, Tensor]:
    """The maps after each of `blocks`, ``res3.1``, and after each stage, ``res3``; x is the stem's, of half the side.

    A block of stride 2 begins a stage, dilated or not.
    """
    found: dict[str, Tensor] = {}
    side, number = 1, 0
    for block in blocks:
        if block.stride == 2:
            if number:
                with x.scope(f"res{side}"):
                    x = found[f"res{side}"] = x.place("between")
            side, number = side + 1, 0
        number += 1
        with x.scope(f"res{side}"), x.scope(str(number)):
            x = inverted_residual(x, block)
        found[f"res{side}"] = found[f"res{side}.{number}"] = x
    return found


def last(x: Tensor, out: int, activation: Activation) -> Tensor:
    """The 1×1 convolution after the last block, at its side."""
    with x.scope("res5"):
        return activation(x.conv(out, "last").batch_norm("last_norm"), "last_activation")
