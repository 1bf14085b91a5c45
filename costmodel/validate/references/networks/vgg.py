"""VGG: Simonyan and Zisserman 2015 (arXiv:1409.1556), Table 1, columns A, B, D and E."""

from torch import nn

from costmodel.validate.references.networks.insertion import Insert, nothing
from costmodel.validate.references.registry import reference

COLUMNS = {
    11: "64 M 128 M 256 256 M 512 512 M 512 512 M",
    13: "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
    16: "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
    19: "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
}
"""Channels of 3×3 convolutions, and max pools."""


class VGG(nn.Sequential):
    """The convolutions and pools of a column, and three linear layers on 7×7 positions."""

    def __init__(self, channels: int, column: str, *, norm: bool, classes: int, insert: Insert) -> None:
        layers: list[nn.Module] = []
        stage, block = 0, 0
        for word in column.split():
            if word == "M":
                if stage < 4:
                    layers.append(insert(f"res{stage}", 0, "between", channels))
                layers.append(nn.MaxPool2d(2))
                stage, block = stage + 1, 0
                continue
            block += 1
            layers.append(nn.Conv2d(channels, int(word), 3, padding=1))
            channels = int(word)
            if norm:
                layers.append(nn.BatchNorm2d(channels))
            layers += [nn.ReLU(), insert(f"res{stage}", block, "after", channels)]
        super().__init__(
            *layers,
            insert("head", 0, "after", channels),
            nn.AdaptiveAvgPool2d((7, 7)),
            nn.Flatten(),
            nn.Linear(49 * channels, 4096),
            nn.ReLU(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, classes),
        )


def _register(depth: int) -> None:
    @reference(f"vgg{depth}")
    def vgg(channels: int, *, norm: bool = False, classes: int = 1000, insert: Insert | None = None) -> nn.Module:
        return VGG(channels, COLUMNS[depth], norm=norm, classes=classes, insert=insert or nothing)


for _depth in COLUMNS:
    _register(_depth)
