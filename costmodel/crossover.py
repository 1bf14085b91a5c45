"""Where two costs are equal, exactly, and which integers lie on either side.

The closed forms of two layers differ by a rational function of one variable; its positive roots are the crossings.
Real layers have integer sizes, and widths that floor, so the answer that counts is the one over the integers: with
every division rounded as modules round it, a cost is, piece by piece, a polynomial on each residue class of the
variable, and between which integers of a class the difference of two changes its sign is found exactly. Between all
these nothing changes, so a few runs of the two shape programs decide every integer up to infinity.
"""

import contextlib
import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from costmodel.catalog import Layer, Subject, spoken
from costmodel.dimension import CostModelError, Dim, abbreviate
from costmodel.metrics import total
from costmodel.subjects import subject_of
from costmodel.symbolic import LETTERS, derive, expression_text, placed, symbol
from costmodel.symbolic.residues import sign_changes
from costmodel.symbolic.roots import choices, nearest_root, positive_roots, signs

AXES = (*LETTERS, "side", "p")
"""What can vary besides options: the sizes, side = H = W, and positions p = H·W."""

CLASSES = 512
"""The most residue classes that are told apart."""
SCANNED = 100_000
"""The most integers that are tried one by one."""
MAXIMA = 100_000
"""The most maxima in all residue classes together that are solved, each for where it becomes another argument."""

Sign = Callable[[int], int | None]
"""1 where the first is cheaper, -1 where the second is, 0 where they are equal, None where one is not defined."""


class Crossing(NamedTuple):
    """One change of the cheaper side."""

    exact: Dim | None
    """The root of the closed form next to it; None where only rounding makes them cross, or too many maxima meet."""
    last_before: int | None
    """The last integer at which `cheaper_before` is; None where other symbols are open."""
    first_after: int | None
    cheaper_before: str
    cheaper_after: str


class Crossover(NamedTuple):
    """Where two costs cross over one variable."""

    difference: Dim
    """The first cost less the second, in closed form."""
    crossings: list[Crossing]
    verdict: str
    rounded: bool
    """Whether a division rounds for some integers, so that they need not be those next to the exact root."""


class Run(NamedTuple):
    """Integers from `first` to `last` (None: without end) with one sign wherever both costs are defined."""

    first: int
    last: int | None
    sign: int | None
    """None: it depends on the remainder."""


def crossover(
    a: str | Subject, b: str | Subject, *, over: str, at: Mapping[str, int] | None = None, metric: str = "macs"
) -> Crossover:
    """Where the costs of `a` and `b` in `metric` cross as `over` grows, with the sizes in `at` fixed.

    >>> crossover("danet-pam", "danet-cam", over="p").verdict
    'danet-pam is cheaper below p = 2·C/3, danet-cam above'

    `over` is one of `AXES` or an integer option of either layer. Sizes that `at` leaves out stay open, except for n,
    which is 1: arithmetic is the same for each of however many samples; bytes and time, in which weights, caches and
    starts take part, are those of one.

    Raises `CostModelError` where the question has no answer: an option that cannot vary, a cost that depends on H and W
    apart where p is asked for, or one without closed form.
    """
    a, b = subject_of(a), subject_of(b)
    _check_channels((over, *(at or {})), a.layer, b.layer)
    variable = _variable(over, a.layer, b.layer)
    curves = [Curve(each, over, variable, at or {}, metric) for each in (a, b)]
    difference = curves[0].form - curves[1].form
    rounded = any(curve.rounded for curve in curves)
    names = {1: a.name, -1: b.name}
    try:
        if curves[0].open_symbols() | curves[1].open_symbols():
            crossings, verdict = _in_symbols(difference, variable, names, over)
        else:
            crossings, verdict = _in_integers(curves, names, over)
    except NotImplementedError as error:
        raise CostModelError(
            f"{a.name} against {b.name} over {over} cannot be solved: {error}; --at fixes sizes"
        ) from None
    return Crossover(curves[0].shown - curves[1].shown, crossings, verdict, rounded)


def largest(
    layer: str | Subject, *, over: str, limit: int, at: Mapping[str, int] | None = None, metric: str = "macs"
) -> int | None:
    """The largest value of `over` at which the cost, of one sample unless `at` says n, is at most `limit`.

    None if there is no such value.

    Raises `CostModelError` as `crossover` does, if another size is left open, and if every value from some on fits.
    """
    asked = subject_of(layer)
    _check_channels((over, *(at or {})), asked.layer)
    curve = Curve(asked, over, _variable(over, asked.layer), at or {}, metric)
    if curve.open_symbols():
        missing = ", ".join(sorted(name for name, letter in LETTERS.items() if symbol(letter) in curve.open_symbols()))
        raise CostModelError(f"what fits depends on {missing}: fix it with --at")

    def fits(value: int) -> int | None:
        cost = curve.at(value)
        return None if cost is None else 1 if cost <= limit else -1

    try:
        runs = _runs([curve], curve.exact - limit, fits)
    except NotImplementedError as error:
        raise CostModelError(f"{asked.name} over {over} cannot be solved: {error}") from None
    fitting = [run for run in runs if run.sign == 1]
    if not fitting:
        return None
    if fitting[-1].last is None:
        raise CostModelError(f"every {over} from {_first(fitting[-1], fits)} on fits: there is no largest one")
    return _last(fitting[-1], fits)


def costs(
    subjects: Sequence[Subject], *, over: str, at: Mapping[str, int], metric: str, value: int
) -> list[int | None]:
    """What each costs where `over` is `value`, of one sample unless n is given; None where it is not defined."""
    variable = _variable(over, *(subject.layer for subject in subjects))
    return [Counts(subject, over, variable, at, metric).at(value) for subject in subjects]


def forms(
    subjects: Sequence[Subject], *, over: Sequence[str], at: Mapping[str, int], metric: str
) -> tuple[list[Any], list[Dim]]:
    """The symbols of `over`, and each cost in closed form in them, of one sample unless n is given.

    Raises `CostModelError` as `crossover` does, and where a cost depends on another size too.
    """
    first, *others = over
    variables = {name: _variable(name, *(subject.layer for subject in subjects)) for name in over}
    fixed = {**at, **{name: variables[name] for name in others if name in AXES}}
    found = []
    for subject in subjects:
        letters = {name: o.symbol for name, o in subject.layer.options.items() if name in others and o.symbol}
        opened = subject._replace(options={**subject.options, **letters})
        form = Curve(opened, first, variables[first], fixed, metric).form
        form = form.subs({symbol(letter): variables[name] for name, letter in letters.items()})
        if form.free_symbols - {*variables.values()}:
            raise CostModelError(f"{subject.name} depends on more than {' and '.join(over)}: fix the rest with --at")
        found.append(form)
    return [*variables.values()], found


class Counts:
    """One layer's cost at integers."""

    def __init__(self, subject: Subject, over: str, variable: Any, at: Mapping[str, Dim], metric: str) -> None:
        self._subject, self._over, self._at, self._metric = subject, over, at, metric
        layer = subject.layer
        _check(over, at)
        self.variable = variable
        self._letter = layer.options[over].symbol if over in layer.options else None
        options = {name: option.default for name, option in layer.options.items()} | dict(subject.options)
        self._options = {name: value for name, value in options.items() if name != over}
        self._places = {
            symbol(LETTERS.get(name, name)): value for name, value in at.items() if name not in ("side", "p")
        }
        if self._letter:
            self._places[symbol(self._letter)] = self.variable
        for name, value in ((over, self.variable), *at.items()):
            if name in ("side", "p"):
                self._places |= {symbol("H"): value, symbol("W"): value if name == "side" else 1}

    @functools.cache  # noqa: B019 (a curve lives as long as its question)
    def at(self, value: int) -> int | None:
        """The cost at an integer, by the shape program; None where the layer is not defined."""
        places = {str(place): int(size) if size != self.variable else value for place, size in self._places.items()}
        places.setdefault(str(self.variable), value)
        network = self._subject.layer.input
        video = len(network) == 5 if network else "t" in (self._over, *self._at)
        letters = [letter for letter in "NCTHW" if letter != "T" or video]
        # A size that the cost does not depend on was left open; any will do.
        shape = [network[1] if network and letter == "C" else places.get(letter, 1) for letter in letters]
        options = self._options | ({self._over: value} if self._over in self._subject.layer.options else {})
        try:
            cost: int = total(self._subject.layer.run(shape, options), self._metric)
        except CostModelError:
            return None
        return cost


class Curve(Counts):
    """And in closed form, as a function of one variable."""

    def __init__(self, subject: Subject, over: str, variable: Any, at: Mapping[str, Dim], metric: str) -> None:
        super().__init__(subject, over, variable, at, metric)
        layer = subject.layer
        opened = {over: self._letter} if self._letter else {}
        derivation = derive(layer, self._options | opened, video="t" in (over, *at))
        formula = derivation.formula(metric)
        if formula.calls():
            raise CostModelError(f"{subject.name} has no closed form: {', '.join(formula.functions())} counts")
        if "p" in (over, *at):
            self._depends_on_positions_only(formula.exact)
        self.shown = placed(formula.expression, self._places)
        # Of one sample, unless their number is what varies or is fixed: arithmetic is the same for each of them.
        one = self._places if over == "n" else {symbol("N"): 1, **self._places}
        self.form, self.exact = (placed(expression, one) for expression in (formula.expression, formula.exact))
        self.rounded = bool(self.exact != self.form)
        self.divisions = [(placed(b, self._places), placed(a, self._places)) for b, a in formula.conditions]
        # A network takes no map smaller than its output stride.
        stride = self._options.get("output_stride", layer.stride)
        least = [(stride, symbol("H")), (stride, symbol("W")), *formula.bounds]
        self.margins = [placed(b - a, self._places) for a, b in least]
        """The layer is not defined where one of them is negative."""

    def open_symbols(self) -> set[Any]:
        """The symbols in it besides the variable."""
        return set(self.exact.free_symbols) - {self.variable}

    def _depends_on_positions_only(self, exact: Dim) -> None:
        h, w, p = map(symbol, "HWP")
        by_positions = exact.subs(h, p / w).expand()
        # What expanding leaves, simplifying may not; but that takes long.
        if w in by_positions.free_symbols and w in by_positions.simplify().free_symbols:
            raise CostModelError(
                f"{self._subject.name} depends on H and W apart, not on p = H·W alone: use side, h or w"
            )


def _variable(over: str, *layers: Layer) -> Any:
    """The symbol of what varies."""
    if over in AXES:
        return symbol({"side": "S", "p": "P", **LETTERS}[over])
    options = {name: option.symbol for layer in layers for name, option in layer.options.items()}
    letter = options.get(over)
    if letter is None:
        varying = ", ".join([*AXES, *(spoken(name) for name, letter in sorted(options.items()) if letter)])
        raise CostModelError(f"what varies is one of {varying}, not {abbreviate(spoken(over))}")
    return symbol(letter)


def _check_channels(names: Sequence[str], *layers: Layer) -> None:
    if "c" in names and all(layer.input for layer in layers):
        raise CostModelError("c is the channels of layers, and a network has its own")


def _check(over: str, at: Mapping[str, Dim]) -> None:
    for name in at:
        if name not in AXES:
            raise CostModelError(f"what --at fixes is one of {', '.join(AXES)}, not {abbreviate(name)}")
    taken = [
        letter
        for name in (over, *at)
        for letter in {"side": "hw", "p": "hw"}.get(name, name if name in LETTERS else "")
    ]
    if len(set(taken)) < len(taken):
        raise CostModelError(f"{', '.join((over, *at))} fix a size twice: side and p stand for both h and w")


# Over the integers.


def _in_integers(curves: Sequence[Curve], names: Mapping[int, str], over: str) -> tuple[list[Crossing], str]:
    def cheaper(value: int) -> int | None:
        first, second = (curve.at(value) for curve in curves)
        return None if first is None or second is None else (second > first) - (second < first)

    runs = _runs(curves, curves[0].exact - curves[1].exact, cheaper)
    difference = curves[0].form - curves[1].form
    crossings = []
    for before, after in _changes(runs):
        last, first = _last(before, cheaper), _first(after, cheaper)
        exact = nearest_root(difference, curves[0].variable, last, first)
        crossings.append(Crossing(exact, last, first, names[before.sign or 0], names[after.sign or 0]))
    return crossings, _verdict(runs, crossings, names, over)


def _runs(curves: Sequence[Curve], difference: Any, cheaper: Sign) -> list[Run]:
    """All integers from 1 on, in runs of one sign."""
    variable = curves[0].variable
    divisions = [division for curve in curves for division in curve.divisions]
    divided = [size for divisor, size in divisions if divisor.free_symbols]
    if divided:
        # What divides a size is no larger than it.
        return _scanned(1, max(map(int, divided)), cheaper)
    period = math.lcm(*(int(divisor) for divisor, _ in divisions))
    if period > CLASSES:
        raise NotImplementedError(f"widths round in {period} different ways, and {CLASSES} are told apart")
    rounded = any(curve.rounded for curve in curves)
    classes = range(period if rounded else 1)
    if (maxima := len(choices(difference)) * len(classes)) > MAXIMA:
        raise NotImplementedError(
            f"it has {maxima:,} maxima, and {MAXIMA:,} are solved; 'costmodel sweep' counts at each size"
        )
    cuts = {cut for remainder in classes for cut in sign_changes(difference, variable, len(classes), remainder)}
    for margin in {margin for curve in curves for margin in curve.margins}:
        # One that has another period is left to the programs, which are tried after every cut.
        with contextlib.suppress(NotImplementedError):
            cuts |= {cut for remainder in range(period) for cut in sign_changes(margin, variable, period, remainder)}
    runs: list[Run] = []
    first = 1
    # A cut after k separates k from k + 1.
    for last in [*sorted(cut for cut in cuts if cut >= 1), None]:
        runs += _run(first, last, period, cheaper)
        first = (last or 0) + 1
    return _merged(runs)


def _run(first: int, last: int | None, period: int, cheaper: Sign) -> Iterator[Run]:
    """Integers between which no class changes its sign: one run, unless the classes differ."""
    sample = range(first, first + period if last is None else min(first + period, last + 1))
    signs = {found for value in sample if (found := cheaper(value)) is not None}
    if len(signs) == 1:
        yield Run(first, last, signs.pop())
    elif signs and last is None:
        yield Run(first, None, None)
    elif signs:
        yield from _scanned(first, last or 0, cheaper)


def _scanned(first: int, last: int, cheaper: Sign) -> list[Run]:
    """Integer by integer."""
    if last - first > SCANNED:
        raise NotImplementedError(f"from {first} to {last} only trying tells, and {SCANNED:,} values are tried")
    signs = ((value, cheaper(value)) for value in range(first, last + 1))
    return _merged([Run(value, value, found) for value, found in signs if found is not None])


def _merged(runs: Sequence[Run]) -> list[Run]:
    merged: list[Run] = []
    for run in runs:
        if merged and merged[-1].sign == run.sign:
            merged[-1] = merged[-1]._replace(last=run.last)
        else:
            merged.append(run)
    return merged


def _changes(runs: Sequence[Run]) -> Iterator[tuple[Run, Run]]:
    strict = [run for run in runs if run.sign]
    yield from ((before, after) for before, after in itertools.pairwise(strict) if before.sign != after.sign)


def _last(run: Run, cheaper: Sign) -> int:
    """The last integer of a run at which there is an answer."""
    assert run.last is not None
    return next(value for value in range(run.last, run.first - 1, -1) if cheaper(value) == run.sign)


def _first(run: Run, cheaper: Sign) -> int:
    """The first integer of a run at which there is an answer."""
    return next(
        value for value in range(run.first, (run.last or run.first + CLASSES) + 1) if cheaper(value) == run.sign
    )


def _verdict(runs: Sequence[Run], crossings: Sequence[Crossing], names: Mapping[int, str], over: str) -> str:
    signs = {run.sign for run in runs}
    if not signs:
        return f"the two are defined together for no {over}"
    if signs == {0}:
        return "they cost the same everywhere"
    if None in signs:
        return f"from {over} = {runs[-1].first} on, which one is cheaper depends on the remainder of {over}"
    if not crossings:
        always = names[max(signs, key=lambda found: abs(found or 0)) or 0]
        return f"{always} is always cheaper" + (", or costs the same" if 0 in signs else "")
    said = [f"{crossing.cheaper_before} is cheaper up to {over} = {crossing.last_before}" for crossing in crossings]
    return ", ".join([*said, f"{crossings[-1].cheaper_after} from {crossings[-1].first_after} on"])


# In symbols.


def _in_symbols(difference: Any, variable: Any, names: Mapping[int, str], over: str) -> tuple[list[Crossing], str]:
    roots = positive_roots(difference, variable)
    if difference == 0:
        return [], "they cost the same everywhere"
    found = signs(difference, variable, roots)
    if None in found:
        raise NotImplementedError("which one is cheaper depends on the sizes left open")
    cheaper = [names[-sign] if sign else "neither" for sign in found]
    crossings = [
        Crossing(root, None, None, before, after)
        for root, before, after in zip(roots, cheaper, cheaper[1:], strict=False)
        if before != after
    ]
    if not crossings:
        return [], f"{cheaper[0]} is always cheaper" + (", or costs the same" if roots else "")
    said = [f"{c.cheaper_before} is cheaper below {over} = {expression_text(c.exact)}" for c in crossings]
    return crossings, ", ".join([*said, f"{crossings[-1].cheaper_after} above"])
