"""Room for words in a picture, where they cover nothing else that is written in it."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

PLACES = 60
"""Along each side of the axes."""


class Box(NamedTuple):
    """How many places words take, and by how many their middle is away from what they belong to."""

    width: int
    height: int
    right: float = 0
    up: float = 0


def box(text: str, right: float = 0, up: float = 0) -> Box:
    """That of horizontal `text` in the type of figures, with a margin."""
    lines = text.split("\n")
    return Box(math.ceil(1.4 * max(map(len, lines))) + 2, 4 * len(lines) + 1, right, up)


class Room:
    """The places that nothing takes yet. Where something is stands in fractions of the axes."""

    def __init__(self) -> None:
        self._free = np.ones((PLACES, PLACES), bool)

    def take(self, x: float, y: float, size: Box) -> None:
        """Take the places of words beside a point."""
        self._free[tuple(slice(max(0, start), max(0, start + length)) for start, length in _corner(x, y, size))] = False

    def beside(self, x: Any, y: Any, size: Box) -> int | None:
        """The number of the middlemost point of a line beside which there is room, which is taken; None if none has."""
        fitting = _fitting(self._free, size)
        for number in sorted(np.flatnonzero(~np.isnan(x)).tolist(), key=lambda number: abs(number - len(x) / 2)):
            (column, _), (row, _) = _corner(x[number], y[number], size)
            if min(column, row) >= 0 and column < fitting.shape[0] and row < fitting.shape[1] and fitting[column, row]:
                self.take(x[number], y[number], size)
                return int(number)
        return None

    def within(self, region: Any, size: Box) -> tuple[float, float] | None:
        """The place for words deepest inside a region, which is taken; None if it has no room for them.

        A region is an array of its places.
        """
        left = _fitting(region & self._free, size)
        if not left.any():
            return None
        while left.any():
            deepest = np.argwhere(left)
            # Take a rim off.
            rim = np.pad(left, 1)
            left = left & rim[2:, 1:-1] & rim[:-2, 1:-1] & rim[1:-1, 2:] & rim[1:-1, :-2]
        column, row = min(deepest.tolist(), key=lambda place: float(abs(deepest.mean(axis=0) - place).sum()))
        x, y = (column + size.width / 2) / PLACES, (row + size.height / 2) / PLACES
        self.take(x, y, size)
        return x, y


def _corner(x: float, y: float, size: Box) -> list[tuple[int, int]]:
    """The first column and row of words, and how many follow."""
    return [
        (round(PLACES * x + size.right - size.width / 2), size.width),
        (round(PLACES * y + size.up - size.height / 2), size.height),
    ]


def _fitting(free: Any, size: Box) -> Any:
    """The first columns and rows of words that have room."""
    if size.width > PLACES or size.height > PLACES:
        return np.zeros((0, 0), bool)
    return sliding_window_view(free, (size.width, size.height)).all(axis=(2, 3))
