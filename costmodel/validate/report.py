"""What a validation found: every comparison with both numbers, and what was compared by nobody."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from costmodel.catalog import said, spoken
from costmodel.html import table

SHOWN = 10
"""The most failures that a notebook lists."""

Value = int | tuple[int, ...] | tuple[str, ...]
"""A count, a shape, or a set of operators in alphabetical order."""


class Comparison(NamedTuple):
    """One number of ours beside an oracle's."""

    layer: str
    options: Mapping[str, Any]
    """Those that are not the layer's defaults."""
    shape: tuple[int, ...]
    quantity: str
    """``params``, ``output``, an operator of the oracle, or ``uncounted``: the operators that it says it left out."""
    oracle: str
    device: str
    """Where the module was: ``cpu``, ``cuda``, or ``meta``, which holds shapes and no data."""
    ours: Value
    theirs: Value

    @property
    def equal(self) -> bool:
        """Whether both are the same; there is no tolerance."""
        return self.ours == self.theirs

    def __str__(self) -> str:
        where = label(self.layer, self.options, self.shape)
        return f"{where}: {self.quantity} is {_said(self.ours)} by us and {_said(self.theirs)} by {self.oracle}"


class Report(NamedTuple):
    """All comparisons of one validation, with what they depend on."""

    date: str
    """In UTC."""
    versions: Mapping[str, str]
    device: Mapping[str, str]
    """``name``, ``type``, and how it was ``chosen``."""
    oracles: Mapping[str, str]
    """What each one counts."""
    comparisons: Sequence[Comparison]
    not_covered: Sequence[str]
    """What no comparison speaks about, a sentence each."""

    @property
    def failures(self) -> list[Comparison]:
        """The comparisons in which the two numbers differ."""
        return [comparison for comparison in self.comparisons if not comparison.equal]

    @property
    def failed(self) -> int:
        """How many comparisons differ."""
        return len(self.failures)

    @property
    def passed(self) -> int:
        """How many comparisons agree."""
        return len(self.comparisons) - self.failed

    def to_json(self) -> str:
        """Everything, one comparison a line; integers are exact."""
        head = {
            "date": self.date,
            "versions": dict(self.versions),
            "device": dict(self.device),
            "oracles": dict(self.oracles),
            "passed": self.passed,
            "failed": self.failed,
            "not_covered": list(self.not_covered),
        }
        rows = ",\n".join(
            json.dumps({**comparison._asdict(), "equal": comparison.equal}, separators=(",", ":"), default=said)
            for comparison in self.comparisons
        )
        return f'{json.dumps(head, indent=2)[:-2]},\n  "comparisons": [\n{rows}\n  ]\n}}'

    def _repr_html_(self) -> str:
        """For a notebook: how much was compared with whom, what differs, and what nobody compared."""
        made = Counter((comparison.layer, comparison.oracle) for comparison in self.comparisons)
        wrong = Counter((failure.layer, failure.oracle) for failure in self.failures)
        rows = [(*who, count, count - wrong[who], wrong[who]) for who, count in made.items()]
        headers = ("layer", "held against", "comparisons", "equal", "different")
        total = ("total", "", len(self.comparisons), self.passed, self.failed)
        different = [str(failure) for failure in self.failures[:SHOWN]]
        if self.failed > SHOWN:
            different.append(f"and {self.failed - SHOWN:,} more")
        lists = [("Different", different), ("Not covered by any comparison", self.not_covered)]
        return table(headers, rows, numbers=3, total=total) + "".join(
            f"<p>{title}:</p>\n<ul>\n{''.join(f'<li>{escape(item)}</li>' for item in items)}\n</ul>\n"
            for title, items in lists
            if items
        )


def label(layer: str, options: Mapping[str, Any], shape: Sequence[int]) -> str:
    """A layer with options at a shape, spelled as on the command line."""
    spelled = "".join(f" {spoken(name)}={said(value)}" for name, value in options.items())
    return f"{layer}{spelled} at {'x'.join(map(str, shape))}"


def _said(value: Value) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(map(str, value)) or "nothing"
