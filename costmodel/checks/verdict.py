"""Whether a check holds, how that is known, and what shows that it does not."""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from costmodel.catalog import Layer
from costmodel.checks.book import Check
from costmodel.checks.derived import Undecided
from costmodel.checks.domain import POSITIVE, Axis, points, text
from costmodel.checks.proof import Signs, decide
from costmodel.checks.reading import SPOKEN, Cost, letter, read_statement
from costmodel.conventions import of_row
from costmodel.dimension import CostModelError, Dim
from costmodel.ledger import Ledger, Row
from costmodel.symbolic import Derivation, expression_text, parse, symbol, terms
from costmodel.symbolic.notation import is_root
from costmodel.symbolic.program import Program, program
from costmodel.symbolic.roots import sign

_ALLOWED: Mapping[str, Signs] = {"<": {-1}, "≤": {-1, 0}, "=": {0}, "≥": {0, 1}, ">": {1}}
"""The signs of left less right with which a relation holds."""
SCANNED = 1000
"""Values of an option that a layer is run at, to see whether it takes them."""


Pairs = Sequence[tuple[Dim, Dim]]


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


def check(asked: Check) -> Finding:
    """What is found about a check.

    Raises `CostModelError`, with its place, where it cannot be read or a layer in it is not defined.
    """
    try:
        return _Question(asked).answer()
    except Undecided as error:
        return Finding(asked, "unchecked", f"could not be checked: {error}")
    except (CostModelError, NotImplementedError) as error:
        raise CostModelError(f"{asked.place}{error}") from None


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
        self._sizes = _free(self._statement.left, self._statement.right)

    def answer(self) -> Finding:
        """Whether it holds."""
        for cost in self._costs:
            self._check_defined(cost)
        numerator, denominator = _fraction(self._opened(self._difference))
        divisor = self._divisor(denominator)
        divisions, bounds = ([], []) if self._difference.is_zero else self._conditions()
        # Where 16 divides C, which stays open, C is 16 times any integer.
        products = {a: b * symbol(f"{a}/{b}") for b, a in divisions if a.is_Symbol and (b.is_Symbol or b.is_Integer)}
        products = {a: product for a, product in products.items() if not product.free_symbols & {*products, a}}
        products = {a: product for a, product in products.items() if a not in self._values}
        made = _program((divisor * numerator).xreplace(products))
        domain = self._domain(made)

        def place(point: Sequence[int]) -> dict[Dim, Dim]:
            inside = {symbol(name): value for name, value in zip(domain, point, strict=True)}
            # A size that is not in the difference may be any of its values.
            at = dict.fromkeys(_free(*products.values()) | self._sizes, 1) | self._first | inside
            at |= {a: int(product.subs(at)) for a, product in products.items()}
            return {size: at[size] for size in (*self._first, *sorted(self._sizes - self._first.keys(), key=_rank))}

        def admits(point: Sequence[int]) -> bool:
            at = place(point)
            exact = all((a / b).subs(at).is_integer is not False for b, a in divisions)
            return exact and all(cost.takes(at) for cost in self._costs)

        decision = decide(made, made.root, _ALLOWED[self._statement.relation], domain, admits)
        said = [f"{expression_text(b)} divides {expression_text(a)}" for b, a in divisions]
        said += [f"{expression_text(a)} ≤ {expression_text(b)}" for a, b in bounds]
        method = "proved" if decision.proved else "evaluated"
        number = points(self._check.domain) if self._check.domain else None
        found = Finding(self._check, "holds", "", method, number, tuple(said))
        if decision.counterexample is not None:
            return self._failed(found, place(decision.counterexample))
        return found._replace(says=self._how(found))

    def _domain(self, made: Program) -> dict[str, Axis]:
        """The values of what `made` depends on: those that are given in their order, and then all of what is open."""
        given = {str(size): axis for size, axis in self._values.items() if str(size) in made.symbols}
        return given | {name: POSITIVE for name in made.symbols if name not in given}

    # What holds.

    def _check_defined(self, cost: Cost) -> None:
        """Raise unless the layer is defined on all of the domain."""
        inside = self._values.keys()
        sizes = [size for row in cost.ledger.rows for shape in (*row.inputs, row.output) for size in shape]
        made = _program(
            _ONE,
            [size for size in sizes if _free(size) and _free(size) <= inside],
            [pair for pair in cost.ledger.divisions if _free(*pair) <= inside],
            [pair for pair in cost.ledger.bounds if _free(*pair) <= inside],
        )
        domain = self._domain(made)
        for node, text_ in made.requirements:
            if (point := decide(made, node, {0, 1}, domain).counterexample) is not None:
                at = {symbol(name): value for name, value in zip(domain, point, strict=True)}
                cost.run(at, f"at {_point(at)}: ")
                raise CostModelError(f"{cost.text} needs {text_}, which does not hold at {_point(at)}")
        # What a layer says of an option alone, such as that a kernel is odd, is in no formula.
        for size in _free(*cost.options.values()) & inside:
            for value in itertools.islice(self._values[size].values(), SCANNED):
                at = self._first | {size: value}
                cost.run(at, f"at {_point(at)}: ")

    def _divisor(self, denominator: Dim) -> int:
        """The sign of what is divided by, which may not change."""
        found = sign(denominator)
        if found and any(map(_is_floor, _parts(denominator))):
            # A floor may be 0.
            made = _program(found * denominator)
            found = found if decide(made, made.root, {1}, self._domain(made)).counterexample is None else None
        if not found:
            raise CostModelError(f"{self._check.that} divides by what may be 0 or negative")
        return found

    def _opened(self, difference: Dim) -> Dim:
        """`difference` with every division exact that depends on an open size."""
        return _unrounded(difference, lambda part: not _free(part) <= self._values.keys())

    def _conditions(self) -> tuple[list[tuple[Dim, Dim]], list[tuple[Dim, Dim]]]:
        """Where open sizes make a closed form count exactly: pairs (b, a), b divides a, and (a, b), a ≤ b."""
        ledgers = [cost.ledger for cost in self._costs]
        pairs = [pair for ledger in ledgers for pair in ledger.divisions]
        for part in sorted(filter(_rounds, _parts(self._difference)), key=str):
            above, below = _fraction(self._opened(part.args[0]))
            pairs.append((below, -above if above.could_extract_minus_sign() else above))
        opened = [(b * _ONE, a * _ONE) for b, a in pairs if not _free(b, a) <= self._values.keys()]
        divisions = [(b, a) for b, a in dict.fromkeys(opened) if not (a / b).is_integer]
        divisions = [
            (b, a) for b, a in divisions if not any(a == c and d != b and (d / b).is_Integer for d, c in divisions)
        ]
        bounds = [pair for ledger in ledgers for pair in ledger.bounds if not _free(*pair) <= self._values.keys()]
        return divisions, [*dict.fromkeys(bounds)]

    def _how(self, found: Finding) -> str:
        where = f", where {' and '.join(found.conditions)}" if found.conditions else ""
        if not self._sizes:
            return _compared(*self._sides({}))
        if found.method == "evaluated":
            return f"evaluated at {found.points:,} points{where}"
        open_ = ", ".join(map(str, sorted(self._sizes - self._values.keys(), key=_rank)))
        return f"proved for all {' and all '.join(filter(None, (text(self._check.domain), open_)))}{where}"

    # What fails.

    def _failed(self, found: Finding, at: Mapping[Dim, int]) -> Finding:
        found = found._replace(verdict="fails", method=None, counterexample={_spoken(s): v for s, v in at.items()})
        left, right = self._sides(at)
        says = f"at {_point(at)}: {_compared(left, right)}" if at else _compared(left, right)
        if self._statement.relation == "=" and at:
            difference = self._words()
            found = found._replace(difference=difference)
            says = f"{difference or 'equal but where a division rounds'}; {says}"
        return found._replace(says=says, values=(left, right))

    def _sides(self, at: Mapping[Dim, int]) -> tuple[Fraction, Fraction]:
        left, right = (side.subs(at) for side in (self._statement.left, self._statement.right))
        return Fraction(int(left.p), int(left.q)), Fraction(int(right.p), int(right.q))

    def _words(self) -> str | None:
        """What one closed form has and the other has not, and the rows of the layer that explain it."""
        difference = _unrounded(self._difference).expand()
        own, other = self._statement.costs
        subject, _ = self._statement.sides
        if other and not own:
            own, subject, difference = other, self._statement.sides[1], -difference
        if difference.is_zero:
            return None
        more = [term.expression for term in terms(difference) if term.coefficient > 0]
        less = [-term.expression for term in terms(difference) if term.coefficient < 0]
        said = [f"adds {expression_text(sum(more))}"] if more else []
        said += [f"lacks {expression_text(sum(less))}"] if less else []
        rows = _rows_of(own[0], difference) if len(own) == 1 else ()
        return f"{subject} {' and '.join(said)}" + (f", what {' + '.join(rows)} cost" if rows else "")


def _rows_of(cost: Cost, difference: Dim) -> tuple[str, ...]:
    """The fewest rows of a layer, up to four, that together cost `difference`; none if there are none."""
    counts: dict[str, Counter[Any]] = {}
    for row in cost.ledger.rows:
        counts.setdefault(row.name, Counter()).update(_summands(_unrounded(of_row(row, cost.metric) * _ONE)))
    wanted = _summands(difference)
    known = [name for name, count in counts.items() if count and count.keys() <= wanted.keys()]
    for number in range(1, 5):
        for names in itertools.combinations(known, number):
            if sum((counts[name] for name in names), Counter()) == wanted:
                return names
    return ()


def _summands(expression: Dim) -> Counter[Any]:
    return Counter({term.powers: term.coefficient for term in terms(expression) if term.coefficient})


_ONE = parse("1")


def _program(count: Dim, sizes: Sequence[Dim] = (), divisions: Pairs = (), bounds: Pairs = ()) -> Program:
    """A count, as if of a layer that has so many parameters, tensors of such `sizes`, and what it needs to be one."""
    ledger = Ledger()
    ledger.rows.append(Row("count", "", (), tuple(sizes), count, 0, {}))
    ledger.divisions += divisions
    ledger.bounds += bounds
    names = {str(size): "" for pair in ((count, *sizes), *divisions, *bounds) for size in _free(*pair)}
    layer = Layer("a check", lambda: None, "", {}, False, None)
    return program(Derivation(layer, {}, dict(sorted(names.items())), ledger), "params")


def _free(*sizes: Any) -> set[Dim]:
    """The symbols in what may also be numbers and words."""
    return set().union(*(getattr(size, "free_symbols", ()) for size in sizes))


def _fraction(expression: Dim) -> tuple[Dim, Dim]:
    numerator, denominator = expression.together().as_numer_denom()
    return numerator.expand(), denominator


def _unrounded(expression: Dim, which: Callable[[Dim], bool] = lambda _: True) -> Dim:
    """`expression` with every division exact, or with those of `which`."""
    return expression.replace(lambda part: _rounds(part) and which(part), lambda part: part.args[0])


def _is_floor(part: Dim) -> bool:
    # By their names: the door to SymPy is elsewhere.
    return type(part).__name__ in ("floor", "ceiling")


def _rounds(part: Dim) -> bool:
    # Of a square root nothing is exact: it stays, and is counted.
    return _is_floor(part) and not is_root(part)


def _parts(expression: Dim) -> set[Dim]:
    return {expression}.union(*map(_parts, expression.args))


def _rank(size: Dim) -> tuple[int, str]:
    """Sizes first."""
    return [*SPOKEN, str(size)].index(str(size)), str(size)


def _spoken(size: Dim) -> str:
    return SPOKEN.get(str(size), str(size))


def _point(at: Mapping[Dim, int]) -> str:
    return ", ".join(f"{_spoken(size)} = {value}" for size, value in at.items())


def _compared(left: Fraction, right: Fraction) -> str:
    relation = "<" if left < right else ">" if left > right else "="
    return f"{_shown(left)} {relation} {_shown(right)}"


def _shown(number: Fraction) -> str:
    """With separators; decimals where they say it all, otherwise as a fraction too."""
    if number.denominator == 1:
        return f"{number.numerator:,}"
    decimal = Context(prec=30).divide(Decimal(number.numerator), Decimal(number.denominator))
    if Fraction(decimal) == number and decimal == decimal.quantize(Decimal("1e-6")):
        return f"{decimal:,f}"
    return f"{number.numerator:,}/{number.denominator:,} (≈ {Context(prec=4).plus(decimal):,f})"
