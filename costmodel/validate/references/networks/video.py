"""Video networks: Wang et al. 2018 (arXiv:1711.07971), Table 1, §4.

The temporal shift module: Lin et al. 2019 (arXiv:1811.08383), §3.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from costmodel.validate.references.networks.insertion import Insert, nothing
from costmodel.validate.references.registry import reference

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def conv(
    channels: int, out: int, kernel: tuple[int, int, int], stride: tuple[int, int, int] = (1, 1, 1)
) -> nn.Sequential:
    """A convolution that keeps its map where it does not stride, and batch norm."""
    time, height, width = kernel
    padding = (time // 2, height // 2, width // 2)
    return nn.Sequential(nn.Conv3d(channels, out, kernel, stride, padding, bias=False), nn.BatchNorm3d(out))


def pool(kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> nn.MaxPool3d:
    """The maximum of overlapping windows, padded."""
    time, height, width = kernel
    return nn.MaxPool3d(kernel, stride, (time // 2, height // 2, width // 2))


class Shift(nn.Module):
    """An eighth of the channels from the next frame, an eighth from the one before, zeros beyond the clip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels, self.fold = channels, channels // 8

    def forward(self, x: Tensor) -> Tensor:
        later, earlier, rest = torch.split(x, [self.fold, self.fold, self.channels - 2 * self.fold], 1)
        later = functional.pad(later, (0, 0, 0, 0, -1, 1))
        earlier = functional.pad(earlier, (0, 0, 0, 0, 1, -1))
        return torch.cat([later, earlier, rest], 1)


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1, the first two with kernels of some depth in time; TSM shifts what the branch reads."""

    def __init__(
        self, channels: int, out: int, stride: int, depths: tuple[int, int], *, shift: bool, insert: Insert, name: str
    ) -> None:
        super().__init__()
        stage, _, number = name.partition(".")
        inner, strides = out // 4, (1, stride, stride)
        self.shift = Shift(channels) if shift else nn.Identity()
        self.conv1 = conv(channels, inner, (depths[0], 1, 1))
        self.conv2 = conv(inner, inner, (depths[1], 3, 3), strides)
        self.conv3 = conv(inner, out, (1, 1, 1))
        self.shortcut = conv(channels, out, (1, 1, 1), strides) if channels != out else nn.Identity()
        self.branch = insert(stage, int(number), "branch", out)
        self.after = insert(stage, int(number), "after", out)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.conv1(self.shift(x)))
        y = self.branch(self.conv3(torch.relu(self.conv2(y))))
        z: Tensor = self.after(torch.relu(y + self.shortcut(x)))
        return z


class Classifier(nn.Module):
    """Scores of a clip: of the mean of all its frames, or the mean of the scores of each."""

    def __init__(self, channels: int, classes: int, *, by_frame: bool) -> None:
        super().__init__()
        self.pool: nn.Module = nn.AdaptiveAvgPool2d(1) if by_frame else nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(channels, classes)
        self.by_frame = by_frame

    def forward(self, x: Tensor) -> Tensor:
        pictures = x.transpose(1, 2).flatten(0, 1) if self.by_frame else x
        scores: Tensor = self.fc(self.pool(pictures).flatten(1))
        return scores.reshape(x.shape[0], x.shape[2], -1).mean(1, keepdim=True) if self.by_frame else scores


def video_resnet(
    channels: int,
    *,
    depth: int,
    classes: int,
    insert: Insert | None,
    inflate: str | None = None,
    shift: bool = False,
) -> nn.Module:
    """C2D; I3D if one kernel of every second block is to `inflate` (in ``res2`` of all three); or TSM, which shifts."""
    insert = insert or nothing
    # What halves time: conv1, pool1 and pool2; nothing does where frames are shifted.
    halve, window = (1, 1) if shift else (2, 3)
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=conv(channels, 64, (5 if inflate else 1, 7, 7), (halve, 2, 2)),
        relu=nn.ReLU(),
        pool1=pool((window, 3, 3), (halve, 2, 2)),
    )
    width = 64
    for index, blocks in enumerate(BLOCKS[depth]):
        stage, out = f"res{2 + index}", 256 * 2**index
        if stage == "res3" and not shift:
            layers["pool2"] = pool((3, 1, 1), (2, 1, 1))
        for number in range(1, blocks + 1):
            # The authors' code: res2 all three, res3 and res4 the odd ones, res5 the second.
            deep = inflate and {"res2": True, "res5": number == 2}.get(stage, number % 2 == 1)
            depths = {"3x1x1": (3, 1), "3x3x3": (1, 3)}[inflate] if inflate and deep else (1, 1)
            stride = 2 if index and number == 1 else 1
            layers[f"{stage}_{number}"] = Bottleneck(
                width, out, stride, depths, shift=shift, insert=insert, name=f"{stage}.{number}"
            )
            width = out
        if stage != "res5":
            layers[f"{stage}_between"] = insert(stage, 0, "between", width)
    layers["head_after"] = insert("head", 0, "after", width)
    layers["head"] = Classifier(width, classes, by_frame=shift)
    return nn.Sequential(layers)


def _register(depth: int) -> None:
    @reference(f"c2d-resnet{depth}")
    def c2d(channels: int, *, classes: int = 400, insert: Insert | None = None) -> nn.Module:
        return video_resnet(channels, depth=depth, classes=classes, insert=insert)

    @reference(f"i3d-resnet{depth}")
    def i3d(channels: int, *, inflate: str = "3x1x1", classes: int = 400, insert: Insert | None = None) -> nn.Module:
        return video_resnet(channels, depth=depth, classes=classes, insert=insert, inflate=inflate)


for _depth in BLOCKS:
    _register(_depth)


@reference("tsm-resnet50")
def tsm(channels: int, *, classes: int = 400, insert: Insert | None = None) -> nn.Module:
    """The shift in front of every block's first convolution."""
    return video_resnet(channels, depth=50, classes=classes, insert=insert, shift=True)
