"""Lite R-ASPP: Howard et al. 2019, Searching for MobileNetV3 (arXiv:1905.02244), §6.4, Fig. 10, as torchvision has it.

``N×3×H×W`` → ``N×classes×H×W``. The map at H/16, gated by its own mean, and an earlier one at H/8 are classified and
added. The gate pools the whole map, as in torchvision; the paper's takes 49×49 windows with a stride.
"""

from costmodel.catalog import network
from costmodel.networks import mobilenet_v3
from costmodel.tensor import Tensor

CHANNELS = 128


def gated(x: Tensor) -> Tensor:
    """``N×C×h×w`` → ``N×128×h×w``: a 1×1 convolution times the sigmoid of another of the mean."""
    gate = x.global_avg_pool().conv(CHANNELS, "gate").sigmoid()
    return x.conv(CHANNELS, "reduce").batch_norm("reduce_norm").relu().mul(gate, "scale")


@network(
    "lraspp-mobilenet-v3-large",
    source="Howard et al. 2019, Searching for MobileNetV3, §6.4, Fig. 10 (arXiv:1905.02244), as in torchvision",
    input=(1, 3, 520, 520),
    stride=16,
)
def lraspp(x: Tensor, *, classes: int = 21) -> Tensor:
    """Segment by two 1×1 classifiers on MobileNet v3, dilated to H/16."""
    maps = mobilenet_v3.stages(x, dilated=True)
    low = maps["res3.1"]
    with x.scope("head"):
        high = gated(maps["res5"]).place("after").resize(low.spatial, "bilinear", "widen")
        y = low.conv(classes, "low", bias=True).add(high.conv(classes, "high", bias=True))
        return y.resize(x.spatial, "bilinear")
