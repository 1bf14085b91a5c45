"""Residual networks for CIFAR: He et al. 2016 (arXiv:1512.03385), §4.2.

Wide: Zagoruyko and Komodakis 2016 (arXiv:1605.07146), Table 1.
"""

from fractions import Fraction

from torch import Tensor, nn
from torch.nn import functional

from costmodel.validate.references.networks.insertion import Insert, nothing
from costmodel.validate.references.networks.resnet import Classifier, Residual, normed
from costmodel.validate.references.registry import reference


class Padding(nn.Module):
    """Option A: every second row and column, and as many channels of zeros as are missing."""

    def __init__(self, missing: int) -> None:
        super().__init__()
        self.missing = missing

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.missing))


class Preactivated(nn.Module):
    """F(a) + x, or F(a) + Wa where F changes the shape, a the norm and ReLU of x."""

    def __init__(self, inputs: int, outputs: int, stride: int, branch: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.activate = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU())
        self.f = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            branch,
        )
        self.shortcut = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        a = self.activate(x)
        carried = x if self.shortcut is None else self.shortcut(a)
        y: Tensor = self.after(self.f(a) + carried)
        return y


@reference("resnet-cifar")
class CIFARResNet(nn.Sequential):
    """A 3×3 convolution, 2n layers on each of three sides, and a classifier: 6n + 2 layers."""

    def __init__(
        self,
        channels: int,
        *,
        depth: int = 20,
        shortcut: str = "padding",
        classes: int = 10,
        insert: Insert | None = None,
    ) -> None:
        insert = insert or nothing
        layers: list[nn.Module] = [normed(channels, 16, 3), nn.ReLU()]
        inputs = 16
        for stage, outputs in enumerate((16, 32, 64)):
            for block in range(1, (depth - 2) // 6 + 1):
                stride = 1 if inputs == outputs else 2
                skip: nn.Module = nn.Identity()
                if inputs != outputs:
                    padding = shortcut == "padding"
                    skip = Padding(outputs - inputs) if padding else normed(inputs, outputs, 1, stride)
                f = nn.Sequential(normed(inputs, outputs, 3, stride), nn.ReLU(), normed(outputs, outputs, 3))
                places = [insert(f"res{stage}", block, where, outputs) for where in ("branch", "after")]
                layers.append(Residual(f, skip, *places))
                inputs = outputs
            if stage < 2:
                layers.append(insert(f"res{stage}", 0, "between", outputs))
        super().__init__(*layers, Classifier(64, classes, insert("head", 0, "after", 64)))


@reference("wide-resnet-cifar")
class CIFARWideResNet(nn.Sequential):
    """A 3×3 convolution, 2n layers on each of three sides, a norm and a classifier."""

    def __init__(
        self,
        channels: int,
        *,
        depth: int = 28,
        widen: Fraction = Fraction(10),
        classes: int = 10,
        insert: Insert | None = None,
    ) -> None:
        insert = insert or nothing
        layers: list[nn.Module] = [nn.Conv2d(channels, 16, 3, 1, 1, bias=False)]
        inputs = 16
        for stage in range(3):
            outputs = int(16 * 2**stage * widen)
            for block in range(1, (depth - 4) // 6 + 1):
                places = [insert(f"res{stage}", block, where, outputs) for where in ("branch", "after")]
                layers.append(Preactivated(inputs, outputs, 2 if stage and block == 1 else 1, *places))
                inputs = outputs
            if stage < 2:
                layers.append(insert(f"res{stage}", 0, "between", outputs))
        classifier = Classifier(inputs, classes, insert("head", 0, "after", inputs))
        super().__init__(*layers, nn.BatchNorm2d(inputs), nn.ReLU(), classifier)
