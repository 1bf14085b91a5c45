"""Convolutions without the taps that lie in their padding, which every counter charges and no picture has.

A 7×7 kernel on a 7×7 map is charged 1.75 × the work that it does on the map.
"""

from costmodel.dimension import CostModelError, Dim, ceil_div, minimum
from costmodel.ledger import Ledger, Row, Taps

METRIC = "inside-macs"


def inside_macs(ledger: Ledger) -> Dim:
    """Multiply-accumulates of all rows, those of convolutions on elements of the map only."""
    return sum(_of_row(row) for row in ledger.rows)


def _of_row(row: Row) -> Dim:
    count = row.arithmetic.get("mac", 0)
    for along, positions in zip(row.taps, row.output[2:], strict=bool(row.taps)):
        # Every position has the same taps of every other dimension, so that one after the other can be replaced.
        count = count // (positions * along.kernel) * taps_inside(along)
    return count


def taps_inside(along: Taps) -> Dim:
    """How often a tap of the kernel meets an element, along one dimension: over all positions of the output.

    The tap at a distance of d from the middle meets one at ⌈(n - d)/s⌉ of the ⌈n/s⌉ positions where it reaches forward,
    and at all but the first ⌈d/s⌉ where it reaches back.

    Raises `CostModelError` for a kernel that is no number, and over symbols for one that strides.
    """
    size, kernel, stride, dilation = along
    if type(kernel) is not int:
        raise CostModelError(f"{METRIC} adds up the taps of a kernel, whose size must be a number")
    if kernel > 1 and not (type(stride) is int and stride == 1) and hasattr(size, "free_symbols"):
        # The taps at odd and at even distances round differently, so that no size divides exactly for all of them.
        raise CostModelError(f"{METRIC} of a kernel that strides has no form for all sizes: ask at a shape")
    positions = ceil_div(size, stride)
    met = positions
    for tap in range(1, kernel // 2 + 1):
        distance = tap * dilation
        met = met + ceil_div(size - minimum(distance, size), stride)
        met = met + positions - minimum(ceil_div(distance, stride), positions)
    return met
