"""Between which integers the values of a tree lie, known from the least and greatest of its names."""

import itertools
import math
from collections.abc import Mapping
from typing import NamedTuple

from costmodel.symbolic.program import Node


class Interval(NamedTuple):
    """The least and the greatest value, and the greatest absolute value on the way to any of them."""

    least: int
    greatest: int
    peak: int


def interval(node: Node, names: Mapping[str, Interval]) -> Interval:
    """Bounds of `node`, in Python ints.

    Where nothing is subtracted, the greatest value is that at the largest corner. The peak holds in whatever order
    sums and products are taken: a sum's is that of the absolute values, and a product's leaves out factors of 0.
    """
    if isinstance(node, int):
        return Interval(node, node, abs(node))
    if isinstance(node, str):
        return names[node]
    parts = [interval(part, names) for part in node.parts]
    largest = [max(abs(part.least), abs(part.greatest)) for part in parts]
    match node.operation:
        case "add":
            least, greatest = sum(part.least for part in parts), sum(part.greatest for part in parts)
            peak = sum(largest)
        case "mul":
            least, greatest = 1, 1
            for part in parts:
                corners = [a * b for a in (least, greatest) for b in part[:2]]
                least, greatest = min(corners), max(corners)
            peak = math.prod(max(1, size) for size in largest)
        case "min":
            least, greatest = min(part.least for part in parts), min(part.greatest for part in parts)
            peak = 0
        case "max":
            least, greatest = max(part.least for part in parts), max(part.greatest for part in parts)
            peak = 0
        case _:
            above, below = parts
            # What is divided by is at least 1, or the layer is not defined.
            corners = [a // max(1, b) for a, b in itertools.product(above[:2], below[:2])]
            least, greatest, peak = min(corners), max(corners), 0
    return Interval(least, greatest, max(peak, abs(least), abs(greatest), *(part.peak for part in parts)))
