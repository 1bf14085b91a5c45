"""Convolutions without the taps in their padding: against every tap counted one by one."""

import functools
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel import CostModelError, Tensor, find, subjects
from costmodel.ledger import Taps
from costmodel.metrics import total
from costmodel.padding import inside_macs, least_macs, taps_at_least, taps_inside
from costmodel.symbolic import derive


def counted(size: int, kernel: int, stride: int, dilation: int) -> int:
    """Every tap of every position, one by one."""
    reach = kernel // 2 * dilation
    return sum(
        0 <= position - reach + tap * dilation < size
        for position, tap in itertools.product(range(0, size, stride), range(kernel))
    )


@given(st.integers(1, 40), st.sampled_from([1, 3, 5, 7, 9]), st.integers(1, 5), st.integers(1, 9))
def test_every_tap(size: int, kernel: int, stride: int, dilation: int) -> None:
    """The closed form counts what counting counts, on maps smaller than the kernel too."""
    assert taps_inside(Taps(size, kernel, stride, dilation)) == counted(size, kernel, stride, dilation)


@given(st.integers(1, 40), st.sampled_from([1, 3, 5, 7, 9]), st.integers(1, 5), st.integers(1, 9))
def test_the_least_taps(size: int, kernel: int, stride: int, dilation: int) -> None:
    """No more than there are, and no fewer where the kernel does not stride."""
    along = Taps(size, kernel, stride, dilation)
    assert taps_at_least(along) <= taps_inside(along)
    if stride == 1:
        assert taps_at_least(along) == taps_inside(along)


def test_the_least_macs_of_a_stride() -> None:
    """3×3 by twos over 8: of 12 taps along a side 11 meet an element, and one to the right may meet none as well."""
    x = Tensor((1, 2, 8, 8))
    x.conv(5, kernel=3, stride=2).relu()
    conv, relu = x.ledger.rows
    assert (least_macs(conv), least_macs(relu)) == (5 * 2 * 10 * 10, 0)
    assert inside_macs(x.ledger) == 5 * 2 * 11 * 11


def test_by_hand() -> None:
    """7×7 on 7×7: of 49 taps along a side 37 meet an element, 4 + 5 + 6 + 7 + 6 + 5 + 4."""
    x = Tensor((2, 3, 7, 7))
    x.conv(5, kernel=7)
    assert inside_macs(x.ledger) == 2 * 5 * 3 * 37 * 37
    assert total(x.ledger, "macs") == 2 * 5 * 3 * 49 * 49


def test_strides_groups_and_frames() -> None:
    """One dimension after the other, each with its own kernel and stride."""
    x = Tensor((1, 6, 5, 7, 11))
    x.conv(4, kernel=(3, 1, 5), stride=(1, 2, 2), groups=2, dilation=2)
    along = counted(5, 3, 1, 2) * counted(7, 1, 2, 2) * counted(11, 5, 2, 2)
    assert inside_macs(x.ledger) == 4 * 3 * along


@pytest.mark.parametrize("name", ["non-local", "se", "danet-pam"])
def test_without_padding(name: str) -> None:
    """1×1 convolutions, linear layers and products have none."""
    ledger = find(name).run((3, 40, 7, 11), {})
    assert inside_macs(ledger) == total(ledger, "macs")


@given(st.integers(1, 9), st.integers(1, 60), st.integers(1, 60))
def test_formula(n: int, h: int, w: int) -> None:
    """Over symbols it is the same function."""
    layer = subjects.find("cbam-spatial")
    ours = derive(layer, {}).function("inside-macs")
    assert ours(N=n, C=3, H=h, W=w) == inside_macs(layer.run((n, 3, h, w), {}))


def test_a_kernel_that_is_open() -> None:
    """Its taps cannot be added up."""
    with pytest.raises(CostModelError, match="whose size must be a number"):
        derive(find("cbam-spatial"), {"kernel": "K"}).formula("inside-macs")


@given(st.sampled_from([1, 3, 5, 7, 9]), st.integers(1, 4), st.integers(1, 40), st.integers(1, 40))
def test_formula_of_strides(kernel: int, dilation: int, h: int, w: int) -> None:
    """By twos every tap rounds up or down, so that there is a form, which counts as counting does."""
    options = {"kernel": kernel, "stride": 2, "dilation": dilation, "out": 1, "groups": 1}
    ours = strided(**options)
    assert ours(N=1, C=1, H=h, W=w) == counted(h, kernel, 2, dilation) * counted(w, kernel, 2, dilation)


@functools.cache
def strided(**options: int) -> Callable[..., int]:
    return derive(find("conv"), options).function("inside-macs")


def test_formula_of_a_network() -> None:
    """All of a ResNet's kernels stride by two."""
    network = subjects.find("resnet18")
    ours = derive(network, {}).function("inside-macs")
    for shape in ((1, 3, 33, 47), (2, 3, 224, 64)):
        count = inside_macs(network.run(shape, {}))
        assert ours(N=shape[0], H=shape[2], W=shape[3]) == count < total(network.run(shape, {}), "macs")


def test_a_stride_of_three() -> None:
    """Its count at a shape is exact, and over symbols there is none: one remainder rounds neither up nor down."""
    conv = find("conv")
    assert inside_macs(conv.run((1, 2, 7, 11), {"stride": 3})) == 2 * 2 * (2 + 3 + 2) * (2 + 3 + 3 + 3)
    with pytest.raises(CostModelError, match="has no form for all sizes"):
        derive(conv, {"stride": 3, "kernel": 3}).formula("inside-macs")
