"""Which insertions fit a budget, and which of them nothing beats."""

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel.layers
import costmodel.networks  # noqa: F401
from costmodel import search as searching
from costmodel import subjects
from costmodel.catalog import NETWORKS, Subject, network, read
from costmodel.dimension import CostModelError, elements
from costmodel.insertion import Insert, Place, compose, maps_of
from costmodel.metrics import METRICS, total
from costmodel.search import Candidate, Found, Limit, search
from costmodel.tensor import Tensor

SHAPE = (2, 3, 37, 53)


@pytest.fixture(scope="module")
def small() -> Iterator[Subject]:
    """A network of 2 and 3 blocks of 20 and 34 channels, the first of which works at other sides than the others."""

    @network("small", source="these tests", input=SHAPE, stride=4)
    def small(x: Tensor) -> Tensor:
        """Two stages."""
        for index, (channels, blocks) in enumerate(((20, 2), (34, 3))):
            with x.scope(f"res{index + 1}"):
                for number in range(1, blocks + 1):
                    with x.scope(str(number)):
                        x = x.conv(channels, kernel=3).place("branch").relu().place("after")
                        x = x.max_pool(2) if number == 1 else x
        with x.scope("head"):
            return x.place("after").global_avg_pool()

    yield Subject(NETWORKS["small"], {}, "small")
    del NETWORKS["small"]


def added(network: Subject, candidate: Candidate, places: str, shape: tuple[int, ...] = SHAPE) -> tuple[int, int]:
    """The params and MACs that a candidate adds, by composing and counting the whole network."""
    insert = Insert(read(candidate.layer).layer, candidate.options, subjects.places(places))
    whole = compose(network.layer, [insert], "whole").run(shape, network.options)
    bare = network.layer.run(shape, network.options)
    params, macs = (total(whole, metric) - total(bare, metric) for metric in ("params", "macs"))
    return params, macs


@pytest.mark.parametrize(
    "text, expected",
    [
        ("macs<=1.05x", ("macs", Fraction(21, 20), True)),
        ("params <= 30e6", ("params", Fraction(30_000_000), False)),
        (" flops≤0.5× ", ("flops", Fraction(1, 2), True)),
        ("fvcore<=7", ("fvcore", Fraction(7), False)),
    ],
)
def test_limits(text, expected) -> None:
    """Exactly, and as they are spelled."""
    limit = Limit.read(text)
    assert (limit.metric, limit.amount, limit.relative) == expected
    assert limit.text == text.strip()


@pytest.mark.parametrize("text", ["", "macs", "macs<=", "macs<1x", "macs<=-1", "macs<=1,05x", "macs<=1e400", "macs=1x"])
def test_limits_that_are_none(text) -> None:
    """Are refused with an example."""
    with pytest.raises(CostModelError, match=r"as macs<=1\.05x, not"):
        Limit.read(text)
    with pytest.raises(CostModelError, match="did you mean 'params'"):
        Limit.read("param<=1x")


def test_bounds_by_hand() -> None:
    """Rounded down, to what may be added."""
    base = {"macs": 1001, "params": 10}
    assert Limit.read("macs<=1.05x").bound(base) == 50  # 1051.05
    assert Limit.read("params<=7").bound(base) == -3


def test_by_hand(small) -> None:
    """SE of reduction 4 at one block of res1 has 2·20·5 weights, of res2 2·34·8: as many MACs a sample."""
    found = search([read("se:reduction=4")], small, [])
    assert found.tried == len(found.fitting) == 2 * 2 * 2 * 3 - 1
    one = {found.places(c): (c.params, c.macs) for c in found.fitting if c.attended == 1}
    assert one == {
        "res1:1": (200, 400),
        "res1:2": (200, 400),
        "res2:1": (544, 1088),
        "res2:3": (544, 1088),
    }
    assert {found.places(c) for c in found.fitting if c.attended == 5} == {"res1:1-2,res2:1-3"}
    assert [sorted(found.places(c) for c in equal) for equal in found.front[-2:]] == [
        ["res1:1-2"],
        ["res1:1", "res1:2"],
    ]


def test_positions_are_those_of_one_sample(small) -> None:
    """37·53 of the first block of res1, 18·26 of the second."""
    found = search([read("se:reduction=4")], small, [], against="positions")
    attended = {found.places(candidate): candidate.attended for candidate in found.fitting}
    assert (attended["res1:1"], attended["res1:2"], attended["res1:1-2"]) == (1961, 468, 2429)


CHOICES = {"se": ["reduction"], "cbam": ["reduction", "kernel"], "danet-cam": [], "non-local": ["reduction"]}


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from(sorted(CHOICES)), min_size=1, max_size=3, unique=True),
    st.sampled_from(["all", "res1", "res2:last,head", "all@after", "res1@after,res2"]),
    st.sampled_from([[], ["params<=1.1x"], ["macs<=1.01x", "params<=1.2x"], ["arithmetic<=1.02x"], ["macs<=0.5x"]]),
    st.sampled_from(["blocks", "positions"]),
    st.lists(st.integers(1, 40), min_size=1, max_size=2, unique=True),
)
def test_the_front_is_that_of_all_composed_networks(small, layers, at, limits, against, reductions) -> None:
    """Composed one by one and counted whole; what is found beside it is what fits."""
    places = subjects.places(at)
    asked = [read(layer) for layer in layers]
    bounds = [Limit.read(limit) for limit in limits]
    varies = any("reduction" in CHOICES[layer] for layer in layers)
    tried = {"reduction": reductions} if varies else {}
    try:
        found = search(asked, small, bounds, places=places, tried=tried, against=against)
    except CostModelError:
        # Some layer is defined nowhere: not one of its reductions is small enough.
        assert min(reductions) > (17 if "head" in at or "res2" in at else 20) or min(reductions) > 20
        return
    expected = composed(asked, small, bounds, places, tried, against)
    ours = sorted((c.layer, sorted(c.options.items()), c.attended, c.params, c.macs) for c in found.fitting)
    assert {repr(each) for each in ours} == {repr(each[:5]) for each in expected}
    values = {each[2:5] for each in expected}
    best = {
        one
        for one in values
        if not any(o != one and o[0] >= one[0] and o[1] <= one[1] and o[2] <= one[2] for o in values)
    }
    assert [(c.attended, c.params, c.macs) for equal in found.front for c in equal[:1]] == sorted(
        best, key=lambda one: (-one[0], one[1], one[2])
    )
    for candidate in (*itertools.chain(*found.front), *found.fitting[:3]):
        assert added(small, candidate, found.places(candidate)) == (candidate.params, candidate.macs)


def composed(layers, network, limits, places, tried, against) -> list[Any]:
    """What fits, of every layer and option at every subset of the places, by brute force."""
    maps = maps_of(network.layer.program, SHAPE, {})
    base = {metric: total(network.layer.run(SHAPE, {}), metric) for metric in METRICS}
    found = []
    for subject in layers:
        names = CHOICES[subject.layer.name]
        values = [tried.get(name, (3, 7) if name == "kernel" else ()) for name in names]
        sites = Insert(subject.layer, {}, places).sites(network.layer, {})
        for chosen in itertools.product(*values):
            options = dict(zip(names, chosen, strict=True))
            costs = {site: one(subject, options, maps[site]) for site in sites}
            usable = [site for site in sites if costs[site] is not None]
            for count in range(1, len(usable) + 1):
                for subset in itertools.combinations(usable, count):
                    sums = {metric: sum(costs[site][metric] for site in subset) for metric in METRICS}
                    if all(base[limit.metric] + sums[limit.metric] <= bound(limit, base) for limit in limits):
                        attended = count if against == "blocks" else sum(elements(maps[s][2:]) for s in subset)
                        found.append(
                            (subject.layer.name, sorted(options.items()), attended, sums["params"], sums["macs"])
                        )
    return found


def bound(limit: Limit, base: dict[str, int]) -> Fraction:
    return limit.amount * base[limit.metric] if limit.relative else limit.amount


def one(subject: Subject, options: dict[str, Any], shape: tuple[int, ...]) -> dict[str, int] | None:
    try:
        ledger = subject.layer.run(shape, options)
    except CostModelError:
        return None
    return {metric: total(ledger, metric) for metric in METRICS}


def test_a_layer_stands_where_it_is_defined(small) -> None:
    """A reduction of 30 is too large for the 20 channels of res1, and none of res1 is among the candidates."""
    found = search([read("se")], small, [], tried={"reduction": [30]})
    assert {found.places(c) for c in found.fitting} == {"res2:1", "res2:3", "res2:1+3", "res2:2-3", "res2:1-3"}
    with pytest.raises(CostModelError, match=r"se fits nowhere there .* reduction 40 is larger than the 34 channels"):
        search([read("se")], small, [], tried={"reduction": [40]})


def test_what_is_tried() -> None:
    """Usual values and the default, unless some are given; not what a layer takes from its input."""
    tried = list(searching._choices(read("cbam-spatial"), {}))
    assert tried == [{"kernel": 3}, {"kernel": 7}]
    assert list(searching._choices(read("eca"), {})) == [{}]
    assert list(searching._choices(read("se:reduction=5"), {"reduction": [3]})) == [{"reduction": 5}]


def test_the_same_candidate_is_counted_once(small) -> None:
    """Though two texts ask for it."""
    both = search([read("se"), read("se:reduction=4")], small, [])
    assert both.fitting == search([read("se")], small, []).fitting


def test_nothing_fits(small) -> None:
    """What comes nearest is the one that adds least of what is limited first."""
    found = search([read("se"), read("danet-cam")], small, [Limit.read("params<=1.00001x")])
    assert (found.fitting, found.front) == ([], [])
    assert found.least is not None
    assert (found.least.layer, found.least.params) == ("danet-cam", 1)
    found = search([read("se"), read("danet-cam")], small, [Limit.read("macs<=1x")])
    assert found.least is not None
    assert (found.least.layer, found.least.options) == ("se", {"reduction": 16})


def test_behind_layers_that_are_there(small) -> None:
    """A network with layers inserted is a base, too."""
    asked = subjects.read("small with cbam:reduction=4")
    found = search([read("se:reduction=4")], asked, [])
    bare = search([read("se:reduction=4")], small, [])
    assert found.fitting == bare.fitting
    assert found.base["params"] > bare.base["params"]


@pytest.mark.parametrize(
    "keywords, words",
    [
        (
            {"tried": {"reductio": [4]}},
            "no layer here has an integer option 'reductio' that is not given (did you mean",
        ),
        ({"tried": {"bias": [1]}}, "no layer here has an integer option 'bias'"),
        ({"against": "block"}, "what is wanted much of is blocks or positions, not 'block'"),
        ({"places": (Place.read("res9"),)}, "it has no stage 'res9'"),
        ({"tried": {"reduction": [40]}}, "reduction 40 is larger than the 34 channels"),
        ({"tried": {"reduction": range(1, 10**6)}}, "more than 2,000,000 candidates"),
    ],
)
def test_bad_questions(small, monkeypatch, keywords, words) -> None:
    """Are refused in words."""
    if "candidates" in words:
        monkeypatch.setattr(searching, "USUAL", {})
        keywords = {"tried": {"reduction": [1, 2]}}
        monkeypatch.setattr(searching, "MOST", 30)
        words = "more than 30 candidates"
    with pytest.raises(CostModelError) as refused:
        search([read("se")], small, [], **keywords)
    assert words in str(refused.value)


def test_resnet() -> None:
    """Every reported place, counted again in the whole network."""
    base = subjects.read("resnet50")
    found: Found = search([read("se"), read("non-local")], base, [Limit.read("macs<=1.02x")], against="positions")
    shape = (1, 3, 224, 224)
    for equal in found.front[::3]:
        for candidate in equal:
            assert added(base, candidate, found.places(candidate), shape) == (candidate.params, candidate.macs)
