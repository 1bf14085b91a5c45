"""Layer programs over arrays of Python ints (``dtype=object``), which neither wrap nor round."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from costmodel import dimension, metrics
from costmodel.catalog import Layer
from costmodel.dimension import Dim


def _lift(function: Callable[..., int], dims: Sequence[Dim], static: dict[str, Any]) -> Any:
    return np.frompyfunc(lambda *values: function(*values, **static), len(dims), 1)(*dims)


dimension.lifts[np.ndarray] = _lift


def evaluate(layer: Layer, shape: Iterable[Dim], options: Mapping[str, Any], metric: str) -> Any:
    """The cost of `layer` in one of `metrics.METRICS` for every element of the arrays in `shape` and `options`.

    Dimensions and integer options are ints or integer arrays that broadcast against each other; the
    result is an array of Python ints of their common shape.
    """
    given = [size for size in (*shape,) if isinstance(size, np.ndarray)]
    given += [value for value in options.values() if isinstance(value, np.ndarray)]
    cost = metrics.total(layer.run(shape, options), metric)
    return np.broadcast_to(np.asarray(cost, dtype=object), np.broadcast_shapes(*[array.shape for array in given]))
