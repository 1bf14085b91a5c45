"""What a report of times says: bounds that hold, the order of layers, where two cross."""

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.devices import device
from costmodel.validate.timing_report import Change, Crossing, Sample, Timing, Timings, changes, faster, order

US = Fraction(1, 10**6)


def sample(best, median=None, spread=1, runs=7):
    return Sample(best * US, (median or best) * US, spread * US, runs)


def timing(layer, bound, median, best=None, shape=(1, 37, 5, 3), dtype="fp32"):
    shares = {"matrix": Fraction(2, 3), "L2": Fraction(1, 3)}
    return Timing(layer, {}, shape, dtype, Fraction(bound) * US, shares, sample(best or median, median))


def report(*timings, crossings=(), not_covered=()):
    versions = {"python": "3.11.7", "torch": "2.13.0"}
    described = {"type": "cpu", "name": "abacus", "chosen": "asked for", "threads": "2"}
    date = "2024-01-01T00:00:00+00:00"
    return Timings(date, versions, described, device("avx2-8core"), True, timings, crossings, not_covered)


def test_a_run_as_fast_as_its_bound_holds() -> None:
    """A run a nanosecond faster does not, whatever the median is."""
    assert timing("se", 11, median=13, best=11).holds
    broken = timing("se", 11, median=13, best=Fraction(10_999, 1000))
    assert not broken.holds
    assert str(broken) == "se at 1x37x5x3, fp32: a run took 11 µs, which is 1× its bound of 11 µs"
    found = report(timing("se", 11, 13), broken)
    assert (found.passed, found.failed, found.failures) == (1, 1, [broken])


def test_other_work_is_seen() -> None:
    """A median of twice the best run."""
    timings = [timing("se", 1, 13, best=7), timing("gc", 1, 14, best=7)]
    assert report(*timings).disturbed == timings[1:]
    assert json.loads(report(*timings).to_json())["disturbed"] == 1


def test_order_by_hand() -> None:
    """Four layers: bounds 1, 2, 5, 5 and medians 7, 3, 11, 13.

    Of the six pairs one is tied (5, 5), one is swapped (1, 2 against 7, 3), four are in order: τ = (4 - 1) / 6.
    """
    found = order([timing("a", 1, 7), timing("b", 2, 3), timing("c", 5, 11), timing("d", 5, 13)])
    assert (found.concordant, found.discordant, found.ties, found.pairs) == (4, 1, 1, 6)
    assert found.tau == Fraction(1, 2)
    (swap,) = found.swaps
    assert swap == ("a", "b", 2, Fraction(7, 3))
    said = "a, of which the bound is 2× less than that of b, took 2.33× as long"
    assert str(found) == (
        f"1x37x5x3, fp32: 4 of 6 pairs of layers in the order predicted, 1 tied, Kendall's τ 0.500; {said}"
    )


def test_swaps_that_are_close_are_not_named() -> None:
    """Bounds of 3 and 5 are less than two times apart; of many that are further, five are named."""
    assert str(order([timing("a", 3, 7), timing("b", 5, 2)])).endswith("none of the others is 2× apart by its bounds")
    found = order([timing(str(n), 2**n, 100 - n) for n in range(5)])
    assert (found.tau, len(found.swaps)) == (-1, 10)
    assert [swap.bounds for swap in found.swaps] == [16, 8, 8, 4, 4, 4, 2, 2, 2, 2]
    assert str(found).endswith("; 5 more")


@given(st.lists(st.tuples(st.integers(1, 7), st.integers(1, 7)), min_size=2, max_size=11), st.randoms())
def test_order_is_that_of_pairs(figures, random) -> None:
    """Every pair is counted once, whatever order the layers come in, and the other way round τ changes its sign."""
    timings = [timing(str(place), *pair) for place, pair in enumerate(figures)]
    found = order(timings)
    assert found.pairs == len(figures) * (len(figures) - 1) // 2
    random.shuffle(timings)
    assert order(timings)[:5] == found[:5]
    assert order([timing("x", bound, 8 - median) for bound, median in figures]).tau == -found.tau


def test_clearly_faster() -> None:
    """Half of the runs of one take less than every run of the other."""
    assert faster(sample(2, 3), sample(5, 7)) == 1
    assert faster(sample(5, 7), sample(2, 3)) == -1
    assert faster(sample(2, 5), sample(5, 7)) == 0
    assert faster(sample(2, 11), sample(3, 5)) == 0


@pytest.mark.parametrize(
    "signs, found",
    [
        ({1: 1}, []),
        ({1: 0}, []),
        ({1: 1, 37: -1}, [(36, 37)]),
        ({1: 1, 30: 0, 41: -1}, [(28, 42)]),
        ({1: -1, 13: 1, 37: -1}, [(12, 13), (36, 37)]),
        ({1: 0, 13: 1, 37: 0, 56: -1}, [(28, 56)]),
    ],
    ids=["always", "never", "once", "unclear between", "twice", "clear at few"],
)
def test_changes(signs, found) -> None:
    """Signs from some sides on: the change is between neighbours, or as near as one can tell by halves of 28 to 56."""

    def sign(side):
        return next(signs[first] for first in sorted(signs, reverse=True) if first <= side)

    assert [*changes((4, 7, 14, 28, 56), sign)] == found


@given(st.integers(4, 56))
def test_a_change_is_found_wherever_it_is(last) -> None:
    """Sides up to `last` have the one sign, others the other."""
    found = [*changes((4, 7, 14, 28, 56), lambda side: 1 if side <= last else -1)]
    assert found == ([(last, last + 1)] if last < 56 else [])


def test_crossing_in_words() -> None:
    """The prediction beside what was measured: changes, none, or nothing that anybody can tell."""
    told = {4: (sample(2), sample(3)), 7: (sample(5), sample(3))}
    crossing = Crossing("se", "gc", {"c": 37}, "bf16", "se is always cheaper", [], [Change(4, 7, "se", "gc")], told)
    start = "se and gc over side at c = 37, bf16: predicted, se is always cheaper; measured from 4 to 7, "
    assert str(crossing) == f"{start}se is faster up to 4, gc from 7 on"
    told = {7: (sample(2), sample(2)), 4: (sample(3), sample(2))}
    assert str(crossing._replace(measured=[], samples=told)) == f"{start}gc is faster wherever one can tell"
    told = {4: (sample(2), sample(2)), 7: (sample(3), sample(3))}
    assert str(crossing._replace(measured=[], samples=told)) == f"{start}nobody can tell which is faster"
    row = crossing.row()
    assert (row["predicted"], row["over"], row["medians_us"]) == ([], "side", {4: [2.0, 3.0], 7: [5.0, 3.0]})
    assert row["measured"] == [{"last_before": 4, "first_after": 7, "faster_before": "se", "faster_after": "gc"}]


def test_json_has_everything() -> None:
    """The bound exactly, times to four digits, the figures of the device, orders by shape and dtype."""
    timings = [timing("se", Fraction(22, 7), 13, 11), timing("gc", 5, 17), timing("se", 3, 19, dtype="bf16")]
    crossing = Crossing("se", "gc", {"c": 37}, "fp32", "se is always cheaper", [], [], {4: (sample(2), sample(3))})
    found = json.loads(report(*timings, crossings=[crossing], not_covered=["video: nobody times it"]).to_json())
    assert (found["kind"], found["passed"], found["failed"]) == ("time", 3, 0)
    assert found["not_covered"] == ["video: nobody times it"]
    assert found["profile"]["vector"]["fp32"] == 1_024_000_000_000
    assert found["profile"]["levels"][0] == {"name": "L1", "bytes": 262144, "bandwidth": 3_072_000_000_000}
    assert (found["profile"]["launch_ns"], found["profile"]["measured"]) == ("0", True)
    assert [[each["dtype"], each["pairs"], each["tau"]] for each in found["order"]] == [["fp32", 1, 1.0]]
    assert [each["says"] for each in found["crossovers"]] == [str(crossing)]
    assert found["cases"][0] == {
        "layer": "se",
        "options": {},
        "shape": [1, 37, 5, 3],
        "dtype": "fp32",
        "bound": "11/3500000",
        "bound_us": 3.143,
        "best_us": 11.0,
        "median_us": 13.0,
        "spread_us": 1.0,
        "runs": 7,
        "ratio": 4.136,
        "bound_by": {"matrix": 0.6667, "L2": 0.3333},
        "holds": True,
    }
