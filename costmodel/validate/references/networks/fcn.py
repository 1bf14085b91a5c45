"""Fully convolutional networks on dilated ResNets: Long et al. 2015 (arXiv:1411.4038), as torchvision has them."""

from torch import Tensor, nn
from torch.nn import functional

from costmodel.validate.references.networks.insertion import Insert, nothing
from costmodel.validate.references.networks.resnet import Backbone
from costmodel.validate.references.registry import reference


def resized(x: Tensor, like: Tensor) -> Tensor:
    """`x` at the height and width of `like`."""
    return functional.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


class FCNHead(nn.Sequential):
    """A 3×3 convolution to a quarter of the channels, and a classifier."""

    def __init__(self, channels: int, classes: int, inserted: nn.Module | None = None) -> None:
        inner = channels // 4
        super().__init__(
            nn.Conv2d(channels, inner, 3, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            inserted or nn.Identity(),
            nn.Conv2d(inner, classes, 1),
        )


class Segmentation(nn.Module):
    """A head on a backbone's last map, and with `aux` another on the one before, both as large as the input."""

    def __init__(self, backbone: nn.Module, head: nn.Module, aux: nn.Module | None) -> None:
        super().__init__()
        self.backbone, self.head, self.aux = backbone, head, aux

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        *_, earlier, last = self.backbone(x)
        y = resized(self.head(last), x)
        return (y,) if self.aux is None else (y, resized(self.aux(earlier), x))


def _register(depth: int) -> None:
    @reference(f"fcn-resnet{depth}")
    def fcn(
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
        head = FCNHead(2048, classes, insert("head", 0, "after", 512))
        return Segmentation(backbone, head, FCNHead(1024, classes) if aux else None)


for _depth in (50, 101):
    _register(_depth)
