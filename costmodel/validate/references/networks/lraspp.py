"""Lite R-ASPP: Howard et al. 2019 (arXiv:1905.02244), Fig. 10, as torchvision has it."""

from torch import Tensor, nn

from costmodel.validate.references.networks.deeplabv3 import MobileMaps
from costmodel.validate.references.networks.fcn import resized
from costmodel.validate.references.networks.insertion import Insert, nothing
from costmodel.validate.references.registry import reference


@reference("lraspp-mobilenet-v3-large")
class LRASPP(nn.Module):
    """Classes of the last map, gated by its mean, and of an earlier one, added."""

    def __init__(self, channels: int, *, classes: int = 21, insert: Insert | None = None) -> None:
        super().__init__()
        insert = insert or nothing
        self.backbone = MobileMaps(channels, insert)
        self.narrow = nn.Sequential(nn.Conv2d(960, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU())
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(960, 128, 1, bias=False), nn.Sigmoid())
        self.after = insert("head", 0, "after", 128)
        self.low, self.high = nn.Conv2d(40, classes, 1), nn.Conv2d(128, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        low, high = self.backbone(x)
        gated = self.after(self.narrow(high) * self.gate(high))
        return resized(self.low(low) + self.high(resized(gated, low)), x)
