"""What is alive, kept for backward, moved and multiplied in training: worked by hand, and the same over symbols."""

import ast
import functools
import inspect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel import LAYERS, CostModelError, Tensor, find, ledger, tensor
from costmodel.dimension import Dim
from costmodel.ledger import Ledger, Row
from costmodel.memory import ALL, CASES, NAMES, kept, liveness, moved, peak, saved, training_macs, training_peak
from costmodel.memory.autograd import KEPT
from costmodel.metrics import ASKED, METRICS, known, of_row, total
from costmodel.subjects import read
from costmodel.sweep import Compiled, compile_formula
from costmodel.symbolic import derive, symbol

FROZEN, FIRST = CASES["frozen"], CASES["first"]


def small() -> Ledger:
    """210 elements → 770 → 770 → a max pool's 132."""
    x = Tensor((2, 3, 5, 7))
    x.conv(11, "conv").relu().max_pool(2, "pool")
    return x.ledger


def test_a_small_program_by_hand() -> None:
    """The peak is that of the relu, whose input nothing keeps alive afterwards; indices of maxima have 8 bytes each."""
    run = small()
    # conv 210 + 770, relu 210 + 770 + 770, pool 210 + 770 + 132 and 132 places.
    assert peak(run) == (4 * 1750, "relu")
    assert peak(run, "bf16") == (2 * 1750, "relu")
    # The conv's input, the relu's output, which is the pool's input, and 132 places.
    assert saved(run) == 4 * (210 + 770) + 8 * 132
    assert saved(run, "fp64") == 8 * (210 + 770) + 8 * 132
    # 33 weights; each operation its inputs and its output.
    assert moved(run) == 4 * (210 + 33 + 770 + 770 + 770 + 770 + 132)
    # 770 · 3 taps: forward, for the weights and for the input.
    assert training_macs(run) == 3 * 2310


def test_places_of_maxima_can_hold_the_peak() -> None:
    """A pool by itself: 210 elements and 12 maxima in bf16, and 12 places of 8 bytes."""
    x = Tensor((2, 3, 5, 7))
    x.max_pool(3, "pool")
    assert peak(x.ledger, "bf16") == (2 * (210 + 12) + 8 * 12, "pool")


def test_squeeze_and_excitation_by_hand() -> None:
    """Width 37 // 16 = 2: a map of 2590, gates of 74, and 4 between."""
    run = ledger("se", (2, 37, 5, 7))
    assert peak(run) == (4 * (2590 + 74 + 2590), "scale")
    # The map and the gate, which are multiplied, and what both layers take: relu and sigmoid keep no more.
    assert saved(run) == 4 * (2590 + 74 + 4 + 74)
    # squeeze, reduce with 74 weights, relu, expand with as many, sigmoid, scale.
    assert moved(run) == 4 * (2664 + (74 + 74 + 4) + 8 + (4 + 74 + 74) + 148 + 5254)
    assert training_macs(run) == 3 * 296


def test_a_step_of_training_by_hand() -> None:
    """The most is alive as the relu's gradient is made: x, the relu's output, its gradient and that of its input."""
    run = small()
    assert training_peak(run) == (4 * (210 + 3 * 770), "relu, backward")
    # Backward has as much alive after a second run forward, which has less: the relu's is 210 + 770 + 770 + 132.
    assert training_peak(run, checkpointed=True) == training_peak(run)
    # Of a pool alone: its input, the gradient of its output, that of its input, and 132 places, which it keeps.
    x = Tensor((2, 11, 5, 7))
    x.max_pool(2, "pool")
    assert training_peak(x.ledger) == (4 * (770 + 132 + 770) + 8 * 132, "pool, backward")
    assert training_peak(x.ledger, "bf16") == (2 * (770 + 132 + 770) + 8 * 132, "pool, backward")


def test_gradients_of_weights_stay() -> None:
    """Those of the second convolution, 11 · 13, are there as the first one makes 33 and the input's 210."""
    x = Tensor((2, 3, 5, 7))
    x.conv(11, "first").conv(13, "second")
    # x and the first map; the gradients of both maps, and the second's weights.
    assert training_peak(x.ledger) == (4 * (210 + 770 + 910 + 770 + 143), "second, backward")
    assert training_peak(x.ledger, gradients=FROZEN) == (4 * (210 + 770 + 910 + 770), "second, backward")
    # Used twice, they have one gradient, and another one for the moment in which it is added to that.
    x = Tensor((2, 3, 1, 1))
    y = x.conv(3, "shared", kernel=3)
    y.conv(3, "shared", kernel=3, reuse=True)
    # x and gradients of 6: of y and of x; y is not alive any more.
    assert training_peak(x.ledger) == (4 * (6 + 6 + 6 + 81 + 81), "shared, backward")


def test_gradients_that_meet_are_one() -> None:
    """A residual's is passed on as it is, waits, and has the branch's added to it in place."""
    x = Tensor((2, 3, 5, 7))
    x.sigmoid("a").sigmoid("b").add(x, "sum")
    # At a: x, a's output, the sum's gradient, that of a's output and that of its input.
    assert training_peak(x.ledger) == (4 * 210 * 5, "b, backward")
    # Parts of one that was concatenated are not added to: 420 of the whole, x's, the branch's, and their sum.
    x = Tensor((2, 3, 5, 7))
    x.concat(x.sigmoid("a"), name="join")
    assert training_peak(x.ledger) == (4 * (210 + 420 + 210 + 210), "a, backward")


def test_gradients_of_views_that_are_copied() -> None:
    """Parts are joined to a whole, and heads laid side by side, when nothing more comes: in memory of their own."""
    x = Tensor((2, 3, 5, 7))
    a, b = x.sigmoid("a").split(1, 2, axis=1)
    b.sigmoid("b").concat(a.sigmoid("c"), name="join")
    # At b: x, what a and b saved, the joined one's gradient, and those of both parts, of which c has made its own.
    assert training_peak(x.ledger) == (4 * (210 + 210 + 140 + 210 + 70 + 140), "b, backward")
    # Of the input at last: x, the joined one's gradient, of which a part is passed on, b's, and the whole.
    x = Tensor((2, 3, 5, 7))
    a, b = x.split(1, 2, axis=1)
    b.mul_scalar("b").concat(a, name="join").mean(1)
    assert training_peak(x.ledger) == (4 * (210 + 210 + 140 + 210), "b, backward")
    x = Tensor((2, 3, 5, 7))
    x.sigmoid("a").shuffle_channels(3)
    # Before a: x, what a saved, the gradient as it comes, and in the order of the map; at a, that and the input's.
    assert training_peak(x.ledger) == (4 * 210 * 4, "a, backward")
    x = Tensor((2, 3, 5, 7))
    x.sigmoid("a").flatten().T.contiguous("tokens")
    # A transpose is undone by a view: the one gradient, and the input's.
    assert training_peak(x.ledger) == (4 * 210 * 4, "a, backward")


def test_a_gate_in_training_by_hand() -> None:
    """The gate's gradient is a product as large as the map, and its sum; what is run again is gone before the sum."""
    x = Tensor((2, 3, 5, 7))
    x.mul(x.global_avg_pool("squeeze").relu6("gate"), "scale")
    # x, two gates; the gradients of the output and of x, the product, and its sum.
    assert training_peak(x.ledger) == (4 * (210 + 6 + 6 + 210 + 210 + 210 + 6), "scale, backward")
    assert training_peak(x.ledger, checkpointed=True) == (4 * (210 + 6 + 6 + 210 + 210 + 210), "scale, backward")


@settings(max_examples=60)
@given(
    name=st.sampled_from(sorted(LAYERS)),
    shape=st.tuples(st.integers(1, 3), st.sampled_from([64, 96]), st.integers(3, 11), st.integers(3, 11)),
)
def test_training_holds_what_it_must(name: str, shape: tuple[int, ...]) -> None:
    """At least what is kept and the input's gradient, which is as large as the input; and what inference holds."""
    run = find(name).run(shape, {})
    held = training_peak(run).bytes
    assert held >= peak(run).bytes
    assert held >= saved(run)
    assert training_peak(run, checkpointed=True).bytes >= peak(run).bytes
    assert training_peak(run, gradients=FROZEN).bytes <= held


def test_non_local_by_hand() -> None:
    """Width 3 // 2 = 1 and P = 2·3·5 = 30: two maps of P² are alive in the softmax, and one is kept."""
    run = ledger("non-local", (1, 3, 2, 3, 5))
    # x, g, and the affinity before and after; θ and φ are freed.
    assert peak(run) == (4 * (90 + 30 + 900 + 900), "softmax")
    # x, θ, φ, the weights, g, y, what is normalised, and a mean and a deviation of 3 channels.
    assert saved(run) == 4 * (90 + 30 + 30 + 900 + 30 + 30 + 90 + 6)
    # Four convolutions of 90 and two products of 900, of which both factors require gradients.
    assert training_macs(run) == 3 * (4 * 90 + 2 * 900)


def test_frozen_weights() -> None:
    """Take no gradient, and a linear layer does not keep its input for it; a convolution of torch does."""
    se, non_local = ledger("se", (2, 37, 5, 7)), ledger("non-local", (1, 3, 2, 3, 5))
    assert saved(se, gradients=FROZEN) == 4 * (2590 + 4 + 74)
    assert training_macs(se, gradients=FROZEN) == 2 * 296
    assert saved(non_local, gradients=FROZEN) == saved(non_local)
    assert training_macs(non_local, gradients=FROZEN) == 2 * 4 * 90 + 3 * 2 * 900


def test_a_number_among_formulas() -> None:
    """An open width after numbers, and before them: the greater of both is a maximum."""
    for widths in ((5, symbol("M")), (symbol("M"), 5)):
        x = Tensor((1, 4, 3, 3))
        x.conv(widths[0], "a", kernel=1).conv(widths[1], "b", kernel=1)
        for size in (1, 7, 97):
            first, second = (size if width == symbol("M") else width for width in widths)
            y = Tensor((1, 4, 3, 3))
            y.conv(first, "a", kernel=1).conv(second, "b", kernel=1)
            for count in (peak, training_peak):
                assert count(x.ledger).bytes.subs(symbol("M"), size) == count(y.ledger).bytes


@pytest.mark.parametrize("name", ["se", "cbam", "danet-head", "dense-attention"])
def test_what_is_kept_adds_up(name: str) -> None:
    """By operation it is all that is saved, and nobody keeps nothing."""
    run = ledger(name, (2, 40, 5, 7))
    for gradients in (ALL, FROZEN, FIRST):
        found = kept(run, "bf16", gradients)
        assert sum(count for _, count in found) == saved(run, "bf16", gradients)
        assert all(count > 0 for _, count in found)


def test_a_first_layer() -> None:
    """Makes no gradient of its input: a convolution that begins one costs two thirds, and a product of maps all."""
    conv, pam = ledger("conv", (2, 3, 5, 7)), ledger("danet-pam", (1, 8, 2, 3))
    assert training_macs(conv, FIRST) == 2 * total(conv, "macs") == 2 * 2 * 35 * 3 * 3 * 9
    # Of 36·(1 + 8) between maps and 6·8·(1 + 1 + 8) by weights; backward neither is spared the former.
    assert training_macs(pam, FIRST) == 3 * 36 * 9 + 2 * 6 * 8 * 10
    assert saved(conv, gradients=FIRST) == saved(conv)
    assert training_peak(conv, gradients=FIRST).bytes == 4 * (210 + 210 + 81)


def test_input_of_a_layer_requires_a_gradient_and_that_of_a_network_does_not() -> None:
    """A first convolution has nothing to pass a gradient on to; what follows it has."""
    assert ledger("se", (2, 37, 5, 7)).differentiable
    network = read("resnet50").layer
    assert network.input is not None
    run = network.run(network.input, {})
    assert not run.differentiable
    stem = run.rows[0].arithmetic["mac"]
    assert training_macs(run) == 3 * total(run, "macs") - stem
    assert training_macs(run, gradients=FROZEN) == total(run, "macs")
    assert saved(run, gradients=FROZEN) == 0

    x = Tensor((2, 3, 5, 7))
    x.ledger.differentiable = False
    x.relu("first").conv(11, "second")
    # What comes before the first weights keeps nothing, and the weights need their input.
    assert saved(x.ledger) == 4 * 210
    assert training_macs(x.ledger) == 2 * 2310


def test_views_share_memory() -> None:
    """A matrix and its transpose are one memory, alive once, kept once."""
    x = Tensor((2, 3, 5, 7))
    y = x.conv(11, "conv")
    y.flatten().T.matmul(y.flatten(), "gram")
    gram = 2 * 35 * 35
    assert {*x.ledger.rows[1].sources} == {x.ledger.rows[0].storage}
    assert peak(x.ledger) == (4 * (210 + 770 + gram), "gram")
    assert saved(x.ledger) == 4 * (210 + 770)


def test_the_input_stays_and_what_is_used_again_stays() -> None:
    """A residual's input is held by whoever called; an activation is, until its last use."""
    x = Tensor((2, 3, 5, 7))
    y = x.conv(11, "first")
    y.relu("a").sigmoid("b").add(y, "sum")
    # At b: x, y, a and b; at the sum: x, y, b and the sum.
    assert peak(x.ledger) == (4 * (210 + 3 * 770), "b")


def test_a_gradient_stops_where_nothing_requires_one() -> None:
    """Of a product of an input without a gradient and weights, what weights need is kept, and no more."""
    x = Tensor((2, 3, 5, 7))
    x.ledger.differentiable = False
    gate = x.global_avg_pool("squeeze").linear(3, "gate", bias=False)
    x.mul(gate, "scale")
    # The pooled 6, and the map, by which the gate's gradient is multiplied; not the gate.
    assert saved(x.ledger) == 4 * (6 + 210)
    assert training_macs(x.ledger) == 2 * 18


@pytest.mark.parametrize(
    "build, statistics",
    [
        (lambda x: x.batch_norm(), 2 * 3),
        (lambda x: x.batch_norm(affine=False), 2 * 3),
        (lambda x: x.layer_norm(), 2 * 2 * 3 * 5),
        (lambda x: x.group_norm(3), 2 * 2 * 3),
        (lambda x: x.group_norm(1, affine=False), 2 * 2),
    ],
)
def test_statistics(build, statistics: int) -> None:
    """A mean and a deviation of each channel, or of each vector that is normalised."""
    x = Tensor((2, 3, 5, 7))
    build(x)
    assert saved(x.ledger) == 4 * (210 + statistics)


def test_a_kind_that_nobody_knows_raises() -> None:
    """What is kept of an operation is never nothing by default."""
    run = small()
    run.rows[1] = run.rows[1]._replace(kind="gelu")
    for measure in (peak, saved, training_peak):
        with pytest.raises(CostModelError, match="nobody says what is kept of 'gelu'"):
            measure(run)
    traced = Ledger()
    traced.rows.append(Row("module", "traced", ((2, 3),), (2, 3), 5, 5, {"mac": 7}))
    for measure in (peak, saved, training_macs, training_peak):
        with pytest.raises(CostModelError, match="nobody says where module has its inputs from"):
            measure(traced)


def test_every_operation_of_a_tensor_says_what_is_kept() -> None:
    """An operation added to `Tensor` and forgotten in the table is found here, before a user meets the error."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(tensor))) if isinstance(node, ast.Call)]
    applied = [call for call in calls if getattr(call.func, "attr", "") in ("_apply", "_apply_weights", "_normalise")]
    kinds = {call.args[0].value for call in applied if isinstance(call.args[0], ast.Constant)}
    assert len(kinds) > 20
    assert kinds - set(KEPT) == set()


def test_layers_in_a_network_by_themselves_share_its_memory() -> None:
    """What they add is no sum over their rows, and the sentence says what to ask instead."""
    inside = read("se in resnet50")
    run = inside.layer.run((1, 3, 224, 224), inside.options)
    for name in ("peak-bytes", "saved-bytes", "training-macs"):
        with pytest.raises(CostModelError, match="shares memory with it: ask with and without them"):
            total(run, name)
    assert total(run, "moved-bytes") > 0


def test_what_follows_a_layer_in_a_network_reads_its_output() -> None:
    """Of rows whose output nobody reads there is the last one, and what a layer puts in is no other."""
    for name in ("resnet50 with se", "resnet50 with dense-attention at res5", "resnet50 with criss-cross at res5:last"):
        whole = read(name)
        run = whole.layer.run((1, 3, 64, 64), whole.options)
        used = {source for row in run.rows for source in row.sources}
        assert [row.name for row in run.rows if row.storage not in used] == [run.rows[-1].name]
    with_se = read("resnet50 with se")
    # As without it, in the second block, and the gate of 256 channels beside the map it scales.
    held = 4 * (3 * 224 * 224 + 3 * 256 * 56 * 56 + 256)
    assert peak(with_se.layer.run((1, 3, 224, 224), with_se.options)) == (held, "res2.2.branch.se.scale")


def test_dtypes() -> None:
    """TF32 lies in memory as FP32; a dtype that is none is an error."""
    run = small()
    assert peak(run, "tf32") == peak(run)
    with pytest.raises(CostModelError, match="a dtype is one of fp64, fp32, tf32, fp16, bf16, not 'int8'"):
        peak(run, "int8")


# As metrics.


@pytest.mark.parametrize("metric", [*METRICS, *NAMES, "peak-bytes:bf16", "saved-bytes:fp64", "moved-bytes:fp32"])
def test_known_metrics_are_counted(metric: str) -> None:
    """Whatever is known has a total."""
    assert known(metric)
    assert total(small(), metric) > 0


@pytest.mark.parametrize(
    "metric", ["peak", "peak-bytes:", "peak-bytes:int8", "macs:bf16", "training-macs:bf16", "peak-bytes:bf16:bf16", ""]
)
def test_unknown_metrics(metric: str) -> None:
    """A dtype is for what is in bytes, and one of those there are."""
    assert not known(metric)


def test_what_a_checkpoint_multiplies_again() -> None:
    """All but the last product, whose input is all that it keeps: 2·3·3 + 2·3·5 MACs, thrice, and the first again.

    An activation that keeps its result runs again too, and so does what comes before it.
    """
    x = Tensor((2, 3))
    y = x.linear(3, "first").linear(5, "last")
    assert training_macs(x.ledger) == 3 * (18 + 30)
    assert training_macs(x.ledger, checkpointed=True) == 3 * (18 + 30) + 18
    y.sigmoid()
    assert training_macs(x.ledger, checkpointed=True) == 3 * (18 + 30) + 18 + 30


def test_a_checkpoint_of_nothing_that_is_kept() -> None:
    """An addition keeps nothing, so that nothing runs again."""
    x = Tensor((2, 3))
    x + x
    assert training_macs(x.ledger, checkpointed=True) == 0
    assert training_peak(x.ledger, checkpointed=True) == training_peak(x.ledger)


def test_metrics_of_memory_are_those_of_the_functions() -> None:
    """Each under its name, in FP32 unless the name has a dtype."""
    run = small()
    peaks = [peak(run).bytes, training_peak(run).bytes, training_peak(run, checkpointed=True).bytes]
    macs = [training_macs(run), training_macs(run, checkpointed=True)]
    assert [total(run, name) for name in NAMES] == [*peaks, saved(run), moved(run), *macs]
    assert total(run, "saved-bytes:bf16") == saved(run, "bf16")
    assert {*METRICS, *NAMES} <= {*ASKED}


def test_memory_is_of_no_row() -> None:
    """What is alive is no sum over operations."""
    with pytest.raises(CostModelError, match="peak-bytes is of a whole layer"):
        of_row(small().rows[0], "peak-bytes")


# Over symbols.


@functools.cache
def compiled(name: str, metric: str) -> Compiled:
    """A layer's formula with every option but its defaults closed."""
    defaults = {option: value.default for option, value in find(name).options.items() if value.symbol}
    return compile_formula(derive(find(name), defaults), metric)


SYMBOLIC = ("se", "cbam", "non-local", "danet-pam", "danet-cam", "gc", "eca", "conv", "depthwise-separable")


@pytest.mark.parametrize("name", SYMBOLIC)
@settings(max_examples=25)
@given(
    n=st.integers(1, 5),
    c=st.integers(32, 200),
    h=st.integers(1, 40),
    w=st.integers(1, 40),
    metric=st.sampled_from([*NAMES, "peak-bytes:bf16", "saved-bytes:fp16"]),
)
def test_formulas_count_what_integers_do(name: str, n: int, c: int, h: int, w: int, metric: str) -> None:
    """With channels that no reduction divides, and on either side of every change of what holds the peak."""
    counted = compiled(name, metric)(N=n, C=c, H=h, W=w)
    assert int(counted) == total(find(name).run((n, c, h, w), {}), metric)


@pytest.mark.parametrize("name", SYMBOLIC)
def test_python_form_counts_too(name: str) -> None:
    """What `formula --as python` prints, run as Python."""
    layer = LAYERS[name]
    derivation = derive(layer, {})
    for metric in NAMES:
        for shape in ((2, 67, 5, 7), (1, 96, 41, 3)):
            values = derivation.values(shape, {})
            assert derivation.function(metric)(**values) == total(layer.run(shape, {}), metric)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_has_formulas(name: str) -> None:
    """In every metric, with its options open."""
    derivation = derive(find(name), {})
    assert all(derivation.formula(metric).text() for metric in NAMES)


def test_a_peak_that_depends_on_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words; at a shape it is counted, and the operation that holds it named."""
    network = read("resnet50").layer
    derivation = derive(network, {})
    monkeypatch.setattr(liveness, "MOST", 20)
    with pytest.raises(CostModelError, match="in too many ways: ask at a shape"):
        derivation.formula("training-peak-bytes")
    assert training_peak(network.run((1, 3, 64, 64), {})).row is not None
    # The picture, the first block's branch, and its shortcut before and after the norm, each 256 × 56 × 56.
    held = 4 * (3 * 224 * 224 + 3 * 256 * 56 * 56)
    assert peak(network.run((1, 3, 224, 224), {})) == (held, "res2.1.shortcut_norm")
    assert derivation.function("peak-bytes")(**derivation.values((1, 3, 224, 224), {})) == held


def test_a_network_holds_in_training_what_its_formula_says() -> None:
    """Of 348 moments of ResNet-50, each a sum of products, those that none exceeds everywhere: the greatest of them."""
    network = read("resnet50").layer
    derivation = derive(network, {})
    function = derivation.function("training-peak-bytes")
    for side in (33, 64, 97, 224):
        shape = (2, 3, side, side + 2)
        assert function(**derivation.values(shape, {})) == total(network.run(shape, {}), "training-peak-bytes")


@pytest.mark.parametrize("name", ["non-local", "cbam", "danet-cam", "sparse-attention", "conv", "resnet18"])
def test_what_is_left_out_of_a_peak_is_what_sympy_knows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By factors of products, the same operations as by SymPy's own knowledge of signs."""
    ledger = derive(read(name).layer, {}).ledger
    asked: list[list[Dim]] = []
    greatest = liveness._greatest
    monkeypatch.setattr(liveness, "_greatest", lambda counts: asked.append(counts) or greatest(counts))
    training_peak(ledger)
    (counts,) = asked
    counts = [*dict.fromkeys(count.expand() for count in counts)]
    factors = {count: count.as_coefficients_dict() for count in counts}
    for a in counts[::5]:
        for b in counts[::3]:
            assert liveness._is_never_less(a, b, factors) == bool((a - b).is_nonnegative)


def test_which_operation_holds_a_peak_over_symbols_is_open() -> None:
    """A formula names none."""
    assert peak(derive(find("non-local"), {}).ledger).row is None
