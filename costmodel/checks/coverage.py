"""At which points the formulas of torch modules are known: they are traced for sizes that satisfy conditions.

Conditions on one size are an arithmetic progression, ``2 divides H - 1`` and ``H ≥ 5`` as 5, 7, 9, …; other conditions
are asked at single points.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from costmodel.checks.derived import Undecided
from costmodel.checks.domain import POSITIVE, Axis, Progression
from costmodel.checks.proof import decide
from costmodel.dimension import Dim
from costmodel.symbolic import expression, expression_text, symbol
from costmodel.symbolic.domain import guard_text
from costmodel.symbolic.program import program_of
from costmodel.symbolic.relations import difference, is_false, is_true, steps, together

_EVERY = POSITIVE.runs[0]


class Condition(NamedTuple):
    """What a formula asks of the sizes of a statement."""

    relation: Any
    text: str
    apart: bool
    """Whether it is of H and W, of which the statement only has the product."""


class Known(NamedTuple):
    """For which sizes the formula of one module is known to hold."""

    module: str
    conditions: Sequence[Condition]
    input: Sequence[tuple[Dim, int]]
    """A point at which it was checked besides: sizes of the statement, and what they are there."""

    def was_checked(self, values: Mapping[Dim, Axis]) -> bool:
        """Whether that is all that is asked."""
        at = {size: axis.runs[0].first for size, axis in values.items() if axis.length == 1}
        return all(expression(size).subs(at) == value for size, value in self.input)


class Coverage:
    """The points at which every formula of a module in a statement is known."""

    def __init__(self, known: Iterable[Known], values: Mapping[Dim, Axis]) -> None:
        """Where sizes have `values`, and others are open.

        Raises `Undecided` if there are none.
        """
        asked = [each for each in known if not each.was_checked(values)]
        self._values = values
        self._modules = " and ".join(dict.fromkeys(each.module for each in asked))
        self._apart = [c for each in asked for c in each.conditions if c.apart]
        self._others: list[Any] = []
        self._steps: dict[Dim, Progression] = {}
        for condition in (c for each in asked for c in each.conditions if not c.apart):
            for part in together(condition.relation):
                if is_false(part):
                    raise self._nowhere(condition.text)
                size, step = _progression(part)
                if step:
                    self.restrict(size, step)
                elif not is_true(part) and part not in self._others:
                    self._others.append(part)
        self._positions = self._products()
        if symbol("P") in values and not self.of(symbol("P"), values[symbol("P")]).runs:
            raise self._nowhere(" and ".join(self.conditions()))

    @property
    def sizes(self) -> set[Dim]:
        """Those of which something is asked."""
        return {*self._steps, *([symbol("P")] if self._apart else [])}.union(
            *(part.free_symbols for part in self._others)
        )

    def restrict(self, size: Dim, step: Progression) -> None:
        """Let a size be in `step` only."""
        before = self._steps.get(size, _EVERY)
        met = before.meet(step)
        if met is None:
            raise self._nowhere(" and ".join([*_said(size, before), *_said(size, step)]))
        self._steps[size] = met
        if size in self._values and not self.of(size, self._values[size]).runs:
            raise self._nowhere(" and ".join(_said(size, met)))

    def restricts(self, size: Dim) -> bool:
        """Whether something is asked of this size alone."""
        return size in self._steps

    def of(self, size: Dim, axis: Axis) -> Axis:
        """Those of its values that satisfy what is asked of it alone."""
        step = self._positions if size == symbol("P") else self._steps.get(size, _EVERY)
        return axis._replace(runs=tuple(met for run in axis.runs if (met := run.meet(step))))

    def _products(self) -> Progression:
        """Numbers of positions that hold all those of maps whose sides satisfy what is asked of each."""
        first, step = 1, 1
        for side in map(symbol, "HW"):
            asked = [_progression(part) for condition in self._apart for part in together(condition.relation)]
            met: Progression | None = _EVERY
            for each in (each for size, each in asked if size == side and each):
                met = met and met.meet(each)
            if met is None:
                raise self._nowhere(" and ".join(self.conditions()))
            first *= met.first
            step *= met.step if met.first % met.step == 0 else 1
        return Progression(first, step, None)

    def admits(self, at: Mapping[Dim, int]) -> bool:
        """Whether the formulas are known there."""
        if any(step.meet(Progression(at[size], 1, 1)) is None for size, step in self._steps.items()):
            return False
        if any(not is_true(part.subs(at)) for part in self._others):
            return False
        return not self._apart or any(map(self._holds_apart, _factors(at)))

    def _holds_apart(self, sides: Mapping[Dim, int]) -> bool:
        return all(is_true(condition.relation.subs(sides)) for condition in self._apart)

    def conditions(self) -> list[str]:
        """What sizes that are open must satisfy, in words."""
        open_ = [said for size, step in self._steps.items() if size not in self._values for said in _said(size, step)]
        open_ += [guard_text(part) for part in self._others if not part.free_symbols <= self._values.keys()]
        return [*open_, *dict.fromkeys(condition.text for condition in self._apart)]

    def missed(self) -> tuple[Mapping[Dim, int], str] | None:
        """A point of the sizes with values at which the formulas are not known, and why."""
        first = {size: axis.runs[0].first for size, axis in self._values.items()}
        for size, step in self._steps.items():
            if size in self._values and (missed := _missed(self._values[size], step)) is not None:
                return first | {size: missed}, " and ".join(_said(size, step))
        for part in self._others:
            if part.free_symbols <= self._values.keys():
                domain = {str(size): self._values[size] for size in sorted(part.free_symbols, key=str)}
                if (point := self._first(part, domain)) is not None:
                    return first | {symbol(n): v for n, v in zip(domain, point, strict=True)}, guard_text(part)
        return None

    def not_known(self, why: str) -> Undecided:
        """To be raised where a formula is asked for sizes for which nobody knows it."""
        return Undecided(f"the formula of {self._modules} is known where {why}")

    def _nowhere(self, why: str) -> Undecided:
        return Undecided(f"the formula of {self._modules} is known where {why}, and so at no point that is asked")

    def _first(self, part: Any, domain: Mapping[str, Axis]) -> Sequence[int] | None:
        found = difference(part)
        if found is None:
            raise self.not_known(guard_text(part))
        made = program_of(found[0], {})
        needed = {name: axis for name, axis in domain.items() if name in made.symbols}
        point = decide(made, made.root, found[1], needed).counterexample
        if point is None:
            return None
        at = {name: axis.runs[0].first for name, axis in domain.items()} | dict(zip(needed, point, strict=True))
        return [*at.values()]


def _progression(relation: Any) -> tuple[Dim, Progression | None]:
    """The one size that a relation is about, and its values there; None where these are no progression."""
    found = steps(relation)
    if found is None:
        return None, None
    length = None if found.last is None else (found.last - found.first) // found.step + 1
    return found.size, Progression(found.first, found.step, length)


def _said(size: Dim, step: Progression) -> Iterator[str]:
    """``2 divides H - 1`` and ``H ≥ 5``."""
    if step.length == 1:
        yield f"{size} = {step.first}"
        return
    rest = step.first % step.step
    if step.step > 1:
        yield f"{step.step} divides {expression_text(size - rest)}"
    if step.first > (rest or step.step):
        yield f"{size} ≥ {step.first}"
    if step.length is not None:
        yield f"{size} ≤ {step.first + step.step * (step.length - 1)}"


def _missed(axis: Axis, step: Progression) -> int | None:
    """The first value that is not in `step`."""
    for run in axis.runs:
        met = run.meet(step)
        if met != run:
            return next(value for value in run.values() if step.meet(Progression(value, 1, 1)) is None)
    return None


def _factors(at: Mapping[Dim, int]) -> Iterator[dict[Dim, int]]:
    """The heights and widths that so many positions may be."""
    positions = at.get(symbol("P"), 1)
    for height in itertools.takewhile(lambda h: h * h <= positions, itertools.count(1)):
        if positions % height == 0:
            for sides in {(height, positions // height), (positions // height, height)}:
                yield {**at, **dict(zip(map(symbol, "HW"), sides, strict=True))}
