"""Fully convolutional networks: Long et al. 2015 (arXiv:1411.4038), on dilated ResNets, as torchvision has them.

``N×3×H×W`` → ``N×classes×H×W``. The backbone dilates in place of its last two strides (Yu and Koltun 2016), so that
``res3`` to ``res5`` and the head work at H/8; DANet's paper calls this network its dilated FCN baseline.
"""

from costmodel.catalog import network
from costmodel.dimension import Shape, width
from costmodel.networks.resnet import DEPTHS, Stem, bottleneck, entry, stages
from costmodel.tensor import Tensor


def dilated(x: Tensor, depth: int, output_stride: int, stem: Stem) -> dict[str, Tensor]:
    """The maps of a ResNet of bottlenecks, without its classifier."""
    return stages(entry(x, 64, stem), bottleneck, DEPTHS[depth], output_stride=output_stride)


def narrowed(x: Tensor) -> Tensor:
    """``N×C×h×w`` → ``N×C/4×h×w``: a 3×3 convolution, batch norm and ReLU. Dropout does nothing in eval mode."""
    return x.conv(width(x.c, 4, "the head's reduction"), "reduce", kernel=3).batch_norm("reduce_norm").relu()


def classified(x: Tensor, classes: int, size: Shape) -> Tensor:
    """The class of every pixel: a biased 1×1 convolution, its map made `size` again."""
    return x.conv(classes, "classify", bias=True).resize(size, "bilinear")


def auxiliary(x: Tensor, classes: int, size: Shape) -> None:
    """A second head on an earlier map, whose loss helps to train (Zhao et al. 2017, arXiv:1612.01105, §3.2)."""
    with x.scope("aux"):
        classified(narrowed(x), classes, size)


def _register(depth: int) -> None:
    @network(
        f"fcn-resnet{depth}",
        source="Long et al. 2015, Fully Convolutional Networks (arXiv:1411.4038), dilated as in torchvision",
        input=(1, 3, 520, 520),
    )
    def fcn(x: Tensor, *, classes: int = 21, aux: bool = True, output_stride: int = 8, stem: Stem = "plain") -> Tensor:
        """Segment by one 3×3 convolution and a classifier on a dilated ResNet; torchvision's figures include `aux`."""
        maps = dilated(x, depth, output_stride, stem)
        with x.scope("head"):
            y = classified(narrowed(maps["res5"]).place("after"), classes, x.spatial)
        if aux:
            auxiliary(maps["res4"], classes, x.spatial)
        return y


for _depth in (50, 101):
    _register(_depth)
