"""What a counter is, and its reading of a ledger: an integer a row, and how that compares with our MACs."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from costmodel.dimension import Dim, elements, exact_div
from costmodel.ledger import Ledger, Row
from costmodel.tools.spelling import SPARSE_SOFTMAX, spelled

QUANTITIES: Mapping[str, Callable[[Row], Dim]] = {
    "MAC": lambda row: row.arithmetic["mac"],
    "bias added": lambda row: row.arithmetic.get("add", 0),
    "input element": lambda row: elements(row.inputs[0]),
    "output element": lambda row: row.written,
    "vector": lambda row: row.written - row.arithmetic["cmp"],
    "parameter and sample": lambda row: row.weights * row.output[0],
}
"""What a rule can weigh, of one row; ``bias added`` is of convolutions and linear layers, ``vector`` of softmax."""


class Rule(NamedTuple):
    """What a tool counts of one call: weights over `QUANTITIES`."""

    weights: Mapping[str, int] = {}
    averaged: Mapping[str, int] = {}
    """Weights of what it divides by the batch size."""
    note: str = ""
    predicted: bool = True
    """Whether the ledger says what it counts; if not, the note says why."""

    @property
    def weighs(self) -> bool:
        """Whether it says anything but why nothing is counted."""
        return bool(self.weights or self.averaged or not self.predicted)

    def of(self, row: Row, samples: Dim) -> Dim | None:
        """What it counts of `row`, in a batch of `samples`."""
        if not self.predicted:
            return None
        whole = sum((weight * QUANTITIES[name](row) for name, weight in self.weights.items()), 0)
        shared = sum((weight * QUANTITIES[name](row) for name, weight in self.averaged.items()), 0)
        return whole + exact_div(shared, samples, "a count averaged over the batch")

    def words(self, samples: Dim) -> str:
        """The rule in words, for a batch of `samples`."""
        weights, averaged = dict(self.weights), self.averaged
        if samples == 1:
            weights |= {name: weight + weights.get(name, 0) for name, weight in averaged.items()}
            averaged = {}
        weighed = [f"{weight} per {name}" for name, weight in weights.items()]
        weighed += [f"{weight} per {name} / {samples} (the batch)" for name, weight in averaged.items()]
        return ": ".join(filter(None, (" + ".join(weighed).replace("+ -", "- "), self.note)))


NOTHING = Rule()
VERDICTS: Mapping[str, str] = {
    "missed": "our MACs of which it counts none",
    "weighed": "our MACs, not at our weight",
    "added": "what it counts and is no MAC",
    "counted": "our MACs, as ours",
    "skipped": "what is no MAC and not counted",
    "open": "not predicted",
}


class Counted(NamedTuple):
    """One row as a tool sees it."""

    row: Row
    call: str
    counted: Dim | None
    """None where it cannot be predicted."""
    ours: Dim
    """Our MACs in the unit of the tool."""
    verdict: str
    """One of `VERDICTS`."""
    why: str


class Reading(NamedTuple):
    """A ledger as a tool counts it."""

    rows: tuple[Counted, ...]

    @property
    def total(self) -> Dim | None:
        """What the tool reports, if that can be predicted."""
        counts = [row.counted for row in self.rows if row.counted is not None]
        return sum(counts) if len(counts) == len(self.rows) else None

    @property
    def missed(self) -> tuple[Counted, ...]:
        """The rows of whose MACs it counts fewer than there are."""
        return tuple(row for row in self.rows if row.counted is not None and row.counted < row.ours)


class Tool(NamedTuple):
    """A counter: what it counts of each call, in the version that was read and run."""

    name: str
    package: str
    version: str
    unit: str
    """``MACs``, or ``FLOPs`` where a MAC is 2."""
    how: str
    """What it looks at, and what follows from that."""
    blind: str
    """Why it counts nothing of a call that its table does not have."""
    source: str
    """Where in the package its rules stand."""
    rules: Mapping[str, Rule]

    def read(self, ledger: Ledger, spelling: str, samples: Dim) -> Reading:
        """The reading of a ledger of a batch of `samples`, written in a spelling."""
        return Reading(tuple(self._count(row, spelled(row, spelling), samples) for row in ledger.rows))

    def _count(self, row: Row, call: str, samples: Dim) -> Counted:
        rule = self.rules.get(call, NOTHING)
        count = rule.of(row, samples)
        ours = row.arithmetic.get("mac", 0) * (2 if self.unit == "FLOPs" else 1)
        why = rule.words(samples) if count is None or count else rule.note or self.blind
        return Counted(row, call, count, ours, _verdict(count, ours), why)


def _verdict(count: Dim | None, ours: Dim) -> str:
    if count is None:
        return "open"
    if not ours:
        return "added" if count else "skipped"
    if not count:
        return "missed"
    return "counted" if count == ours else "weighed"


def rules(*tables: tuple[Iterable[str], Rule]) -> dict[str, Rule]:
    """A table of rules from groups of calls with one rule each; a softmax of pairs follows from one of rows."""
    found = {call: rule for calls, rule in tables for call in calls}
    for call in SPARSE_SOFTMAX:
        if call.removesuffix(" of pairs") in found:
            found[call] = OVER_PAIRS
    return found


OVER_PAIRS = Rule(
    note="torch has no softmax over listed pairs; counted is whatever dense one stands in for it", predicted=False
)
