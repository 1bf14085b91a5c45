"""MobileNet v3: Howard et al. 2019 (arXiv:1905.02244), Tables 1 and 2."""

from collections.abc import Iterator
from fractions import Fraction

from torch import nn

from costmodel.validate.references.networks.insertion import Insert, nothing
from costmodel.validate.references.networks.inverted_residual import Classifier, Features, Line, conv, make_divisible
from costmodel.validate.references.registry import reference

TABLES = {
    # The lines of the table: input, operator, exp size, #out, SE, NL, s; with the input left out.
    "large": """
        bneck,3x3  16  16 - RE 1
        bneck,3x3  64  24 - RE 2
        bneck,3x3  72  24 - RE 1
        bneck,5x5  72  40 y RE 2
        bneck,5x5 120  40 y RE 1
        bneck,5x5 120  40 y RE 1
        bneck,3x3 240  80 - HS 2
        bneck,3x3 200  80 - HS 1
        bneck,3x3 184  80 - HS 1
        bneck,3x3 184  80 - HS 1
        bneck,3x3 480 112 y HS 1
        bneck,3x3 672 112 y HS 1
        bneck,5x5 672 160 y HS 2
        bneck,5x5 960 160 y HS 1
        bneck,5x5 960 160 y HS 1
    """,
    "small": """
        bneck,3x3  16  16 y RE 2
        bneck,3x3  72  24 - RE 2
        bneck,3x3  88  24 - RE 1
        bneck,5x5  96  40 y HS 2
        bneck,5x5 240  40 y HS 1
        bneck,5x5 240  40 y HS 1
        bneck,5x5 120  48 y HS 1
        bneck,5x5 144  48 y HS 1
        bneck,5x5 288  96 y HS 2
        bneck,5x5 576  96 y HS 1
        bneck,5x5 576  96 y HS 1
    """,
}


def lines(table: str, width: float, *, se: bool, dilated: bool) -> Iterator[Line]:
    """The lines of a table; with `dilated` the last that strides, and those below it, dilate instead."""
    rows = [line.split() for line in table.split("\n") if line.strip()]
    last = max(index for index, row in enumerate(rows) if row[-1] == "2")
    for index, (operator, expanded, out, gate, activation, stride) in enumerate(rows):
        inner = make_divisible(int(expanded) * width)
        yield Line(
            kernel=int(operator[-1]),
            expanded=inner,
            out=make_divisible(int(out) * width),
            stride=int(stride),
            activation={"RE": nn.ReLU, "HS": nn.Hardswish}[activation],
            squeezed=make_divisible(inner // 4) if gate == "y" and se else 0,
            dilation=2 if dilated and index >= last else 1,
        )


def features(
    channels: int,
    size: str,
    *,
    width: Fraction = Fraction(1),
    se: bool = True,
    dilated: bool = False,
    insert: Insert = nothing,
) -> Features:
    """Everything up to the last 1×1 convolution, which has six times the channels of the last block."""
    found = [*lines(TABLES[size], float(width), se=se, dilated=dilated)]
    first = make_divisible(16 * float(width))
    stem = conv(channels, first, 3, nn.Hardswish, stride=2)
    last = (6 * found[-1].out, nn.Hardswish)
    return Features(stem, first, found, last, insert, (nn.ReLU, nn.Hardsigmoid))


def _register(size: str, inner: int) -> None:
    @reference(f"mobilenet-v3-{size}")
    def mobilenet_v3(
        channels: int,
        *,
        width: Fraction = Fraction(1),
        se: bool = True,
        dilated: bool = False,
        classes: int = 1000,
        insert: Insert | None = None,
    ) -> nn.Module:
        insert = insert or nothing
        backbone = features(channels, size, width=width, se=se, dilated=dilated, insert=insert)
        last = backbone.channels
        hidden = make_divisible(inner * float(width))
        linear = (nn.Linear(last, hidden), nn.Hardswish(), nn.Linear(hidden, classes))
        return Classifier(backbone, insert("head", 0, "after", last), *linear)


_register("large", 1280)
_register("small", 1024)
