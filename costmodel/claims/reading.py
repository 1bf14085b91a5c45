"""What a statement says: its names and costs put in, at the sizes that it fixes."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from costmodel.catalog import LAYERS, Subject, nearest
from costmodel.claims.book import Claim, Statement
from costmodel.dimension import CostModelError, Dim, abbreviate
from costmodel.metrics import METRICS
from costmodel.subjects import read
from costmodel.symbolic import Derivation, Formula, derive, parse, parse_relation, symbol

_SIZES = ("N", "C", "H", "W")


class Reading(NamedTuple):
    """A statement as two expressions of sizes and a relation, one of ``< ≤ = ≥ >``, between them."""

    left: Dim
    relation: str
    right: Dim
    bounds: Sequence[tuple[Dim, Dim]]
    """Pairs (a, b): without a ≤ b a cost in it is not defined."""


def read_statement(claim: Claim, statement: Statement) -> Reading:
    """What a statement of `claim` says.

    Layers are run at its sizes: what is fixed is rounded as real layers round it, what is open divides exactly.

    Raises `CostModelError` for what cannot be read, a name that stands for nothing, and a layer that is not defined.
    """
    reader = _Reader(claim, statement)
    left, relation, right = parse_relation(statement.states, reader.cost, reader.names(list(claim.where)))
    reader.check_names()
    return Reading(reader.placed(left), relation, reader.placed(right), reader.bounds)


class _Reader:
    """What the names and the costs of one statement stand for."""

    def __init__(self, claim: Claim, statement: Statement) -> None:
        self._where = claim.where
        self._fixed: dict[str, Dim] = {name: parse(str(value)) for name, value in statement.at.items()}
        self._asked = [*self._fixed, *([statement.over] if statement.over else [])]
        self._open = {str(letter) for value in self._fixed.values() for letter in value.free_symbols}
        self._used: set[str] = set()
        self._sizes = set(_SIZES)
        self.bounds: list[tuple[Dim, Dim]] = []
        letters = {option.symbol for layer in LAYERS.values() for option in layer.options.values()}
        for name in self._where:
            if name in {*_SIZES, "P", *letters, *self._asked, *self._open}:
                raise CostModelError(f"{abbreviate(name)} is a size: what stands under where takes a name of its own")
        if statement.over == "P":
            self._fixed.setdefault("P", symbol("P"))

    def names(self, above: Sequence[str]) -> Callable[[str], Dim]:
        """What a name stands for, where those `above` may be used from under where."""

        def stands_for(name: str) -> Dim:
            if name in above:
                return parse(self._where[name], self.cost, self.names(above[: above.index(name)]))
            if name in self._where:
                raise CostModelError(f"{name!r} stands below: under where a name may use those above it")
            self._used.add(name)
            return self._fixed.get(name, symbol(name))

        return stands_for

    def cost(self, metric: str, arguments: Sequence[str], given: Mapping[str, Dim]) -> Dim:
        """``macs("se:reduction=4")``, of some of its rows, ``macs("non-local", "affinity")``, or at ``C=2*C``."""
        if metric not in METRICS:
            raise CostModelError(
                f"a cost is one of {', '.join(METRICS)}, not {abbreviate(metric)}{nearest(metric, METRICS)}"
            )
        if not arguments:
            raise CostModelError(f"{metric} is that of a layer, such as {metric}('se')")
        text, *rows = arguments
        subject, derivation = _derived(text)
        for name in given:
            if name not in (known := [*derivation.symbols, "P"]):
                raise CostModelError(
                    f"{text} has no size {abbreviate(name)}{nearest(name, known)}; it has {', '.join(known)}"
                )
        sizes = self._fixed | dict(given)
        if "P" in sizes:
            if "H" in sizes or "W" in sizes:
                raise CostModelError("P stands for H·W: fix it, or H and W")
            in_positions(_formula(derivation, rows, metric).exact, text)
            # A map of P rows, since its cost depends on H·W alone.
            sizes |= {"H": sizes["P"], "W": parse("1")}
        values = {letter: sizes.get(letter, symbol(letter)) for letter in derivation.symbols}
        opened = {name: values[letter] for letter, name in derivation.symbols.items() if letter not in _SIZES}
        network = subject.layer.input  # which takes pictures: its C is a number
        shape = [network[1] if network and letter == "C" else values[letter] for letter in _SIZES]
        ledger = subject.layer.run(shape, {**subject.options, **opened})
        formula = _formula(derivation._replace(ledger=ledger), rows, metric)
        self._sizes |= set(derivation.symbols)
        self.bounds += formula.bounds
        return formula.expression

    def check_names(self) -> None:
        """Refuse names that stand for nothing, and sizes fixed or asked about that do not occur."""
        known = sorted({*self._sizes, *self._asked, *self._open})
        for name in sorted(self._used.difference(known)):
            named = [*known, *self._where]
            raise CostModelError(
                f"{abbreviate(name)} stands for nothing{nearest(name, named)}; what does is {', '.join(named)}"
            )
        occur = sorted({*self._sizes, "P", *self._used, *self._open})
        for name in self._asked:
            if name not in occur:
                raise CostModelError(
                    f"{abbreviate(name)} does not occur{nearest(name, occur)}; what may is {', '.join(occur)}"
                )

    def placed(self, side: Dim) -> Dim:
        """`side` with its own H·W as positions, if these are asked about, and as one fraction."""
        if "P" in self._fixed:
            in_positions(side, "it")
            side = side.xreplace({symbol("H"): self._fixed["P"], symbol("W"): parse("1")})
        return side.cancel()


@functools.cache
def _derived(text: str) -> tuple[Subject, Derivation]:
    subject = read(text, letters=True)
    return subject, derive(subject.layer, subject.options)


def _formula(derivation: Derivation, rows: Sequence[str], metric: str) -> Formula:
    """Of the whole layer, or of some rows."""
    known = [row.name for row in derivation.ledger.rows]
    for name in rows:
        if name not in known:
            raise CostModelError(f"{derivation.layer.name} has no row {abbreviate(name)}{nearest(name, known)}")
    return derivation.of_rows(rows, metric) if rows else derivation.formula(metric)


def in_positions(expression: Dim, what: str) -> None:
    """Raise unless `expression` depends on H and W only as the positions H·W."""
    if _tells_sides_apart(expression):
        raise CostModelError(f"{what} depends on H and W apart, not on P = H·W alone")


@functools.cache
def _tells_sides_apart(expression: Dim) -> bool:
    h, w, p = map(symbol, "HWP")
    return w in expression.subs(h, p / w).simplify().free_symbols
