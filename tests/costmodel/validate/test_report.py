"""A report shows itself in a notebook: what was compared, what differs, what nobody compared."""

import json
from fractions import Fraction
from xml.etree import ElementTree

from costmodel.validate import Comparison, Report
from costmodel.validate.report import SHOWN


def shown(report: Report) -> tuple[list[list[str | None]], list[list[str | None]]]:
    """The rows of its table, and its lists."""
    made = ElementTree.fromstring(f"<div>{report._repr_html_()}</div>")
    rows = [[cell.text for cell in row] for row in made.iter("tr")]
    return rows, [[item.text for item in items] for items in made.iter("ul")]


def report(*comparisons: Comparison, not_covered: tuple[str, ...] = ()) -> Report:
    return Report("", {}, {}, {}, comparisons, not_covered)


EQUAL = Comparison("se", {}, (1, 1, 1, 1), "params", "torch", "cpu", 2, 2)
DIFFERENT = Comparison("se", {"bias": True}, (2, 3, 5, 7), "linear", "fvcore", "cpu", 1001, 1000)


def test_failures_are_shown_with_both_numbers() -> None:
    """By layer and by who counted, with the sums in the foot; what is not covered stands below."""
    rows, lists = shown(report(EQUAL, EQUAL, DIFFERENT, not_covered=("a < b: nobody",)))
    assert rows[1:] == [["se", "torch", "2", "2", "0"], ["se", "fvcore", "1", "0", "1"], ["total", None, "3", "2", "1"]]
    assert lists == [["se bias=true at 2x3x5x7: linear is 1,001 by us and 1,000 by fvcore"], ["a < b: nobody"]]


def test_many_failures_are_counted() -> None:
    """The first ones are listed, and how many more there are."""
    _, (different,) = shown(report(*[DIFFERENT] * (SHOWN + 1234)))
    assert len(different) == SHOWN + 1
    assert different[-1] == "and 1,234 more"


def test_nothing_compared_is_shown_as_nothing() -> None:
    """No comparisons are none that are equal."""
    rows, lists = shown(report(not_covered=("mine: it has no reference",)))
    assert rows[1:] == [["total", None, "0", "0", "0"]]
    assert lists == [["mine: it has no reference"]]


def test_exact_numbers_are_spelled_as_users_type_them() -> None:
    """In a failure and in JSON, which has no such numbers: decimals if they end."""
    widened = Comparison("wide", {"widen": Fraction(3, 4)}, (2, 3, 5, 7), "params", "torch", "cpu", 2, 3)
    assert str(widened) == "wide widen=0.75 at 2x3x5x7: params is 2 by us and 3 by torch"
    (row,) = json.loads(report(widened).to_json())["comparisons"]
    assert row["options"] == {"widen": "0.75"}
