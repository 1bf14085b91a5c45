"""One metric of one layer in closed form."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import sympy

from costmodel.ledger import Ledger
from costmodel.symbolic.notation import (
    Counted,
    Term,
    expression_latex,
    expression_python,
    expression_text,
    is_root,
    placed,
    symbol,
    terms,
)

Division: TypeAlias = tuple[sympy.Expr, sympy.Expr]
"""(b, a): b divides a."""

LINE = 64
"""Characters of a line of a displayed formula, as its text has them."""


class Formula(NamedTuple):
    """One metric of one layer in closed form."""

    metric: str
    exact: sympy.Expr
    """True for all sizes: divisions that round down are floors."""
    expression: sympy.Expr
    """Where every division is exact, which `conditions` says."""
    conditions: tuple[Division, ...]
    bounds: tuple[tuple[sympy.Expr, sympy.Expr], ...]
    """Pairs (a, b): a ≤ b, without which neither form is defined."""

    def terms(self) -> list[Term]:
        """The summands of `expression`, greatest growth first."""
        return terms(self.expression)

    def holds(self, values: Mapping[str, int]) -> bool:
        """Whether every condition does at these sizes, so that `expression` counts exactly."""
        return all(_at(a / b, values).is_Integer for b, a in self.conditions)

    def at(self, values: Mapping[str, int]) -> list[tuple[Term, sympy.Rational]]:
        """Every term with its value at these sizes; of `exact`, where a condition does not hold."""
        expression = self.expression if self.holds(values) else self.exact
        return [(term, _at(term.expression, values)) for term in terms(expression)]

    def text(self) -> str:
        """The formula as a person writes it."""
        return expression_text(self.expression)

    def latex(self) -> str:
        """The formula as LaTeX."""
        return expression_latex(self.expression)

    def python(self) -> str:
        """A Python expression of `exact` over ints: floors are ``//``, and nothing is rounded."""
        return expression_python(self.exact)

    def calls(self) -> list[Counted]:
        """The calls in it of functions that have no closed form."""
        return sorted(self.exact.atoms(Counted), key=sympy.default_sort_key)

    def functions(self) -> dict[str, str]:
        """What each of these functions counts, by its name."""
        return {type(call).__name__: (type(call).__doc__ or "").strip().partition("\n")[0] for call in self.calls()}

    def imports(self) -> list[str]:
        """The lines that its Python form needs before it."""
        found = {type(call).__name__: call.counts.__module__ for call in self.calls()}
        if any(map(is_root, self.exact.atoms(sympy.floor))):
            found["isqrt"] = "math"
        return [f"from {module} import {name}" for name, module in sorted(found.items())]

    def conditions_text(self) -> list[str]:
        """The conditions in words."""
        divisions = [f"{expression_text(b)} divides {expression_text(a)}" for b, a in self.conditions]
        return divisions + [f"{expression_text(a)} ≤ {expression_text(b)}" for a, b in self.bounds]

    def conditions_latex(self) -> list[str]:
        """The conditions as LaTeX."""
        divisions = [rf"{expression_latex(b)} \mid {expression_latex(a)}" for b, a in self.conditions]
        return divisions + [rf"{expression_latex(a)} \le {expression_latex(b)}" for a, b in self.bounds]

    def aligned_latex(self) -> str:
        """An equation for an ``aligned`` environment: the formula and its conditions, in lines of about `LINE`."""
        pieces = [(term.latex(), len(term.text())) for term in self.terms()]
        pieces = [(f"- {latex[1:]}" if latex.startswith("-") else f"+ {latex}", length) for latex, length in pieces]
        if conditions := r",\; ".join(self.conditions_latex()):
            length = len(", ".join(self.conditions_text()).replace("divides", "|"))
            pieces.append((rf"\quad \text{{if }} {conditions}", length))
        lines: list[str] = []
        room = 0
        for latex, length in pieces:
            if length > room:
                lines.append(latex)
                room = LINE
            else:
                lines[-1] += f" {latex}"
            room -= length
        right = r" \\ &\quad {} ".join(lines).removeprefix("+ ")
        return rf"\mathrm{{{self.metric}}} &= {right}"

    def _repr_latex_(self) -> str:
        """For a notebook: the equation and its conditions."""
        equation = self.aligned_latex()
        if r"\\" in equation:
            return rf"$\displaystyle \begin{{aligned}} {equation} \end{{aligned}}$"
        return rf"$\displaystyle {equation.replace('&', '')}$"

    @classmethod
    def of(cls, metric: str, counted: Any, ledger: Ledger) -> "Formula":
        """The formula of what was `counted` over symbols, under the conditions of its `ledger`."""
        # Sizes round up as -(-H // s): print ⌈H/s⌉ for it.
        exact = sympy.expand(counted).replace(
            lambda part: isinstance(part, sympy.floor) and part.args[0].could_extract_minus_sign(),
            lambda part: -sympy.ceiling(-part.args[0], evaluate=False),
        )
        # A division without which the layer is not defined is exact wherever there is anything to count.
        required = [(sympy.sympify(b), sympy.sympify(a)) for b, a in dict.fromkeys(ledger.divisions)]
        exact = sympy.expand(exact.xreplace({sympy.floor(a / b): a / b for b, a in required}))
        conditions = [(b, a) for b, a in required if b != 1 and not (a / b).is_Integer]
        for rounded in sorted(exact.atoms(sympy.floor, sympy.ceiling), key=sympy.default_sort_key):
            numerator, denominator = _unrounded(rounded.args[0]).as_numer_denom()
            if (condition := (denominator, numerator)) not in conditions:
                conditions.append(condition)
        conditions = [one for one in conditions if not any(_follows(one, other) for other in conditions)]
        bounds = [(sympy.sympify(a), sympy.sympify(b)) for a, b in ledger.bounds]
        return cls(metric, exact, sympy.expand(_unrounded(exact)), tuple(conditions), tuple(bounds))


def _follows(condition: Division, from_: Division) -> bool:
    """Whether b divides a because it divides a part of it, or because a multiple of it does."""
    (b, a), (d, c) = condition, from_
    return condition != from_ and bool((d / b).is_Integer and (a / c).is_Integer)


def _unrounded(expression: sympy.Expr) -> sympy.Expr:
    """`expression` with every division exact."""
    plain = expression.replace(lambda part: isinstance(part, (sympy.floor, sympy.ceiling)), lambda part: part.args[0])
    return sympy.expand(plain)


def _at(expression: sympy.Expr, values: Mapping[str, int]) -> sympy.Rational:
    return placed(expression, {symbol(name): value for name, value in values.items()})
