"""For which sizes a formula is known to hold, in words."""

from collections.abc import Mapping, Sequence
from itertools import chain

import sympy
from sympy.core.relational import Relational

from costmodel.symbolic import symbol
from costmodel.symbolic.domain import Domain, guard_text
from costmodel.trace.costs import Costs
from costmodel.trace.run import Expression


class Region:
    """The sizes that divide as those of the input do, on which costs with divisions that round are polynomials.

    They are multiples of what they are divided by, or as much more than these as at the input: of a convolution of
    stride 2 on a map of 7×7, the odd ones.
    """

    def __init__(
        self,
        costs: Costs,
        guards: Sequence[Expression],
        values: Mapping[Expression, int],
        divisions: Sequence[tuple[Expression, Expression]],
    ) -> None:
        """Where `guards` hold, for sizes that are `values` at the input; of `divisions`, pairs (b, a), b divides a."""
        every = [*guards, *costs.arithmetic.values()]
        domain = Domain(every, values, divisions, whole=True)
        rests = {size: value % domain.multiple(size, 1, values) for size, value in values.items()}
        self._rests = {size: rest for size, rest in rests.items() if rest}
        self._multiples = {size: size + rest for size, rest in self._rests.items()}
        self._sizes = {size: size - rest for size, rest in self._rests.items()}
        if self._rests:
            domain = Domain([each.xreplace(self._multiples) for each in every], values, divisions, whole=True)
        self._domain, self._guards = domain, guards

    def simplified(self, expression: Expression) -> Expression:
        """As it reads there, where every division is exact."""
        found = self._domain.simplified(expression.xreplace(self._multiples))
        return sympy.expand(found.xreplace(self._sizes)) if self._rests else found

    def conditions(self) -> list[str]:
        """What these sizes satisfy, in words."""
        return [*map(self._shifted, self._domain.conditions()), *self._readable()]

    def _shifted(self, condition: str) -> str:
        """``2 divides H`` as ``2 divides H - 1``, and ``H ≥ 4`` as ``H ≥ 5``, where that is the rest."""
        first, sign, last = condition.split(" ", 2)
        if sign == "divides" and symbol(last) in self._rests:
            return f"{first} divides {last} - {self._rests[symbol(last)]}"
        if sign == "≥" and last.isdigit() and symbol(first) in self._rests:
            return f"{first} ≥ {int(last) + self._rests[symbol(first)]}"
        return condition

    def _readable(self) -> list[str]:
        """What else is asked of the sizes; a size that must be one number is said to be that."""
        asked = [guard for guard in self._guards if not self._domain.implies(guard.xreplace(self._multiples))]
        left = [
            _normal(part.func(self.simplified(part.lhs - part.rhs), 0)) if isinstance(part, Relational) else part
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
        texts = [f"{size} = {value}" for size, value in pinned.items()]
        return sorted({*texts, *(_condition(each) for each in rest if not self._follows(each, least))})

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


def _condition(guard: Expression) -> str:
    """``H - 3 ≥ 0`` as ``H ≥ 3``."""
    if isinstance(guard, Relational):
        number, rest = sympy.expand(guard.lhs - guard.rhs).as_coeff_Add()
        if rest.could_extract_minus_sign():
            kind = sympy.Le if isinstance(guard, sympy.Ge) else guard.func
            guard = kind(-rest, number)
        else:
            guard = guard.func(rest, -number)
    return guard_text(guard)


def strongest(conditions: Sequence[str], multiple: int) -> list[str]:
    """Without bounds and divisors that others imply, where C is a multiple of `multiple` besides."""
    least: dict[str, int] = {}
    known = {name for name, sign, _ in map(_words, conditions) if sign == "="}
    for name, sign, number in map(_words, conditions):
        if sign == "≥" and number.isdigit():
            least[name] = max(least.get(name, 0), int(number))

    def is_implied(condition: str) -> bool:
        first, sign, last = _words(condition)
        if sign == "≥" and last.isdigit():
            return first in known or int(last) < least[first] or (first == "C" and int(last) <= multiple)
        of = last.partition(" ")[0]
        return sign == "divides" and (of in known or (last == "C" and first.isdigit() and multiple % int(first) == 0))

    return [condition for condition in dict.fromkeys(conditions) if not is_implied(condition)]


def _words(condition: str) -> tuple[str, str, str]:
    """What is related, how, and to what: ``2``, ``divides`` and ``H - 1``."""
    first, sign, last = (*condition.split(" ", 2), "", "")[:3]
    return (first, sign, last) if sign == "divides" or " " not in last else (condition, "", "")
