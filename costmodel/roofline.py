"""The least time that operations take on a device: what it can compute and move in a second bounds each of them.

Williams, Waterman, Patterson 2009, Roofline: an insightful visual performance model (doi:10.1145/1498765.1498785).
An operation takes no less than its multiply-accumulates take the units that multiply matrices, than the rest of its
arithmetic takes the vector units, than its bytes take each level of memory, and than starting it takes. The taps of a
convolution that lie in its padding are left out, as libraries may. What fits a cache need not come from below it: as
much as the cache holds may be there when an operation begins, and as much may stay there when it ends.

Time is counted exactly, in ticks. A tick is the part of a second in which every figure of a device is whole, so that
times add up, are compared and cross as integers do.
"""

from collections.abc import Iterator
from math import lcm
from typing import NamedTuple

from costmodel.devices import Device
from costmodel.dimension import Dim, maximum
from costmodel.fusion import Kernel, eager, fused
from costmodel.ledger import Ledger
from costmodel.memory import width
from costmodel.padding import least_macs


class Bound(NamedTuple):
    """The least time of one kernel."""

    kernel: Kernel
    limits: dict[str, Dim]
    """In ticks, what each part of the device needs: ``matrix``, ``vector``, the levels of memory, ``launch``."""

    @property
    def ticks(self) -> Dim:
        """The greatest of them."""
        return maximum(*self.limits.values())

    @property
    def by(self) -> str:
        """What the kernel waits for; its sizes must be numbers."""
        return max(self.limits, key=self.limits.__getitem__)


class Roofline:
    """What a device can do with elements of one dtype."""

    def __init__(self, on: Device, dtype: str = "fp32") -> None:
        """Raises `CostModelError` for a dtype that nobody knows or the device has no figures for."""
        self.device, self.dtype, self._width = on, dtype, width(dtype)
        self._matrix, self._vector = on.peaks(dtype)
        figures = [self._matrix, self._vector, *(level.bandwidth for level in on.levels), on.launch.denominator]
        self.ticks_per_second = lcm(*figures)

    def bounds(self, kernels: list[Kernel]) -> Iterator[Bound]:
        """The least time of each kernel."""
        second = self.ticks_per_second
        for kernel in kernels:
            macs = sum(map(least_macs, kernel.rows))
            rest = sum(n for row in kernel.rows for kind, n in row.arithmetic.items() if kind != "mac")
            limits = {"matrix": 2 * macs * (second // self._matrix), "vector": rest * (second // self._vector)}
            above = 0
            for level in self.device.levels:
                # All that caches hold at the beginning and at the end has no need to pass this level.
                limits[level.name] = (kernel.elements * self._width - 2 * above) * (second // level.bandwidth)
                above += level.bytes
            limits["launch"] = int(second * self.device.launch)
            yield Bound(kernel, limits)


def time(ledger: Ledger, roofline: Roofline, *, fusing: bool = False) -> Dim:
    """The least time in ticks, one operation after the other, each by itself or in kernels that are `fused`."""
    kernels = fused(ledger) if fusing else eager(ledger)
    return sum(bound.ticks for bound in roofline.bounds(kernels))
