"""Figures of insertions that fit a budget."""

import numpy as np
import pytest

from costmodel import subjects
from costmodel.catalog import read
from costmodel.dimension import CostModelError
from costmodel.plots import Placement
from costmodel.search import Found, Limit, search

LIMITS = [Limit.read("params<=1.05x"), Limit.read("macs<=1.3x")]


@pytest.fixture(scope="module")
def placed() -> Placement:
    """SE, which has more parameters, and channel attention, which has more MACs, in the last stages of ResNet-50."""
    network = subjects.read("resnet50")
    found = search([read("se"), read("danet-cam")], network, LIMITS, places=subjects.places("res3,res4,res5"))
    return Placement.of(found, network, LIMITS)


def test_every_candidate_and_the_front_are_drawn(placed) -> None:
    """Grey dots where the candidates are, and markers of their layer on those that nothing beats."""
    panels = placed.figure().axes
    assert [axes.get_ylabel() for axes in panels] == ["added MACs", "added parameters"]
    assert panels[1].get_xlabel() == "attended blocks"
    for axes, metric in zip(panels, ("macs", "params"), strict=True):
        dots, *marked = axes.get_lines()
        drawn = set(zip(*(data.tolist() for data in dots.get_data()), strict=True))
        assert drawn <= {(c.attended, getattr(c, metric)) for c in placed.found.fitting}
        assert len(drawn) > 20
        points = [line for line in marked if line.get_marker() not in ("None", None, "")]
        assert len({line.get_marker() for line in points}) == len(points) == 2
        shown = {
            pair
            for line in points
            for pair in zip(*map(np.ndarray.tolist, map(np.asarray, line.get_data())), strict=True)
        }
        assert shown == {(c.attended, getattr(c, metric)) for c in placed.front}


def test_the_key_says_what_is_what(placed) -> None:
    """The layers, the candidates with the limits, and the line of a limit."""
    (legend,) = placed.figure().legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[:2] == ["se, not beaten", "danet-cam, not beaten"]
    assert (
        " ".join(texts[2].split())
        == f"all {len(placed.found.fitting):,} candidates that fit {LIMITS[0].text} and {LIMITS[1].text}"
    )
    assert texts[3:] in (["limit"], [])


def test_dots_that_fall_together_are_one(placed) -> None:
    """And none is left out: each candidate is within a cell of a dot."""
    attended, added = placed._dots("params")
    values = np.array([c.params for c in placed.found.fitting], float)
    assert len(added) <= len(values)
    assert set(added.tolist()) <= set(values.tolist())
    assert (min(added), max(added)) == (values.min(), values.max())
    assert set(attended.tolist()) == {c.attended for c in placed.found.fitting}


def test_what_is_free_has_no_logarithm() -> None:
    """A layer without parameters: the axis starts at 0."""
    network = subjects.read("resnet50")
    found = search([read("dense-attention:heads=1"), read("danet-cam")], network, [])
    free = found._replace(fitting=[c._replace(params=0) for c in found.fitting])
    axes = Placement.of(free, network, against="positions").figure().axes[1]
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[0] == 0
    assert axes.get_xlabel() == "attended positions of one sample"


def test_what_cannot_be_drawn(placed) -> None:
    """Nothing, or more layers than there are markers."""
    network = subjects.read("resnet50")
    with pytest.raises(CostModelError, match="nothing to draw"):
        Placement.of(placed.found._replace(fitting=[]), network)
    many: Found = placed.found._replace(groups={str(number): () for number in range(9)})
    with pytest.raises(CostModelError, match="at most 8 layers are told apart by markers, not 9"):
        Placement.of(many, network)
