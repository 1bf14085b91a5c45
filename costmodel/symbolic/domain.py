"""Identities over all sizes of a domain, where floors are polynomials.

A size s that is divided by m somewhere is m·k + j there, for every remainder j; widths are whole multiples of what
divides them, since layers have widths that are such parts. With k ≥ 2 every floor is a polynomial in the k, and an
identity is one of polynomials, which expanding decides. What is left with a floor or a quotient is never taken for 0.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import sympy
from sympy.core.relational import Relational

from costmodel.symbolic.notation import expression_text

LEAST = 2
"""The least of the k: sizes of 1 take other paths through a module, such as broadcasting."""


class Domain:
    """Sizes as multiples of what divides them."""

    def __init__(
        self,
        expressions: Iterable[sympy.Basic],
        sizes: Iterable[sympy.Symbol],
        divisions: Iterable[tuple[sympy.Expr, sympy.Expr]] = (),
        *,
        whole: bool = False,
    ) -> None:
        """Of all `sizes` in `expressions`, and in the pairs (b, a) of `divisions`, where b divides a.

        C and other widths are whole multiples of what divides them, and so is every size that a symbol divides; or all
        are, if `whole`.
        """
        self._sizes = list(sizes)
        self._units: dict[sympy.Symbol, sympy.Expr] = dict.fromkeys(self._sizes, sympy.Integer(1))
        divided_by = [pair for expression in expressions for pair in _divisions(expression)]
        for divided, divisor in [*divided_by, *((a, b) for b, a in divisions)]:
            # What is divided by a size is rounded in no way that has a period.
            for size in divided.free_symbols & {*self._sizes} if not divisor.free_symbols & {*self._sizes} else ():
                self._units[size] = sympy.lcm(self._units[size], divisor)
        self._whole = {
            size for size in self._sizes if whole or size.name not in "NTHW" or self._units[size].free_symbols
        }
        self._cases = list(self._substitutions())

    def _substitutions(self) -> Iterator[Mapping[sympy.Symbol, sympy.Expr]]:
        steps = {size: _step(size) for size in self._sizes}
        remainders = [range(1 if size in self._whole else int(self._units[size])) for size in self._sizes]
        for rest in itertools.product(*remainders):
            yield {
                size: self._units[size] * (steps[size] + LEAST) + remainder
                for size, remainder in zip(self._sizes, rest, strict=True)
            }

    def is_zero(self, expression: sympy.Expr) -> bool:
        """Whether `expression` is 0 for all sizes of the domain."""
        return all(sympy.expand(case) == 0 for case in self._on(expression))

    def implies(self, guard: sympy.Basic) -> bool:
        """Whether `guard` is known to hold for all sizes of the domain, and for other symbols from 1 on."""
        return all(_holds(case.xreplace({s: _from_one(s) for s in case.free_symbols})) for case in self._on(guard))

    def requires(self, guard: sympy.Basic) -> bool:
        """Whether `guard` is an equation that some sizes of the domain do not solve, so that one of them is given."""
        return isinstance(guard, sympy.Eq) and not self.implies(guard)

    def _on(self, expression: sympy.Basic) -> Iterator[sympy.Basic]:
        return (_flat(expression).xreplace(case) for case in self._cases)

    def simplified(self, expression: sympy.Expr) -> sympy.Expr:
        """`expression` as it reads where every size is a whole multiple of what divides it."""
        multiples = {_step(size): size / self._units[size] - LEAST for size in self._sizes}
        return sympy.expand(next(self._on(expression)).xreplace(multiples))

    def degree(self, expression: sympy.Expr, size: sympy.Symbol) -> int:
        """The degree of `expression` in `size`, on whatever remainder it is greatest.

        Raises `NotImplementedError` where it is no polynomial.
        """
        step = _step(size)
        cases = [sympy.expand(case) for case in self._on(expression)]
        if not all(case.is_polynomial(*case.free_symbols) for case in cases):
            raise NotImplementedError("its count is no polynomial in the sizes")
        # Of sums of products the exponents tell, in a fraction of the time that a polynomial takes to be made.
        return max(int(term.as_coeff_exponent(step)[1]) for case in cases for term in sympy.Add.make_args(case))

    def places(self, steps: Sequence[int]) -> Iterator[tuple[int, ...]]:
        """The sizes at these k, one for each, on every remainder."""
        for case in self._cases:
            at = {_step(s): k for s, k in zip(case, steps, strict=True)}
            yield tuple(int(size.subs(at)) for size in case.values())

    def multiple(self, size: sympy.Symbol, k: int, values: Mapping[sympy.Symbol, int]) -> int:
        """The size that is k times what divides it, where the symbols in that have `values`."""
        return int((k * self._units[size]).xreplace({s: sympy.Integer(value) for s, value in values.items()}))

    def conditions(self) -> list[str]:
        """The domain in words."""
        divisors = {size: expression_text(self.unit(size)) for size in self._sizes if self.unit(size) != 1}
        divided = [f"{divisor} divides {size}" for size, divisor in divisors.items()]
        return divided + [f"{size} ≥ {expression_text(self.least(size))}" for size in self._sizes]

    def unit(self, size: sympy.Symbol) -> sympy.Expr:
        """What divides a size everywhere."""
        return self._units[size] if size in self._whole else sympy.Integer(1)

    def least(self, size: sympy.Symbol) -> sympy.Expr:
        """From where on a size is taken."""
        return LEAST * self._units[size]


def _step(size: sympy.Symbol) -> sympy.Symbol:
    """The k of a size."""
    return sympy.Symbol(f"k_{size.name}", integer=True, nonnegative=True)


def _from_one(size: sympy.Symbol) -> sympy.Expr:
    """A positive symbol as 1 more than a nonnegative one, which it may be already."""
    return _step(size) + 1 if size.is_positive else size


def _flat(expression: sympy.Basic) -> sympy.Basic:
    """With ⌊⌊a/b⌋/c⌋ as ⌊a/(b·c)⌋, which is so for integers c alone."""
    return expression.replace(_is_nested, lambda part: sympy.floor(sympy.Mul(*_parts(part))))


def _is_nested(part: sympy.Basic) -> bool:
    if not isinstance(part, sympy.floor) or not part.args[0].has(sympy.floor):
        return False
    inner, factor = _parts(part)
    return inner is not None and bool((1 / factor).is_integer and (1 / factor).is_positive)


def _parts(part: sympy.floor) -> tuple[sympy.Expr | None, sympy.Expr]:
    """Of ⌊⌊a⌋·f⌋ what is in the inner floor, and f; no inner one where there is no such, or more."""
    factors = sympy.Mul.make_args(part.args[0])
    inner = [factor.args[0] for factor in factors if isinstance(factor, sympy.floor)]
    others = sympy.Mul(*(factor for factor in factors if not isinstance(factor, sympy.floor)))
    return inner[0] if len(inner) == 1 else None, others


def _divisions(expression: sympy.Basic) -> Iterator[tuple[sympy.Expr, sympy.Expr]]:
    """What is divided and rounded in it, and by what."""
    for rounded in _flat(expression).atoms(sympy.floor, sympy.ceiling):
        yield sympy.fraction(sympy.together(rounded.args[0]))
    for remainder in expression.atoms(sympy.Mod):
        if remainder.args[1].is_number:
            yield remainder.args


def _holds(guard: sympy.Basic) -> bool:
    """Whether a relation of nonnegative and of positive symbols is known to be true."""
    if guard in (sympy.true, True):
        return True
    if isinstance(guard, (sympy.And, sympy.Or)):
        return (all if isinstance(guard, sympy.And) else any)(map(_holds, guard.args))
    if not isinstance(guard, Relational):
        return False
    difference = sympy.expand(guard.lhs - guard.rhs)
    if isinstance(guard, sympy.Ne):
        return _is_positive(difference) or _is_positive(-difference)
    if isinstance(guard, sympy.Eq):
        return bool(difference == 0)
    if isinstance(guard, (sympy.Lt, sympy.Le)):
        difference = -difference
    strict = isinstance(guard, (sympy.Gt, sympy.Lt))
    return _is_positive(difference if strict else difference + 1)


def _is_positive(difference: sympy.Expr) -> bool:
    """Whether a polynomial has no negative coefficient, and more than 0 where the nonnegative symbols are."""
    simple = sympy.expand(difference.replace(sympy.Max, _greater).replace(sympy.Mod, _rest))
    if not simple.is_polynomial(*simple.free_symbols):
        return False  # a floor, or a quotient, may be less than its coefficient says
    least = simple.subs({s: 0 for s in simple.free_symbols if not s.is_positive})
    return least != 0 and all(c.is_positive for part in (simple, least) for c in part.as_coefficients_dict().values())


def _greater(*arguments: sympy.Expr) -> sympy.Expr:
    """The one of two that is known to be no less; their maximum, if that is not known."""
    for one, other in itertools.permutations(arguments, 2):
        if len(arguments) == 2 and _is_positive(sympy.expand(one - other + 1)):
            return one
    return sympy.Max(*arguments)


def _rest(above: sympy.Expr, below: sympy.Expr) -> sympy.Expr:
    """A positive number less than what it is divided by is its own remainder."""
    if _is_positive(above) and _is_positive(sympy.expand(below - above)):
        return above
    return sympy.Mod(above, below)


_SIGNS = {sympy.Eq: "=", sympy.Ne: "≠", sympy.Lt: "<", sympy.Le: "≤", sympy.Gt: ">", sympy.Ge: "≥"}


def guard_text(guard: sympy.Basic) -> str:
    """A guard as a person writes it."""
    if isinstance(guard, (sympy.And, sympy.Or)):
        return (" and " if isinstance(guard, sympy.And) else " or ").join(sorted(map(guard_text, guard.args)))
    if not isinstance(guard, Relational):
        return str(guard)
    if isinstance(guard, sympy.Eq) and isinstance(guard.lhs, sympy.Mod) and guard.rhs == 0:
        above, below = guard.lhs.args
        return f"{expression_text(below)} divides {expression_text(above)}"
    return f"{expression_text(guard.lhs)} {_SIGNS[type(guard)]} {expression_text(guard.rhs)}"
