"""Whether a check holds, how that is known, and what shows that it does not."""

import itertools
import time
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from costmodel.checks import words
from costmodel.checks.book import Check
from costmodel.checks.coverage import Coverage
from costmodel.checks.derived import Undecided
from costmodel.checks.domain import POSITIVE, Axis, Progression, points, text
from costmodel.checks.names import SPOKEN, letter
from costmodel.checks.proof import Signs, decide
from costmodel.checks.reading import Cost, read_statement
from costmodel.dimension import CostModelError, Dim
from costmodel.symbolic import expression, expression_text, symbol
from costmodel.symbolic.notation import is_floor, rounds, unrounded
from costmodel.symbolic.program import program_of, required
from costmodel.symbolic.roots import sign

_ALLOWED: Mapping[str, Signs] = {"<": {-1}, "≤": {-1, 0}, "=": {0}, "≥": {0, 1}, ">": {1}}
"""The signs of left less right with which a relation holds."""
SCANNED = 1000
"""Values of an option that a layer is run at, to see whether it takes them."""


class Finding(NamedTuple):
    """A check with what was found about it."""

    check: Check
    verdict: str
    """``holds``, ``fails`` or ``unchecked``."""
    says: str
    """How it was decided, or what shows that it fails."""
    method: str | None = None
    """If it holds: ``proved`` for all of its domain, or ``evaluated`` at every point of it."""
    points: int | None = None
    """How many points its domain has; None: without end."""
    conditions: tuple[str, ...] = ()
    """What the sizes that stayed open must fulfil for the closed form to count exactly."""
    counterexample: Mapping[str, int] | None = None
    """The first point, in the order of the domain, at which it fails."""
    values: tuple[Fraction, Fraction] | None = None
    """Both sides there."""
    difference: str | None = None
    """What one closed form has and the other has not, in words."""
    seconds: float = 0
    """How long it took."""


def check(asked: Check) -> Finding:
    """What is found about a check.

    Raises `CostModelError`, with its place, where it cannot be read or a layer in it is not defined.
    """
    start = time.perf_counter()
    try:
        found = _Question(asked).answer()
    except Undecided as error:
        found = Finding(asked, "unchecked", f"could not be checked: {error}")
    except (CostModelError, NotImplementedError) as error:
        raise CostModelError(f"{asked.place}{error}") from None
    return found._replace(seconds=time.perf_counter() - start)


class _Question:
    """A check, read, with the sizes that have values and those that stay open."""

    def __init__(self, asked: Check) -> None:
        self._check = asked
        self._statement = read_statement(asked.that, [*asked.domain], asked.modules)
        self._values = {symbol(letter(name)): axis for name, axis in asked.domain.items()}
        if len(self._values) < len(asked.domain):
            raise CostModelError(f"one size has values under two names: {', '.join(asked.domain)}")
        self._first = {size: next(axis.values()) for size, axis in self._values.items()}
        self._difference = (self._statement.left - self._statement.right).expand()
        self._costs = [*self._statement.costs[0], *self._statement.costs[1]]
        self._coverage = Coverage(self._statement.known, self._values)
        self._sizes = _free(self._statement.left, self._statement.right) | self._coverage.sizes

    def answer(self) -> Finding:
        """Whether it holds."""
        for cost in self._costs:
            self._check_defined(cost)
        numerator, denominator = _fraction(self._opened(self._difference))
        divisor = self._divisor(denominator)
        divisions, bounds = ([], []) if self._difference.is_zero else self._conditions()
        for b, a in [*divisions]:
            if b.is_Integer and self._coverage.restricts(a):
                self._coverage.restrict(a, Progression(int(b), int(b), None))
                divisions.remove((b, a))
        # Where 16 divides C, which stays open, C is 16 times any integer.
        products = {a: b * symbol(f"{a}/{b}") for b, a in divisions if a.is_Symbol and (b.is_Symbol or b.is_Integer)}
        products = {a: product for a, product in products.items() if not product.free_symbols & {*products, a}}
        products = {a: product for a, product in products.items() if a in self._sizes - self._values.keys()}
        made = program_of((divisor * numerator).xreplace(products), {})
        # Also what cancels in the difference, where layers do not take all of its values.
        asked = _free(*itertools.chain(*divisions)).union(*map(_asked, self._costs)) & self._sizes
        asked |= self._coverage.sizes
        domain = self._domain(sorted({*made.symbols, *map(str, _free(*(size.xreplace(products) for size in asked)))}))

        def place(point: Sequence[int]) -> dict[Dim, int]:
            at = self._first | {symbol(name): value for name, value in zip(domain, point, strict=True)}
            return at | {a: int(product.subs(at)) for a, product in products.items()}

        def admits(point: Sequence[int]) -> bool:
            at = place(point)
            exact = all((a / b).subs(at).is_integer is not False for b, a in divisions)
            return exact and self._coverage.admits(at) and all(cost.takes(at) for cost in self._costs)

        decision = decide(made, made.root, _ALLOWED[self._statement.relation], domain, admits)
        said = [f"{expression_text(b)} divides {expression_text(a)}" for b, a in divisions]
        said += [f"{expression_text(a)} ≤ {expression_text(b)}" for a, b in bounds]
        said += self._coverage.conditions()
        method = "proved" if decision.proved else "evaluated"
        number = points(self._check.domain) if self._check.domain else None
        found = Finding(self._check, "holds", "", method, number, tuple(said))
        if decision.counterexample is None:
            if missed := self._coverage.missed():
                at, why = missed
                raise self._coverage.not_known(f"{why}, and not at {words.point(at)}; where it is known, this holds")
            return found._replace(says=self._how(found))
        # What is left may be any of its values.
        at = dict.fromkeys(self._sizes, 1) | place(decision.counterexample)
        order = (*self._first, *sorted(self._sizes - self._first.keys(), key=_rank))
        return self._failed(found, {size: at[size] for size in order})

    def _domain(self, names: Sequence[str]) -> dict[str, Axis]:
        """The values of what is called so: those that are given in their order, and then all of what is open."""
        given = {str(size): axis for size, axis in self._values.items() if str(size) in names}
        every = given | {name: POSITIVE for name in names if name not in given}
        return {name: self._coverage.of(symbol(name), axis) for name, axis in every.items()}

    # What holds.

    def _check_defined(self, cost: Cost) -> None:
        """Raise unless the layer is defined on all of the domain."""
        inside = self._values.keys()
        needs = {value: said for value, said in required(cost.ledger).items() if value.free_symbols <= inside}
        made = program_of(expression(1), needs)
        domain = self._domain(made.symbols)
        for node, said in made.requirements:
            if (point := decide(made, node, {0, 1}, domain).counterexample) is not None:
                at = {symbol(name): value for name, value in zip(domain, point, strict=True)}
                cost.run(at, f"at {words.point(at)}: ")
                raise CostModelError(f"{cost.text} needs {said}, which does not hold at {words.point(at)}")
        # What a layer says of an option alone, such as that a kernel is odd, is in no formula.
        for size in _free(*cost.options.values()) & inside:
            for value in itertools.islice(self._values[size].values(), SCANNED):
                at = self._first | {size: value}
                cost.run(at, f"at {words.point(at)}: ")

    def _divisor(self, denominator: Dim) -> int:
        """The sign of what is divided by, which may not change."""
        found = sign(denominator)
        if found and any(map(is_floor, _parts(denominator))):
            # A floor may be 0.
            made = program_of(found * denominator, {})
            found = found if decide(made, made.root, {1}, self._domain(made.symbols)).counterexample is None else None
        if not found:
            raise CostModelError(f"{self._check.that} divides by what may be 0 or negative")
        return found

    def _opened(self, difference: Dim) -> Dim:
        """`difference` with every division exact that depends on an open size."""
        return unrounded(difference, lambda part: not _free(part) <= self._values.keys())

    def _conditions(self) -> tuple[list[tuple[Dim, Dim]], list[tuple[Dim, Dim]]]:
        """Where open sizes make a closed form count exactly: pairs (b, a), b divides a, and (a, b), a ≤ b."""
        ledgers = [cost.ledger for cost in self._costs]
        pairs = [pair for ledger in ledgers for pair in ledger.divisions]
        for part in sorted(filter(rounds, _parts(self._difference)), key=str):
            above, below = _fraction(self._opened(part.args[0]))
            pairs.append((below, -above if above.could_extract_minus_sign() else above))
        opened = [(expression(b), expression(a)) for b, a in pairs if not _free(b, a) <= self._values.keys()]
        divisions = [(b, a) for b, a in dict.fromkeys(opened) if not (a / b).is_integer]
        divisions = [
            (b, a) for b, a in divisions if not any(a == c and d != b and (d / b).is_Integer for d, c in divisions)
        ]
        bounds = [pair for ledger in ledgers for pair in ledger.bounds if not _free(*pair) <= self._values.keys()]
        return divisions, [*dict.fromkeys(bounds)]

    def _how(self, found: Finding) -> str:
        where = f", where {' and '.join(found.conditions)}" if found.conditions else ""
        if not self._sizes:
            return words.compared(*self._sides({}))
        if found.method == "evaluated":
            return f"evaluated at {found.points:,} points{where}"
        open_ = ", ".join(map(str, sorted(self._sizes - self._values.keys(), key=_rank)))
        return f"proved for all {' and all '.join(filter(None, (text(self._check.domain), open_)))}{where}"

    # What fails.

    def _failed(self, found: Finding, at: Mapping[Dim, int]) -> Finding:
        found = found._replace(verdict="fails", method=None, counterexample={words.spoken(s): v for s, v in at.items()})
        left, right = self._sides(at)
        says = f"at {words.point(at)}: {words.compared(left, right)}" if at else words.compared(left, right)
        if self._statement.relation == "=" and at:
            difference = words.difference(self._statement)
            found = found._replace(difference=difference)
            says = f"{difference or 'equal but where a division rounds'}; {says}"
        return found._replace(says=says, values=(left, right))

    def _sides(self, at: Mapping[Dim, int]) -> tuple[Fraction, Fraction]:
        left, right = (side.subs(at) for side in (self._statement.left, self._statement.right))
        return Fraction(int(left.p), int(left.q)), Fraction(int(right.p), int(right.q))


def _asked(cost: Cost) -> set[Dim]:
    """The sizes and options of which a layer does not take all values."""
    return _free(*required(cost.ledger), *cost.options.values())


def _free(*sizes: Any) -> set[Dim]:
    """The symbols in what may also be numbers and words."""
    return set().union(*(getattr(size, "free_symbols", ()) for size in sizes))


def _fraction(expression: Dim) -> tuple[Dim, Dim]:
    numerator, denominator = expression.together().as_numer_denom()
    return numerator.expand(), denominator


def _parts(expression: Dim) -> set[Dim]:
    return {expression}.union(*map(_parts, expression.args))


def _rank(size: Dim) -> tuple[int, str]:
    """Sizes first."""
    return [*SPOKEN, str(size)].index(str(size)), str(size)
