"""A formula as a tree of integer operations, factored, for whoever evaluates it at many sizes.

Expanded, a formula repeats its factors in every term. Here what all terms share stands once, in front, and what
always occurs together is one factor: ``4·N·C·k·H·W + 2·N·k·H²·W²`` is ``2·N·k·P·(2·C + P)`` with ``P = H·W``. Every
division is a floor, so the tree counts exactly at all sizes that fulfil its requirements.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, Union

import sympy

from costmodel import metrics
from costmodel.ledger import Ledger
from costmodel.symbolic.derivation import Derivation
from costmodel.symbolic.notation import Counted, expression_text, is_root, terms


class Call(NamedTuple):
    """An operation on its parts: ``add``, ``mul`` or ``min`` of two or more, or ``floordiv`` of two."""

    operation: str
    parts: tuple["Node", ...]


Node: TypeAlias = Union[int, str, Call]  # noqa: UP007 (a name in quotes takes no |)
"""A number, a name, or an operation."""


class Counting(NamedTuple):
    """A value that no operators give: a function of ints, called for each element."""

    function: Callable[..., int]
    parts: tuple[Node, ...]
    static: dict[str, Any]


class Requirement(NamedTuple):
    """What must hold for the layer to be defined: that a value is not negative."""

    node: Node
    text: str


class Program(NamedTuple):
    """One metric of one layer, as operations on its symbols."""

    layer: str
    symbols: tuple[str, ...]
    root: Node
    counted: dict[str, Counting]
    """Names in the trees that are no symbols; each is made of symbols and of names before it."""
    requirements: tuple[Requirement, ...]


def program(derivation: Derivation, metric: str) -> Program:
    """The exact count of `derivation` in one of `metrics.ASKED`."""
    ledger = derivation.ledger
    made = program_of(sympy.sympify(metrics.total(ledger, metric)), required(ledger))
    return made._replace(layer=derivation.layer.name, symbols=tuple(derivation.symbols))


def program_of(expression: sympy.Expr, requirements: Mapping[sympy.Expr, str]) -> Program:
    """Any expression that is an integer, where values are not negative whose texts say so."""
    counted: dict[str, Counting] = {}
    symbols = sympy.Tuple(expression, *requirements).free_symbols
    return Program(
        "",
        tuple(sorted(map(str, symbols))),
        _node(expression, counted),
        counted,
        tuple(Requirement(_node(value, counted), text) for value, text in requirements.items() if value != 0),
    )


def required(ledger: Ledger) -> dict[sympy.Expr, str]:
    """What must not be negative for a layer to be defined, and what that says."""
    found: dict[sympy.Expr, str] = {}
    for row in ledger.rows:
        for size in (size for shape in (*row.inputs, row.output) for size in shape):
            if isinstance(size, sympy.floor):
                found[size - 1] = f"{expression_text(size)} ≥ 1"
    for b, a in ledger.divisions:
        found[b * sympy.floor(sympy.sympify(a) / b) - a] = f"{expression_text(b)} divides {expression_text(a)}"
    for a, b in ledger.bounds:
        found[sympy.sympify(b) - a] = f"{expression_text(a)} ≤ {expression_text(b)}"
    return found


def _node(expression: sympy.Expr, counted: dict[str, Counting]) -> Node:
    numerator, denominator = sympy.together(sympy.expand(expression)).as_numer_denom()
    polynomial = [
        (int(term.coefficient), {_atom(base, counted): int(power) for base, power in term.powers})
        for term in terms(numerator)
        if term.coefficient
    ]
    above = _factored(polynomial)
    return above if denominator == 1 else Call("floordiv", (above, _node(denominator, counted)))


def _atom(base: sympy.Expr, counted: dict[str, Counting]) -> Node:
    """A factor that is no product."""
    if base.is_Symbol:
        return str(base)
    if isinstance(base, sympy.Min):
        return Call("min", tuple(_node(part, counted) for part in base.args))
    if isinstance(base, sympy.Max):
        return Call("max", tuple(_node(part, counted) for part in base.args))
    if isinstance(base, Counted):
        parts = tuple(_node(part, counted) for part in base.args)
        return _counting(Counting(base.counts, parts, base.static), counted)
    assert isinstance(base, sympy.floor), f"{base} is none of the functions that shapes are made of"
    ratio = base.args[0]
    if is_root(base):
        return _counting(Counting(math.isqrt, (_node(ratio**2, counted),), {}), counted)
    above, below = sympy.together(ratio).as_numer_denom()
    return Call("floordiv", (_node(above, counted), _node(below, counted)))


def _counting(made: Counting, counted: dict[str, Counting]) -> str:
    for name, known in counted.items():
        if known == made:
            return name
    counted[name := f"{made.function.__name__}_{len(counted)}"] = made
    return name


Polynomial: TypeAlias = list[tuple[int, dict[Node, int]]]
"""Coefficients, and the powers of what they multiply."""


def _factored(polynomial: Polynomial) -> Node:
    """What all terms share, times the rest, by Horner's rule in what most of its terms share."""
    if not polynomial:
        return 0
    polynomial = _merged(polynomial)
    content = math.gcd(*(coefficient for coefficient, _ in polynomial))
    first = polynomial[0][1]
    common = {atom: min(powers.get(atom, 0) for _, powers in polynomial) for atom in first}
    factors: list[Node] = [atom for atom, power in common.items() for _ in range(power)]
    rest = [(coefficient // content, _divided(powers, common)) for coefficient, powers in polynomial]
    if len(rest) == 1:
        content *= rest[0][0]
    else:
        factors.append(_horner(rest))
    return _product(content, factors)


def _horner(polynomial: Polynomial) -> Node:
    counts: dict[Node, int] = {}
    for _, powers in polynomial:
        for atom in powers:
            counts[atom] = counts.get(atom, 0) + 1
    most = max(counts, key=counts.__getitem__)
    summands: list[Node] = []
    for part in (
        [term for term in polynomial if most in term[1]],
        [term for term in polynomial if most not in term[1]],
    ):
        node = _factored(part)
        summands += node.parts if isinstance(node, Call) and node.operation == "add" else (node,)
    return Call("add", tuple(summands))


def _merged(polynomial: Polynomial) -> Polynomial:
    """Atoms that have the same power as each other in every term, as one atom."""
    together: dict[tuple[int, ...], list[Node]] = {}
    for atom in dict.fromkeys(atom for _, powers in polynomial for atom in powers):
        together.setdefault(tuple(powers.get(atom, 0) for _, powers in polynomial), []).append(atom)
    return [
        (coefficient, {_product(1, atoms): vector[index] for vector, atoms in together.items() if vector[index]})
        for index, (coefficient, _) in enumerate(polynomial)
    ]


def _divided(powers: dict[Node, int], common: dict[Node, int]) -> dict[Node, int]:
    left = {atom: power - common.get(atom, 0) for atom, power in powers.items()}
    return {atom: power for atom, power in left.items() if power}


def _product(coefficient: int, factors: list[Node]) -> Node:
    flat: list[Node] = [] if coefficient == 1 else [coefficient]
    for factor in factors:
        flat += factor.parts if isinstance(factor, Call) and factor.operation == "mul" else (factor,)
    return Call("mul", tuple(flat)) if len(flat) > 1 else flat[0] if flat else 1
