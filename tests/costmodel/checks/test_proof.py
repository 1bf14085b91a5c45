"""Signs over boxes: proofs against every point, with floors, without end, and where only points tell."""

import itertools
import operator
import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel import CostModelError
from costmodel.catalog import read
from costmodel.checks import Check, Finding, Undecided, check
from costmodel.checks import proof as proofs
from costmodel.checks.domain import axis, split
from costmodel.checks.proof import decide
from costmodel.metrics import total
from costmodel.symbolic.program import Call, Counting, Node, Program

RELATIONS = {"<": operator.lt, "<=": operator.le, "==": operator.eq, ">=": operator.ge, ">": operator.gt}


def found(statement: str) -> Finding:
    said, domain = split(statement)
    return check(Check(said, domain))


LAYERS = (
    "se:reduction=3",
    "se:reduction=4",
    "cbam:kernel=3,reduction=2",
    "conv:stride=2",
    "conv:stride=3,kernel=1",
    "dense-attention:heads=2",
    "non-local:subsample=after",
    "danet-pam:reduction=3",
    "sparse-attention:stride=3,heads=1",
    "sparse-attention:heads=1,pattern=fixed,summary=1",
    "depthwise-separable:stride=2",
)


def spelled(metric: str) -> str:
    """As a statement has it."""
    return re.sub("[-:]", "_", metric)


METRICS = ("params", "macs", "fvcore", "arithmetic", "peak-bytes", "saved-bytes:bf16", "moved-bytes", "training-macs")


@st.composite
def axes(draw: st.DrawFn) -> str:
    first = draw(st.integers(1, 12))
    if draw(st.booleans()):
        return f"{first}..{first + draw(st.integers(0, 9))} step {draw(st.integers(1, 4))}"
    return "{" + ", ".join(map(str, draw(st.lists(st.integers(1, 30), min_size=1, max_size=4)))) + "}"


@pytest.mark.usefixtures("uncovered")
@settings(max_examples=150)
@given(
    layers=st.tuples(st.sampled_from(LAYERS), st.sampled_from(LAYERS)),
    metrics=st.tuples(st.sampled_from(METRICS), st.sampled_from(METRICS)),
    relation=st.sampled_from([*RELATIONS]),
    numbers=st.tuples(st.integers(1, 9), st.decimals("0.01", "3", places=2), st.integers(-40, 40)),
    sides=axes(),
    channels=axes(),
)
def test_as_every_point_says(layers, metrics, relation, numbers, sides, channels) -> None:
    """A verdict and the first counterexample are those of the layers run at every point, proved or not."""
    (one, other), (a, b, c) = layers, numbers
    domain = {"side": axis("side", sides), "c": axis("c", channels)}
    wrong, defined = None, True
    for side, channel in itertools.product(domain["side"].values(), domain["c"].values()):
        try:
            costs = [
                total(read(name).layer.run((1, channel, side, side), read(name).options), metric)
                for name, metric in zip(layers, metrics, strict=True)
            ]
        except CostModelError:
            defined = False
            break
        if wrong is None and not RELATIONS[relation](a * costs[0], Fraction(b) * costs[1] + c * channel * side):
            wrong = {"side": side, "c": channel}
    named = [*map(spelled, metrics)]
    asked = Check(f'{a}*{named[0]}("{one}") {relation} {b}*{named[1]}("{other}") + {c}*c*side', domain)
    if not defined:
        with pytest.raises(CostModelError):
            check(asked)
        return
    finding = check(asked)
    assert finding.counterexample == wrong
    assert finding.verdict == ("holds" if wrong is None else "fails")


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> Node:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(["x", "y", "z"]) | st.integers(-12, 12))
    operation = draw(st.sampled_from(["add", "mul", "add", "mul", "floordiv", "min", "max"]))
    if operation == "floordiv":
        # What is divided by is positive, as widths and options are.
        divisor = draw(st.integers(1, 7) | st.sampled_from(["x", "y", "z"]))
        return Call(operation, (draw(trees(depth=depth - 1)), divisor))
    return Call(operation, tuple(draw(st.lists(trees(depth=depth - 1), min_size=2, max_size=3))))


def value(node: Node, at: dict[str, int]) -> int:
    if isinstance(node, int):
        return node
    if isinstance(node, str):
        return at[node]
    first, *others = (value(part, at) for part in node.parts)
    operations = {"add": operator.add, "mul": operator.mul, "floordiv": operator.floordiv, "min": min, "max": max}
    for other in others:
        first = operations[node.operation](first, other)
    return first


@settings(max_examples=300)
@given(trees(), st.sampled_from([{-1}, {-1, 0}, {0}, {0, 1}, {1}]), axes(), axes(), axes(), st.integers(1, 3))
def test_any_tree(node: Node, allowed: set[int], xs: str, ys: str, zs: str, modulus: int) -> None:
    """Sums, products, floors by numbers and by sizes, minima and maxima: the first point with another sign, or none.

    Of the points that are admitted, which depends on sizes that the tree does not depend on.
    """
    domain = {name: axis(name, given) for name, given in zip("xyz", (xs, ys, zs), strict=True)}
    made = Program("", ("x", "y", "z"), 0, {}, ())
    points = (p for p in itertools.product(*(each.values() for each in domain.values())) if sum(p) % modulus == 0)
    signs = ((point, value(node, dict(zip("xyz", point, strict=True)))) for point in points)
    first = next((point for point, count in signs if (count > 0) - (count < 0) not in allowed), None)
    assert decide(made, node, allowed, domain, lambda p: sum(p) % modulus == 0).counterexample == first


@pytest.mark.usefixtures("uncovered")
@settings(max_examples=100)
@given(
    trees(),
    st.sampled_from([{-1}, {-1, 0}, {0}, {0, 1}, {1}]),
    st.tuples(*[st.sampled_from(["1..", "3..", "2.. step 3", "1..5", "4"])] * 3),
)
def test_sides_without_end(node: Node, allowed: set[int], sides: tuple[str, str, str]) -> None:
    """What is proved holds on a corner of it, and no point of it that fails comes before a counterexample."""
    domain = {name: axis(name, given) for name, given in zip("xyz", sides, strict=True)}
    try:
        found = decide(Program("", ("x", "y", "z"), 0, {}, ()), node, allowed, domain).counterexample
    except Undecided:
        return

    def fails(point: tuple[int, ...]) -> bool:
        count = value(node, dict(zip("xyz", point, strict=True)))
        return (count > 0) - (count < 0) not in allowed

    assert found is None or fails(found)
    corner = itertools.product(*(itertools.islice(each.values(), 15) for each in domain.values()))
    first = next(filter(fails, corner), None)
    assert first is None or (found is not None and found <= first)


@pytest.mark.parametrize(
    "statement",
    [
        "macs(cbam) <= 0.01 * macs(conv(out=c)) for side in 7..56, c in {256, 512}",
        "macs(danet-pam) < macs(danet-cam) for p in 1..341, c in 512..",
        "params(se) == 2*c*(c//16) for c in 16..",
        "params(se) <= 2*c*c for r in 1..64, c in 64..2048",
        "params(conv(out=c/4)) < params(conv) for c in 4..2048 step 4",
        "c*c - 100*c + 2501 > 0 for c in 1..",
        "c//7 + c//11 <= (18*c)//77 for c in 1..",
        "floor(c/7)*7 <= c for c in 1..",
        "macs(conv(stride=2)) >= macs(conv)/4 for h in 1.., w in 1..",
        "c*c + h*h >= 2*c*h for c in 1..9, h in 10..",
        "peak_bytes(se) <= 2*saved_bytes(se) for c in 16.., side in 1..",
        "2*peak_bytes_bf16(non-local) == peak_bytes(non-local) for c in 16..300, side in 1..99",
        "training_macs(non-local) == 3*macs(non-local) for c in 2..",
        "training_macs_frozen(conv) == training_macs_first(conv) for c in 1..",
        "saved_bytes_bf16_frozen(se) < saved_bytes_bf16(se) for c in 16..",
        "min(c, 7) + max(c, 7) == c + 7 for c in 1..",
        "peak_bytes(eca) == max(8*c*h*w + 4*c, 4*c*h*w) for c in 1.., h in 1.., w in 1..",
        "moved_bytes_fp64(se) == 2*moved_bytes_fp32(se) for c in 16..",
    ],
)
def test_proved(statement: str) -> None:
    """With floors by residue classes, without end, in several sizes at once."""
    finding = found(statement)
    assert (finding.verdict, finding.method) == ("holds", "proved")
    assert finding.says.startswith(f"proved for all {statement.partition(' for ')[2]}")
    assert finding.conditions == ()


@pytest.mark.parametrize(
    "statement, says",
    [
        ("params(se) == c*c/8 for c in 16..512", {"c": 17}),
        ("params(se) == c*c/8 for c in 16..512 step 16", None),
        ("c*c - 100*c + 2500 > 0 for c in 1..", {"c": 50}),
        ("c*c - 100*c + 2500 >= 0 for c in 1..", None),
        ("macs(danet-pam) < macs(danet-cam) for c in 512.., p in 1..", {"c": 512, "p": 342}),
        ("macs(danet-pam) < macs(danet-cam) for p in 1.., c in {1024, 512}", {"p": 342, "c": 512}),
        ("macs(danet-pam) < macs(danet-cam) for p in 400.., c in 512..1024 step 256", {"p": 400, "c": 512}),
        ("macs(danet-pam) < macs(danet-cam) for c in {1024, 512}, p in 1..", {"c": 512, "p": 342}),
        ("params(se) < 10**6 for r in {2, 4}, c in 64..2048 step 64", {"r": 2, "c": 1024}),
        ("(c - 1000)*(h - 37) >= -30 for c in 990..1010, h in 40..50", {"c": 990, "h": 41}),
        ("(c - 1000)**2 + (h - 37)**2 > 0 for c in 1.., h in 1..", {"c": 1000, "h": 37}),
    ],
)
def test_first_counterexample(statement: str, says: dict[str, int] | None) -> None:
    """In the order in which the sizes are named, each ascending."""
    finding = found(statement)
    assert finding.counterexample == says
    assert finding.verdict == ("holds" if says is None else "fails")


def test_true_of_multiples_alone() -> None:
    """A width that is rounded down: what holds for multiples of 16 fails at 17, and neither is taken for the other."""
    multiples = found("16*params(se) == 2*c*c for c in 16..4096 step 16")
    assert (multiples.verdict, multiples.method) == ("holds", "proved")
    every = found("16*params(se) == 2*c*c for c in 16..4096")
    assert (every.counterexample, every.difference) == ({"c": 17}, None)
    assert every.says == "equal but where a division rounds; at c = 17: 544 < 578"
    assert found("16*params(se) <= 2*c*c for c in 16..").method == "proved"


def test_evaluated_where_nothing_is_a_polynomial() -> None:
    """Pairs of a sparse pattern are counted, so every point is, and the first one that fails is found."""
    holds = found('macs("sparse-attention:count=block") < 2 * macs(dense-attention) for side in 4..40, c in {64, 128}')
    assert (holds.verdict, holds.method, holds.says) == ("holds", "evaluated", "evaluated at 74 points")
    fails = found('macs("sparse-attention:count=block") > macs(dense-attention) for side in 4..40, c in {64, 128}')
    assert (fails.verdict, fails.method) == ("fails", None)
    side = fails.counterexample["side"]
    layers = [read("sparse-attention:count=block"), read("dense-attention")]
    signs = []
    for size in range(4, side + 1):
        sparse, dense = (total(each.layer.run((1, 64, size, size), each.options), "macs") for each in layers)
        signs.append(sparse > dense)
    assert signs == [True] * (side - 4) + [False]
    assert fails.counterexample["c"] == 64


def test_too_many_points() -> None:
    """What boxes do not tell and points would take too long is unchecked, and says how many there are."""
    finding = found(
        'macs("sparse-attention:count=block") < macs(dense-attention) for h in 5..1400, c in 8..8000 step 8'
    )
    assert finding.verdict == "unchecked"
    assert "give each size a range that ends" in finding.says  # w is open
    finding = found(
        'macs("sparse-attention:count=block") < macs(dense-attention) for h in 5..1400, c in 8..8000 step 8, w in 7'
    )
    assert "the domain has 1,396,000 points, of which 1,000,000 would be evaluated" in finding.says


def test_counting_function_of_constants() -> None:
    """It is called where its arguments are numbers, as at a point."""
    made = Program("", ("x",), 0, {"f": Counting(lambda x, k: x**k, ("x",), {"k": 2})}, ())
    assert decide(made, Call("add", ("f", -9)), {0}, {"x": axis("x", 3)}).proved
    evaluated = decide(made, Call("add", ("f", -9)), {-1, 0}, {"x": axis("x", "1..5")})
    assert (evaluated.proved, evaluated.counterexample) == (False, (4,))


def test_no_more_boxes_than_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a proof would take longer than evaluating, what is said is that it was evaluated."""
    made = Program("", ("x",), 0, {}, ())
    node = Call("mul", (Call("add", ("x", -3)), Call("add", ("x", -8))))
    assert decide(made, node, {0}, {"x": axis("x", [3, 8])}) == (False, None)
    assert decide(made, node, {0, 1}, {"x": axis("x", "8..90")}).proved
    assert decide(made, node, {0, 1}, {"x": axis("x", [1, 2, 3, *range(8, 90)])}).proved
    monkeypatch.setattr(proofs, "BOXES", 1)
    assert decide(made, node, {0, 1}, {"x": axis("x", [1, 2, 3, *range(8, 90)])}) == (False, None)


@pytest.mark.usefixtures("uncovered")
@settings(max_examples=120)
@given(
    layers=st.tuples(st.sampled_from(LAYERS), st.sampled_from(LAYERS)),
    metrics=st.tuples(st.sampled_from(METRICS), st.sampled_from(METRICS)),
    relation=st.sampled_from([*RELATIONS]),
    numbers=st.tuples(st.integers(1, 9), st.decimals("0.01", "3", places=2), st.integers(-40, 40)),
    places=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4)), min_size=5, max_size=5),
)
def test_open_sizes(layers, metrics, relation, numbers, places) -> None:
    """What holds for open sizes holds wherever its conditions do, and a counterexample is one, with real widths."""
    (one, other), (a, b, c) = layers, numbers
    first, second = map(spelled, metrics)
    finding = found(f'{a}*{first}("{one}") {relation} {b}*{second}("{other}") + {c}*c*h')

    def holds(channels: int, height: int, width: int) -> bool:
        costs = [
            total(read(name).layer.run((1, channels, height, width), read(name).options), metric)
            for name, metric in zip(layers, metrics, strict=True)
        ]
        return RELATIONS[relation](a * costs[0], Fraction(b) * costs[1] + c * channels * height)

    if finding.counterexample is not None:
        at = {"h": 12, "w": 12, **finding.counterexample}
        assert not holds(at["c"], at["h"], at["w"])
    if finding.verdict == "holds":
        # At multiples of all that layers divide by here.
        assert all(holds(12 * channels, 12 * height, 12 * width) for channels, height, width in places)
