"""ShuffleNet: Zhang et al. 2018, ShuffleNet: An Extremely Efficient CNN for Mobile Devices (arXiv:1707.01083), Table 1.

``N×3×H×W``; stages are named after the side that they leave of 2^k: the paper's stages 2 to 4 are ``res3`` to ``res5``.
"""

from fractions import Fraction

from costmodel.catalog import network
from costmodel.dimension import CostModelError, abbreviate
from costmodel.networks.resnet import classify, scaled
from costmodel.tensor import Tensor

STEM = 24
CHANNELS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
"""Of stage 2, by the number of groups; they double in stages 3 and 4."""
UNITS = (4, 8, 4)


def unit(x: Tensor, out: int, groups: int, *, stride: int, first: bool) -> Tensor:
    """Two grouped 1×1 convolutions about a depthwise one, channels shuffled after the first: Fig. 2(b) and (c).

    Their bottleneck has a quarter of the `out` channels. With a stride of 2, x goes through an average pool and is
    joined to what the branch makes, the rest of the channels. The `first` unit of all has too few channels for groups
    in its first convolution.
    """
    inner = out // 4
    y = x.conv(inner, "conv1", groups=1 if first else groups).batch_norm("norm1").relu("relu1")
    if groups > 1:
        y = y.shuffle_channels(groups)
    y = (
        y.conv(inner, "depthwise", kernel=3, stride=stride, groups=inner)
        .batch_norm("depthwise_norm")
        .place("depthwise")
    )
    y = y.conv(out if stride == 1 else out - x.c, "conv2", groups=groups).batch_norm("norm2").place("branch")
    y = y.add(x, "residual") if stride == 1 else x.avg_pool(3, "shortcut", stride=2).concat(y, name="join")
    return y.relu("relu2").place("after")


@network("shufflenet-v1", source="Zhang et al. 2018, ShuffleNet, Table 1 (arXiv:1707.01083)")
def shufflenet(
    x: Tensor, *, groups: int = 3, width: Fraction = Fraction(1), stem: int | None = None, classes: int = 1000
) -> Tensor:
    """Classify pictures by grouped and depthwise convolutions between which the channels are shuffled.

    All channels are multiplied by `width` and rounded down; those of the stem, unless `stem` gives them.
    """
    if type(groups) is not int or groups not in CHANNELS:
        raise CostModelError(
            f"the paper has channels for {', '.join(map(str, CHANNELS))} groups, not {abbreviate(groups)}"
        )
    stem = x.choose("stem", stem, lambda: scaled(STEM, width))
    with x.scope("stem"):
        x = x.conv(stem, "conv", kernel=3, stride=2).batch_norm("norm").relu().max_pool(3, stride=2)
    for index, units in enumerate(UNITS):
        with x.scope(f"res{index + 3}"):
            for number in range(1, units + 1):
                with x.scope(str(number)):
                    out = scaled(CHANNELS[groups], width) << index
                    x = unit(x, out, groups, stride=2 if number == 1 else 1, first=index == 0 and number == 1)
            if index < 2:
                x = x.place("between")
    return classify(x, classes)
