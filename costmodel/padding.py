"""Convolutions without the taps that lie in their padding, which every counter charges and no picture has.

A 7×7 kernel on a 7×7 map is charged 1.75 × the work that it does on the map.
"""

from collections.abc import Callable

from costmodel.dimension import CostModelError, Dim, ceil_div, minimum
from costmodel.ledger import Ledger, Row, Taps

METRIC = "inside-macs"


def inside_macs(ledger: Ledger) -> Dim:
    """Multiply-accumulates of all rows, those of convolutions on elements of the map only."""
    return sum(_of_row(row, taps_inside) for row in ledger.rows)


def least_macs(row: Row) -> Dim:
    """Multiply-accumulates that a row needs at least: the taps in the padding of a convolution may be left out."""
    return _of_row(row, taps_at_least)


def _of_row(row: Row, inside: Callable[[Taps], Dim]) -> Dim:
    count = row.arithmetic.get("mac", 0)
    for along, positions in zip(row.taps, row.output[2:], strict=bool(row.taps)):
        # Every position has the same taps of every other dimension, so that one after the other can be replaced.
        count = count // (positions * along.kernel) * inside(along)
    return count


def taps_inside(along: Taps) -> Dim:
    """How often a tap of the kernel meets an element, along one dimension: over all positions of the output.

    The tap at a distance of d from the middle meets one at ⌈(n - d)/s⌉ of the ⌈n/s⌉ positions where it reaches forward,
    and at all but the first ⌈d/s⌉ where it reaches back.

    Raises `CostModelError` for a kernel that is no number, and over symbols for a stride by which ⌈(n - d)/s⌉ rounds in
    more ways than up and down.
    """
    size, kernel, stride, dilation = along
    _check_kernel(kernel)
    positions = ceil_div(size, stride)
    met = positions
    for tap in range(1, kernel // 2 + 1):
        distance = tap * dilation
        passed, rest = distance // stride, distance % stride
        reached = positions if _is(rest, 0) else size // stride if _is(stride - rest, 1) else None
        if reached is None:
            if hasattr(size, "free_symbols"):
                # No size divides exactly for all of them.
                raise CostModelError(f"{METRIC} of a kernel that strides so has no form for all sizes: ask at a shape")
            reached = (size + stride - 1 - rest) // stride
        met = met + reached - minimum(passed, reached)
        met = met + positions - minimum(ceil_div(distance, stride), positions)
    return met


def _is(size: Dim, number: int) -> bool:
    return type(size) is int and size == number


def taps_at_least(along: Taps) -> Dim:
    """No more than `taps_inside`, and as many where the stride is 1 or divides the size and every distance.

    A tap meets an element at all positions but ⌈d/s⌉, to whichever side it reaches: so that of a kernel that strides
    too, there is a form for all sizes.
    """
    _check_kernel(along.kernel)
    positions = ceil_div(along.size, along.stride)
    reached = (ceil_div(tap * along.dilation, along.stride) for tap in range(1, along.kernel // 2 + 1))
    return positions + 2 * sum(positions - minimum(lost, positions) for lost in reached)


def _check_kernel(kernel: Dim) -> None:
    if type(kernel) is not int:
        raise CostModelError("the taps of a kernel are added up, whose size must be a number")
