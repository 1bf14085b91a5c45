"""What figures show: costs over a grid whose axes can be drawn."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from costmodel.catalog import Subject, spoken
from costmodel.dimension import CostModelError
from costmodel.subjects import subject_of
from costmodel.sweep import Grid, grid
from costmodel.sweep.compiled import LARGEST
from costmodel.symbolic import LETTERS

WORDS = {1: "one variable", 2: "two variables"}
MOST_POINTS = {1: 10_000, 2: 4_000_000}
"""Of a figure over so many variables: more than it has pixels, and what is soon counted and fits into memory."""
HIGHEST = 10**300
"""What is drawn passes through floating point."""


def counts(
    layers: Sequence[str | Subject],
    over: Mapping[str, Sequence[int]],
    at: Mapping[str, int],
    metric: str,
    *,
    axes: int,
    positive: bool,
) -> Grid:
    """The costs of `layers` over as many variables as the figure has axes for them.

    Raises `CostModelError` as `sweep.grid` does, if the values of a variable do not ascend, if points or digits are too
    many to be drawn, and, where they must be `positive`, if a cost is 0.
    """
    if len(over) != axes:
        raise CostModelError(f"this figure is drawn over {WORDS[axes]}, not {len(over)}")
    if (points := math.prod(map(len, over.values()))) > MOST_POINTS[axes]:
        raise CostModelError(f"a figure over {WORDS[axes]} shows at most {MOST_POINTS[axes]:,} points, not {points:,}")
    counted = grid(layers, over, at, metric)
    for name, values in counted.axes.items():
        if len(values) < 2 or not np.all(values[1:] > values[:-1]):
            raise CostModelError(f"{name} needs at least two values, in ascending order, to be drawn")
        if values.dtype == object:
            raise CostModelError(f"{name} is drawn up to {LARGEST:,}")
    for name, costs in counted.values.items():
        if positive and costs.min() < 1:
            raise CostModelError(f"{name} costs no {metric} somewhere, which a logarithmic scale cannot show")
        if costs.max() > HIGHEST:
            raise CostModelError(f"{name} costs more than {HIGHEST:.0e} {metric} somewhere, which cannot be drawn")
    return counted


def placed(layers: Sequence[str | Subject], at: Mapping[str, int]) -> tuple[list[Subject], dict[str, int]]:
    """`layers`, each with those options that `at` fixes, and the sizes that it fixes."""
    sizes = {name: size for name, size in at.items() if name in (*LETTERS, "side")}
    found = []
    for layer in layers:
        subject = subject_of(layer)
        names = {spoken(option): option for option in subject.layer.options}
        fixed = {names[name]: value for name, value in at.items() if name in names}
        found.append(subject._replace(options={**subject.options, **fixed}))
    return found, sizes
