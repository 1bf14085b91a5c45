"""A tree of operations over NumPy arrays that broadcast: each part over its own axes, and the whole block by block.

A count is a product of sums whose parts mostly depend on few of the axes. Each is worked out in its own, small shape,
so that as few operations as possible have the size of the grid, and these run over one block after the other, small
enough for the processor's cache, into the array that is returned.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from costmodel.symbolic.program import Call, Node

CACHED = 1 << 18
"""Elements of a block: 2 MiB, so that it is near the processor while it is worked on."""

Shape: TypeAlias = tuple[int, ...]
Index: TypeAlias = tuple[slice, ...]
Array: TypeAlias = np.ndarray[Any, Any]

_OPERATIONS: dict[str, Any] = {
    "add": np.add,
    "mul": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
    "floordiv": np.floor_divide,
}


def blocks(shape: Shape, size: int) -> Iterator[Index]:
    """Cut an array of `shape` into blocks of at most `size` elements, contiguous and in their order in memory."""
    whole = next(k for k in range(len(shape) + 1) if math.prod(shape[k:]) <= size)  # axes from here on are not cut
    if whole == 0:
        yield tuple(slice(0, length) for length in shape)
        return
    step = max(1, size // math.prod(shape[whole:]))
    for outer in np.ndindex(shape[: whole - 1]):
        for start in range(0, shape[whole - 1], step):
            yield (
                *(slice(place, place + 1) for place in outer),
                slice(start, min(start + step, shape[whole - 1])),
                *(slice(0, length) for length in shape[whole:]),
            )


class Evaluation:
    """Values of trees over the same names.

    The arrays of `names` have so many `dimensions` each, at least one, and broadcast. All are of `dtype`, which must
    hold every value on the way.
    """

    def __init__(self, names: Mapping[Node, Array], dtype: type, dimensions: int) -> None:
        self._values = dict(names)
        self._shapes: dict[Node, Shape] = {}
        self._dtype = dtype
        self._dimensions = dimensions

    def value(self, node: Node) -> Array:
        """The values of `node`, in the shape to which the names in it broadcast."""
        if node not in self._values:
            out: Array = np.empty(self._shape(node), self._dtype)
            if isinstance(node, int):
                out[...] = node
            else:
                fill = self._plan(node, out.shape)
                for index in blocks(out.shape, CACHED):
                    fill(index, out[index])
            self._values[node] = out
        return self._values[node]

    def _shape(self, node: Node) -> Shape:
        if isinstance(node, int):
            return (1,) * self._dimensions
        if isinstance(node, str):
            shape: Shape = self._values[node].shape
            return shape
        if node not in self._shapes:
            self._shapes[node] = _joined(map(self._shape, node.parts))
        return self._shapes[node]

    def _plan(self, node: Node, shape: Shape) -> Callable[[Index, Array | None], Any]:
        """How a block of `node`, as part of an array of `shape`, is made: in `out`, if one is given."""
        if isinstance(node, int):
            return lambda _index, _out: node
        if isinstance(node, str) or self._shape(node) != shape:
            array = self.value(node)
            cut = [length > 1 for length in array.shape]
            return lambda index, _out: array[
                tuple(part if c else slice(None) for part, c in zip(index, cut, strict=True))
            ]
        operation = _OPERATIONS[node.operation]
        first, *others = [self._plan(part, shape) for part in self._arranged(node, shape)]

        def fill(index: Index, out: Array | None) -> Any:
            if out is None:
                out = np.empty([part.stop - part.start for part in index], self._dtype)
            result = first(index, out)
            for other in others:
                result = operation(result, other(index, None), out=out)
            return result

        return fill

    def _arranged(self, node: Call, shape: Shape) -> list[Node]:
        """The parts of `node`, those of lesser shape joined into as few as stay lesser, from the largest on."""
        if node.operation == "floordiv":
            return list(node.parts)
        arranged: list[Node] = [part for part in node.parts if self._shape(part) == shape]
        arranged.sort(key=lambda part: isinstance(part, str))  # what takes operations takes them in place
        groups: list[list[Node]] = []
        lesser = [part for part in node.parts if self._shape(part) != shape]
        for part in sorted(lesser, key=lambda part: math.prod(self._shape(part)), reverse=True):
            for group in groups:
                if _joined(map(self._shape, (*group, part))) != shape:
                    group.append(part)
                    break
            else:
                groups.append([part])
        return arranged + [Call(node.operation, tuple(group)) if len(group) > 1 else group[0] for group in groups]


def _joined(shapes: Iterable[Shape]) -> Shape:
    """What shapes of as many dimensions broadcast to."""
    return tuple(map(max, zip(*shapes, strict=True)))


def extremes(array: Array) -> tuple[int, int]:
    """The least and the greatest element of an array of at least one, which is read once."""
    flat = array.reshape(-1)
    parts = [flat[start : start + CACHED] for start in range(0, flat.size, CACHED)]
    found = [(part.min(), part.max()) for part in parts]
    return int(min(least for least, _ in found)), int(max(greatest for _, greatest in found))
