"""VGG: Simonyan and Zisserman 2015, Very Deep Convolutional Networks (arXiv:1409.1556), Table 1.

``N×3×H×W``; stages are named after the side that they work at: ``res0`` at H, ``res4`` at H/16.
"""

from costmodel.catalog import network
from costmodel.tensor import Tensor

DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions of each stage: Table 1, columns A, B, D and E."""

CHANNELS = (64, 128, 256, 512, 512)
"""Of each stage."""


def convolution(x: Tensor, channels: int, *, norm: bool) -> Tensor:
    """A biased 3×3 convolution and a ReLU; the norm between them is not the paper's."""
    x = x.conv(channels, kernel=3, bias=True)
    if norm:
        x = x.batch_norm()
    return x.relu().place("after")


def classify(x: Tensor, classes: int) -> Tensor:
    """Three linear layers on 7×7 positions, to which other sides are averaged. Dropout does nothing in eval mode."""
    with x.scope("head"):
        x = x.place("after").adaptive_avg_pool((7, 7))
        x = x.reshape((x.n, x.c * x.positions)).linear(4096, "fc1").relu("relu1")
        return x.linear(4096, "fc2").relu("relu2").linear(classes, "fc3")


def _register(depth: int) -> None:
    @network(f"vgg{depth}", source="Simonyan and Zisserman 2015, VGG, §2.1, Table 1 (arXiv:1409.1556)")
    def vgg(x: Tensor, *, norm: bool = False, classes: int = 1000) -> Tensor:
        """Classify pictures by 3×3 convolutions and three linear layers; `norm` adds batch norms."""
        for index, count in enumerate(DEPTHS[depth]):
            with x.scope(f"res{index}"):
                for number in range(1, count + 1):
                    with x.scope(str(number)):
                        x = convolution(x, CHANNELS[index], norm=norm)
                if index + 1 < len(CHANNELS):
                    x = x.place("between")
                x = x.max_pool(2)
        return classify(x, classes)


for _depth in DEPTHS:
    _register(_depth)
