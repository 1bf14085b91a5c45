"""Tables of HTML, and what shows itself in a notebook by them."""

import sys
from xml.etree import ElementTree

import pytest

from costmodel import find, ledger
from costmodel.html import table
from costmodel.sweep import grid
from costmodel.symbolic import derive


def test_a_table() -> None:
    """Numbers are exact and on the right, a total stands in the foot."""
    made = ElementTree.fromstring(table(("name", "count"), [("a", 2**70), ("b", -1234)], numbers=1, total=("both", 0)))
    assert [[cell.text for cell in row] for row in made.iter("tr")] == [
        ["name", "count"],
        ["a", "1,180,591,620,717,411,303,424"],
        ["b", "-1,234"],
        ["both", "0"],
    ]
    sides = [[cell.get("style", "").partition(";")[0] for cell in row] for row in made.iter("tr")]
    assert sides == [["text-align: left", "text-align: right"]] * 4
    assert [[cell.text for cell in row] for row in made.findall("table/tfoot/tr")] == [["both", "0"]]


def test_whatever_a_cell_holds_is_escaped() -> None:
    """In the head, in the body and in the foot."""
    made = table(("<i>",), [('<script>alert("x")</script>',), ("a & b",), (True,), (None,)], total=("<",))
    assert [cell.text for row in ElementTree.fromstring(made).iter("tr") for cell in row] == [
        "<i>", '<script>alert("x")</script>', "a & b", "True", "None", "<",
    ]  # fmt: skip
    assert "<script>" not in made


def test_a_row_of_another_length_raises() -> None:
    """Nothing is cut off in silence."""
    with pytest.raises(ValueError, match="shorter"):
        table(("one", "two"), [("a",)])


def test_no_notebook_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values write their own HTML, Markdown and LaTeX, where there is no IPython too."""
    monkeypatch.setitem(sys.modules, "IPython", None)
    derivation = derive(find("se"), {})
    assert "<table>" in find("se")._repr_html_()
    assert "<table>" in ledger("se", (2, 33, 5, 7), reduction=3)._repr_html_()
    assert "<table>" in grid(["se"], {"c": [64]}, {"side": 7})._repr_html_()
    assert derivation._repr_markdown_().startswith("**se**")
    assert derivation.formula("macs")._repr_latex_().startswith("$")
