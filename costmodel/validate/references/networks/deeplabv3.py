"""DeepLabv3: Chen et al. 2017 (arXiv:1706.05587), Fig. 5, as torchvision has it."""

import torch
from torch import Tensor, nn

from costmodel.validate.references.networks.fcn import FCNHead, Segmentation, resized
from costmodel.validate.references.networks.insertion import Insert, nothing
from costmodel.validate.references.networks.mobilenet_v3 import features
from costmodel.validate.references.networks.resnet import Backbone
from costmodel.validate.references.registry import reference


def branch(channels: int, kernel: int = 1, rate: int = 1) -> nn.Sequential:
    """A convolution to 256 channels, batch norm and ReLU."""
    padding = rate * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(channels, 256, kernel, padding=padding, dilation=rate, bias=False), nn.BatchNorm2d(256), nn.ReLU()
    )


class ASPP(nn.Module):
    """The map by a 1×1 and three dilated 3×3 convolutions and its mean, joined and projected."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.views = nn.ModuleList([branch(channels), *(branch(channels, 3, rate) for rate in (12, 24, 36))])
        self.mean = nn.Sequential(nn.AdaptiveAvgPool2d(1), branch(channels))
        self.project = branch(5 * 256)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([*(view(x) for view in self.views), resized(self.mean(x), x)], 1)
        y: Tensor = self.project(joined)
        return y


def head(channels: int, classes: int, inserted: nn.Module) -> nn.Sequential:
    """ASPP, a 3×3 convolution and a classifier."""
    return nn.Sequential(ASPP(channels), branch(256, 3), inserted, nn.Conv2d(256, classes, 1))


def _register(depth: int) -> None:
    @reference(f"deeplabv3-resnet{depth}")
    def deeplabv3(
        channels: int,
        *,
        classes: int = 21,
        aux: bool = True,
        output_stride: int = 8,
        stem: str = "plain",
        insert: Insert | None = None,
    ) -> nn.Module:
        insert = insert or nothing
        backbone = Backbone(channels, depth, output_stride=output_stride, stem=stem, insert=insert)
        last = head(2048, classes, insert("head", 0, "after", 256))
        return Segmentation(backbone, last, FCNHead(1024, classes) if aux else None)


for _depth in (50, 101):
    _register(_depth)


class MobileMaps(nn.Module):
    """Two maps of MobileNet v3, the last of its stages dilated: the first at H/8, and the last, at H/16."""

    def __init__(self, channels: int, insert: Insert) -> None:
        super().__init__()
        self.features = features(channels, "large", dilated=True, insert=insert)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.features(x)
        return maps["res3.1"], maps["res5"]


@reference("deeplabv3-mobilenet-v3-large")
def deeplabv3_mobilenet(
    channels: int, *, classes: int = 21, aux: bool = True, insert: Insert | None = None
) -> nn.Module:
    """The auxiliary head is on 40 channels."""
    insert = insert or nothing
    last = head(960, classes, insert("head", 0, "after", 256))
    return Segmentation(MobileMaps(channels, insert), last, FCNHead(40, classes) if aux else None)
