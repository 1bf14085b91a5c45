"""Residual networks for video: Wang et al. 2018, Non-local Neural Networks (arXiv:1711.07971), Table 1, §4.

Also the temporal shift module (Lin et al. 2019, arXiv:1811.08383). ``N×3×T×H×W`` → ``N×classes``; kernels and strides
are T×H×W. A 2-D network works on every frame by itself and pools over time; an inflated one gives kernels a depth.
"""

from typing import Literal

from costmodel.catalog import network
from costmodel.networks.resnet import DEPTHS
from costmodel.tensor import Tensor

Inflate = Literal["3x1x1", "3x3x3"]

FRAMES = (1, 3, 32, 224, 224)
"""Every second one of 64: §4.1."""

Kernel = tuple[int, int, int]


def stem(x: Tensor, *, depth: int, stride: int, pool: Kernel) -> Tensor:
    """From H to H/4: ``conv1``, `depth`×7×7, and ``pool1``, the first of stride `stride` in time."""
    with x.scope("stem"):
        x = x.conv(64, "conv", kernel=(depth, 7, 7), stride=(stride, 2, 2)).batch_norm("norm").relu()
        return x.max_pool(pool, stride=(stride, 2, 2))


def shifted(x: Tensor) -> Tensor:
    """An eighth of the channels from the next frame, an eighth from the one before, the others as they are."""
    fold = x.c // 8
    later, earlier, others = x.split(fold, fold, x.c - 2 * fold, axis=1)
    return later.shift("later").concat(earlier.shift("earlier"), others, name="shift")


def bottleneck(x: Tensor, channels: int, *, stride: int, first: Kernel, second: Kernel, shift: bool) -> Tensor:
    """Kernels `first`, `second` and 1×1×1, to ``4·channels``, around which x is carried; the branch may `shift` it."""
    y = (shifted(x) if shift else x).conv(channels, "conv1", kernel=first).batch_norm("norm1").relu("relu1")
    y = y.conv(channels, "conv2", kernel=second, stride=(1, stride, stride)).batch_norm("norm2").relu("relu2")
    y = y.conv(4 * channels, "conv3").batch_norm("norm3").place("branch")
    if x.c != y.c:
        x = x.conv(y.c, "shortcut", stride=(1, stride, stride)).batch_norm("shortcut_norm")
    return y.add(x, "residual").relu("relu3").place("after")


def inflated(stage: str, number: int) -> bool:
    """Whether a block of an inflated network has a deep kernel: "one kernel for every 2 residual blocks" (§4).

    The first, third, … of ``res3`` and ``res4``, the second of ``res5``, and all three of ``res2``: the authors' code.
    """
    return stage == "res2" or number % 2 == (0 if stage == "res5" else 1)


def stages(x: Tensor, depths: tuple[int, ...], *, inflate: Inflate | None, pool: bool, shift: bool = False) -> Tensor:
    """``res2`` to ``res5``: the side halves from each to the next, and with `pool` time does once, before ``res3``."""
    deep = {"3x1x1": ((3, 1, 1), (1, 3, 3)), "3x3x3": ((1, 1, 1), (3, 3, 3))}
    for index, count in enumerate(depths):
        with x.scope(name := f"res{index + 2}"):
            if pool and name == "res3":
                x = x.max_pool((3, 1, 1), stride=(2, 1, 1))
            for number in range(1, count + 1):
                first, second = (1, 1, 1), (1, 3, 3)
                if inflate and inflated(name, number):
                    first, second = deep[inflate]
                stride = 2 if index and number == 1 else 1
                with x.scope(str(number)):
                    x = bottleneck(x, 64 << index, stride=stride, first=first, second=second, shift=shift)
            if name != "res5":
                x = x.place("between")
    return x


def classify(x: Tensor, classes: int) -> Tensor:
    """The mean over positions of all frames, and a linear layer."""
    with x.scope("head"):
        return x.place("after").global_avg_pool().linear(classes, "fc")


def _register(depth: int) -> None:
    source = "Wang et al. 2018, Non-local Neural Networks, Table 1, §4 (arXiv:1711.07971)"

    @network(f"c2d-resnet{depth}", source=source, input=FRAMES)
    def c2d(x: Tensor, *, classes: int = 400) -> Tensor:
        """Classify clips frame by frame, with pools over time."""
        x = stem(x, depth=1, stride=2, pool=(3, 3, 3))
        return classify(stages(x, DEPTHS[depth], inflate=None, pool=True), classes)

    @network(f"i3d-resnet{depth}", source=source, input=FRAMES)
    def i3d(x: Tensor, *, inflate: Inflate = "3x1x1", classes: int = 400) -> Tensor:
        """Classify clips by kernels made 3 frames deep: the first 1×1 of every second block, or its 3×3."""
        x = stem(x, depth=5, stride=2, pool=(3, 3, 3))
        return classify(stages(x, DEPTHS[depth], inflate=inflate, pool=True), classes)


for _depth in (50, 101):
    _register(_depth)


@network(
    "tsm-resnet50",
    source="Lin et al. 2019, TSM, §3-4 (arXiv:1811.08383), as in MMAction2",
    input=(1, 3, 8, 224, 224),
)
def tsm(x: Tensor, *, classes: int = 400) -> Tensor:
    """Classify clips frame by frame, a quarter of the channels of every branch taken from the frames beside it.

    The shift computes nothing: two eighths of the channels are copied by a frame further, and joined with the others.
    Every frame is classified by itself, and the mean over frames is the clip's class.
    """
    n, _, frames, _, _ = x.shape
    x = stages(stem(x, depth=1, stride=1, pool=(1, 3, 3)), DEPTHS[50], inflate=None, pool=False, shift=True)
    with x.scope("head"):
        x = x.place("after")
        pictures = x.reshape((n * frames, x.c, *x.spatial[1:]))
        return pictures.global_avg_pool().linear(classes, "fc").reshape((n, frames, classes)).mean(1, "consensus")
