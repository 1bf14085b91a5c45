"""Whether an integer expression keeps its sign over a whole domain, exactly.

The expression is a tree of integer operations, floors included. On a box of arithmetic progressions it is read as a
polynomial in their indices k = 0, 1, …: where a floor is none there, the box falls into residue classes, on each of
which it is. A polynomial whose coefficients in the Bernstein basis of a box have one sign has that sign on the whole
box; a side without end has the power basis, the limit of it. Otherwise the box is halved, down to single points.

Boxes are taken in the order of their first points, so that the first counterexample is found first.
"""

import heapq
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple

from costmodel.checks.derived import Undecided
from costmodel.checks.domain import Axis, Progression, points
from costmodel.symbolic.program import Call, Node, Program

BOXES = 4096
"""The most boxes that a proof may take."""
POINTS = 10**6
"""The most points at which a statement is evaluated one by one."""

Signs = Set[int]
"""Those of -1, 0 and 1 with which a relation holds."""
Polynomial = dict[tuple[int, ...], int]
"""Coefficients by the exponents of the indices."""
Admits = Callable[[Sequence[int]], bool]


class Decision(NamedTuple):
    """Whether an expression has an allowed sign everywhere, and how that is known."""

    proved: bool
    """By boxes; otherwise by evaluating it at every point."""
    counterexample: tuple[int, ...] | None
    """The first point, in the order of the axes, at which it has not."""


class _Box(NamedTuple):
    first: tuple[int, ...]
    """Its least point, which no other box has: boxes are ordered by it."""
    sides: tuple[Progression, ...]
    depth: int


class _Split(Exception):  # noqa: N818 (it says what to do)
    """The tree is no polynomial on the box: `axis` is to be split into so many classes, or into halves."""

    def __init__(self, axis: int, classes: int | None) -> None:
        self.axis, self.classes = axis, classes


class _Opaque(Exception):  # noqa: N818 (it names a state)
    """The tree has a part that no polynomial gives, on whatever box."""


def decide(
    made: Program, node: Node, allowed: Signs, domain: Mapping[str, Axis], admits: Admits = lambda _: True
) -> Decision:
    """Whether `node`, of the names in `domain`, has an `allowed` sign at every point that `admits` lets pass.

    Raises `Undecided` where boxes do not tell and there are too many points.
    """
    number = points(domain)
    budget = BOXES if number is None else min(BOXES, number)
    decision = _by_boxes(made, node, allowed, domain, admits, budget)
    if decision is not None:
        return decision
    if number is None:
        raise Undecided("neither proved nor refuted: give each size a range that ends")
    if number > POINTS:
        raise Undecided(f"not proved, and the domain has {number:,} points, of which {POINTS:,} would be evaluated")
    return Decision(False, _first(made, node, allowed, domain, admits))


# Boxes.


def _by_boxes(
    made: Program, node: Node, allowed: Signs, domain: Mapping[str, Axis], admits: Admits, budget: int
) -> Decision | None:
    """None where `budget` boxes do not tell."""
    if math.prod(len(axis.runs) for axis in domain.values()) > budget:
        return None
    boxes = [_box(sides, 0) for sides in itertools.product(*(axis.runs for axis in domain.values()))]
    heapq.heapify(boxes)
    for _ in range(budget):
        if not boxes:
            break
        box = heapq.heappop(boxes)
        try:
            polynomial = _without_zeros(_Reading(made, [*domain], box.sides).of(node))
        except _Opaque:
            return None
        except _Split as split:
            if (split.classes or 0) > budget:
                return None
            for part in _parts(box, split.axis, split.classes):
                heapq.heappush(boxes, part)
            continue
        corner = polynomial.get((0,) * len(box.sides), 0)
        fails = _sign(corner) not in allowed
        if fails and admits(box.first):
            return Decision(True, box.first)
        if _signs(polynomial, box.sides) <= allowed:
            continue
        # Where a point fails that is not admitted, one beside it may be, along any axis.
        open_ = [
            axis
            for axis, side in enumerate(box.sides)
            if (fails and side.length != 1) or any(exponents[axis] for exponents in polynomial)
        ]
        for part in _parts(box, open_[box.depth % len(open_)], None) if open_ else ():
            heapq.heappush(boxes, part)
    return None if boxes else Decision(True, None)


def _box(sides: tuple[Progression, ...], depth: int) -> _Box:
    return _Box(tuple(side.first for side in sides), sides, depth)


def _parts(box: _Box, axis: int, classes: int | None) -> Iterator[_Box]:
    side = box.sides[axis]
    for part in side.halves() if classes is None else side.classes(classes):
        yield _box((*box.sides[:axis], part, *box.sides[axis + 1 :]), box.depth + 1)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _signs(polynomial: Polynomial, sides: Sequence[Progression]) -> Signs:
    """Signs that `polynomial` may have on a box: no others, but perhaps not all of these."""
    if not (polynomial := _without_zeros(polynomial)):
        return {0}
    degrees = [max(exponents[axis] for exponents in polynomial) for axis in range(len(sides))]
    for axis, side in enumerate(sides):
        if side.length is not None and degrees[axis]:
            polynomial = _bernstein(polynomial, axis, degrees[axis], side.length - 1)
    found = {_sign(value) for value in polynomial.values() if value}
    if len(found) > 1:
        return {-1, 0, 1}
    # What vanishes at no corner, and has no coefficient of the other sign, vanishes nowhere.
    ends = [(0,) if side.length is None else {0, degree} for side, degree in zip(sides, degrees, strict=True)]
    return found if all(polynomial.get(corner) for corner in itertools.product(*ends)) else found | {0}


def _without_zeros(polynomial: Polynomial) -> Polynomial:
    return {exponents: value for exponents, value in polynomial.items() if value}


def _bernstein(polynomial: Polynomial, axis: int, degree: int, last: int) -> Polynomial:
    """``(1+s)^degree`` times `polynomial` at ``k = last·s/(1+s)``: Bernstein's coefficients, each times a binomial."""
    made: Polynomial = {}
    for exponents, value in polynomial.items():
        power = exponents[axis]
        scaled = value * last**power
        for more in range(degree - power + 1):
            key = (*exponents[:axis], power + more, *exponents[axis + 1 :])
            made[key] = made.get(key, 0) + scaled * math.comb(degree - power, more)
    return made


class _Reading:
    """The trees of a program as polynomials on one box."""

    def __init__(self, made: Program, names: Sequence[str], sides: Sequence[Progression]) -> None:
        self._made, self._sides = made, sides
        self._constant = (0,) * len(sides)
        self._known: dict[Node, Polynomial] = {}
        for axis, (name, side) in enumerate(zip(names, sides, strict=True)):
            index = (*self._constant[:axis], 1, *self._constant[axis + 1 :])
            self._known[name] = {self._constant: side.first} | ({} if side.length == 1 else {index: side.step})

    def of(self, node: Node) -> Polynomial:
        """The polynomial that `node` is."""
        if isinstance(node, int):
            return {self._constant: node}
        if node not in self._known:
            self._known[node] = self._counted(node) if isinstance(node, str) else self._called(node)
        return self._known[node]

    def _called(self, node: Call) -> Polynomial:
        first, *others = map(self.of, node.parts)
        for other in others:
            match node.operation:
                case "add":
                    first = _added(first, other)
                case "mul":
                    first = _multiplied(first, other)
                case "min":
                    first = self._least(first, other)
                case "max":
                    first = other if self._least(first, other) is first else first
                case _:
                    first = self._divided(first, other)
        return first

    def _counted(self, name: str) -> Polynomial:
        function, parts, static = self._made.counted[name]
        values = [self._number(self.of(part)) for part in parts]
        if any(value is None for value in values):
            raise _Opaque
        return {self._constant: function(*values, **static)}

    def _number(self, polynomial: Polynomial) -> int | None:
        varying = any(value for exponents, value in polynomial.items() if any(exponents))
        return None if varying else polynomial.get(self._constant, 0)

    def _least(self, one: Polynomial, other: Polynomial) -> Polynomial:
        difference = _added(one, {exponents: -value for exponents, value in other.items()})
        signs = _signs(difference, self._sides)
        if signs <= {-1, 0}:
            return one
        if signs <= {0, 1}:
            return other
        raise _Split(self._varying(difference), None)

    def _divided(self, above: Polynomial, below: Polynomial) -> Polynomial:
        divisor = self._number(below)
        if divisor is None:
            raise _Split(self._varying(below), None)
        if not divisor:
            raise _Opaque
        for exponents, value in above.items():
            if any(exponents) and value % divisor:
                raise _Split(_first_axis(exponents), abs(divisor) // math.gcd(value, divisor))
        # All but the constant divides exactly, so the floor is that of the constant.
        return {exponents: value // divisor for exponents, value in above.items()}

    def _varying(self, polynomial: Polynomial) -> int:
        """The axis of the greatest extent on which `polynomial` depends."""
        axes = {axis for e, value in polynomial.items() if value for axis, power in enumerate(e) if power}
        return max(axes, key=lambda axis: self._sides[axis].length or math.inf)


def _first_axis(exponents: Sequence[int]) -> int:
    return next(axis for axis, power in enumerate(exponents) if power)


def _added(one: Polynomial, other: Polynomial) -> Polynomial:
    total = dict(one)
    for exponents, value in other.items():
        total[exponents] = total.get(exponents, 0) + value
    return total


def _multiplied(one: Polynomial, other: Polynomial) -> Polynomial:
    product: Polynomial = {}
    for (some, a), (more, b) in itertools.product(one.items(), other.items()):
        exponents = tuple(map(int.__add__, some, more))
        product[exponents] = product.get(exponents, 0) + a * b
    return product


# Points.


def _first(
    made: Program, node: Node, allowed: Signs, domain: Mapping[str, Axis], admits: Admits
) -> tuple[int, ...] | None:
    """The first point at which `node` has no allowed sign, all of them evaluated as one grid."""
    from costmodel.sweep import Compiled

    count = Compiled(made._replace(symbols=tuple(domain), root=node, requirements=()))
    columns: dict[str, list[Any]] = {}
    for name, axis in domain.items():
        # Those before it vary more slowly: one dimension more for each.
        columns = {before: [[value] for value in column] for before, column in columns.items()}
        columns[name] = [*axis.values()]
    every = itertools.product(*(axis.values() for axis in domain.values()))
    for point, value in zip(every, count(**columns).reshape(-1), strict=True):
        if _sign(int(value)) not in allowed and admits(point):
            return point
    return None
