"""Rows, scopes and who owns which weights."""

from xml.etree import ElementTree

import numpy as np
import pytest

from costmodel import CostModelError, Ledger, Tensor, find, ledger
from costmodel.symbolic import symbol


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


# In a notebook.


def shown(made: Ledger) -> list[list[str | None]]:
    """The table of a ledger, cell by cell."""
    return [[cell.text for cell in row] for row in ElementTree.fromstring(made._repr_html_()).iter("tr")]


def test_in_a_notebook() -> None:
    """An operation a line, exactly, with the kinds of arithmetic that occur and a total."""
    x = Tensor((2, 3, 5, 7))
    with x.scope("<a>"):
        x.conv(11, "first", kernel=3, bias=False).relu("second")
    assert shown(x.ledger) == [
        ["operation", "kind", "output", "params", "mac", "cmp"],
        ["<a>.first", "conv", "2×11×5×7", "297", "20,790", "0"],
        ["<a>.second", "relu", "2×11×5×7", "0", "0", "770"],
        ["total", None, None, "297", "20,790", "770"],
    ]
    assert shown(Ledger()) == [["operation", "kind", "output", "params"], ["total", None, None, "0"]]


def test_symbols_in_a_notebook() -> None:
    """Counts over symbols are shown as they print."""
    x = Tensor([symbol(name) for name in "NCHW"])
    x.conv(5, "conv", bias=False)
    assert shown(x.ledger)[1:] == [
        ["conv", "conv", "N×5×H×W", "5*C", "5*C*H*N*W"],
        ["total", None, None, "5*C", "5*C*H*N*W"],
    ]


def test_arrays_in_a_notebook() -> None:
    """Counts over arrays too, beside those that are one number."""
    assert shown(find("linear").run((3, np.array([5, 7]), 11, 13), {"out": 1000}))[1:] == [
        ["tokens", "copy", "3×143×[5 7]", "0", "0"],
        ["linear", "linear", "3×143×1000", "[5000 7000]", "[2145000 3003000]"],
        ["total", None, None, "[5000 7000]", "[2145000 3003000]"],
    ]
    assert shown(ledger("linear", (3, 5, np.array([11]), 13), out=1000))[-1] == [
        "total",
        None,
        None,
        "5,000",
        "[2145000]",
    ]
