"""ShuffleNet: Zhang et al. 2018 (arXiv:1707.01083), Fig. 2 and Table 1."""

from fractions import Fraction

import torch
from torch import Tensor, nn

from costmodel.validate.references.networks.insertion import Insert, nothing
from costmodel.validate.references.networks.inverted_residual import conv
from costmodel.validate.references.registry import reference

OUTPUT_CHANNELS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}


class Shuffle(nn.Module):
    """The channels of g groups dealt out in turn."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        dealt = x.reshape(x.shape[0], self.groups, -1, x.shape[2], x.shape[3]).transpose(1, 2)
        return dealt.reshape(x.shape)


class Unit(nn.Module):
    """Fig. 2(b); with a stride, Fig. 2(c)."""

    def __init__(
        self, channels: int, out: int, groups: tuple[int, int], stride: int, insert: Insert, stage: str, number: int
    ) -> None:
        super().__init__()
        inner, joined = out // 4, out if stride == 1 else out - channels
        self.branch = nn.Sequential(
            conv(channels, inner, 1, nn.ReLU, groups=groups[0]),
            Shuffle(groups[1]),
            conv(inner, inner, 3, stride=stride, groups=inner),
            insert(stage, number, "depthwise", inner),
            conv(inner, joined, 1, groups=groups[1]),
            insert(stage, number, "branch", joined),
        )
        self.shortcut = nn.AvgPool2d(3, 2, 1) if stride == 2 else None
        self.after = insert(stage, number, "after", out)

    def forward(self, x: Tensor) -> Tensor:
        y = self.branch(x)
        z: Tensor = self.after(torch.relu(x + y if self.shortcut is None else torch.cat([self.shortcut(x), y], 1)))
        return z


@reference("shufflenet-v1")
def shufflenet(
    channels: int,
    *,
    groups: int = 3,
    width: Fraction = Fraction(1),
    stem: int | None = None,
    classes: int = 1000,
    insert: Insert | None = None,
) -> nn.Module:
    """A convolution, a pool, three stages of units, and a linear layer."""
    insert = insert or nothing
    before = stem or int(24 * width)
    layers: list[nn.Module] = [conv(channels, before, 3, nn.ReLU, stride=2), nn.MaxPool2d(3, 2, 1)]
    for stage, repeat in enumerate((3, 7, 3), start=2):
        out = 2 ** (stage - 2) * int(OUTPUT_CHANNELS[groups] * width)
        name = f"res{stage + 1}"
        for number in range(1, repeat + 2):
            of = (1 if stage == 2 and number == 1 else groups, groups)
            layers.append(Unit(before, out, of, 2 if number == 1 else 1, insert, name, number))
            before = out
        if stage < 4:
            layers.append(insert(name, 0, "between", before))
    head = [insert("head", 0, "after", before), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes)]
    return nn.Sequential(*layers, *head)
