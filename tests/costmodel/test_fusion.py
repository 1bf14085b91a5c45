"""Which operations run as one, and what is then never written."""

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import costmodel.layers
import costmodel.networks  # noqa: F401  (puts them into the catalog)
from costmodel import CostModelError, Tensor
from costmodel.catalog import LAYERS, NETWORKS
from costmodel.fusion import eager, fused, fused_bytes
from costmodel.ledger import Ledger, Row
from costmodel.memory import moved
from costmodel.metrics import total
from costmodel.symbolic import Derivation, Formula, derive


def names(ledger: Ledger) -> list[str]:
    """The kernels."""
    return [kernel.name for kernel in fused(ledger)]


def test_an_epilogue() -> None:
    """A norm, a ReLU and a residual addition join their convolution: 2·3·5·7 in, 9·3·3 weights, norm's 6, and out."""
    x = Tensor((2, 3, 5, 7))
    (x.conv(3, kernel=3).batch_norm().relu() + x).relu("last")
    assert names(x.ledger) == ["conv + norm + relu + add + last"]
    (kernel,) = fused(x.ledger)
    # The input once, though the addition reads it again.
    assert kernel.elements == 210 + 81 + 6 + 210
    assert fused_bytes(x.ledger, "bf16") == 2 * kernel.elements


def test_what_is_read_twice_is_written() -> None:
    """A squeeze reads the map that its gate scales."""
    x = Tensor((2, 3, 5, 7))
    y = x.conv(3).relu()
    y * y.global_avg_pool().linear(3).sigmoid()
    assert names(x.ledger) == ["conv + relu", "avg_pool", "linear + sigmoid", "mul"]
    assert [kernel.elements for kernel in fused(x.ledger)] == [210 + 9 + 210, 210 + 6, 6 + 12 + 6, 210 + 6 + 210]


def test_attention_never_writes_its_map() -> None:
    """Three maps of N·P·C are read and one is written, and nothing of P²."""
    q, k, v = (Tensor((2, 35, 3)) for _ in "qkv")
    q, k, v = (q._view(q.shape) for q in (q, k, v))
    k.ledger = v.ledger = q.ledger
    q, k, v = (each.linear(5, name) for each, name in ((q, "q"), (k, "k"), (v, "v")))
    (q @ k.T).mul_scalar().softmax().matmul(v, "context")
    kernels = fused(q.ledger)
    assert [kernel.name for kernel in kernels] == ["q", "k", "v", "matmul + mul + softmax + context"]
    assert kernels[-1].elements == 4 * 2 * 35 * 5


def test_two_products_with_nothing_between_stay_two() -> None:
    """Only a map that is scaled or normalised on its way is known to be kept."""
    x = Tensor((2, 35, 35))
    (x @ x).matmul(x, "again")
    assert names(x.ledger) == ["matmul", "again"]


def test_a_copy_joins_what_it_copies() -> None:
    """Its maker writes in another order; the input's is by itself, and no product joins another one through it."""
    x = Tensor((2, 3, 5, 7))
    y = x.flatten().T.contiguous("tokens").linear(35, "linear").contiguous("copy")
    y.matmul(y.T, "gram").contiguous("order").matmul(y, "product")
    assert names(x.ledger) == ["tokens", "linear + copy", "gram + order", "product"]


def test_a_softmax_of_its_own() -> None:
    """Whose map is read by another one too, as that of DANet's channel attention is by its maximum."""
    ledger = LAYERS["danet-cam"].run((2, 37, 5, 7), {})
    assert names(ledger) == ["affinity", "row_max + from_max", "softmax", "aggregate + beta + residual"]


def test_who_reads_what_must_be_known() -> None:
    """A row without sources is refused."""
    ledger = Ledger()
    ledger.rows.append(Row("traced", "traced", ((2, 3),), (2, 3), 0, 0, {}))
    for kernels in (eager, fused):
        with pytest.raises(CostModelError, match="nobody says where traced has its inputs from"):
            kernels(ledger)


@pytest.mark.parametrize("name", sorted({*LAYERS, *NETWORKS} - {"conv", "depthwise-separable", "linear"}))
def test_fusing_moves_no_more(name: str) -> None:
    """Every row is in one kernel; kernels move no more than their rows, and rows no more than they say."""
    layer = (LAYERS | NETWORKS)[name]
    ledger = layer.run(layer.input or (2, 64, 11, 13), {})
    kernels = fused(ledger)
    assert sorted(row.name for kernel in kernels for row in kernel.rows) == sorted(row.name for row in ledger.rows)
    apart = 4 * sum(kernel.elements for kernel in eager(ledger))
    assert fused_bytes(ledger) <= apart <= moved(ledger)


@functools.cache
def formula(name: str) -> tuple[Derivation, Formula]:
    """Of a layer over symbols."""
    derivation = derive(LAYERS[name], {})
    return derivation, derivation.formula("fused-bytes:bf16")


@given(
    st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.sampled_from(["se", "cbam", "non-local", "danet-cam"])
)
def test_numbers_and_symbols_are_fused_alike(n: int, h: int, w: int, name: str) -> None:
    """At sizes of 1 too, where a gate is as large as what it scales."""
    derivation, fused_formula = formula(name)
    counted = total(LAYERS[name].run((n, 64, h, w), {}), fused_formula.metric)
    assert sum(value for _, value in fused_formula.at(derivation.values((n, 64, h, w), {}))) == counted
