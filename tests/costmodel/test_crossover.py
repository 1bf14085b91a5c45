"""Crossings: known ones, against every integer tried, and the questions that have no answer."""

import itertools
import random
from typing import Any

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from costmodel import CostModelError, find, totals
from costmodel.catalog import Subject
from costmodel.crossover import Crossover, costs, crossover, forms, largest
from costmodel.metrics import total
from costmodel.subjects import find as find_network
from costmodel.symbolic import derive, expression_text, symbol
from costmodel.symbolic.roots import positive_roots
from costmodel.validate.references import REFERENCES


def subject(name: str, **options: Any) -> Subject:
    return Subject(find(name), options, name)


def crossed(a: Subject, b: Subject, over: str, metric: str = "macs", **at: int) -> Crossover:
    return crossover(a, b, over=over, at=at, metric=metric)


def by_torch(name: str, *shape: int) -> int:
    """The MACs that torch counts in the reference."""
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        REFERENCES[name](shape[1]).eval()(torch.zeros(shape))
    return counter.get_total_flops() // 2


def test_position_and_channel_attention_cross_at_two_thirds_of_the_channels() -> None:
    """For every C; at 512 channels 341 positions are on one side and 342 on the other, by torch's count too."""
    symbolic = crossed(subject("danet-pam"), subject("danet-cam"), "p")
    assert [expression_text(crossing.exact) for crossing in symbolic.crossings] == ["2·C/3"]
    assert symbolic.verdict == "danet-pam is cheaper below p = 2·C/3, danet-cam above"
    (crossing,) = crossed(subject("danet-pam"), subject("danet-cam"), "p", c=512).crossings
    assert (crossing.last_before, crossing.first_after, crossing.cheaper_before) == (341, 342, "danet-pam")
    assert by_torch("danet-pam", 1, 512, 11, 31) < by_torch("danet-cam", 1, 512, 11, 31)
    assert by_torch("danet-pam", 1, 512, 18, 19) > by_torch("danet-cam", 1, 512, 18, 19)


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize(
    "a, b, over, metric, at",
    [
        ("non-local", "danet-pam", "side", "peak-bytes", {"c": 64}),
        ("non-local", "danet-pam", "side", "peak-bytes:bf16", {"c": 67}),
        ("non-local", "danet-cam", "c", "peak-bytes", {"side": 7}),
        ("danet-pam", "danet-cam", "p", "saved-bytes", {"c": 61}),
        ("cbam", "non-local", "c", "peak-bytes", {"side": 5}),
        ("cbam", "danet-cam", "c", "saved-bytes", {"side": 5}),
        ("conv", "non-local", "side", "training-macs", {"c": 8}),
        ("cbam", "gc", "side", "moved-bytes", {"c": 37}),
    ],
)
def test_memory_and_training_cross_where_integers_say(a, b, over, metric, at) -> None:
    """With a maximum of operations on either side: every integer up to 200 is on the side that the answer says."""
    answer = crossed(subject(a), subject(b), over, metric, **at)
    run = {}
    for value in range(1, 201):
        sizes = at | {over: value}
        height, width = (sizes["p"], 1) if "p" in sizes else (sizes["side"],) * 2
        try:
            counted = [total(find(name).run((1, sizes["c"], height, width), {}), metric) for name in (a, b)]
        except CostModelError:
            continue
        run[value] = (counted[0] > counted[1]) - (counted[0] < counted[1])
    changes = [(last, first) for (last, one), (first, other) in itertools.pairwise(run.items()) if one != other]
    said = {(crossing.last_before, crossing.first_after) for crossing in answer.crossings}
    # Where both cost the same at one integer, the answer names it as equal, and has one crossing for two changes.
    for last, first in changes:
        assert (last, first) in said or 0 in (run[last], run[first])
    for last, first in said:
        if last and first and first <= 200:
            assert run[last] != run[first]


def test_non_local_products_overtake_its_convolutions_at_twice_the_channels() -> None:
    """P = 2·C whatever the reduction; at C = 32 torch counts them equal at 64 positions, and not at 63 or 65."""
    derivation = derive(find("non-local"), {})
    products = derivation.of_rows(["affinity", "aggregate"], "macs").expression
    convolutions = derivation.of_rows(["theta", "phi", "g", "out"], "macs").expression
    h, w, p = map(symbol, "HWP")
    assert positive_roots((products - convolutions).subs({h: p, w: 1}), p) == [2 * symbol("C")]
    for positions, order in ((63, -1), (64, 0), (65, 1)):
        with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
            REFERENCES["non-local"](32).eval()(torch.zeros(1, 32, positions, 1))
        counted = counter.get_flop_counts()["Global"]
        by_kind = counted[torch.ops.aten.bmm] - counted[torch.ops.aten.convolution]
        assert (by_kind > 0) - (by_kind < 0) == order


def test_rounding_moves_the_integers() -> None:
    """With 784 positions the forms are equal at C = 1176, a multiple of 8; what modules build crosses three earlier."""
    found = crossed(subject("danet-pam"), subject("danet-cam"), "c", p=784)
    (crossing,) = found.crossings
    assert found.rounded
    assert (crossing.exact, crossing.last_before, crossing.first_after) == (1176, 1173, 1174)


def counted(of: Subject, over: str, metric: str, at: dict[str, int], value: int) -> int | None:
    """The cost by the shape program alone."""
    sizes = at | {over: value}
    try:
        return totals(of.layer.run((1, sizes["c"], sizes["side"], sizes["side"]), of.options))[metric]
    except CostModelError:
        return None


def by_trying(a: Subject, b: Subject, over: str, metric: str, at: dict[str, int], upto: int) -> list[tuple[int, int]]:
    """Every change of the cheaper side up to a bound: the integers on either side of it."""
    found, before = [], None
    for value in range(1, upto + 1):
        first, second = (counted(of, over, metric, at, value) for of in (a, b))
        if first is None or second is None or first == second:
            continue
        if before and before[1] != (first < second):
            found.append((before[0], value))
        before = (value, first < second)
    return found


def test_a_winner_can_change_several_times() -> None:
    """Widths that round at 3 and at 2 take turns seven times before one of them is cheaper for good."""
    a, b = subject("danet-pam", reduction=3), subject("non-local", reduction=2)
    found = crossed(a, b, "c", side=2)
    changes = [(c.last_before, c.first_after) for c in found.crossings]
    assert changes == [(n, n + 1) for n in range(3, 10)] == by_trying(a, b, "c", "macs", {"side": 2}, 300)
    assert found.rounded


UPTO = 150

PAIRS = [
    ("danet-pam", {}, "danet-cam", {}),
    ("danet-pam", {"reduction": 3}, "non-local", {"reduction": 5}),
    ("se", {"reduction": 7}, "cbam-spatial", {"kernel": 3}),
    ("cbam", {"reduction": 6}, "conv", {"kernel": 1, "out": 2}),
    ("non-local", {"subsample": "after", "reduction": 3}, "danet-cam", {}),
    ("bam", {"reduction": 5}, "depthwise-separable", {}),
    ("conv", {"stride": 3, "kernel": 1}, "danet-cam", {}),
    ("sparse-attention", {"stride": 5, "heads": 2}, "danet-pam", {"reduction": 2}),
]


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize("a, a_options, b, b_options", PAIRS, ids=lambda value: value if isinstance(value, str) else "")
@given(
    fixed=st.integers(3, 40),
    over=st.sampled_from(["c", "side"]),
    metric=st.sampled_from(["macs", "params", "arithmetic"]),
)
@settings(max_examples=6)
def test_crossings_are_those_of_every_integer(
    a: str, a_options: dict[str, Any], b: str, b_options: dict[str, Any], fixed: int, over: str, metric: str
) -> None:
    """Up to a bound that both sizes share, the answer is what trying each integer gives, and no more."""
    first, second = subject(a, **a_options), subject(b, **b_options)
    at = {"side" if over == "c" else "c": fixed}
    found = crossover(first, second, over=over, at=at, metric=metric)
    reported = [(c.last_before, c.first_after) for c in found.crossings if c.first_after and c.first_after <= UPTO]
    assert reported == by_trying(first, second, over, metric, at, UPTO)


@pytest.mark.parametrize(
    "a, b, over, at, verdict",
    [
        (("se", {}), ("se", {}), "c", {"side": 7}, "they cost the same everywhere"),
        (("se", {}), ("cbam", {}), "side", {"c": 64}, "se is always cheaper"),
        (("se", {}), ("cbam", {}), "side", {"c": 8}, "the two are defined together for no side"),
        (("conv", {}), ("conv", {"kernel": 5}), "side", {}, "conv is always cheaper"),
    ],
)
def test_no_crossing_is_said_in_words(a: Any, b: Any, over: str, at: dict[str, int], verdict: str) -> None:
    """Equal, always cheaper, or never defined."""
    found = crossover(subject(a[0], **a[1]), subject(b[0], **b[1]), over=over, at=at, metric="macs")
    assert (found.crossings, found.verdict) == ([], verdict)


def test_options_can_vary() -> None:
    """SE's parameters against a spatial map's 100: the largest width that is cheaper, defined only up to C."""
    found = crossed(subject("se"), subject("cbam-spatial"), "reduction", "params", c=64, side=7)
    assert [(c.last_before, c.first_after, c.cheaper_after) for c in found.crossings] == []
    assert found.verdict == "cbam-spatial is always cheaper"
    found = crossed(subject("se"), subject("cbam-spatial"), "kernel", c=512, side=7)
    assert [(c.last_before, c.first_after) for c in found.crossings] == [(17, 19)]


@pytest.mark.parametrize(
    "over, at, message",
    [
        ("q", {}, "what varies is one of .*reduction, not 'q'"),
        ("bias", {}, "not 'bias'"),
        ("p", {"side": 7}, "fix a size twice"),
        ("side", {"q": 7}, "what --at fixes is one of"),
        ("side", {"c": 7, "h": 7}, "fix a size twice"),
    ],
)
def test_questions_that_are_none(over: str, at: dict[str, int], message: str) -> None:
    """One sentence with what is accepted."""
    with pytest.raises(CostModelError, match=message):
        crossover(subject("se"), subject("cbam"), over=over, at=at, metric="macs")


def test_what_has_no_answer_is_refused() -> None:
    """A cost that depends on H and W apart has none in p; touched blocks have no closed form."""
    with pytest.raises(CostModelError, match="depends on H and W apart"):
        crossed(subject("conv", stride=2), subject("linear"), "p", c=64)
    with pytest.raises(CostModelError, match="has no closed form"):
        crossed(subject("sparse-attention", count="block"), subject("dense-attention"), "side", c=64)


def test_what_is_not_rational_is_refused() -> None:
    """A stride of ⌊√P⌋ has no closed form in p, whatever the channels are."""
    for at in ({}, {"c": 512}):
        with pytest.raises(CostModelError, match="non-local against sparse-attention over p cannot be solved: "):
            crossover(subject("non-local"), subject("sparse-attention"), over="p", at=at, metric="macs")


def test_forms_over_two_variables() -> None:
    """Costs in closed form, of one sample and in the symbols of the two variables."""
    (p, c), (pam, cam) = forms([subject("danet-pam"), subject("danet-cam")], over=("p", "c"), at={}, metric="macs")
    assert (p, c) == (symbol("P"), symbol("C"))
    assert (pam, cam) == (sympy.Rational(9, 8) * c * p**2 + sympy.Rational(5, 4) * c**2 * p, 2 * c**2 * p)
    (n, side), (counted,) = forms([subject("conv", kernel=5)], over=("n", "side"), at={"c": 7}, metric="macs")
    assert counted == 25 * 49 * n * side**2


def test_forms_over_options() -> None:
    """An option that one layer has varies for it; a fixed one is a number, and so is one that is given."""
    subjects = [subject("se"), subject("conv"), subject("cbam-channel", bias=False)]
    (c, r), (se, conv, channel) = forms(subjects, over=("c", "reduction"), at={"side": 7, "n": 3}, metric="macs")
    assert (se, conv, channel) == (6 * c**2 / r, 9 * 49 * 3 * c**2, 12 * c**2 / r)
    (r, kernel), (both,) = forms(
        [subject("cbam")], over=("reduction", "kernel"), at={"side": 7, "c": 48}, metric="macs"
    )
    assert both == 4 * 48**2 / r + 2 * 49 * kernel**2


@pytest.mark.parametrize(
    "layers, over, at, message",
    [
        (["se", "conv"], ("c", "h"), {}, "conv depends on more than c and h: fix the rest with --at"),
        (["se", "conv"], ("c", "q"), {}, "what varies is one of .*, not 'q'"),
        (["se", "conv"], ("c", "side"), {"h": 7}, "fix a size twice"),
        (["se", "conv"], ("c", "side"), {"reduction": 7}, "what --at fixes is one of"),
    ],
)
def test_forms_that_are_none(layers: list[str], over: tuple[str, str], at: dict[str, int], message: str) -> None:
    """What depends on a third size, or asks for what is no size."""
    with pytest.raises(CostModelError, match=message):
        forms([subject(name) for name in layers], over=over, at=at, metric="macs")


@given(c=st.integers(1, 60), side=st.integers(1, 40), metric=st.sampled_from(["macs", "params", "arithmetic"]))
@settings(max_examples=12)
def test_forms_are_the_costs_where_divisions_are_exact(c: int, side: int, metric: str) -> None:
    """By the shape programs."""
    subjects = [subject("danet-pam"), subject("conv"), subject("cbam", reduction=8)]
    variables, found = forms(subjects, over=("c", "side"), at={"n": 2}, metric=metric)
    place = dict(zip(variables, (8 * c, side), strict=True))
    costs_ = [totals(each.layer.run((2, 8 * c, side, side), each.options))[metric] for each in subjects]
    assert [form.subs(place) for form in found] == costs_


def test_the_largest_that_fits() -> None:
    """5·10⁹ MACs hold a non-local block on 512 channels up to a side of 51; the next is counted to be too much."""
    block = subject("non-local")
    assert largest(block, over="side", at={"c": 512}, metric="macs", limit=5 * 10**9) == 51
    within, beyond = (costs((block,), over="side", at={"c": 512}, metric="macs", value=v)[0] for v in (51, 52))
    assert within is not None
    assert beyond is not None
    assert within <= 5 * 10**9 < beyond
    assert largest(block, over="side", at={"c": 512}, metric="macs", limit=5) is None


@given(limit=st.integers(1, 10**7), fixed=st.integers(2, 30), reduction=st.integers(1, 9))
@settings(max_examples=8)
def test_the_largest_that_fits_by_trying(limit: int, fixed: int, reduction: int) -> None:
    """Over channels, whose widths round."""
    block = subject("danet-pam", reduction=reduction)
    found = largest(block, over="c", at={"side": fixed}, metric="macs", limit=limit)
    costs_of = {c: counted(block, "c", "macs", {"side": fixed}, c) for c in range(1, 3000)}
    fitting = [c for c, cost in costs_of.items() if cost is not None and cost <= limit]
    assert found == max(fitting, default=None)


def tried(name: str, metric: str, sizes: dict[str, int]) -> int | None:
    """What a layer takes, by its shape program."""
    try:
        return total(find(name).run((1, sizes["c"], sizes["side"], sizes["side"]), {}), metric)
    except CostModelError:
        return None


@given(
    name=st.sampled_from(["non-local", "cbam", "conv", "se", "danet-cam"]),
    metric=st.sampled_from(["training-peak-bytes", "peak-bytes", "time:h200", "fused-time:a100:bf16"]),
    over=st.sampled_from(["side", "c"]),
    fixed=st.integers(2, 30),
    at=st.integers(2, 200),
)
@settings(max_examples=10)
def test_the_largest_that_fits_in_time_and_memory_by_trying(
    name: str, metric: str, over: str, fixed: int, at: int
) -> None:
    """What a layer takes somewhere fits up to the last integer at which it takes no more."""
    sizes = {"side" if over == "c" else "c": fixed}
    values = range(1, 300)
    counts = [tried(name, metric, sizes | {over: value}) for value in values]
    limit = counts[at - 1]
    if limit is None or (counts[-1] or 0) <= limit:
        return
    fitting = [value for value, count in zip(values, counts, strict=True) if count is not None and count <= limit]
    assert largest(subject(name), over=over, at=sizes, metric=metric, limit=limit) == fitting[-1]


def cost_of(name: str, metric: str, side: int) -> int | None:
    """Of a network, by its shape program."""
    try:
        return total(find_network(name).run((1, 3, side, side), {}), metric)
    except CostModelError:
        return None


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize(
    "a, b, metric",
    [
        ("resnet18", "mobilenet-v1", "time:h200"),
        ("resnet50", "vgg16", "training-peak-bytes"),
        ("resnet-cifar", "shufflenet-v1", "fused-time:a100:bf16"),
    ],
)
def test_networks_cross_in_time_and_memory_where_their_programs_say(a: str, b: str, metric: str) -> None:
    """On both sides of every crossing, and at sides in between and beyond, random ones and every one up to 150."""
    found = crossover(a, b, over="side", metric=metric)
    ends = [0, *(crossing.last_before for crossing in found.crossings), 10**5]
    winners = [*(crossing.cheaper_before for crossing in found.crossings), found.crossings[-1].cheaper_after]
    random_sides = random.Random(7)
    for (low, high), winner in zip(itertools.pairwise(ends), winners, strict=True):
        inside = {low + 1, high, *(random_sides.randint(low + 1, high) for _ in range(20))}
        for side in sorted(inside | {*range(low + 1, min(high, 150) + 1)}):
            first, second = cost_of(a, metric, side), cost_of(b, metric, side)
            if first is not None and second is not None:
                assert first == second or (first < second) == (winner == a), side
    for crossing in found.crossings:
        for side, winner in (
            (crossing.last_before, crossing.cheaper_before),
            (crossing.first_after, crossing.cheaper_after),
        ):
            first, second = cost_of(a, metric, side), cost_of(b, metric, side)
            assert first is not None
            assert second is not None
            assert first != second
            assert (first < second) == (winner == a)


@pytest.mark.usefixtures("uncovered")
def test_the_largest_picture_of_a_network_within_a_budget() -> None:
    """In time and in memory, one more is too much, and smaller ones are not."""
    for metric, limit in (("time:h200", 10**14), ("training-peak-bytes", 16 * 2**30)):
        side = largest("resnet50", over="side", metric=metric, limit=limit)
        assert side is not None
        counts = [cost_of("resnet50", metric, each) for each in range(side - 40, side + 40)]
        assert [count is not None and count <= limit for count in counts] == [True] * 41 + [False] * 39


def test_networks_that_take_no_small_picture() -> None:
    """VGG-16 rounds with a period of 16, and takes no side below 32: it is tried from there on."""
    assert crossover("vgg16", "vgg19", over="side").verdict == "vgg16 is always cheaper"
    side = largest("vgg16", over="side", limit=10**9)
    assert side is not None
    assert [(cost_of("vgg16", "macs", each) or 0) <= 10**9 for each in (side, side + 1)] == [True, False]


def test_too_many_maxima_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In words, with their number."""
    monkeypatch.setattr("costmodel.crossover.MAXIMA", 1_000)
    with pytest.raises(CostModelError, match="it has 1,600 maxima, and 1,000 are solved"):
        largest("resnet50", over="side", metric="time:h200", limit=10**14)


def test_what_has_no_largest_is_refused() -> None:
    """One parameter fits at every side; an open size decides; both in a sentence."""
    with pytest.raises(CostModelError, match="every side from 1 on fits"):
        largest(subject("danet-cam"), over="side", at={"c": 8}, metric="params", limit=5)
    with pytest.raises(CostModelError, match="depends on c: fix it"):
        largest(subject("danet-cam"), over="side", at={}, metric="macs", limit=5)
