"""For which sizes a formula is known to hold."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from math import prod
from typing import NamedTuple

import sympy
from sympy.core.relational import Relational

from costmodel.symbolic import expression_text
from costmodel.symbolic.domain import Domain, guard_text
from costmodel.trace.costs import Costs
from costmodel.trace.run import Expression

LARGEST = 64
"""The most ways in which sizes may divide that are looked at one by one."""


class Condition(NamedTuple):
    """What sizes satisfy."""

    text: str
    relation: Expression


class Region:
    """The sizes that divide as those of the input do, on which costs with divisions that round are polynomials.

    They are multiples of what they are divided by, or as much more than these as at the input: of a convolution of
    stride 2 on a map of 7×7, the odd ones. Unless they are to be `alike`, all sizes of maps, however they divide: on
    these, costs are what they are with divisions that round.
    """

    def __init__(
        self,
        costs: Costs,
        guards: Sequence[Expression],
        values: Mapping[Expression, int],
        divisions: Sequence[tuple[Expression, Expression]],
        *,
        alike: bool = True,
    ) -> None:
        """Where `guards` hold, for sizes that are `values` at the input; of `divisions`, pairs (b, a), b divides a."""
        self._made = costs, guards, values, divisions
        self._alike = alike
        every = [*guards, *costs.arithmetic.values()]
        domain = Domain(every, values, divisions, whole=alike)
        rests = {
            size: value % domain.multiple(size, 1, values) for size, value in values.items() if domain.unit(size) != 1
        }
        self._rests = {size: rest for size, rest in rests.items() if rest}
        self._multiples = {size: size + rest for size, rest in self._rests.items()}
        self._sizes = {size: size - rest for size, rest in self._rests.items()}
        if self._rests:
            domain = Domain([each.xreplace(self._multiples) for each in every], values, divisions, whole=alike)
        self._domain, self._guards, self._values = domain, guards, values

    def however_divided(self) -> "Region | None":
        """The same for all sizes of maps; None where they divide in too many ways."""
        ways = prod(self._domain.multiple(s, 1, self._values) for s in self._values if str(s) in "NTHW")
        return Region(*self._made, alike=False) if ways <= LARGEST else None

    def simplified(self, expression: Expression) -> Expression:
        """As it reads there, where every division is exact."""
        found = self._domain.simplified(expression.xreplace(self._multiples))
        return sympy.expand(found.xreplace(self._sizes)) if self._rests else found

    def conditions(self) -> list[Condition]:
        """What these sizes satisfy."""
        units = {size: unit for size in self._values if (unit := self._domain.unit(size)) != 1}
        divided = [divides(unit, size - self._rests.get(size, 0)) for size, unit in units.items()]
        return [*divided, *map(self._from, self._values), *self._readable()]

    def _from(self, size: Expression) -> Condition:
        least = self._domain.least(size) + self._rests.get(size, 0)
        return Condition(f"{size} ≥ {expression_text(least)}", sympy.Ge(size, least))

    def _readable(self) -> Iterator[Condition]:
        """What else is asked of the sizes; a size that must be one number is said to be that."""
        asked = [guard for guard in self._guards if not self._domain.implies(guard.xreplace(self._multiples))]
        left = [
            _normal(part.func(self._read(part.lhs - part.rhs), 0)) if isinstance(part, Relational) else part
            for part in chain.from_iterable(g.args if isinstance(g, sympy.And) else [g] for g in asked)
        ]
        pinned: dict[Expression, Expression] = {}
        for guard in left:
            if isinstance(guard, sympy.Eq) and len(guard.free_symbols) == 1:
                (size,) = guard.free_symbols
                if guard.lhs.is_polynomial(size) and sympy.degree(guard.lhs, size) == 1:
                    pinned[size] = sympy.solve(guard.lhs, size)[0]
        rest = [each.xreplace(pinned) for each in left]
        least = {size: -guard.lhs.coeff(size, 0) for guard in rest for size in _bounded(guard)}
        found = {f"{size} = {value}": sympy.Eq(size, value) for size, value in pinned.items()}
        found |= {_text(each): each for each in rest if not self._follows(each, least)}
        return (Condition(text, found[text]) for text in sorted(found))

    def _read(self, expression: Expression) -> Expression:
        return self.simplified(expression) if self._alike else sympy.expand(expression)

    def _follows(self, guard: Expression, least: Mapping[Expression, Expression]) -> bool:
        """Whether it holds for all sizes of at least 2, and from their bounds in `least` on."""
        if not isinstance(guard, Relational):
            return bool(guard == sympy.true)
        if _bounded(guard):
            return False
        steps = {
            size: least.get(size, 2) + sympy.Symbol(f"k_{size}", integer=True, nonnegative=True)
            for size in guard.free_symbols
        }
        return self._domain.implies(guard.xreplace(steps))


def _normal(guard: Expression) -> Expression:
    """A relation of integers as one to 0, by ≥, = or ≠."""
    if isinstance(guard, (sympy.Lt, sympy.Le)):
        guard = guard.reversed
    if not isinstance(guard, Relational):
        return guard
    strict = int(isinstance(guard, sympy.Gt))
    kind = sympy.Ge if isinstance(guard, (sympy.Ge, sympy.Gt)) else guard.func
    return kind(sympy.expand(guard.lhs - guard.rhs - strict), 0)


def _bounded(guard: Expression) -> set[Expression]:
    """H, of ``H - 3 ≥ 0``."""
    if isinstance(guard, sympy.Ge) and len(guard.free_symbols) == 1:
        (size,) = guard.free_symbols
        if (guard.lhs - size).is_Integer:
            return {size}
    return set()


def divides(divisor: Expression, size: Expression) -> Condition:
    """That one divides the other."""
    remainder = sympy.Mod(size, divisor, evaluate=False)
    return Condition(
        f"{expression_text(divisor)} divides {expression_text(size)}", sympy.Eq(remainder, 0, evaluate=False)
    )


def _text(guard: Expression) -> str:
    """``H - 3 ≥ 0`` as ``H ≥ 3``."""
    if isinstance(guard, Relational):
        number, rest = sympy.expand(guard.lhs - guard.rhs).as_coeff_Add()
        if rest.could_extract_minus_sign():
            kind = sympy.Le if isinstance(guard, sympy.Ge) else guard.func
            guard = kind(-rest, number)
        else:
            guard = guard.func(rest, -number)
    return guard_text(guard)


def strongest(conditions: Sequence[Condition], multiple: int) -> list[Condition]:
    """Without bounds and divisors that others imply, where C is a multiple of `multiple` besides."""
    least: dict[str, int] = {}
    by_text = {condition.text: condition for condition in conditions}
    known = {name for name, sign, _ in map(_words, by_text) if sign == "="}
    for name, sign, number in map(_words, by_text):
        if sign == "≥" and number.isdigit():
            least[name] = max(least.get(name, 0), int(number))

    def is_implied(condition: str) -> bool:
        first, sign, last = _words(condition)
        if sign == "≥" and last.isdigit():
            return first in known or int(last) < least[first] or (first == "C" and int(last) <= multiple)
        of = last.partition(" ")[0]
        return sign == "divides" and (of in known or (last == "C" and first.isdigit() and multiple % int(first) == 0))

    return [condition for text, condition in by_text.items() if not is_implied(text)]


def _words(condition: str) -> tuple[str, str, str]:
    """What is related, how, and to what: ``2``, ``divides`` and ``H - 1``."""
    first, sign, last = (*condition.split(" ", 2), "", "")[:3]
    return (first, sign, last) if sign == "divides" or " " not in last else (condition, "", "")
