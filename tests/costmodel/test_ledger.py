"""Rows, scopes and who owns which weights."""

import pytest

from costmodel import CostModelError, Ledger, Tensor


def test_rows_keep_their_order_and_their_scopes() -> None:
    """A scope stands before the names written inside it, scopes inside scopes too."""
    x = Tensor((2, 3, 5, 7))
    with x.scope("outer"):
        x.relu("a")
        with x.scope("inner"):
            x.relu("b")
    x.relu("c")
    assert [row.name for row in x.ledger.rows] == ["outer.a", "outer.inner.b", "c"]


def test_a_scope_ends_with_an_error_too() -> None:
    """What is written after a failure does not carry the failed scope."""
    x = Tensor((2, 3, 5, 7))
    with pytest.raises(CostModelError), x.scope("broken"):
        x.conv(4, kernel=2)
    x.relu("after")
    assert [row.name for row in x.ledger.rows] == ["after"]


def test_weights_are_shared_on_purpose_or_not_at_all() -> None:
    """Reuse costs arithmetic and no parameters; the same name twice, or an unknown one, is an error."""
    x = Tensor((2, 6))
    x.linear(5, "fc", bias=False)
    x.linear(5, "fc", bias=False, reuse=True)
    assert x.ledger.params() == 30
    assert x.ledger.arithmetic() == {"mac": 2 * 2 * 6 * 5}
    assert [row.read for row in x.ledger.rows] == [12 + 30, 12 + 30]
    with pytest.raises(CostModelError, match="exist already"):
        x.linear(5, "fc", bias=False)
    with pytest.raises(CostModelError, match="another size"):
        x.linear(7, "fc", bias=False, reuse=True)
    with pytest.raises(CostModelError, match="no weights are called 'other'"):
        x.linear(5, "other", reuse=True)


def test_arithmetic_adds_up_by_kind() -> None:
    """Kinds are never blended."""
    x = Tensor((2, 3, 5, 7))
    x.sigmoid().relu()
    assert x.ledger.arithmetic() == {"exp": 210, "add": 210, "div": 210, "cmp": 210}
    assert Ledger().params() == 0
