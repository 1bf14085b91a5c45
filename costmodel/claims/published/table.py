"""The table of published figures: theirs as it was read, and what each asks of the catalog."""

import csv
import re
from collections.abc import Mapping
from fractions import Fraction
from importlib import resources
from typing import NamedTuple

from costmodel.dimension import CostModelError

UNITS: Mapping[str, int | Fraction] = {
    "params": 1,
    "params_M": 10**6,
    "MMACs": 10**6,
    "GMACs": 10**9,
    "GFLOPs": 10**9,
    "checkpoint_MB": 2**20,
    "%": Fraction(1, 100),
    "MB": 10**6,
    "GB": 10**9,
}
"""What 1 of a metric stands for, or of a sign after a number, which goes first; 1 of all others."""


class Printed(NamedTuple):
    """A number as it is printed."""

    number: Fraction
    decimals: int
    """Digits after the point: its precision."""
    unit: Fraction
    sign: str
    """What stands after it."""
    bound: bool
    """Whether it is said to be exceeded, and not to be met."""

    def shown(self, value: Fraction, further: int = 0) -> str:
        """`value` in this unit, to as many decimals as this, and `further` ones."""
        places = max(self.decimals + further, 0)
        digits = round(value / self.unit * 10**places)
        whole, part = divmod(abs(digits), 10**places)
        return f"{'-' * (digits < 0)}{whole}" + (f".{part:0{places}}" if places else "") + self.sign


class Figure(NamedTuple):
    """A published figure: the first eight are as they were read, the others are ours."""

    source: str
    model: str
    setting: str
    metric: str
    value: str
    convention: str
    read_at: str
    status: str
    """``read`` at the source, or ``quoted`` as it is commonly cited."""
    asks: str
    """What is counted: one expression of costs for each number of `value`, with ``;`` between them."""
    input: str
    """The shape at which it is counted."""
    scope: str
    """Why no cost model can give it; empty where `asks` is not."""
    otherwise: str
    """Something else that may have been counted: ``name: asks``."""
    note: str
    verdict: str
    """As recorded."""
    reading: str
    """The names of the readings, as recorded."""

    @property
    def printed(self) -> list[Printed]:
        """The numbers in `value`."""
        found = re.finditer(r"(over |more than )?(\d+(?:\.(\d+))?(?:e(-?\d+))?) ?(%|x\b|MB|GB)?", self.value)
        return [
            Printed(
                Fraction(number),
                len(decimals or "") - int(exponent or 0),
                Fraction(UNITS.get(sign or self.metric, 1)),
                f" {sign}" if sign in ("MB", "GB") else sign or "",
                bool(over),
            )
            for over, number, decimals, exponent, sign in (match.groups() for match in found)
        ]

    @property
    def shape(self) -> tuple[int, ...]:
        """The input, as sizes."""
        return tuple(map(int, self.input.split("x")))


def figures() -> list[Figure]:
    """All of them, in the order of their sources.

    Raises `CostModelError` for a table with other columns, or a figure that neither asks nor says why it does not.
    """
    text = (resources.files("costmodel.claims.published") / "figures.csv").read_text(encoding="utf-8")
    return read(text)


def read(text: str) -> list[Figure]:
    """The figures that `text`, which is CSV, has."""
    header, *lines = csv.reader(text.splitlines())
    if tuple(header) != Figure._fields:
        raise CostModelError(f"published figures have the columns {', '.join(Figure._fields)}")
    found = []
    for number, line in enumerate(lines, start=2):
        if len(line) != len(header):
            raise CostModelError(f"line {number} of the published figures has {len(line)} cells, not {len(header)}")
        figure = Figure(*line)
        if bool(figure.asks) == bool(figure.scope):
            raise CostModelError(f"line {number} of the published figures asks for something, or says why it does not")
        found.append(figure)
    return found
