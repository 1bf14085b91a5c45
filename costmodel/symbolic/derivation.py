"""A layer run on symbols."""

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sympy

from costmodel import dimension, metrics
from costmodel.catalog import Layer
from costmodel.dimension import Dim
from costmodel.ledger import Ledger, Row
from costmodel.symbolic.formula import Formula
from costmodel.symbolic.notation import Counted, Max, expression_text, parse, symbol, terms

SIZES = {"N": "batch size", "C": "input channels", "T": "frames", "H": "height", "W": "width"}
LETTERS = {letter.lower(): letter for letter in SIZES}
"""The sizes as users name them: ``n``, ``c``, ``t``, ``h``, ``w``."""


def _lift(function: Callable[..., int], dims: Sequence[Dim], static: dict[str, Any]) -> sympy.Expr:
    if function.__name__ == "minimum":
        return sympy.Min(*dims)
    if function.__name__ == "maximum":
        return Max(*dims)
    if function.__name__ == "square_root":
        return sympy.floor(sympy.sqrt(*dims))
    return _named(function, tuple(static.items()))(*dims)


@functools.cache
def _named(function: Callable[..., int], static: tuple[tuple[str, Any], ...]) -> Any:
    """`function` as a named SymPy function that evaluates once all its arguments are integers; always the same one."""

    def evaluate(_cls: Any, *args: sympy.Expr) -> sympy.Integer | None:
        if all(arg.is_Integer for arg in args):
            return sympy.Integer(function(*map(int, args), **dict(static)))
        return None

    members = {"eval": classmethod(evaluate), "is_integer": True, "__doc__": function.__doc__}
    return type(function.__name__, (Counted,), members | {"counts": staticmethod(function), "static": dict(static)})


dimension.lifts[sympy.Basic] = _lift


class Derivation(NamedTuple):
    """A layer's ledger over symbols."""

    layer: Layer
    options: Mapping[str, Any]
    """Every option; those left open are symbols."""
    symbols: Mapping[str, str]
    """Each symbol and what it stands for."""
    ledger: Ledger

    def formula(self, metric: str) -> Formula:
        """The whole layer in one of `metrics.ASKED`."""
        return Formula.of(metric, metrics.total(self.ledger, metric), self.ledger)

    def function(self, metric: str) -> Callable[..., int]:
        """A plain function of the `symbols`, as ints and in their order, that is exact and takes about a microsecond.

        For the same layer at many sizes: deriving it takes SymPy and some milliseconds, once.
        """
        formula = self.formula(metric)
        scope = {
            "min": min,
            "max": max,
            "isqrt": math.isqrt,
            **{type(call).__name__: call.counts for call in formula.calls()},
            "__builtins__": {},
        }
        # Its text is written by this package from a layer's own operations: nothing a user typed is in it but numbers.
        function: Callable[..., int] = eval(f"lambda {', '.join(self.symbols)}: {formula.python()}", scope)  # noqa: S307
        return function

    def values(self, shape: Sequence[int], options: Mapping[str, Any]) -> dict[str, int]:
        """A number for each of `symbols`: the sizes, and of every open option that in `options`, or the layer's own.

        Raises `CostModelError` for sizes and options that the layer does not take.
        """
        given = {name: value for name, value in options.items() if value != self.layer.options[name].symbol}
        chosen = self.layer.resolve(given) | self.layer.run(shape, given).chosen
        names = [name for name in SIZES if name != "T" or name in self.symbols]
        sizes = {name: size for name, size in zip(names, shape, strict=True) if name in self.symbols}
        return sizes | {letter: chosen[name] for letter, name in self.symbols.items() if letter not in sizes}

    def of_rows(self, names: Sequence[str], metric: str) -> Formula:
        """The rows called `names` together."""
        rows: list[Row] = [row for row in self.ledger.rows if row.name in names]
        return Formula.of(metric, sum(metrics.of_row(row, metric) for row in rows), self.ledger)

    def headline_is_term(self) -> bool:
        """Whether the layer's headline is, under its condition, a sum of terms of these formulas.

        It can fail to be with options that are not the source's, or that contradict the condition.
        """
        headline = self.layer.headline
        if headline is None:
            return False
        options = {**self.options, **self.ledger.chosen}
        fixed = {
            option.symbol: options[name]
            for name, option in self.layer.options.items()
            if option.symbol and (name in self.ledger.chosen or isinstance(options[name], int))
        }
        if any(fixed.get(letter, value) != value for letter, value in headline.when.items()):
            return False
        values = {symbol(letter): value for letter, value in (fixed | dict(headline.when)).items()}
        ours = terms(self.of_rows(headline.rows, headline.metric).expression.subs(values))
        return all(term in ours for term in terms(parse(headline.expression).subs(values)))

    def _repr_markdown_(self) -> str:
        """For a notebook: what the symbols mean, and an equation a metric."""
        formulas = [self.formula(metric) for metric in metrics.METRICS]
        symbols = ", ".join(f"${sympy.latex(symbol(name))}$ {_plain(what)}" for name, what in self.symbols.items())
        fixed = ", ".join(
            f"{name}={expression_text(value) if isinstance(value, sympy.Expr) else value}"
            for name, value in self.options.items()
            if name not in self.symbols.values()
        )
        functions = {name: what for formula in formulas for name, what in formula.functions().items()}
        equations = " \\\\\n".join(formula.aligned_latex() for formula in formulas)
        parts = [f"**{_plain(self.layer.name)}**: {symbols}" + (f"; with {_plain(fixed)}" if fixed else "")]
        parts += [f"$$\n\\begin{{aligned}}\n{equations}\n\\end{{aligned}}\n$$"]
        parts += [_plain(f"{name}: {what}") for name, what in functions.items()]
        return "\n\n".join(parts)


def derive(layer: Layer, options: Mapping[str, Any], *, video: bool = False) -> Derivation:
    """Run `layer` on symbols: sizes always, but for a network's channels, and those options that are left open.

    These are the open ones that are not among `options`, and one that is given as its own letter.
    """
    opened = {
        name: option.symbol
        for name, option in layer.options.items()
        if option.symbol and (options.get(name) == option.symbol or (option.open and name not in options))
    }
    video = video or (layer.input is not None and len(layer.input) == 5)
    sizes = [name for name in SIZES if video or name != "T"]
    given = {**options, **{name: symbol(letter) for name, letter in opened.items()}}
    if layer.input:
        sizes.remove("C")  # a network takes pictures
    shape = [symbol(name) for name in sizes]
    if layer.input:
        shape.insert(1, layer.input[1])
    ledger = layer.run(shape, given)
    meanings = {name: SIZES[name] for name in sizes} | {letter: name for name, letter in opened.items()}
    return Derivation(layer, layer.resolve(given) | ledger.chosen, meanings, ledger)


def _plain(text: str) -> str:
    """`text` as Markdown in which nothing is markup."""
    return re.sub(r"([\\`*_~$&|<>{}\[\]])", r"\\\1", text)
