"""The least time of operations, in ticks."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel import CostModelError, Tensor
from costmodel.catalog import LAYERS
from costmodel.crossover import crossover, largest
from costmodel.devices import Device, Level
from costmodel.fusion import eager, fused
from costmodel.metrics import counts, known, roofline, seconds, total
from costmodel.roofline import Roofline, time
from costmodel.symbolic import Derivation, Formula, derive

TOY = Device(
    "toy",
    "a toy",
    matrix={"fp32": 40, "bf16": 80},
    vector={"fp32": 10, "bf16": 10},
    levels=(Level("cache", 100, 60), Level("memory", 10**6, 12)),
    launch=Fraction(1, 7),
    sources={},
)
"""Ticks of 1/840 s in fp32: lcm(40, 10, 60, 12, 7)."""

FILE = """
title = "a toy"
launch_ns = 500

[vector]
fp32 = 10e9
bf16 = 10e9

[matrix]
bf16 = 80e9

[[level]]
name = "memory"
bytes = 1_000_000_000
bandwidth = 12e9

[sources]
launch = "made up"
vector = "made up"
matrix = "made up"
memory = "made up"
"""


@pytest.fixture
def toy(tmp_path: Path) -> str:
    """The path of a device file."""
    path = tmp_path / "toy.toml"
    path.write_text(FILE, encoding="utf-8")
    return str(path)


def test_every_limit_by_hand() -> None:
    """A linear layer 3 → 11 with biases on 2 vectors: 66 macs, 22 additions, 6 + 44 + 22 elements."""
    x = Tensor((2, 3))
    x.linear(11)
    toy = Roofline(TOY)
    assert toy.ticks_per_second == 840
    (bound,) = toy.bounds(eager(x.ledger))
    bytes_ = 4 * (6 + 44 + 22)
    assert bound.limits == {
        "matrix": 2 * 66 * 840 // 40,
        "vector": 22 * 840 // 10,
        "cache": bytes_ * 14,
        # What the cache holds at the beginning and at the end does not come from memory.
        "memory": (bytes_ - 200) * 70,
        "launch": 120,
    }
    assert (bound.ticks, bound.by) == (6160, "memory")


def test_what_binds_changes_with_size() -> None:
    """The launch of a small one, the cache of one that fits, the memory of a large one."""
    binding = []
    for size in (1, 20, 1000):
        x = Tensor((1, size))
        x.relu()
        binding += [bound.by for bound in Roofline(TOY).bounds(eager(x.ledger))]
    assert binding == ["launch", "cache", "memory"]


def test_time_adds_up_and_fusing_saves() -> None:
    """Of kernels, one after the other."""
    ledger = LAYERS["non-local"].run((2, 64, 11, 13), {})
    toy = Roofline(TOY)
    assert time(ledger, toy) == sum(bound.ticks for bound in toy.bounds(eager(ledger)))
    assert time(ledger, toy, fusing=True) == sum(bound.ticks for bound in toy.bounds(fused(ledger))) < time(ledger, toy)


def test_dtypes() -> None:
    """Half the bytes, another peak; one that the device has no figures for is refused."""
    x = Tensor((2, 3))
    x.linear(11)
    toy = Roofline(TOY, "bf16")
    (bound,) = toy.bounds(eager(x.ledger))
    second = toy.ticks_per_second
    assert (bound.limits["matrix"], bound.limits["cache"]) == (132 * second // 80, 144 * second // 60)
    with pytest.raises(CostModelError, match="toy has no figures for fp16"):
        Roofline(TOY, "fp16")
    with pytest.raises(CostModelError, match="a dtype is one of"):
        Roofline(TOY, "int8")


def test_as_a_metric(toy: str) -> None:
    """The name of a metric names device and dtype."""
    metric = f"time:{toy}:bf16"
    ledger = LAYERS["se"].run((2, 37, 5, 7), {"reduction": 3})
    assert total(ledger, metric) == time(ledger, roofline(metric))
    assert total(ledger, f"fused-{metric}") == time(ledger, roofline(metric), fusing=True)
    assert seconds(metric) == Fraction(1, roofline(metric).ticks_per_second)
    assert seconds("macs") is None
    assert counts(metric).endswith("a toy, bf16")
    assert known(metric)
    assert known(f"time:{toy}")
    assert not any(map(known, ("time", f"time:{toy}:int8", f"time:{toy}:bf16:fp32", f"macs:{toy}")))
    for metric in ("time", "time:h2000", "time:/nowhere.toml"):
        with pytest.raises(CostModelError):
            total(ledger, metric)


@pytest.fixture(scope="module")
def non_local() -> tuple[Derivation, Formula]:
    """Over symbols, and the least time on an H200 there: a sum of maxima, one an operation."""
    derivation = derive(LAYERS["non-local"], {})
    return derivation, derivation.formula("time:h200:bf16")


@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40))
def test_a_formula_at_sizes_is_the_count_there(non_local: tuple[Derivation, Formula], n: int, h: int, w: int) -> None:
    """To the tick."""
    derivation, formula = non_local
    values = derivation.values((n, 64, h, w), {})
    counted = total(LAYERS["non-local"].run((n, 64, h, w), {}), formula.metric)
    assert sum(value for _, value in formula.at(values)) == counted


def test_a_crossover_in_time_is_that_of_its_integers(toy: str) -> None:
    """At every side, the one that is said to be cheaper is."""
    metric = f"time:{toy}"
    found = crossover("non-local", "conv", over="side", at={"c": 64}, metric=metric)
    (crossing,) = found.crossings
    assert (crossing.cheaper_before, crossing.cheaper_after) == ("non-local", "conv")
    for side in range(1, 60, 3):
        first, second = (total(LAYERS[name].run((1, 64, side, side), {}), metric) for name in ("non-local", "conv"))
        assert (first < second) == (side <= (crossing.last_before or 0))
    limit = total(LAYERS["conv"].run((1, 64, 37, 37), {}), metric)
    assert largest("conv", over="side", at={"c": 64}, metric=metric, limit=limit) == 37
