"""Whether a published figure is what the catalog counts, and if not, under which other reading it is."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import floor
from typing import NamedTuple

from costmodel.catalog import nearest
from costmodel.claims.published.readings import READINGS, Reading, Way, cost
from costmodel.claims.published.table import Figure, Printed
from costmodel.dimension import CostModelError, abbreviate
from costmodel.symbolic import expression, parse

VERDICTS = {
    "reproduced": "our count is printed so, rounded half up or to even",
    "reading": "it is under another reading",
    "miss": "it is under none",
    "scope": "no cost model can give it",
}

OF_NETWORK = ("stride", "bias", "head", "asks")
"""Questions about what is counted; the others are about how."""

OTHER_UNIT = {10**6: 2**20, 10**9: 2**30, 2**20: 10**6}


class Found(NamedTuple):
    """A figure with what was found about it."""

    figure: Figure
    counts: tuple[Fraction, ...]
    """Ours, as asked for: one a number that is printed."""
    verdict: str
    readings: tuple[Reading, ...]
    """Under which it is reproduced, of one or two the first that is."""
    as_simple: tuple[tuple[Reading, ...], ...] = ()
    """The others, of as many readings, under which it is too: where there are some, the figure does not tell which."""

    @property
    def agrees(self) -> bool:
        """Whether this is what is recorded."""
        return (self.verdict, self.reading) == (self.figure.verdict, self.figure.reading)

    @property
    def reading(self) -> str:
        """The names of the readings."""
        return ", ".join(reading.name for reading in self.readings)

    @property
    def ours(self) -> str:
        """Our counts in the unit that is printed, to one more digit unless it is exact."""
        return self._shown(less_theirs=False)

    @property
    def difference(self) -> str:
        """Ours less what is printed, in its unit."""
        return self._shown(less_theirs=True)

    def _shown(self, *, less_theirs: bool) -> str:
        shown = []
        # What is out of scope has numbers and no counts.
        for count, printed in zip(self.counts, self.figure.printed, strict=False):
            value = count - less_theirs * printed.number * printed.unit
            sign = "+" if less_theirs and value > 0 else ""
            shown.append(sign + printed.shown(value, further=int(count % printed.unit != 0)))
        return " vs ".join(shown)


def chosen(figures: Sequence[Figure], names: Sequence[str]) -> list[Figure]:
    """Those of `figures` in whose source or model one of `names` stands; all if none is given."""
    for name in names:
        if not any(_names(figure, name) for figure in figures):
            known = dict.fromkeys(text.casefold() for figure in figures for text in (figure.source, figure.model))
            raise CostModelError(
                f"no published figure has {abbreviate(name)} in its source or its model{nearest(name, known)}"
            )
    return [figure for figure in figures if not names or any(_names(figure, name) for name in names)]


def _names(figure: Figure, name: str) -> bool:
    return name.casefold() in f"{figure.source}\n{figure.model}".casefold()


def check(figures: Sequence[Figure]) -> list[Found]:
    """What is found about each of `figures`.

    Raises `CostModelError` where what one asks for cannot be read or counted.
    """
    beside: dict[tuple[str, str], list[Figure]] = {}
    for figure in figures:
        if not figure.scope:
            beside.setdefault((figure.source, figure.model), []).append(figure)
    return [_check(figure, beside.get((figure.source, figure.model), ())) for figure in figures]


def _check(figure: Figure, beside: Sequence[Figure]) -> Found:
    if figure.scope:
        return Found(figure, (), "scope", ())
    try:
        counts = _counts(figure, {})
        if _fits(figure, ()):
            return Found(figure, counts, "reproduced", ())
        for number in (1, 2):
            fitting = [readings for readings in _together(figure, number) if _fits(figure, readings)]
            fitting = [readings for readings in fitting if _agrees(readings, beside)]
            if fitting:
                return Found(figure, counts, "reading", fitting[0], tuple(fitting[1:]))
    except CostModelError as error:
        raise CostModelError(f"{figure.source}: {figure.model}: {figure.metric}: {error}") from None
    return Found(figure, counts, "miss", ())


def _readings(figure: Figure) -> list[Reading]:
    """All that are tried for it: the fixed ones, and something else that may have been counted."""
    tried = [reading for reading in READINGS if reading.source in figure.source]
    if figure.otherwise:
        name, _, asks = figure.otherwise.partition(":")
        tried.append(Reading(name, name, "asks", asks.strip()))
    return tried


def _together(figure: Figure, number: int) -> Iterator[tuple[Reading, ...]]:
    """Readings of it that answer so many different questions."""
    for together in combinations(_readings(figure), number):
        if len({reading.question for reading in together}) == number:
            yield together


def _agrees(readings: Sequence[Reading], beside: Sequence[Figure]) -> bool:
    """Whether a network that is read so is one for the figures beside it too, of the same model in the same table.

    Each of these that fewer readings reproduce must be reproduced with that network as well, and at most one reading
    of how it is counted: what two figures say of one network are no two coincidences.
    """
    names = {reading.name for reading in readings if reading.question in OF_NETWORK}
    for other in beside:
        network = [reading for reading in _readings(other) if reading.name in names]
        if not names or len(network) < len(names):
            continue
        explained = any(_fits(other, fewer) for number in range(len(readings)) for fewer in _together(other, number))
        counted = [(), *((reading,) for reading in _readings(other) if reading.question not in OF_NETWORK)]
        if explained and not any(_fits(other, (*network, *further)) for further in counted):
            return False
    return True


def _fits(figure: Figure, readings: Sequence[Reading]) -> bool:
    way = {reading.question: reading.answer for reading in readings}
    try:
        counts = _counts(figure, way)
    except LookupError:
        return False
    return all(_prints(count, number, way) for count, number in zip(counts, figure.printed, strict=True))


def _counts(figure: Figure, way: Way) -> tuple[Fraction, ...]:
    """What it asks for, counted one `way`."""

    def call(metric: str, arguments: Sequence[str], given: Mapping[str, object]) -> object:
        if given:
            raise CostModelError(f"{metric} takes texts in quotes alone, at the shape of the figure")
        count = cost(metric, arguments, figure.shape, way)
        return expression(count.numerator) / count.denominator

    found = [parse(text, call) for text in way.get("asks", figure.asks).split(";")]
    if any(not value.is_Rational for value in found):
        raise CostModelError(f"{figure.asks} is no number: it takes numbers and costs alone")
    if len(found) != len(figure.printed):
        raise CostModelError(f"{figure.value!r} has {len(figure.printed)} numbers, and {len(found)} are asked for")
    return tuple(Fraction(int(value.p), int(value.q)) for value in found)


def _prints(count: Fraction, printed: Printed, way: Way) -> bool:
    """Whether `count` is printed so: an interval is as wide as its last digit says, and no wider."""
    unit = printed.unit
    if "unit" in way:
        unit = Fraction(OTHER_UNIT.get(int(unit), unit))
    value = count / unit
    if printed.bound:
        return value > printed.number
    scale = Fraction(10) ** printed.decimals
    digits, wanted = value * scale, printed.number * scale
    if "rounding" in way:
        return floor(digits) == wanted
    return wanted in (round(digits), floor(digits + Fraction(1, 2)))
