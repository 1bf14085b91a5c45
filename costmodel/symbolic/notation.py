"""How formulas are written and read: as text, LaTeX and Python, term by term, and back from text."""

import ast
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sympy
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from costmodel.dimension import CostModelError, abbreviate


def symbol(name: str) -> sympy.Symbol:
    """The positive integer called `name`."""
    return sympy.Symbol(name, integer=True, positive=True)


def expression(size: Any) -> sympy.Expr:
    """A size as an expression, a number too."""
    return sympy.sympify(size)


class Max(sympy.Max):  # type: ignore[misc]
    """The greatest of some, of which one is left out if it is less than another term by term.

    SymPy's own asks for signs in every way it knows, which takes a hundred times as long and finds no more here.
    """

    @classmethod
    def _is_connected(cls, x: sympy.Expr, y: sympy.Expr) -> Any:
        """Which of the two is left: `cls` for the first, ``Min`` for the second, False for both."""
        terms, others = _factors(x), _factors(y)
        never_less = never_more = True
        for product in {**terms, **others}:
            more = terms.get(product, 0) - others.get(product, 0)
            if more:
                never_less &= bool(product.is_nonnegative if more > 0 else product.is_nonpositive)
                never_more &= bool(product.is_nonpositive if more > 0 else product.is_nonnegative)
            if not (never_less or never_more):
                return False
        return cls if never_less else sympy.Min


@functools.lru_cache(maxsize=4096)
def _factors(expression: sympy.Expr) -> Mapping[sympy.Expr, sympy.Expr]:
    """What each product in a sum is multiplied by."""
    found: Mapping[sympy.Expr, sympy.Expr] = sympy.expand(expression).as_coefficients_dict()
    return found


class Counted(sympy.Function):  # type: ignore[misc]
    """A function that has no closed form: it counts."""

    counts: Callable[..., int]
    static: dict[str, Any]

    def _latex(self, printer: Any) -> str:
        name = type(self).__name__.replace("_", r"\_")
        # Not \operatorname, in which docutils' MathML shows the backslash.
        return rf"\,\mathrm{{{name}}}\left({', '.join(map(printer.doprint, self.args))}\right)"


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

    def latex(self) -> str:
        """The term as LaTeX, its factors in the order of the text."""
        above, below = [abs(self.coefficient.p)], [self.coefficient.q]
        for base, exponent in self.powers:
            (below if exponent.could_extract_minus_sign() else above).append(base ** abs(exponent))
        numerator, denominator = (
            " ".join(sympy.latex(factor) for factor in factors if factor != 1) or "1" for factors in (above, below)
        )
        sign = "-" if self.coefficient < 0 else ""
        return sign + (numerator if denominator == "1" else rf"\frac{{{numerator}}}{{{denominator}}}")

    def order(self) -> tuple[sympy.Expr, ...]:
        """Greatest growth first: by degree in the positions, then in the channels, then in the batch."""
        degrees = {str(base): exponent for base, exponent in self.powers}
        # S is a side and P are positions, where these are what varies.
        spatial = sum(weight * degrees.get(name, 0) for name, weight in zip("THWSP", (1, 1, 1, 2, 2), strict=True))
        return (-spatial, -degrees.get("C", 0), -degrees.get("N", 0), len(self.powers), str(self.powers))


def placed(expression: sympy.Expr, values: Mapping[sympy.Expr, Any]) -> sympy.Expr:
    """`expression` with numbers or other expressions in the place of symbols, all at once.

    One after the other, as SymPy's ``subs`` puts them, every maximum is compared again over the symbols that are left.
    """
    return expression.xreplace({name: sympy.sympify(value) for name, value in values.items()})


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


# Writing.

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def expression_text(expression: sympy.Expr) -> str:
    """Any expression as a person writes it."""
    found = terms(expression)
    if any(base.is_Add and exponent.could_extract_minus_sign() for term in found for base, exponent in term.powers):
        # One quotient by a sum, not one for each summand.
        numerator, denominator = sympy.fraction(sympy.factor(expression))
        above = [term.text() for term in terms(numerator)]
        return f"{above[0] if len(above) == 1 else f'({_join(above)})'}/({expression_text(denominator)})"
    return _join([term.text() for term in found])


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
    for factors, sign_ in ((above, 1), (below, -1)):
        under = [base for base, exponent in powers.items() if exponent == sign_ * sympy.Rational(1, 2)]
        for base, exponent in powers.items():
            if base in under[1:] or exponent.could_extract_minus_sign() != (sign_ < 0):
                continue
            factors.append(_root_text(under) if base in under else _power_text(base, abs(exponent)))
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


def _root_text(bases: Sequence[sympy.Expr]) -> str:
    """The square root of a product, numbers first."""
    text = "·".join(map(_base_text, sorted(bases, key=lambda base: not base.is_number)))
    bracketed = len(bases) == 1 and bases[0].is_Add
    return f"√({text})" if "·" in text and not bracketed else f"√{text}"


def _base_text(base: sympy.Expr) -> str:
    if isinstance(base, sympy.floor):
        return f"⌊{_ratio_text(base.args[0])}⌋"
    if isinstance(base, sympy.ceiling):
        return f"⌈{_ratio_text(base.args[0])}⌉"
    if base.is_Add:
        return f"({expression_text(base)})"
    if isinstance(base, (sympy.Min, sympy.Max, sympy.Function)):
        name = "min" if isinstance(base, sympy.Min) else "max" if isinstance(base, sympy.Max) else type(base).__name__
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
        if is_root(expression):
            return f"isqrt({self._print(expression.args[0] ** 2)})"
        return self._quotient(expression.args[0])

    def _print_ceiling(self, expression: sympy.ceiling) -> str:
        return f"(-{self._quotient(expression.args[0], '-')})"

    def _print_Function(self, call: Counted) -> str:
        static = [f"{name}={value!r}" for name, value in call.static.items()]
        return f"{type(call).__name__}({', '.join([*map(self._print, call.args), *static])})"

    def _print_Min(self, expression: sympy.Min) -> str:
        return f"min({', '.join(map(self._print, expression.args))})"

    def _print_Max(self, expression: sympy.Max) -> str:
        return f"max({', '.join(map(self._print, expression.args))})"


def is_root(rounded: sympy.Expr) -> bool:
    """Whether a floor is that of a square root."""
    return any(not factor.as_base_exp()[1].is_Integer for factor in sympy.Mul.make_args(rounded.args[0]))


def is_floor(part: sympy.Expr) -> bool:
    """Whether it is rounded, down or up."""
    return isinstance(part, (sympy.floor, sympy.ceiling))


def rounds(part: sympy.Expr) -> bool:
    """Whether it is a division that is rounded; of a square root nothing is exact."""
    return is_floor(part) and not is_root(part)


def unrounded(expression: sympy.Expr, which: Callable[[sympy.Expr], bool] = lambda _: True) -> sympy.Expr:
    """`expression` with every division exact, or with those of `which`."""
    return expression.replace(lambda part: rounds(part) and which(part), lambda part: part.args[0])


def expression_latex(expression: sympy.Expr) -> str:
    """Any expression as LaTeX."""
    return _join([term.latex() for term in terms(expression)])


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
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}


MOST = 1000
"""The greatest exponent that is read."""

Call = Callable[[str, Sequence[str], Mapping[str, sympy.Expr]], sympy.Expr]
"""What a function in a text stands for, by its name, its arguments, which are texts in quotes, and its keywords."""
Leaf = Callable[[ast.expr, str], sympy.Expr]
"""What a part of a text stands for that is none of these operations."""

_RELATIONS = {ast.Lt: "<", ast.LtE: "≤", ast.Gt: ">", ast.GtE: "≥", ast.Eq: "="}


def parse(text: str, call: Call | None = None, named: Callable[[str], sympy.Expr] = symbol) -> sympy.Expr:
    """The expression that `text` spells with integers, names, ``+ - * / **`` and brackets; nothing is run.

    With `call` also with functions of texts and of expressions by keyword, such as ``macs("se:reduction=4", C=2*C)``.
    A name is what `named` says.
    """
    return built(tree(text), text, _leaf(call, named))


def parse_relation(
    text: str, call: Call | None = None, named: Callable[[str], sympy.Expr] = symbol
) -> tuple[sympy.Expr, str, sympy.Expr]:
    """Two expressions and what is between them: ``<``, ``≤``, ``=``, ``≥`` or ``>``, spelled as in Python."""
    left, relation, right = relation_tree(text)
    first, second = (built(side, text, _leaf(call, named)) for side in (left, right))
    return first, relation, second


def _leaf(call: Call | None, named: Callable[[str], sympy.Expr]) -> Leaf:
    def leaf(node: ast.expr, text: str) -> sympy.Expr:
        match node:
            case ast.Constant(value) if type(value) is int:
                return sympy.Integer(value)
            case ast.Name(name):
                return named(name)
            case ast.Call(ast.Name(function), arguments, keywords) if call is not None:
                texts = [
                    each.value for each in arguments if isinstance(each, ast.Constant) and isinstance(each.value, str)
                ]
                given = {word.arg: built(word.value, text, leaf) for word in keywords if word.arg}
                if len(texts) < len(arguments) or len(given) < len(keywords):
                    raise CostModelError(f"{function} in {text!r} takes texts in quotes, then sizes by name, each once")
                return call(function, texts, given)
        raise CostModelError(f"{text!r} is not a sum, product, quotient or power of integers and names")

    return leaf


def tree(text: str) -> ast.expr:
    """`text`, parsed."""
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise CostModelError(f"{abbreviate(text)} is not an expression") from None


def relation_tree(text: str) -> tuple[ast.expr, str, ast.expr]:
    """The two sides of a relation, parsed, and what is between them."""
    match tree(text):
        case ast.Compare(left, [relation], [right]) if type(relation) in _RELATIONS:
            return left, _RELATIONS[type(relation)], right
    raise CostModelError(f"{abbreviate(text)} is no relation of two expressions, with one of < <= == >= > between them")


def built(node: ast.expr, text: str, leaf: Leaf, most: int = MOST) -> Any:
    """The expression that `node`, of `text`, spells with ``+ - * / **``; what is none of these is what `leaf` says."""
    match node:
        case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
            first, second = (built(side, text, leaf, most) for side in (left, right))
            if isinstance(op, ast.Pow) and not (second.is_Integer and 0 <= second <= most):
                raise CostModelError(f"{abbreviate(text)} has an exponent that is no integer from 0 to {most}")
            if isinstance(op, ast.Div) and sympy.cancel(second).is_zero:
                raise CostModelError(f"{abbreviate(text)} divides by 0")
            return _OPERATORS[type(op)](first, second)
    return leaf(node, text)
