"""Dual attention networks: Fu et al. 2019, Dual Attention Network for Scene Segmentation (arXiv:1809.02983), Fig. 2.

``N×3×H×W`` → ``N×classes×H×W``: a ResNet dilated to H/8, and the catalog's ``danet-head`` on its 2048 channels. The
paper's multi-grid gives the last three blocks dilations of their own, which move taps and cost nothing, so no option
says it. The authors' ResNet has a plain stem; others train DANet with a deep one. The maps of all three classifiers
are made as large as the input, as in the authors' code, which reads that of the sum.
"""

from costmodel.catalog import network
from costmodel.layers.danet import class_maps
from costmodel.networks.fcn import dilated
from costmodel.networks.resnet import Stem
from costmodel.tensor import Tensor


def _register(depth: int) -> None:
    @network(
        f"danet-resnet{depth}",
        source="Fu et al. 2019, DANet, §3.1, Fig. 2, §4.1.2, and the authors' code (arXiv:1809.02983)",
        input=(1, 3, 768, 768),
    )
    def danet(x: Tensor, *, classes: int = 19, output_stride: int = 8, stem: Stem = "plain") -> Tensor:
        """Segment by position attention and channel attention on a dilated ResNet, at the side of Cityscapes' crops."""
        y = dilated(x, depth, output_stride, stem)["res5"]
        with x.scope("head"):
            fused, *branches = class_maps(y, None, classes)
            for name, branch in zip(("position_resize", "channel_resize"), branches, strict=True):
                branch.resize(x.spatial, "bilinear", name)
            return fused.resize(x.spatial, "bilinear")


for _depth in (50, 101):
    _register(_depth)
