"""Arrays of sizes: exact, broadcast, and of machine integers where these hold every value."""

import functools
from typing import Any
from xml.etree import ElementTree

import array_api_strict
import dask.array
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel import LAYERS, METRICS, CostModelError, Ledger, Row, find, ledger, memory, totals
from costmodel.catalog import Subject
from costmodel.metrics import total
from costmodel.sweep import Compiled, Grid, blocks, compile_formula, evaluate, grid
from costmodel.sweep.bounds import Interval, interval
from costmodel.sweep.compiled import LARGEST
from costmodel.symbolic import derive, symbol
from costmodel.symbolic.program import Call


def test_sizes_and_options_broadcast() -> None:
    """Channels along one axis and reductions along the other, each element as if alone."""
    channels, reductions = np.array([[64], [96], [511]]), np.array([2, 16])
    counted = evaluate(find("se"), (2, channels, 5, 7), {"reduction": reductions}, "arithmetic")
    assert counted.dtype == object
    assert counted.tolist() == [
        [totals(ledger("se", (2, c, 5, 7), reduction=r))["arithmetic"] for r in (2, 16)] for c in (64, 96, 511)
    ]


def test_a_cost_that_does_not_depend_on_the_array_still_has_its_shape() -> None:
    """One parameter, for each of three channel counts."""
    assert evaluate(find("danet-cam"), (1, np.array([3, 5, 7]), 2, 2), {}, "params").tolist() == [1, 1, 1]


def test_without_arrays_there_is_one_number() -> None:
    """A shape of ints gives an array of no dimensions."""
    assert evaluate(find("danet-cam"), (1, 3, 2, 2), {}, "macs") == 72


# Compiled formulas.

SPARSE = [
    {},
    {"pattern": "fixed", "summary": 2},
    {"count": "block"},
    {"pattern": "fixed", "summary": 3, "causal": False},
]
FIXED = {"sparse-attention": SPARSE}
CASES = [(name, options) for name in LAYERS for options in FIXED.get(name, [{}])]
NON_LOCAL = {"N": 1, "C": 512, "H": 28, "W": 28, "r": 2}


@functools.cache
def closed(name: str, metric: str, **options: Any) -> Compiled:
    """The formula of a layer in which no option is open."""
    defaults = {option: value.default for option, value in find(name).options.items() if value.symbol}
    return compile_formula(derive(find(name), defaults | options), metric)


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize("name, options", CASES, ids=str)
@settings(max_examples=8)
@given(
    channels=st.lists(st.integers(2, 40).map(lambda half: 32 * half), min_size=1, max_size=3),
    heights=st.lists(st.integers(3, 23), min_size=1, max_size=3),
    widths=st.lists(st.integers(3, 23), min_size=1, max_size=3),
    metric=st.sampled_from([*METRICS, *memory.NAMES, "peak-bytes:bf16"]),
)
def test_as_the_layer_program(name, options, channels, heights, widths, metric) -> None:
    """At every point of random grids a compiled formula counts what the layer's own program does there."""
    layer = find(name)
    compiled = closed(name, metric, **options)
    counted = compiled(N=2, C=np.reshape(channels, (-1, 1, 1)), H=np.reshape(heights, (-1, 1)), W=widths)
    assert counted.dtype == np.int64
    assert counted.tolist() == [
        [[total(layer.run((2, c, h, w), options), metric) for w in widths] for h in heights] for c in channels
    ]


@pytest.mark.parametrize(
    "name, symbols",
    [
        ("conv", {"C_out": "out", "K": "kernel", "s": "stride", "g": "groups"}),
        ("dense-attention", {"h": "heads"}),
        ("non-local", {"r": "reduction"}),
        ("sparse-attention", {"l": "stride", "h": "heads"}),
    ],
)
@pytest.mark.parametrize("metric", ["params", "macs", "arithmetic"])
def test_open_options_at_points(name, symbols, metric) -> None:
    """With every letter open, thousands of points without a grid count as the layer program over the same arrays."""
    random = np.random.default_rng(20)
    options = {
        "out": 12 * random.integers(1, 90, 5000),
        "kernel": 1 + 2 * random.integers(0, 4, 5000),
        "groups": random.choice([1, 2, 3, 4, 6], 5000),
        "heads": random.choice([1, 2, 3, 4, 6, 12], 5000),
        "reduction": random.integers(1, 13, 5000),
        "stride": random.integers(1, 10, 5000),
    }
    shape = [random.integers(1, 9, 5000), 12 * random.integers(1, 90, 5000), *random.integers(3, 99, (2, 5000))]
    chosen = {option: options[option] for option in symbols.values()}
    sizes = dict(zip("NCHW", shape, strict=True)) | {letter: options[option] for letter, option in symbols.items()}
    counted = compile_formula(derive(find(name), {}), metric)(**sizes)
    assert counted.dtype == np.int64
    assert np.array_equal(counted, evaluate(find(name), shape, chosen, metric))


def test_more_than_one_block() -> None:
    """A grid of a quarter of a million points, where axes meet in all orders, is as its points are one by one."""
    random = np.random.default_rng(3)
    compiled = compile_formula(derive(find("non-local"), {}), "arithmetic")
    sizes = {"H": np.arange(5, 65), "r": np.arange(1, 9), "N": np.arange(1, 6), "C": np.arange(8, 118)}
    counted = compiled(**dict(zip(sizes, np.ix_(*sizes.values()), strict=True)), W=11)
    assert counted.shape == (60, 8, 5, 110)
    for place in zip(*(random.integers(0, length, 50) for length in counted.shape), strict=True):
        h, r, n, c = (int(axis[at]) for axis, at in zip(sizes.values(), place, strict=True))
        assert counted[place] == totals(ledger("non-local", (n, c, h, 11), reduction=r))["arithmetic"]


@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5, 7), (1, 9, 2), (4, 1, 6)], ids=str)
@pytest.mark.parametrize("size", [1, 2, 7, 10, 1000])
def test_blocks_cover_in_order(shape, size) -> None:
    """Blocks hold at most so many elements, and one after the other all of the array in the order of memory."""
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    parts = [array[index] for index in blocks.blocks(shape, size)]
    assert all(np.size(part) <= size for part in parts)
    assert np.concatenate([np.ravel(part) for part in parts]).tolist() == array.ravel().tolist()


def test_integer_type_at_the_boundary() -> None:
    """C² parameters: the last C whose square int64 holds counts in it, the next one in Python ints, both exactly."""
    compiled = compile_formula(derive(find("linear"), {"out": None}), "params")
    root = 3037000499
    assert root**2 <= LARGEST < (root + 1) ** 2
    counted = compiled(N=1, C=[1, root], H=1, W=1)
    assert (counted.dtype, counted.tolist()) == (np.int64, [1, root**2])
    counted = compiled(N=1, C=[1, root + 1], H=1, W=1)
    assert (counted.dtype, counted.tolist()) == (object, [1, (root + 1) ** 2])


def test_the_largest_integer_itself() -> None:
    """Of a product of sizes 2⁶³ − 1 is in int64, and 2⁶³ is not."""
    compiled = compile_formula(derive(find("linear"), {"out": 1}), "macs")
    held = compiled(N=7, C=7, H=[73], W=127 * 337 * 92737 * 649657)
    assert (held.dtype, held.tolist()) == (np.int64, [2**63 - 1])
    beyond = compiled(N=2**20, C=2**20, H=[2**20], W=2**3)
    assert (beyond.dtype, beyond.tolist()) == (object, [2**63])


@given(
    st.lists(st.integers(2**10, 2**17) | st.integers(1, 2**70), min_size=4, max_size=4),
    st.sampled_from(["macs", "arithmetic", "params"]),
)
def test_never_wraps(sizes, metric) -> None:
    """However large the sizes, the count is the exact one."""
    n, c, h, w = sizes
    compiled = closed("non-local", metric, reduction=1)
    assert int(compiled(N=n, C=[c], H=h, W=w)[0]) == totals(ledger("non-local", sizes, reduction=1))[metric]


def test_a_maximum_on_either_side_of_the_largest_integer() -> None:
    """A peak that int64 just holds is in it, the next size is not; which operation holds it changes on the way."""
    compiled = closed("non-local", "peak-bytes", reduction=1)
    found = [compiled(N=1, C=2, H=[1, side], W=side) for side in (2**9, 2**10, 2**14, 2**15)]
    assert [counted.dtype for counted in found] == [np.int64, np.int64, np.int64, object]
    for counted, side in zip(found, (2**9, 2**10, 2**14, 2**15), strict=True):
        sizes = [(1, 2, height, side) for height in (1, side)]
        assert counted.tolist() == [total(ledger("non-local", size, reduction=1), "peak-bytes") for size in sizes]


@given(*[st.integers(1, 30)] * 2, *[st.integers(0, 40)] * 2)
def test_bounds_of_a_maximum(x: int, y: int, more: int, yet_more: int) -> None:
    """The interval of a maximum holds every value of it, and is as narrow as those of its parts let it be."""
    node = Call("max", (Call("mul", ("x", "x")), Call("add", ("y", Call("mul", (-3, "x")))), 7))
    ends = {"x": (x, x + more), "y": (y, y + yet_more)}
    bounds = interval(node, {name: Interval(least, most, most) for name, (least, most) in ends.items()})
    values = [max(a * a, b - 3 * a, 7) for a in range(x, x + more + 1) for b in (y, y + yet_more)]
    assert bounds.least <= min(values) <= max(values) <= bounds.greatest
    assert bounds.greatest == max((x + more) ** 2, y + yet_more - 3 * x, 7)
    assert bounds.peak >= bounds.greatest


def test_a_factor_of_zero_hides_no_wrap() -> None:
    """The corner counts what stands beside a floor that is 0 there: the fixed pattern with one block lacks none."""
    compiled = compile_formula(derive(find("sparse-attention"), {"pattern": "fixed"}), "macs")
    size = 2**20
    counted = compiled(N=1, C=64, H=size, W=size, l=[size**2], h=1)
    shape = (1, 64, size, size)
    assert counted[0] == totals(ledger("sparse-attention", shape, pattern="fixed", stride=size**2, heads=1))["macs"]


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint64, object])
def test_narrow_integers_do_not_wrap(kind) -> None:
    """Whatever integers an array holds, they are counted with as int64 or Python ints."""
    counted = compile_formula(derive(find("non-local"), {}), "macs")(**NON_LOCAL | {"H": np.array([28, 200], kind)})
    assert counted.tolist() == [totals(ledger("non-local", (1, 512, h, 28)))["macs"] for h in (28, 200)]


def test_results_are_the_callers_own() -> None:
    """What was counted can be written to, and nothing that was given is handed out to be."""
    height = np.array([3, 5])
    counted = closed("non-local", "macs")(N=1, C=64, H=height, W=7)
    counted += 1
    compiled = compile_formula(derive(find("se"), {})._replace(ledger=_rows_of_size("H")), "params")
    assert not compiled(N=1, C=1, H=height, W=1, r=1).flags.writeable
    assert height.tolist() == [3, 5]


def _rows_of_size(name: str) -> Ledger:
    """A ledger of as many parameters as a size."""
    made = Ledger()
    made.rows.append(Row("one", "conv", (), (), symbol(name), symbol(name), {}))
    return made


def test_unsigned_integers_beyond_int64() -> None:
    """What only uint64 holds becomes a Python int."""
    counted = closed("linear", "macs", out=1)(N=1, C=1, H=np.array([2**64 - 1], np.uint64), W=3)
    assert counted.tolist() == [3 * (2**64 - 1)]


@pytest.mark.parametrize(
    "sizes, words",
    [
        ({"H": 28.0}, "H must be integers, not 28.0"),
        ({"H": [True]}, "H must be integers, not bool"),
        ({"H": np.array([1, 2.5], object)}, "H must be integers, not object"),
        ({"H": [0, 1]}, "H must be at least 1, not 0"),
        ({"H": []}, "H must be integers, not float64"),
        ({"H": np.array([], int)}, "H must be at least one integer"),
        ({"H": [1, 2], "W": [1, 2, 3]}, "do not broadcast: .*H (2,), W (3,)"),
        ({"C": [8, 64], "r": [16]}, "needs ⌊C/r⌋ ≥ 1, which does not hold at C = 8, r = 16"),
        ({"h": 3}, "no symbol 'h'"),
    ],
)
def test_refused(sizes, words) -> None:
    """What is no positive integer, does not broadcast or is outside of the layer is refused in a sentence."""
    compiled = compile_formula(derive(find("non-local"), {}), "macs")
    with pytest.raises(CostModelError, match=words.replace("(", r"\(").replace(")", r"\)")):
        compiled(**NON_LOCAL | sizes)


def test_a_missing_symbol_is_named() -> None:
    """Every letter of the formula needs a value."""
    with pytest.raises(CostModelError, match="needs a value for H, r"):
        compile_formula(derive(find("se"), {}), "macs")(N=1, C=2, W=3)


def test_exact_divisions_are_required() -> None:
    """Heads that do not divide the channels are refused, with the first place where they do not."""
    compiled = compile_formula(derive(find("dense-attention"), {}), "macs")
    with pytest.raises(CostModelError, match="h divides C, which does not hold at C = 64, h = 3"):
        compiled(N=1, C=[[63], [64]], H=3, W=5, h=[1, 3])


# Arrays of other libraries.

KINDS = [
    pytest.param(lambda array: dask.array.from_array(array, chunks=1), dask.array.Array, id="dask"),
    pytest.param(torch.from_numpy, torch.Tensor, id="torch"),
    pytest.param(array_api_strict.asarray, type(array_api_strict.ones(1)), id="array API"),
]
SIZES = {
    "N": 2, "C": np.array([[[16]], [[64]]]), "H": np.array([[14], [28], [55]]), "W": np.array([7, 9]), "r": 3,
    "h": 8, "C_out": 36, "K": 3, "s": np.array([1, 2]), "g": np.array([2, 4]),
}  # fmt: skip


@pytest.mark.parametrize("make, kind", KINDS)
@pytest.mark.parametrize("name", ["conv", "dense-attention", "non-local", "se"])
def test_other_libraries(make, kind, name) -> None:
    """The same compiled formula takes their arrays, gives theirs back, and counts the same."""
    compiled = compile_formula(derive(find(name), {}), "arithmetic")
    sizes = {symbol: SIZES[symbol] for symbol in compiled.symbols}
    theirs = {symbol: make(size) if isinstance(size, np.ndarray) else size for symbol, size in sizes.items()}
    counted = compiled(**theirs)
    assert isinstance(counted, kind)
    assert np.asarray(counted).tolist() == compiled(**sizes).tolist()


def test_dask_computes_nothing_but_the_bounds() -> None:
    """The count stays a graph of as many chunks as its sizes have."""
    height, width = (dask.array.arange(1, 2001, chunks=size) for size in (1000, 500))
    compiled = compile_formula(derive(find("non-local"), {}), "macs")
    counted = compiled(**NON_LOCAL | {"H": height[:, None], "W": width})
    assert counted.numblocks == (2, 4)
    assert int(counted[27, 27].compute()) == 725745664


@pytest.mark.parametrize("make, kind", KINDS)
def test_other_libraries_are_refused_what_int64_does_not_hold(make, kind) -> None:
    """Where a count might wrap, none is given; nor is one of other integers or of sizes outside of the layer."""
    compiled = compile_formula(derive(find("non-local"), {}), "macs")
    for sizes, words in [
        ({"H": np.array([10**7])}, f"exceeds int64 at the largest of these sizes, and {kind.__name__} holds nothing"),
        ({"H": np.array([28], np.int32)}, "H must be an array of int64 or an int"),
        ({"H": np.array([0])}, "H must be at least 1, not 0"),
        ({"C": np.array([1, 2])}, "needs ⌊C/r⌋ ≥ 1, which does not hold somewhere"),
    ]:
        with pytest.raises(CostModelError, match=words):
            compiled(**NON_LOCAL | {name: make(size) for name, size in sizes.items()})


def test_other_libraries_have_no_counting_functions() -> None:
    """A formula that calls a function of Python ints takes NumPy arrays alone, and says so."""
    compiled = compile_formula(derive(find("sparse-attention"), {"stride": None}), "macs")
    with pytest.raises(CostModelError, match="calls isqrt, which takes NumPy arrays, not Tensor"):
        compiled(N=1, C=64, H=torch.tensor([7]), W=7, h=8)


# Grids.


def test_named_axes() -> None:
    """Every point of a grid of several layers is the cost of each there; an option is constant for who lacks it."""
    counted = grid(["se", "conv"], {"c": range(64, 193, 64), "side": [7, 13], "reduction": [4, 16]}, {"n": 2})
    assert list(counted.axes) == ["c", "side", "reduction"]
    for i, c in enumerate((64, 128, 192)):
        for j, side in enumerate((7, 13)):
            for k, r in enumerate((4, 16)):
                assert counted.values["se"][i, j, k] == totals(ledger("se", (2, c, side, side), reduction=r))["macs"]
                assert counted.values["conv"][i, j, k] == totals(ledger("conv", (2, c, side, side)))["macs"]


def test_video_and_closed_options() -> None:
    """With the axis t the input is video, and an option that formulas keep closed can be an axis."""
    video = grid(["non-local"], {"t": [1, 4]}, {"c": 16, "h": 5, "w": 7}).values["non-local"]
    assert video.tolist() == [totals(ledger("non-local", (1, 16, t, 5, 7)))["macs"] for t in (1, 4)]
    kernels = grid(["cbam"], {"kernel": [3, 7]}, {"c": 16, "side": 5}).values["cbam"]
    assert kernels.tolist() == [totals(ledger("cbam", (1, 16, 5, 5), kernel=k))["macs"] for k in (3, 7)]


def test_options_of_one_layer() -> None:
    """Layers by the names of their columns, each with options of its own."""
    layers = ["se:reduction=2", Subject(find("se"), {"reduction": 8}, "narrow")]
    counted = grid(layers, {"c": [16, 64]}, {"side": 3}, "params")
    assert {name: values.tolist() for name, values in counted.values.items()} == {
        "se:reduction=2": [2 * 16 * 8, 2 * 64 * 32],
        "narrow": [2 * 16 * 2, 2 * 64 * 8],
    }


@given(
    st.lists(st.lists(st.integers(1, 3), min_size=6, max_size=6), min_size=1, max_size=4),
    st.sampled_from([1, 2**62, 2**70]),
)
def test_cheapest(counts, unit) -> None:
    """The number of the least at each point, and of those that are equal the first, of whatever integers."""
    values = {str(number): np.array([unit * count for count in row]).reshape(2, 3) for number, row in enumerate(counts)}
    found = Grid({}, values, "macs").cheapest()
    assert found.shape == (2, 3)
    assert found.ravel().tolist() == [costs.index(min(costs)) for costs in zip(*counts, strict=True)]
    assert [array.ravel().tolist() for array in values.values()] == [[unit * n for n in row] for row in counts]


def test_cheapest_by_the_layer_programs() -> None:
    """Position attention below 3·H·W = 2·C, channel attention above, and where both cost the same the first."""
    axes = {"side": [3, 4, 5], "c": [24, 32, 40]}
    assert grid(["danet-pam", "danet-cam"], axes).cheapest().tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 0]]
    assert grid(["danet-cam", "danet-pam"], axes).cheapest().tolist() == [[1, 1, 1], [0, 1, 1], [0, 0, 1]]
    assert grid(["danet-cam"], axes).cheapest().tolist() == [[0, 0, 0]] * 3


def test_as_xarray() -> None:
    """A variable for each layer, with the axes as coordinates."""
    dataset = grid(["se", "cbam"], {"c": [64, 128], "side": [7]}).to_xarray()
    assert dataset["cbam"].sel(c=128, side=7).item() == totals(ledger("cbam", (1, 128, 7, 7)))["macs"]
    assert dataset.attrs == {"metric": "macs"}


@pytest.mark.parametrize(
    "layers, axes, at, words",
    [
        (["se"], {}, {}, "at least one axis"),
        (["se"], {"c": [8], "side": [7]}, {}, "se: reduction 16 is larger"),
        (["se"], {"c": [64], "side": [7], "reduction": [2, 65]}, {}, "larger than the 64 channels"),
        (["se"], {"c": [8, 64], "side": [7], "reduction": [4, 16, 2]}, {}, "≥ 1, which does not hold at C = 8, r = 16"),
        (["conv"], {"c": [8], "side": [7], "kernel": [3, 4]}, {}, "odd kernel, not 4"),
        (["conv"], {"c": [12], "side": [7], "groups": [2, 5, 1]}, {}, "5 does not divide 12"),
        (["se"], {"c": [64], "side": [7]}, {"t": 3}, "se takes N×C×H×W input"),
        (["se"], {"c": [64], "h": [7]}, {}, "missing for w"),
        (["se"], {"c": [64], "h": [7], "side": [7]}, {}, "side is h and w at once"),
        (["se"], {"c": [64], "side": [7]}, {"c": 3}, "c is both an axis and fixed"),
        (["se"], {"c": [64], "reductoin": [7]}, {}, "'reductoin' is none of the .*did you mean 'reduction'"),
        (["conv"], {"c": [64], "side": [7], "dilation": [1, 2]}, {}, "'dilation' is none of"),
        (["se:reduction=2"], {"c": [64], "side": [7], "reduction": [2]}, {}, "given for se:reduction=2 already"),
        (["se", "cbam", "se"], {"c": [64], "side": [7]}, {}, "'se' is given twice"),
        (["se"], {"c": [], "side": [7]}, {}, "the axis c must be"),
        (["se"], {"c": [[1]], "side": [7]}, {}, "the axis c must be a sequence"),
    ],
)
def test_grids_that_are_refused(layers, axes, at, words) -> None:
    """A name that is none, a size twice or not at all, or a point outside of a layer, in a sentence."""
    with pytest.raises(CostModelError, match=words):
        grid(layers, axes, at)


def test_fixed_options() -> None:
    """`at` sets an option of the layers that have it."""
    counted = grid(["se", "conv"], {"c": [64]}, {"side": 7, "reduction": 4, "dilation": 2})
    assert isinstance(counted, Grid)
    assert counted.values["se"].tolist() == [2 * 64 * 16]


def test_in_a_notebook() -> None:
    """How far the axes go, and for each layer its integers, the least count and the greatest."""
    layers = ["se:reduction=1", Subject(find("se"), {"reduction": 2}, "<half>")]
    counted = grid(layers, {"c": [10**10, 4, 10**3], "side": [7]}, {}, "params")
    shown = ElementTree.fromstring(f"<div>{counted._repr_html_()}</div>")
    assert [[cell.text for cell in row] for row in shown.iter("tr")] == [
        ["axis", "values", "from", "to"],
        ["c", "3", "4", "10,000,000,000"],
        ["side", "1", "7", "7"],
        ["layer", "dtype", "least params", "greatest params"],
        ["se:reduction=1", "object", "32", "200,000,000,000,000,000,000"],
        ["<half>", "object", "16", "100,000,000,000,000,000,000"],
    ]
