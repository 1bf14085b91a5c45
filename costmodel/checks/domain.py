"""The sizes that a check is about: for each name the integers that it takes, as arithmetic progressions."""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from costmodel.catalog import LONGEST, is_number
from costmodel.dimension import CostModelError, abbreviate

LISTED = 10**6
"""The most integers of a list of ranges, all of which are held in memory."""

_DIGITS = f"[0-9]{{1,{LONGEST}}}"
_RANGE = re.compile(rf"({_DIGITS})\s*\.\.\s*({_DIGITS})?(?:\s+step\s+({_DIGITS}))?")
_CLAUSE = re.compile(r"\s*([A-Za-z_][\w-]*)\s+in\s+(\{[^{}]*\}|[^,{}]+?)\s*(?:,|$)")


class Progression(NamedTuple):
    """``first, first + step, …``: so many integers, or without end."""

    first: int
    step: int
    length: int | None

    def values(self) -> Iterator[int]:
        """All of them."""
        if self.length is None:
            return itertools.count(self.first, self.step)
        return iter(range(self.first, self.first + self.step * self.length, self.step))

    def halves(self) -> "tuple[Progression, Progression]":
        """The lower and the upper half of two or more; without end, as many as lie below `first`, and the rest."""
        lower = self.first // self.step + 1 if self.length is None else self.length // 2
        rest = None if self.length is None else self.length - lower
        return self._replace(length=lower), Progression(self.first + self.step * lower, self.step, rest)

    def meet(self, other: "Progression") -> "Progression | None":
        """The integers that are in both; None if there are none."""
        shared = math.gcd(self.step, other.step)
        apart, uneven = divmod(other.first - self.first, shared)
        if uneven:
            return None
        step = self.step // shared * other.step
        period = other.step // shared
        first = self.first + self.step * (apart * pow(self.step // shared, -1, period) % period)
        if first < other.first:
            first += -(-(other.first - first) // step) * step
        ends = [each.first + each.step * (each.length - 1) for each in (self, other) if each.length is not None]
        if not ends:
            return Progression(first, step, None)
        length = (min(ends) - first) // step + 1
        return Progression(first, 1 if length == 1 else step, length) if length > 0 else None

    def classes(self, modulus: int) -> "list[Progression]":
        """Every `modulus`-th one, from each of the first `modulus` on."""
        number = modulus if self.length is None else min(modulus, self.length)
        counts = [None if self.length is None else -(-(self.length - start) // modulus) for start in range(number)]
        return [Progression(self.first + self.step * k, self.step * modulus, count) for k, count in enumerate(counts)]


class Axis(NamedTuple):
    """The integers that one name takes, in ascending order."""

    runs: tuple[Progression, ...]
    text: str
    """As it is written: ``7..56`` or ``{256, 512}``."""

    def values(self) -> Iterator[int]:
        """All of them."""
        return itertools.chain.from_iterable(run.values() for run in self.runs)

    @property
    def length(self) -> int | None:
        """How many; None: without end."""
        return _sum([run.length for run in self.runs])


POSITIVE = Axis((Progression(1, 1, None),), "1..")
"""Every size."""

Domain = Mapping[str, Axis]


def points(domain: Domain) -> int | None:
    """How many points there are; None: without end."""
    counts = [axis.length for axis in domain.values()]
    return None if None in counts else math.prod(count or 0 for count in counts)


def text(domain: Domain) -> str:
    """``side in 7..56, c in {256, 512}``."""
    return ", ".join(f"{name} in {axis.text}" for name, axis in domain.items())


def split(statement: str) -> tuple[str, dict[str, Axis]]:
    """A statement and the domain that stands behind its ``for``, if there is one.

    >>> split("macs(se) < macs(cbam) for side in 7..56, c in {256, 512}")[1]["side"].length
    50
    """
    said, word, clauses = statement.partition(" for ")
    clauses = clauses.strip()
    domain: dict[str, Axis] = {}
    end = 0
    while word and end < len(clauses):
        clause = _CLAUSE.match(clauses, end)
        if clause is None:
            raise CostModelError(
                f"behind for stands name in values, such as side in 7..56, c in {{256, 512}}, "
                f"not {abbreviate(clauses[end:].strip())}"
            )
        if clause[1] in domain:
            raise CostModelError(f"{abbreviate(clause[1])} has values twice")
        domain[clause[1]] = axis(clause[1], clause[2])
        end = clause.end()
    if word and not domain:
        raise CostModelError("behind for stands name in values, such as side in 7..56, and there is nothing")
    return said, domain


def axis(name: str, given: Any) -> Axis:
    """The values that `given` spells: an integer, ``"7..56"``, ``"64..2048 step 64"``, ``"7.."``, or several."""
    several = isinstance(given, list)
    words = given if several else _words(given) if isinstance(given, str) else [given]
    parts = [_progression(name, word) for word in words]
    if not parts:
        raise CostModelError(f"{name} has no values")
    spelled = [" ".join(str(word).split()) for word in words]
    said = f"{{{', '.join(spelled)}}}" if len(spelled) > 1 else spelled[0]
    if len(parts) == 1:
        return Axis((parts[0],), said)
    total = _sum([part.length for part in parts])
    if total is None:
        raise CostModelError(f"{name} has values without end beside others: {abbreviate(said)}")
    if total > LISTED:
        raise CostModelError(f"{name} lists {total:,} values, and {LISTED:,} may be listed")
    return Axis(tuple(_runs(sorted({value for part in parts for value in part.values()}))), said)


def _words(given: str) -> list[str]:
    inside = given.strip()
    if inside.startswith("{") and inside.endswith("}"):
        inside = inside[1:-1]
    return [word.strip() for word in inside.split(",") if word.strip()]


def _progression(name: str, given: Any) -> Progression:
    given = str(given) if type(given) is int else given
    if isinstance(given, str):
        if is_number(given.strip()) and int(given):
            return Progression(int(given), 1, 1)
        if found := _RANGE.fullmatch(given.strip()):
            first, last, step = (int(number) if number else None for number in found.groups())
            step = 1 if step is None else step
            if not (first and step):
                raise CostModelError(f"{name} starts at 1 or above, with steps of 1 or more, not {abbreviate(given)}")
            if last is not None and last < first:
                raise CostModelError(f"{name} has no values: {abbreviate(given)}")
            return Progression(first, step, None if last is None else (last - first) // step + 1)
    raise CostModelError(
        f"{name} takes positive integers: 256, '7..56', '64..2048 step 64', '7..', or a list of these, "
        f"not {abbreviate(given)}"
    )


def _runs(values: Sequence[int]) -> Iterator[Progression]:
    """Ascending integers as progressions, each as long as it gets."""
    start = 0
    while start < len(values):
        step = values[start + 1] - values[start] if start + 1 < len(values) else 1
        end = start + 1
        while end < len(values) and values[end] - values[end - 1] == step:
            end += 1
        yield Progression(values[start], step, end - start)
        start = end


def _sum(counts: Sequence[int | None]) -> int | None:
    return None if None in counts else sum(count or 0 for count in counts)
