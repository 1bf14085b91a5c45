"""Words in a picture find room, once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from costmodel.plots.room import PLACES, Box, Room, box

EVERYWHERE = np.ones((PLACES, PLACES), bool)


def test_boxes() -> None:
    """A box is as wide as the longest line and as high as there are lines."""
    assert box("sparse") == Box(11, 5, 0, 0)
    assert box("sparse\npattern=fixed", right=3, up=-2) == Box(21, 9, 3, -2)


def test_in_the_middle_of_a_region() -> None:
    """Deepest inside, wherever it is."""
    assert Room().within(EVERYWHERE, Box(10, 6)) == (0.5, 0.5)
    region = np.zeros((PLACES, PLACES), bool)
    region[6:29, 30:41] = True
    x, y = Room().within(region, Box(5, 5))
    assert (x * PLACES, y * PLACES) == (17.5, 35.5)


def test_no_room() -> None:
    """Not for more than a region holds, nor twice in one place."""
    room = Room()
    region = np.zeros((PLACES, PLACES), bool)
    region[6:16, 30:36] = True
    assert room.within(region, Box(11, 6)) is None
    assert room.within(region, Box(10, 6)) is not None
    assert room.within(region, Box(1, 1)) is None
    assert room.within(EVERYWHERE, Box(PLACES + 1, 2)) is None
    assert room.within(EVERYWHERE, Box(2, PLACES + 1)) is None


@given(st.lists(st.tuples(st.integers(1, 25), st.integers(1, 25)), min_size=1, max_size=12))
def test_words_never_overlap(sizes) -> None:
    """Whatever is placed one after the other takes places of its own, all of them inside."""
    room, taken = Room(), np.zeros((PLACES, PLACES), int)
    for width, height in sizes:
        if place := room.within(EVERYWHERE, Box(width, height)):
            column, row = round(place[0] * PLACES - width / 2), round(place[1] * PLACES - height / 2)
            assert min(column, row) >= 0
            taken[column : column + width, row : row + height] += 1
            assert taken.sum() == np.count_nonzero(taken)
    assert taken.max() == 1


def test_beside_a_line() -> None:
    """At its middle, but for what is taken there, and nowhere if the line has no room beside it."""
    x = y = np.linspace(0, 1, 101)
    room = Room()
    assert room.beside(x, y, Box(4, 4)) == 50
    assert abs(room.beside(x, y, Box(4, 4)) - 50) in range(5, 9)
    assert Room().beside(x, 0 * y, Box(4, 4)) is None
    assert Room().beside(x, 0 * y, Box(4, 4, up=3)) == 50
    assert Room().beside(np.array([]), np.array([]), Box(1, 1)) is None


def test_beside_what_is_seen_of_a_line() -> None:
    """Not where it is interrupted."""
    x = np.linspace(0, 1, 101)
    x[30:80] = np.nan
    assert Room().beside(x, np.linspace(0, 1, 101), Box(2, 2)) == 29


def test_what_is_taken_beyond_the_borders() -> None:
    """A box that sticks out takes what of it is inside."""
    room = Room()
    room.take(0, 0, Box(10, 6))
    room.take(1, 1, Box(10, 6, right=100))
    assert np.argwhere(~room._free).max(axis=0).tolist() == [4, 2]
    assert (~room._free).sum() == 15
