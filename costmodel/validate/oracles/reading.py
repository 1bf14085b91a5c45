"""What an oracle is, and what it says."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from torch import Tensor, nn

from costmodel.dimension import CostModelError
from costmodel.ledger import Ledger


class Reading(NamedTuple):
    """Counts by the oracle's operators, without zeros: an oracle that says 0 may just not look."""

    counts: Mapping[str, int]
    uncounted: frozenset[str] | None = None
    """Operators that it met and says it does not count; None of an oracle that never says."""

    @classmethod
    def of(cls, counts: Iterable[tuple[str, int]], uncounted: Iterable[str] | None = None) -> "Reading":
        """The sums by operator."""
        total: dict[str, int] = {}
        for operator, count in counts:
            if count:
                total[operator] = total.get(operator, 0) + count
        return cls(total, None if uncounted is None else frozenset(uncounted))


class Oracle(NamedTuple):
    """Somebody else's count of a module, and ours of its layer in the same terms."""

    name: str
    counts: str
    """What it counts, for a person."""
    ours: Callable[[Ledger], Reading]
    theirs: Callable[[nn.Module, Tensor], Reading]
    """Of a module in eval mode that has run once, on an input."""
    needs_data: bool = False
    """Whether tensors on the meta device will not do."""
    counted: frozenset[str] = frozenset()
    """The kinds of our operations whose arithmetic it counts."""
    noticed: frozenset[str] = frozenset()
    """The kinds that it reports as uncounted; it passes over the others in silence."""


Entry = TypeVar("Entry")


def look_up(table: Mapping[str, Entry], kind: str, oracle: str) -> Entry:
    """The table's entry for a kind of operation; nothing is left out unsaid."""
    try:
        return table[kind]
    except KeyError:
        raise CostModelError(f"the table of {oracle} says nothing about the operation {kind!r}") from None
