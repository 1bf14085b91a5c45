"""From ledger to formula: a layer run on symbols. The only door to SymPy.

A layer divides widths and sizes with ``//``, as real modules do, so a run on symbols counts exactly, with
floors, whatever the sizes. The closed form that a person recognises is its *divisible* reading: every ``⌊a/b⌋``
becomes ``a/b``, and the condition that b divides a is kept beside it.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sympy
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from costmodel import conventions, dimension
from costmodel.catalog import Layer
from costmodel.dimension import CostModelError, Dim
from costmodel.ledger import Ledger, Row

SIZES = {"N": "batch size", "C": "input channels", "T": "frames", "H": "height", "W": "width"}


def symbol(name: str) -> sympy.Symbol:
    """The positive integer called `name`."""
    return sympy.Symbol(name, integer=True, positive=True)


def _lift(function: Callable[..., int], dims: Sequence[Dim], static: dict[str, Any]) -> sympy.Expr:
    if function.__name__ == "minimum":
        return sympy.Min(*dims)
    if function.__name__ == "square_root":
        return sympy.floor(sympy.sqrt(*dims))
    return _named(function, static)(*dims)


def _named(function: Callable[..., int], static: dict[str, Any]) -> Any:
    """`function` as a named SymPy function that evaluates once all its arguments are integers."""

    def evaluate(_cls: Any, *args: sympy.Expr) -> sympy.Integer | None:
        if all(arg.is_Integer for arg in args):
            return sympy.Integer(function(*map(int, args), **static))
        return None

    members = {"eval": classmethod(evaluate), "is_integer": True, "__doc__": function.__doc__}
    return type(function.__name__, (_Counted,), members | {"origin": function.__module__, "static": static})


class _Counted(sympy.Function):  # type: ignore[misc]
    """A function that has no closed form: it counts."""

    origin: str
    static: dict[str, Any]

    def _latex(self, printer: Any) -> str:
        name = type(self).__name__.replace("_", r"\_")
        return rf"\operatorname{{{name}}}\left({', '.join(map(printer.doprint, self.args))}\right)"


dimension.lifts[sympy.Basic] = _lift


class Term(NamedTuple):
    """One summand of a formula: a rational number times powers of symbols, or of floors of them."""

    coefficient: sympy.Rational
    powers: tuple[tuple[sympy.Expr, sympy.Expr], ...]
    """Bases and exponents, sizes first."""

    @property
    def expression(self) -> sympy.Expr:
        """The term for SymPy."""
        return sympy.Mul(self.coefficient, *[base**exponent for base, exponent in self.powers])

    def text(self) -> str:
        """The term as a person writes it."""
        return _term_text(self)

    def order(self) -> tuple[sympy.Expr, ...]:
        """Greatest growth first: by degree in the positions, then in the channels, then in the batch."""
        degrees = {str(base): exponent for base, exponent in self.powers}
        spatial = sum(degrees.get(name, 0) for name in "THW")
        return (-spatial, -degrees.get("C", 0), -degrees.get("N", 0), len(self.powers), str(self.powers))


class Formula(NamedTuple):
    """One metric of one layer in closed form."""

    metric: str
    exact: sympy.Expr
    """True for all sizes: divisions that round down are floors."""
    expression: sympy.Expr
    """Where every division is exact, which `conditions` says."""
    conditions: tuple[tuple[sympy.Expr, sympy.Expr], ...]
    """Pairs (b, a): b divides a."""
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
        return _join([term.text() for term in self.terms()])

    def latex(self) -> str:
        """The formula as LaTeX."""
        return _join([sympy.latex(term.expression) for term in self.terms()])

    def python(self) -> str:
        """A Python expression of `exact` over ints: floors are ``//``, and nothing is rounded."""
        return expression_python(self.exact)

    def functions(self) -> dict[str, str]:
        """The functions in it that have no closed form, and what each counts."""
        found = self.expression.atoms(_Counted)
        return {type(call).__name__: (type(call).__doc__ or "").strip().partition("\n")[0] for call in found}

    def imports(self) -> list[str]:
        """The lines that its Python form needs before it."""
        return sorted({f"from {call.origin} import {type(call).__name__}" for call in self.expression.atoms(_Counted)})

    def conditions_text(self) -> list[str]:
        """The conditions in words."""
        divisions = [f"{expression_text(b)} divides {expression_text(a)}" for b, a in self.conditions]
        return divisions + [f"{expression_text(a)} ≤ {expression_text(b)}" for a, b in self.bounds]


class Derivation(NamedTuple):
    """A layer's ledger over symbols."""

    layer: Layer
    options: Mapping[str, Any]
    """Every option; those left open are symbols."""
    symbols: Mapping[str, str]
    """Each symbol and what it stands for."""
    ledger: Ledger

    def formula(self, metric: str) -> Formula:
        """The whole layer in one of `conventions.METRICS`."""
        return _formula(metric, conventions.total(self.ledger, metric), self.ledger)

    def of_rows(self, names: Sequence[str], metric: str) -> Formula:
        """The rows called `names` together."""
        rows: list[Row] = [row for row in self.ledger.rows if row.name in names]
        return _formula(metric, sum(conventions.of_row(row, metric) for row in rows), self.ledger)

    def headline_is_term(self) -> bool:
        """Whether the layer's headline is, under its condition, a sum of terms of these formulas.

        It can fail to be with options that are not the source's, or that contradict the condition.
        """
        headline = self.layer.headline
        if headline is None:
            return False
        fixed = {
            option.symbol: self.options[name]
            for name, option in self.layer.options.items()
            if option.symbol and isinstance(self.options[name], int)
        }
        if any(fixed.get(letter, value) != value for letter, value in headline.when.items()):
            return False
        values = {symbol(letter): value for letter, value in (fixed | dict(headline.when)).items()}
        ours = terms(self.of_rows(headline.rows, headline.metric).expression.subs(values))
        return all(term in ours for term in terms(parse(headline.expression).subs(values)))


def derive(layer: Layer, options: Mapping[str, Any], *, video: bool = False) -> Derivation:
    """Run `layer` on symbols: sizes always, and those options that are open and not among `options`.

    An option given as its own letter is left open too.
    """
    opened = {
        name: option.symbol
        for name, option in layer.options.items()
        if option.symbol and (options.get(name) == option.symbol or (option.open and name not in options))
    }
    sizes = [name for name in SIZES if video or name != "T"]
    given = {**options, **{name: symbol(letter) for name, letter in opened.items()}}
    ledger = layer.run([symbol(name) for name in sizes], given)
    meanings = {name: SIZES[name] for name in sizes} | {letter: name for name, letter in opened.items()}
    return Derivation(layer, layer.resolve(given) | ledger.chosen, meanings, ledger)


def _formula(metric: str, exact: Any, ledger: Ledger) -> Formula:
    # Sizes round up as -(-H // s): print ⌈H/s⌉ for it.
    exact = sympy.expand(exact).replace(
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
    conditions = [
        (b, a) for b, a in conditions if not any(a == c and d != b and (d / b).is_Integer for d, c in conditions)
    ]
    bounds = [(sympy.sympify(a), sympy.sympify(b)) for a, b in ledger.bounds]
    return Formula(metric, exact, sympy.expand(_unrounded(exact)), tuple(conditions), tuple(bounds))


def _unrounded(expression: sympy.Expr) -> sympy.Expr:
    """`expression` with every division exact."""
    plain = expression.replace(lambda part: isinstance(part, (sympy.floor, sympy.ceiling)), lambda part: part.args[0])
    return sympy.expand(plain)


def _at(expression: sympy.Expr, values: Mapping[str, int]) -> sympy.Rational:
    return expression.subs({symbol(name): value for name, value in values.items()})


def terms(expression: sympy.Expr) -> list[Term]:
    """The summands of `expression`, greatest growth first."""
    found = []
    for summand in sympy.Add.make_args(sympy.expand(expression)):
        coefficient, factors = summand.as_coeff_mul()
        powers = sorted((factor.as_base_exp() for factor in factors), key=lambda power: _rank(power[0]))
        found.append(Term(coefficient, tuple(powers)))
    return sorted(found, key=Term.order)


def _rank(base: sympy.Expr) -> tuple[int, str]:
    """Where a factor stands in its product: batch, channels, options and floors, positions."""
    name = str(base)
    return ({"N": 0, "C": 1, "T": 3, "H": 4, "W": 5}.get(name, 2), name)


def _ordered(expression: sympy.Expr) -> sympy.Expr:
    return sympy.Add(*[term.expression for term in terms(expression)], evaluate=False)


# Printing.

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def expression_text(expression: sympy.Expr) -> str:
    """Any expression as a person writes it."""
    return _join([term.text() for term in terms(expression)])


def _join(printed: Sequence[str]) -> str:
    return " + ".join(printed).replace("+ -", "- ").replace("-  ", "- ")


def _term_text(term: Term) -> str:
    above: list[str] = []
    below: list[str] = []
    powers = dict(term.powers)
    square = [symbol(name) for name in "THW" if powers.get(symbol(name)) not in (None, 1)]
    if len({powers[base] for base in square}) == 1 and len(square) > 1:
        # H²·W² as (H·W)²: positions attend to positions.
        positions = sympy.Symbol("·".join(map(str, square)))
        powers = {positions if base == square[0] else base: e for base, e in powers.items() if base not in square[1:]}
    for base, exponent in powers.items():
        (below if exponent.could_extract_minus_sign() else above).append(_power_text(base, abs(exponent)))
    if term.coefficient.q != 1:
        below.insert(0, str(term.coefficient.q))
    if abs(term.coefficient.p) != 1 or not above:
        above.insert(0, str(abs(term.coefficient.p)))
    sign = "-" if term.coefficient < 0 else ""
    denominator = f"/({'·'.join(below)})" if len(below) > 1 else f"/{below[0]}" if below else ""
    return sign + "·".join(above) + denominator


def _power_text(base: sympy.Expr, exponent: sympy.Expr) -> str:
    text = _base_text(base)
    if exponent == 1:
        return text
    if "·" in text or base.is_Add:
        text = f"({text})"
    return text + (str(exponent).translate(_SUPERSCRIPTS) if exponent.is_Integer else f"^({exponent})")


def _base_text(base: sympy.Expr) -> str:
    if isinstance(base, sympy.floor):
        return f"⌊{_ratio_text(base.args[0])}⌋"
    if isinstance(base, sympy.ceiling):
        return f"⌈{_ratio_text(base.args[0])}⌉"
    if base.is_Add:
        return f"({expression_text(base)})"
    if isinstance(base, (sympy.Min, sympy.Function)):
        name = "min" if isinstance(base, sympy.Min) else type(base).__name__
        return f"{name}({', '.join(map(expression_text, base.args))})"
    return str(base)


def _ratio_text(ratio: sympy.Expr) -> str:
    numerator, denominator = ratio.as_numer_denom()
    if numerator.is_Add and denominator != 1:
        return f"({expression_text(numerator)})/{expression_text(denominator)}"
    return expression_text(ratio)


class _Python(StrPrinter):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__({"order": "none"})

    def _quotient(self, ratio: sympy.Expr, sign: str = "") -> str:
        numerator, denominator = ratio.as_numer_denom()
        above = self.parenthesize(numerator, PRECEDENCE["Mul"])
        return f"({sign}{above}//{self.parenthesize(denominator, PRECEDENCE['Pow'])})"

    def _print_floor(self, expression: sympy.floor) -> str:
        return self._quotient(expression.args[0])

    def _print_ceiling(self, expression: sympy.ceiling) -> str:
        return f"(-{self._quotient(expression.args[0], '-')})"

    def _print_Function(self, call: _Counted) -> str:
        static = [f"{name}={value!r}" for name, value in call.static.items()]
        return f"{type(call).__name__}({', '.join([*map(self._print, call.args), *static])})"

    def _print_Min(self, expression: sympy.Min) -> str:
        return f"min({', '.join(map(self._print, expression.args))})"


def expression_python(expression: sympy.Expr) -> str:
    """An integer-valued expression as Python over ints: one division at the end, and floors, as ``//``."""
    numerator, denominator = sympy.together(expression).as_numer_denom()
    printed = _Python().doprint(_ordered(sympy.expand(numerator)))
    below = _Python().parenthesize(denominator, PRECEDENCE["Pow"])
    return printed if denominator == 1 else f"({printed})//{below}"


# Reading.

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: sympy.sympify(a) / b,
    ast.Pow: lambda a, b: a**b,
}


def parse(text: str) -> sympy.Expr:
    """The expression that `text` spells with integers, names, ``+ - * / **`` and brackets; nothing is run."""

    def build(node: ast.expr) -> Any:
        match node:
            case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](build(left), build(right))
            case ast.Constant(value) if type(value) is int:
                return sympy.Integer(value)
            case ast.Name(name):
                return symbol(name)
        raise CostModelError(f"{text!r} is not a sum, product, quotient or power of integers and names")

    try:
        return build(ast.parse(text, mode="eval").body)
    except SyntaxError:
        raise CostModelError(f"{text!r} is not an expression") from None
