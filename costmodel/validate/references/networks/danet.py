"""DANet: Fu et al. 2019 (arXiv:1809.02983), Fig. 2."""

from torch import Tensor, nn

from costmodel.validate.references.danet import DualAttentionHead
from costmodel.validate.references.networks.fcn import resized
from costmodel.validate.references.networks.insertion import Insert, nothing
from costmodel.validate.references.networks.resnet import Backbone
from costmodel.validate.references.registry import reference


class DANet(nn.Module):
    """The class maps of the sum of both branches and of each, as large as the input."""

    def __init__(self, backbone: nn.Module, classes: int) -> None:
        super().__init__()
        self.backbone, self.head = backbone, DualAttentionHead(2048, classes=classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        last = self.backbone(x)[-1]
        fused, position, channel = self.head(last)
        return resized(fused, x), resized(position, x), resized(channel, x)


def _register(depth: int) -> None:
    @reference(f"danet-resnet{depth}")
    def danet(
        channels: int, *, classes: int = 19, output_stride: int = 8, stem: str = "plain", insert: Insert | None = None
    ) -> nn.Module:
        return DANet(
            Backbone(channels, depth, output_stride=output_stride, stem=stem, insert=insert or nothing), classes
        )


for _depth in (50, 101):
    _register(_depth)
