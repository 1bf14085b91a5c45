"""Which layers, options and shapes are held against the oracles: derived from the catalog, so that a new option is too.

At the first map of `SMALL` a layer runs with every combination of its flags and choices, and with every two changes of
any of its options, integers included; at the others with every single change; at each of `LARGE` with every single
change of a flag or choice. What a layer refuses (an even kernel, heads that do not divide
the channels) is no case of it.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from costmodel.catalog import Layer, Option
from costmodel.dimension import CostModelError, elements
from costmodel.ledger import Ledger

Options = dict[str, Any]

SMALL: tuple[tuple[tuple[int, ...], ...], ...] = (
    # 40 is a multiple of 5 and 8, not of 12 or of 16, the usual reduction; 37 is one of nothing.
    ((3, 40, 7, 11), (2, 37, 5, 3), (1, 16, 2, 3), (1, 1, 1, 1)),
    ((2, 40, 3, 5, 7), (3, 37, 2, 3, 5), (1, 1, 1, 1, 1)),
)
"""Maps and videos of sizes that differ, so that none can stand for another, odd, so that pools round; and the least."""

LARGE: tuple[tuple[int, ...], ...] = (
    (1, 512, 97, 97),
    (8, 256, 56, 56),
    (1, 512, 28, 28),
    (1, 2048, 7, 7),
    (1, 1024, 4, 14, 14),
)
"""Sizes of real networks: DANet's, those of ResNet's stages, a video's."""

INTEGERS = (1, 5, 8, 12)
"""What an integer option is set to."""

MEMORY = 40 * 10**9
"""The most bytes of activations and weights of a case: half a GPU of 80 GB, since a trace keeps everything."""

LISTED: Mapping[str, int] = {"sparse-attention": 1024}
"""The most positions of a layer whose reference lists pairs of positions one by one."""

GROUPED = "of a convolution with groups FlopCounterMode counts the gradient of the weights as if it had one group"
"""Why its FLOPs of a step of training are compared with frozen weights only."""


class Case(NamedTuple):
    """A layer with options on a shape, and its ledger."""

    layer: Layer
    options: Options
    """Those that are not the defaults."""
    shape: tuple[int, ...]
    large: bool
    ledger: Ledger


def cases(layer: Layer) -> list[Case]:
    """Every case of a layer."""
    return [*_small(layer), *(case for case in _large(layer) if not excuse(case))]


def left_out(layer: Layer) -> list[tuple[Case, str]]:
    """The large cases that are not run, and why."""
    return [(case, reason) for case in _large(layer) if (reason := excuse(case))]


def structures(layer: Layer, shape: tuple[int, ...]) -> list[Case]:
    """Every combination of the flags and choices of a layer, at one shape."""
    return [*_distinct(layer, shape, _combinations(layer), large=False)]


def changes(layer: Layer, shape: tuple[int, ...]) -> list[Case]:
    """The defaults, and every change of one flag or choice of a layer, at one shape."""
    return [*_distinct(layer, shape, _singles(layer, integers=()), large=False)]


def numbers(layer: Layer, shape: tuple[int, ...]) -> list[Case]:
    """Every change of one integer option of a layer, at one shape."""
    integers = {name for name, option in layer.options.items() if option.is_integer}
    return [*_distinct(layer, shape, (change for change in _singles(layer) if integers & change.keys()), large=False)]


def excuse(case: Case) -> str | None:
    """Why a case cannot be run on every device, if so."""
    limit = LISTED.get(case.layer.name)
    positions = elements(case.shape[2:])
    if limit is not None and positions > limit:
        return f"its reference lists the pairs of up to {limit} positions, and these are {positions}"
    size = 4 * (elements(case.shape) + sum(elements(row.output) + row.params for row in case.ledger.rows))
    if size > MEMORY:
        return f"its tensors take {size / 1e9:.0f} GB"
    return None


def _small(layer: Layer) -> Iterator[Case]:
    for shapes in SMALL:
        for shape in shapes:
            base: Options = {}
            if _run(layer, base, shape, large=False) is None:
                # Too few channels for the defaults: start from the least integers instead.
                base = {name: 1 for name, option in layer.options.items() if option.is_integer and option.default}
            thorough = shape == SMALL[0][0]
            changes = [*_singles(layer)]
            if thorough:
                changes += [*_pairs(layer), *_combinations(layer)]
            yield from _distinct(layer, shape, ({**base, **change} for change in changes), large=False)


def _large(layer: Layer) -> Iterator[Case]:
    for shape in LARGE:
        yield from _distinct(layer, shape, _singles(layer, integers=()), large=True)


def _distinct(layer: Layer, shape: tuple[int, ...], choices: Iterable[Options], *, large: bool) -> Iterator[Case]:
    """A case for each of `choices` that the layer takes and that no earlier one equals."""
    seen: list[Options] = []
    for chosen in choices:
        options = {name: value for name, value in chosen.items() if value != layer.options[name].default}
        if options not in seen:
            seen.append(options)
            case = _run(layer, options, shape, large=large)
            if case:
                yield case


def _run(layer: Layer, options: Options, shape: tuple[int, ...], *, large: bool) -> Case | None:
    try:
        return Case(layer, options, shape, large, layer.run(shape, options))
    except CostModelError:
        return None


def _combinations(layer: Layer) -> Iterator[Options]:
    """All values of flags and choices with each other."""
    finite = {name: _values(option, ()) for name, option in layer.options.items() if not option.is_integer}
    for values in itertools.product(*finite.values()):
        yield dict(zip(finite, values, strict=True))


def _pairs(layer: Layer) -> Iterator[Options]:
    """Every two changes of different options, of an integer to two of its values only."""
    for one, other in itertools.combinations(_singles(layer, integers=INTEGERS[1:3]), 2):
        yield {**one, **other}


def _singles(layer: Layer, *, integers: tuple[int, ...] = INTEGERS) -> Iterator[Options]:
    """Nothing, or one option with one of its values."""
    yield {}
    for name, option in layer.options.items():
        yield from ({name: value} for value in _values(option, integers))


def _values(option: Option, integers: tuple[int, ...]) -> tuple[Any, ...]:
    return integers if option.is_integer else option.choices or (False, True)
