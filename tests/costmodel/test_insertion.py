"""Places of networks, layers at them, and what becomes of both."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import costmodel.layers
import costmodel.networks  # noqa: F401
from costmodel import catalog, subjects
from costmodel.catalog import LAYERS, NETWORKS, find, network
from costmodel.dimension import CostModelError
from costmodel.insertion import WHERE, Insert, Place, Site, by_stage, compose, sites_of, spelled
from costmodel.insertion import given as given_options
from costmodel.metrics import METRICS, total, totals
from costmodel.symbolic import derive
from costmodel.tensor import Tensor

SHAPE = (2, 3, 37, 53)


@pytest.fixture(scope="module")
def tiny() -> Iterator[catalog.Layer]:
    """A network of two stages, with 3 and 2 blocks of 7 and 11 channels, and a head."""

    @network("tiny", source="these tests", input=(1, 3, 37, 53), stride=4)
    def tiny(x: Tensor, *, classes: int = 5, norm: bool = False) -> Tensor:
        """Two stages."""
        for index, (channels, blocks) in enumerate(((7, 3), (11, 2))):
            with x.scope(f"res{index + 1}"):
                for number in range(1, blocks + 1):
                    with x.scope(str(number)):
                        x = x.conv(channels, kernel=3, stride=2 if number == 1 else 1).place("branch")
                        x = (x.batch_norm() if norm else x).relu().place("after")
                if not index:
                    x = x.place("between")
        with x.scope("head"):
            return x.place("after").global_avg_pool().linear(classes)

    yield NETWORKS["tiny"]
    del NETWORKS["tiny"]


def sites(network: catalog.Layer, text: str) -> list[str]:
    """Where ``se at text`` stands."""
    found = Insert(find("se"), {}, subjects.places(text)).sites(network, network.resolve({}))
    return [f"{site.stage}.{site.block}.{site.where}" for site in found]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("res1", ["res1.1.branch", "res1.2.branch", "res1.3.branch"]),
        ("res1:all@after", ["res1.1.after", "res1.2.after", "res1.3.after"]),
        ("res1:last,res2:first", ["res1.3.branch", "res2.1.branch"]),
        ("res2:first , res1:last", ["res1.3.branch", "res2.1.branch"]),
        ("res1:even", ["res1.2.branch"]),
        ("res1:odd", ["res1.1.branch", "res1.3.branch"]),
        ("res1:1+3", ["res1.1.branch", "res1.3.branch"]),
        ("res1:2-3@after", ["res1.2.after", "res1.3.after"]),
        ("res1:first+last+1-2", ["res1.1.branch", "res1.2.branch", "res1.3.branch"]),
        ("all:last", ["res1.3.branch", "res2.2.branch"]),
        ("all@between", ["res1.0.between"]),
        ("res1@between", ["res1.0.between"]),
        ("head", ["head.0.after"]),
        ("head@after", ["head.0.after"]),
        ("all@after", ["res1.1.after", "res1.2.after", "res1.3.after", "res2.1.after", "res2.2.after"]),
        ("res1:2,res1:2@branch", ["res1.2.branch"]),
        ("res1:2,res1:2@after", ["res1.2.branch", "res1.2.after"]),
    ],
)
def test_places(tiny, text, expected) -> None:
    """Each spelling means these places, in the network's order and once."""
    assert sites(tiny, text) == expected


@pytest.mark.parametrize(
    "text, words",
    [
        ("res3", "it has no stage 'res3' (did you mean 'res2'?), but res1, res2, head"),
        ("res1:4", "res1 has no block 4: it has 1 to 3"),
        ("res1:0", "res1 has no block 0"),
        ("res1:2-4", "res1 has no blocks 2-4"),
        ("res1:3-2", "res1 has no blocks 3-2"),
        ("all:3", "res2 has no block 3: it has 1 to 2"),
        ("res1:+", "blocks are all, first, last, even, odd, numbers or ranges such as 2+4-6, not ''"),
        ("res1:evn", "not 'evn' (did you mean 'even'?)"),
        ("res1@inner", "it has no place res1@inner: there a layer can stand branch, after, between"),
        ("res1:2@between", "it has no place res1:2@between: there a layer can stand branch, after"),
        ("res2@between", "it has no place res2@between"),
        ("head:1", "head has no blocks"),
        ("head@between", "it has no place head@between: there a layer can stand after"),
        ("res1@aftr", "not 'aftr' (did you mean 'after'?)"),
        ("", "a place is stage, stage:blocks or stage:blocks@where, such as res4:last@after, not ''"),
        ("res1,,res2", "not ''"),
        ("res1:", "not 'res1:'"),
        ("res1@", "not 'res1@'"),
        ("res1@after:2", "not 'res1@after:2'"),
        ("Res1", "not 'Res1'"),
    ],
)
def test_places_that_do_not_exist(tiny, text, words) -> None:
    """Are refused in words."""
    with pytest.raises(CostModelError) as refused:
        sites(tiny, text)
    assert words in str(refused.value)


@given(st.sets(st.integers(1, 40), min_size=1))
def test_spelled_blocks_are_read_again(blocks: set[int]) -> None:
    """As the same blocks."""
    stage = [Site("res4", block, "after") for block in range(1, 41)]
    place = Place.read(spelled("res4", sorted(blocks), "after"))
    assert {site.block for site in place.among(stage)} == blocks


def test_spelled_by_hand() -> None:
    """Runs as ranges; no blocks, no colon."""
    assert spelled("res4", [1, 2, 3, 5, 7, 8], "") == "res4:1-3+5+7-8"
    assert spelled("head", [0], "after") == "head@after"


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_has_places(name) -> None:
    """Each is one that can be spelled, at which SE or, in video, a non-local block stands once."""
    known = NETWORKS[name]
    found = sites_of(known, known.resolve({}))
    assert len(set(found)) == len(found) > 1
    assert {site.where for site in found} <= set(WHERE)
    for stage, where in dict.fromkeys((site.stage, site.where) for site in found):
        assert Place.read(f"{stage}@{where}").among(found)


def test_a_place_that_no_one_can_ask_for() -> None:
    """Is refused when the network is asked for its places, as is one that exists twice."""

    def unknown(x: Tensor) -> None:
        x.place("beside")

    def twice(x: Tensor) -> None:
        x.place("after").place("after")

    layer = catalog.Layer("bad", unknown, "", {}, video=False, headline=None, input=SHAPE)
    with pytest.raises(CostModelError, match="the place beside is none of inner, branch"):
        sites_of(layer, {})
    with pytest.raises(CostModelError, match="the place after exists already"):
        sites_of(layer._replace(program=twice), {})


def test_by_hand(tiny) -> None:
    """SE at the last block of res2: 11 channels of 10×14 positions, reduced to 2."""
    layer = compose(tiny, [Insert(find("se"), {"reduction": 5}, subjects.places("res2:last"))], "tiny with se")
    ledger = layer.run(SHAPE, {})
    added = 11 * 2 + 2 * 11
    assert ledger.params() == tiny.run(SHAPE, {}).params() + added
    assert total(ledger, "macs") == total(tiny.run(SHAPE, {}), "macs") + 2 * added
    names = [row.name for row in ledger.rows if ".se." in row.name]
    assert names[0] == "res2.2.branch.se.squeeze"
    assert len(names) == 6


INSERTS = st.lists(
    st.tuples(
        st.sampled_from(["se:reduction=5", "cbam:reduction=3", "cbam-spatial", "non-local:reduction=2", "danet-cam"]),
        st.sampled_from(["res1", "res1:last", "res2:first@after", "all", "all@between", "head", "res2,head"]),
    ),
    min_size=1,
    max_size=3,
)


@given(INSERTS, st.tuples(st.integers(1, 3), st.just(3), st.integers(8, 41), st.integers(8, 41)), st.booleans())
def test_the_whole_is_the_backbone_and_what_is_inserted(tiny, guests, shape, norm) -> None:
    """In every metric, together and by stage, for several layers and for one of them twice at one place."""
    text = " with ".join(f"{layer} at {places}" for layer, places in guests)
    whole, alone = subjects.read(f"tiny with {text}"), subjects.read(f"{text} in tiny")
    both = whole.layer.run(shape, {**whole.options, "norm": norm})
    inserted = totals(alone.layer.run(shape, {**alone.options, "norm": norm}))
    backbone = totals(tiny.run(shape, {"norm": norm}))
    assert totals(both) == {metric: backbone[metric] + inserted[metric] for metric in METRICS}
    stages = by_stage(both)
    assert [stage.name for stage in stages] == ["res1", "res2", "head"]
    for metric in METRICS:
        assert sum(total(stage.backbone, metric) for stage in stages) == backbone[metric]
        assert sum(total(stage.inserted, metric) for stage in stages) == inserted[metric]


@pytest.mark.usefixtures("tiny")
def test_names_of_options() -> None:
    """Their own where they are unique, else with the layer's name, and numbered where a layer is there twice."""
    layer = subjects.read("tiny with se:reduction=5 with cbam:kernel=3 with se").layer
    assert list(layer.options) == [
        *("classes", "norm", "se_reduction", "se_bias", "cbam_reduction", "pool", "cbam_bias", "kernel", "compress"),
        *("cbam_norm", "order", "se_reduction_3", "se_bias_3"),
    ]
    letters = {name: option.symbol for name, option in layer.options.items() if option.symbol}
    assert letters == {"se_reduction": "r1", "cbam_reduction": "r2", "kernel": "K", "se_reduction_3": "r3"}
    assert [layer.options[name].default for name in ("se_reduction", "kernel", "se_reduction_3")] == [5, 3, 16]
    assert not layer.options["se_reduction"].open
    assert layer.options["se_reduction_3"].open


def test_given_options_are_found_by_their_names(tiny) -> None:
    """As those of what is composed."""
    inserts = [Insert(find("se"), {"reduction": 5}, ()), Insert(find("cbam"), {"kernel": 3}, ())]
    assert given_options(tiny, inserts) == {"se_reduction": 5, "kernel": 3}


@pytest.mark.usefixtures("tiny")
def test_one_layer_twice_at_one_place() -> None:
    """Has weights twice, under names of their own."""
    asked = subjects.read("tiny with se:reduction=5 at res2:1 with se:reduction=3 at res2:1")
    rows = asked.layer.run(SHAPE, asked.options).rows
    reduced = {row.name: row.params for row in rows if "reduce" in row.name}
    assert reduced == {"res2.1.branch.se.reduce": 22, "res2.1.branch.se2.reduce": 33}


def test_a_composed_network_takes_layers_too(tiny) -> None:
    """Which stand behind those that are there, and are told apart from the backbone with them."""
    once = compose(tiny, [Insert(find("se"), {"reduction": 5}, ())], "once")
    twice = compose(once, [Insert(find("cbam"), {"reduction": 3}, ())], "twice")
    together = subjects.read("tiny with se:reduction=5 with cbam:reduction=3")
    ledger = twice.run(SHAPE, {})
    assert ledger.rows == together.layer.run(SHAPE, together.options).rows
    assert sum(stage.backbone.params() for stage in by_stage(ledger)) == tiny.run(SHAPE, {}).params()
    assert {"r", "r2"} <= {option.symbol for option in twice.options.values()}


def test_what_a_layer_takes_from_its_input_differs_from_place_to_place(tiny) -> None:
    """So it is no choice of the network's, and no letter stands for it."""
    layer = compose(tiny, [Insert(find("conv"), {}, ())], "tiny with conv")
    assert layer.run(SHAPE, {}).chosen == {}
    assert not layer.options["out"].open
    assert layer.run(SHAPE, {}).params() == tiny.run(SHAPE, {}).params() + 9 * (3 * 7 * 7 + 2 * 11 * 11)


@pytest.mark.parametrize("name", ["dense-attention", "sparse-attention", "linear"])
def test_tokens_are_a_map(tiny, name) -> None:
    """What makes N×P×C of N×C×H×W keeps the shape."""
    options = {"heads": 11} if "heads" in LAYERS[name].options else {}
    layer = compose(tiny, [Insert(find(name), options, subjects.places("head"))], name)
    alone = find(name).run((2, 11, 10, 14), options)
    assert layer.run(SHAPE, {}).params() == tiny.run(SHAPE, {}).params() + alone.params()
    assert layer.run(SHAPE, {}).facts == {}


@pytest.mark.parametrize(
    "text, words",
    [
        ("tiny with conv:out=7", "conv at res2.1: what stands inside a network must keep the shape, and this makes"),
        ("tiny with danet-head:inner=16 at res2", "and this makes 2×19×10×14 of 2×11×10×14"),
        ("tiny with se", "se at res1.1: reduction 16 is larger than the 7 channels it divides"),
        ("tiny with bam:reduction=20", "bam at res1: reduction 20 is larger"),
        ("tiny with gc", "where does gc go? it has no stage 'res3'"),
        ("tsm-resnet50 with se", "se at res2.1: se takes N×C×H×W input, not one of 5 dimensions"),
    ],
)
def test_what_does_not_fit(tiny, text, words) -> None:  # noqa: ARG001
    """Is refused where it does not, in words."""
    asked = subjects.read(text)
    with pytest.raises(CostModelError) as refused:
        asked.layer.run(SHAPE if "tiny" in text else asked.layer.input or (), asked.options)
    assert words in str(refused.value)


@pytest.mark.usefixtures("tiny")
def test_only_networks_take_layers() -> None:
    """A layer does not."""
    with pytest.raises(CostModelError, match="inserted into a network, and conv is a layer"):
        compose(find("conv"), [Insert(find("se"), {}, ())], "conv with se")


def test_options_may_be_arrays(tiny) -> None:
    """Which have no hash, so that places are looked for without remembering them."""
    classes = np.array([5, 13])
    layer = compose(tiny, [Insert(find("se"), {"reduction": 5}, ())], "tiny with se")
    params = layer.run(SHAPE, {"classes": classes}).params()
    assert params.tolist() == [layer.run(SHAPE, {"classes": number}).params() for number in (5, 13)]


@given(st.integers(1, 3), st.integers(4, 60), st.integers(4, 60), st.integers(1, 7))
def test_formulas_count_what_programs_do(tiny, n, h, w, reduction) -> None:  # noqa: ARG001
    """Also where sides and widths round; where its conditions hold, in the form without floors."""
    asked = subjects.read("tiny with se with cbam:reduction=2 at all@after")
    derivation = derive(asked.layer, asked.options)
    assert derivation.symbols == {"N": "batch size", "H": "height", "W": "width", "r1": "se_reduction"}
    options = {**asked.options, "se_reduction": reduction}
    ledger = asked.layer.run((n, 3, h, w), options)
    values = derivation.values((n, 3, h, w), options)
    for metric in METRICS:
        assert derivation.function(metric)(*values.values()) == total(ledger, metric)


def test_conditions_of_a_composed_network() -> None:
    """The sides and every width that a reduction divides."""
    asked = subjects.read("resnet50 with se at res4:last,res5")
    derivation = derive(asked.layer, asked.options)
    assert derivation.formula("macs").conditions_text() == ["32 divides H", "32 divides W", "r divides 1024"]
    assert derivation.formula("params").conditions_text() == ["r divides 1024"]
    # 2·1024²/r of one block, and 2·2048²/r of three.
    assert derivation.formula("params").text() == f"25557032 + {2 * 1024**2 + 3 * 2 * 2048**2}/r"


def test_the_place_of_each_paper() -> None:
    """CBAM-ResNet-50 has the parameters that pytorchcv's has; the five non-local blocks of Wang et al. are these."""
    cbam = subjects.read("resnet50 with cbam")
    assert cbam.layer.run((1, 3, 224, 224), cbam.options).params() == 28_089_624
    non_local, network_ = find("non-local"), NETWORKS["resnet50"]
    found = Insert(non_local, {}, ()).sites(network_, network_.resolve({}))
    assert [(site.stage, site.block) for site in found] == [
        *(("res3", b) for b in (2, 4)),
        *(("res4", b) for b in (2, 4, 6)),
    ]
