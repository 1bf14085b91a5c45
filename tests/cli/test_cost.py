"""`costmodel cost`."""

import re
from itertools import product

import pytest

from costmodel import METRICS, ledger, totals
from costmodel.catalog import spoken

SHAPE = ("--shape", "2x64x9x11")
HUGE = 10**300


@pytest.mark.parametrize(
    "arguments, expected",
    [
        # Width 37 // 16 = 2. params 2·37·2; macs 2·(37·2 + 2·37); fvcore + 2·37·5·7 for the pool; arithmetic:
        # pool 2590, macs 2·296, relu 4, sigmoid 3·74, scale 2590.
        (["se", "--shape", "2x37x5x7"], (148, 296, 592, 2886, 5998)),
        # 4×6 positions, 27 taps: params 5·27 + 5, macs 2·5·24·27, a bias added to 240 elements.
        (
            ["conv", "--shape", "2x3x7x11", "-p", "out=5", "-p", "stride=2", "-p", "bias=true"],
            (140, 6480, 12960, 6480, 13200),
        ),
        # Width 1, P = 2·3·5 = 30. params: θ, φ, g 3·(3 + 1), out 3 + 3, norm 6; macs 4·3·30 + 2·30²; fvcore + 2·90
        # for the norm; arithmetic: macs 2·2160, biases 3·30 + 90, softmax of 30 rows 30·148, norm 2·90, residual 90.
        (["non-local", "--shape", "1x3x2x3x5"], (24, 2160, 4320, 2340, 9210)),
    ],
)
def test_worked_by_hand(costmodel_, arguments, expected) -> None:
    """Totals worked out by hand on unequal prime sizes."""
    document = costmodel_("cost", *arguments, "--json").document
    for metric, value in zip(METRICS, expected, strict=True):
        assert document[metric] == value


def test_json_is_the_ledger(costmodel_, variant) -> None:
    """Totals and rows are the library's, every total is the sum over the rows, and every option is said."""
    document = costmodel_("cost", variant.layer.name, *variant.flags, *SHAPE, "--json").document
    expected = ledger(variant.layer.name, (2, 64, 9, 11), **variant.options)
    assert (document["layer"], document["shape"]) == (variant.layer.name, [2, 64, 9, 11])
    assert {metric: document[metric] for metric in METRICS} == totals(expected)
    assert [row["name"] for row in document["ops"]] == [row.name for row in expected.rows]
    for metric in METRICS:
        assert sum(row[metric] for row in document["ops"]) == document[metric]
    assert sorted(document["options"]) == sorted(spoken(name) for name in variant.layer.options)
    assert all(value is not None for value in document["options"].values())
    assert {spoken(name): value for name, value in variant.options.items()}.items() <= document["options"].items()
    for row in document["ops"]:
        assert row["input"] == row["inputs"][0]
        assert row["macs"] == row["by_kind"].get("mac", 0)
        assert row["arithmetic"] == sum(row["by_kind"].values()) + row["macs"]
    assert document["flops"] == 2 * document["macs"]


@pytest.mark.parametrize("separator", ["-", "_"])
def test_options_after_the_colon(costmodel_, separator) -> None:
    """`se:reduction=4,bias=true` is `se -p reduction=4 -p bias=true`, and a name may be typed as Python writes it."""
    pairs = ["subsample=after", f"out{separator}bias=false", "reduction=4"]
    flags = [argument for pair in pairs for argument in ("-p", pair)]
    result = costmodel_("cost", f"non-local:{','.join(pairs)}", *SHAPE, "--json")
    assert result == costmodel_("cost", "non-local", *flags, *SHAPE, "--json")
    assert result == costmodel_("cost", f"non-local:{pairs[0]}", *flags[2:], *SHAPE, "--json")
    options = result.document["options"]
    assert (options["subsample"], options["out-bias"], options["reduction"]) == ("after", False, 4)


def test_shape_spellings(costmodel_) -> None:
    """A shape may be typed with x, X or ×."""
    one, two, three = (costmodel_("cost", "se", "-s", s, "--json") for s in ("1x64x5x7", "1X64X5X7", "1×64×5×7"))
    assert one.document == two.document == three.document


def test_huge_dimensions_are_exact(costmodel_) -> None:
    """Dimensions of 10³⁰⁰ are counted and printed to the last digit."""
    document = costmodel_("cost", "conv", "--shape", "x".join([str(HUGE + 1)] * 4), "--json").document
    assert document["params"] == 9 * (HUGE + 1) ** 2
    assert document["macs"] == 9 * (HUGE + 1) ** 5


def test_huge_options_are_exact(costmodel_) -> None:
    """An option of 10³⁰⁰ is counted exactly too."""
    flags = ("-p", f"out={HUGE}", "-p", f"dilation={HUGE}")
    assert costmodel_("cost", "conv", *flags, "-s", "1x3x5x7", "--json").document["macs"] == 27 * 35 * HUGE


def test_every_layer_counts_huge_shapes(costmodel_, layer) -> None:
    """Every layer has an exact cost where all four sizes are 10³⁰⁰."""
    document = costmodel_("cost", layer.name, "--shape", "x".join([str(HUGE)] * 4), "--json").document
    assert document["arithmetic"] == totals(ledger(layer.name, (HUGE,) * 4))["arithmetic"]


def test_table_prints_the_same_numbers(costmodel_, variant) -> None:
    """The table's rows and total are the JSON's integers, with separators; the shares are of the total and add up."""
    arguments = ("cost", variant.layer.name, *variant.flags, *SHAPE)
    document, out = costmodel_(*arguments, "--json").document, costmodel_(*arguments).out
    lines = out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("operation"))
    rows = lines[start + 1 : start + 1 + len(document["ops"])]
    shares = 0.0
    for line, row in zip(rows, document["ops"], strict=True):
        name, output, params, macs, arithmetic, share, percent = line.split()
        assert (name, output, percent) == (row["name"], "×".join(map(str, row["output"])), "%")
        assert (params, macs, arithmetic) == tuple(f"{row[m]:,}" for m in ("params", "macs", "arithmetic"))
        exact = 100 * row["arithmetic"] / document["arithmetic"]
        assert abs(float(share.lstrip("<")) - exact) <= (0.1 if share.startswith("<") else 0.0500001)
        shares += exact
    assert round(shares, 6) == 100
    assert lines[start + 1 + len(rows)].split() == [
        "total",
        *(f"{document[m]:,}" for m in ("params", "macs", "arithmetic")),
    ]


def brute_force(n, stride, summary, pattern, causal, window):
    """Who attends to whom, by the definitions of Child et al. 2019, §4.3, pair by pair."""
    reach = stride if window == "paper" else stride - 1
    pairs = [(i, j) for i, j in product(range(n), repeat=2) if j <= i or not causal]
    first, second = {
        "strided": (
            {(i, j) for i, j in pairs if abs(i - j) <= reach},
            {(i, j) for i, j in pairs if (i - j) % stride == 0},
        ),
        "fixed": (
            {(i, j) for i, j in pairs if i // stride == j // stride},
            {(i, j) for i, j in pairs if j % stride >= stride - summary},
        ),
    }[pattern]
    return len(first), len(second), len(first | second)


@pytest.mark.parametrize("window", ["paper", "code"])
@pytest.mark.parametrize("causal", ["true", "false"])
@pytest.mark.parametrize("pattern, names", [("strided", ("local", "strided")), ("fixed", ("block", "summary"))])
def test_sparse_pairs(costmodel_, pattern, names, causal, window) -> None:
    """The pairs of one head are those of a brute-force mask over P = 35 positions, stride 11."""
    options = {"pattern": pattern, "causal": causal, "window": window, "stride": 11, "summary": 3}
    flags = [argument for name, value in options.items() for argument in ("-p", f"{name}={value}")]
    arguments = ("cost", "sparse-attention", "--shape", "1x8x5x7", *flags)
    expected = brute_force(35, 11, 3, pattern, causal == "true", window)
    assert costmodel_(*arguments, "--json").document["pairs"] == dict(zip((*names, "union"), expected, strict=True))
    line = next(line for line in costmodel_(*arguments).out.splitlines() if line.startswith("Attended pairs"))
    assert [int(number) for number in re.findall(r"\d+", line)] == list(expected)
