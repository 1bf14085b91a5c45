"""DeepLabv3: Chen et al. 2017, Rethinking Atrous Convolution (arXiv:1706.05587), Fig. 5, as torchvision has it.

``N×3×H×W`` → ``N×classes×H×W``: five views of the backbone's map at several scales (ASPP), put together.
"""

from costmodel.catalog import network
from costmodel.networks import mobilenet_v3
from costmodel.networks.fcn import auxiliary, classified, dilated
from costmodel.networks.resnet import Stem
from costmodel.tensor import Tensor

CHANNELS = 256
"""Of every branch, and of what they become together: §3.3."""

RATES = (12, 24, 36)
"""The dilations of the 3×3 branches at an output stride of 8: §4."""


def pyramid(x: Tensor) -> Tensor:
    """``N×C×h×w`` → ``N×256×h×w``: a 1×1 and three dilated 3×3 convolutions and the image's mean, joined by a 1×1."""

    def branch(tensor: Tensor, name: str, kernel: int = 1, rate: int = 1) -> Tensor:
        return tensor.conv(CHANNELS, name, kernel=kernel, dilation=rate).batch_norm(f"{name}_norm").relu(f"{name}_relu")

    views = [branch(x, "view"), *(branch(x, f"view{rate}", 3, rate) for rate in RATES)]
    mean = branch(x.global_avg_pool().reshape((x.n, x.c, 1, 1)), "image")
    return branch(views[0].concat(*views[1:], mean.resize(x.spatial, "bilinear", "spread")), "project")


def head(x: Tensor, classes: int, size: tuple[int, ...]) -> Tensor:
    """The pyramid, a 3×3 convolution and the classifier. Dropout does nothing in eval mode."""
    with x.scope("head"):
        y = pyramid(x).conv(CHANNELS, "mix", kernel=3).batch_norm("mix_norm").relu("mix_relu")
        return classified(y.place("after"), classes, size)


SOURCE = "Chen et al. 2017, Rethinking Atrous Convolution, Fig. 5 (arXiv:1706.05587), as in torchvision"


def _register(depth: int) -> None:
    @network(f"deeplabv3-resnet{depth}", source=SOURCE, input=(1, 3, 520, 520))
    def deeplabv3(
        x: Tensor, *, classes: int = 21, aux: bool = True, output_stride: int = 8, stem: Stem = "plain"
    ) -> Tensor:
        """Segment by atrous spatial pyramid pooling on a dilated ResNet; torchvision's figures include `aux`."""
        maps = dilated(x, depth, output_stride, stem)
        y = head(maps["res5"], classes, x.spatial)
        if aux:
            auxiliary(maps["res4"], classes, x.spatial)
        return y


for _depth in (50, 101):
    _register(_depth)


@network("deeplabv3-mobilenet-v3-large", source=SOURCE, input=(1, 3, 520, 520), stride=16)
def deeplabv3_mobilenet(x: Tensor, *, classes: int = 21, aux: bool = True) -> Tensor:
    """Segment by atrous spatial pyramid pooling on MobileNet v3, dilated to H/16; torchvision's figures include `aux`.

    The auxiliary head reads the first map at H/8.
    """
    maps = mobilenet_v3.stages(x, dilated=True)
    y = head(maps["res5"], classes, x.spatial)
    if aux:
        auxiliary(maps["res3.1"], classes, x.spatial)
    return y
