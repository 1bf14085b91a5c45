"""What can be drawn, and what is refused."""

import pytest

from costmodel import CostModelError, find, ledger, totals
from costmodel.catalog import Subject
from costmodel.plots.counts import counts, placed


def test_a_grid_that_can_be_drawn() -> None:
    """The costs are those of the layer program."""
    counted = counts(["se", "conv"], {"side": [3, 7]}, {"c": 37}, "params", axes=1, positive=True)
    assert counted.values["se"].tolist() == [2 * 37 * 2] * 2
    assert counted.values["conv"].tolist() == [totals(ledger("conv", (1, 37, side, side)))["params"] for side in (3, 7)]


@pytest.mark.parametrize(
    "over, at, axes, words",
    [
        ({"side": [3, 7], "c": [32, 64]}, {}, 1, "drawn over one variable, not 2"),
        ({"side": [3, 7]}, {"c": 32}, 2, "drawn over two variables, not 1"),
        ({}, {"c": 32, "side": 7}, 1, "drawn over one variable, not 0"),
        ({"side": [7]}, {"c": 32}, 1, "side needs at least two values, in ascending order"),
        ({"side": [9, 4]}, {"c": 32}, 1, "side needs at least two values, in ascending order"),
        ({"side": [4, 4]}, {"c": 32}, 1, "side needs at least two values, in ascending order"),
        ({"side": range(1, 10_002)}, {"c": 32}, 1, "one variable shows at most 10,000 points, not 10,001"),
        ({"side": range(1, 2003), "c": range(32, 2033)}, {}, 2, "two variables shows at most 4,000,000 points"),
        ({"side": [2, 2**70]}, {"c": 32}, 1, "side is drawn up to 9,223,372,036,854,775,807"),
        ({"side": [2, 3]}, {"c": 10**200}, 1, r"conv costs more than 1e\+300 macs somewhere"),
        ({"side": [3, 7]}, {}, 1, "missing for c"),
    ],
    ids=range(11),
)
def test_what_cannot_be_drawn_is_refused(over, at, axes, words) -> None:
    """Too few or too many variables, values, points or digits, in a sentence."""
    with pytest.raises(CostModelError, match=words):
        counts(["conv"], over, at, "macs", axes=axes, positive=True)


def test_the_largest_size_that_can_be_drawn() -> None:
    """What int64 just holds is drawn, with costs that it does not hold."""
    counted = counts(["conv"], {"side": [2, 2**63 - 1]}, {"c": 7}, "macs", axes=1, positive=True)
    assert counted.values["conv"].tolist() == [9 * 49 * side**2 for side in (2, 2**63 - 1)]


def test_nothing_is_refused_only_on_logarithmic_scales() -> None:
    """The MACs of channel attention's pooling are 0, which a map can show and a curve cannot."""
    free = Subject(find("danet-cam"), {}, "free")
    arguments = ([free], {"side": [3, 7]}, {"c": 5}, "params")
    assert counts(*arguments, axes=1, positive=True).values["free"].tolist() == [1, 1]
    with pytest.raises(CostModelError, match="sse costs no macs somewhere, which a logarithmic scale cannot show"):
        counts([_free("sse")], {"side": [3, 7]}, {"c": 5}, "macs", axes=1, positive=True)
    assert counts([_free("sse")], {"side": [3, 7]}, {"c": 5}, "macs", axes=1, positive=False).values


def _free(name: str) -> Subject:
    """A layer without a multiplication."""
    se = find("se")
    return Subject(se._replace(program=lambda x: x.relu(), options={}), {}, name)


def test_options_and_sizes_that_are_fixed() -> None:
    """Every layer takes those options that it has; sizes are apart."""
    subjects, sizes = placed(["se:bias=true", "conv", "non-local"], {"c": 64, "side": 7, "reduction": 4, "dilation": 2})
    assert sizes == {"c": 64, "side": 7}
    assert [(subject.name, dict(subject.options)) for subject in subjects] == [
        ("se:bias=true", {"bias": True, "reduction": 4}),
        ("conv", {"dilation": 2}),
        ("non-local", {"reduction": 4}),
    ]
