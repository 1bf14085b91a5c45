"""Pictures over two variables: every cell, every stage and every fraction where it belongs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.plots import Cheapest, plane
from costmodel.plots.figure import STAGES, drawing
from costmodel.sweep import Grid, grid


def made(**axes) -> Grid:
    return grid(["linear"], axes, {name: 3 for name in ("c", "side") if name not in axes})


def test_the_stages_are_those_of_resnet() -> None:
    """He et al. 2016, Table 1: a stage halves the map, and doubles the channels from 256 on."""
    assert [(stage.name, stage.side, stage.c) for stage in STAGES] == [
        ("conv2", 56, 256),
        ("conv3", 28, 512),
        ("conv4", 14, 1024),
        ("conv5", 7, 2048),
    ]


def test_stages_lie_at_their_sizes() -> None:
    """Whichever axis is which, and only those that are within the borders."""
    counted = made(side=range(7, 57), c=range(128, 1025, 128))
    with drawing(2) as (_, axes):
        (entry,) = plane.stages(axes, counted)
    assert entry.get_label() == "outputs of ResNet-50's stages, 224×224 images"
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines] == [(56, 256), (28, 512), (14, 1024)]
    assert [text.get_text() for text in axes.texts] == ["conv2", "conv3", "conv4"]
    assert [text.xy for text in axes.texts] == [(56, 256), (28, 512), (14, 1024)]
    with drawing(2) as (_, axes):
        plane.stages(axes, made(c=range(128, 1025, 128), side=range(7, 57)))
    assert [text.xy for text in axes.texts] == [(256, 56), (512, 28), (1024, 14)]


@pytest.mark.parametrize("axes", [{"h": [7, 56], "c": [256, 2048]}, {"side": [8, 9], "c": [256, 2048]}])
def test_no_stages_elsewhere(axes) -> None:
    """Over other variables, or where none is within the borders, there are no points and no entry of the key."""
    counted = grid(["linear"], axes, {"w": 3} if "h" in axes else {})
    with drawing(2) as (_, drawn):
        assert plane.stages(drawn, counted) == []
    assert len(drawn.lines) == 0
    assert plane.room(counted)._free.all()


def test_a_stage_has_the_colour_of_its_cell() -> None:
    """What is cheapest at 28×28 and 512 channels is what the picture shows there."""
    data = Cheapest.of(["danet-pam", "danet-cam"], {"side": range(4, 129), "c": range(32, 4097, 8)})
    shown = plane.pixels(data.grid, data.winner, plane.PIXELS)
    for stage in STAGES:
        x, y = (int(plane.PIXELS * place) for place in plane.fractions(data.grid, stage.side, stage.c))
        assert shown[x, y] == data.winner[stage.side - 4, (stage.c - 32) // 8] == (3 * stage.side**2 > 2 * stage.c)


def test_borders_are_halfway() -> None:
    """On logarithmic axes, and as far beyond the ends."""
    assert plane.limits(made(side=[2, 8, 32], c=[5, 45])) == {
        "side": pytest.approx((1, 64)),
        "c": pytest.approx((5 / 3, 135)),
    }


ascending = st.lists(st.integers(1, 10**6), min_size=2, max_size=8, unique=True).map(sorted)


@given(ascending, ascending, st.integers(1, 40))
def test_pixels_are_those_of_the_nearest_values(sides, channels, count) -> None:
    """Nearest on a logarithmic scale."""
    counted = made(side=sides, c=channels)
    columns, rows = np.arange(len(sides)), np.arange(len(channels))
    places = (np.arange(count) + 0.5) / count
    for name, values, shown in [
        ("side", sides, plane.pixels(counted, columns[:, np.newaxis] + 0 * rows, count)[:, 0]),
        ("c", channels, plane.pixels(counted, 0 * columns[:, np.newaxis] + rows, count)[0]),
    ]:
        low, high = np.log(plane.limits(counted)[name])
        distances = abs(np.log(values) - (low + places * (high - low))[:, np.newaxis])
        assert distances[np.arange(count), shown] == pytest.approx(distances.min(axis=1), abs=1e-9)


def test_letters_stand_beside_what_is_seen() -> None:
    """Below a curve that rises, above one that falls, and at its start where there is no room."""
    counted = made(side=range(1, 101), c=range(1, 101))
    rising, corner = np.geomspace(2, 60, 50), np.array([99.0, 100.0])
    for line, xytext, place in [
        ((rising, rising), (3, -8), 25),
        ((rising, 100 / rising), (3, 2), 25),
        ((corner, 100 - corner + 0.6), (3, 2), 0),
    ]:
        with drawing(2) as (_, axes):
            entry = plane.lettered(axes, counted, plane.Boundary("said", [line]), "a", plane.room(counted))
        assert (entry.letter, entry.get_label()) == ("a", "said")
        (text,) = axes.texts
        assert text.xyann == xytext
        assert text.xy == pytest.approx((line[0][place], line[1][place]))
