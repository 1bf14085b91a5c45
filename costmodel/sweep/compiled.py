"""A formula, compiled once and evaluated over arrays of sizes: exactly, or not at all."""

import functools
import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.catalog import nearest
from costmodel.dimension import CostModelError, abbreviate
from costmodel.sweep.blocks import Array, Evaluation, extremes
from costmodel.sweep.bounds import Interval, interval
from costmodel.symbolic.program import Call, Node, Program, program

if TYPE_CHECKING:
    from costmodel.symbolic import Derivation

LARGEST = 2**63 - 1
"""What int64 holds."""

_OPERATORS = {"add": operator.add, "mul": operator.mul, "floordiv": operator.floordiv}


def compile_formula(derivation: "Derivation", metric: str) -> "Compiled":
    """The exact count of `derivation` in one of `metrics.METRICS`, for many sizes.

    >>> from costmodel import find
    >>> from costmodel.symbolic import derive
    >>> macs = compile_formula(derive(find("se"), {}), "macs")
    >>> macs(N=1, C=[64, 512], H=28, W=28, r=16)
    array([  512, 32768])
    """
    return Compiled(program(derivation, metric))


class Compiled:
    """A function of the `symbols` of a formula, as ints or arrays of integers that broadcast.

    NumPy arrays (and lists and ranges) give a NumPy array of their common shape: int64 where every intermediate value
    fits into it at the largest corner of the arguments, else of Python ints (``dtype=object``). It may be a read-only
    view, where the count does not depend on all of them.

    Arrays of any other library that has the array API or NumPy's protocols, and ``+ - * //``, are combined by these
    operators alone, to the shape of what the count depends on. They must be of int64, which must hold every
    intermediate value. What is not computed yet stays so, but for the least and greatest element of each argument.

    Raises `CostModelError` if a symbol is missing, if a size is no integer or less than 1, if a division that must be
    exact is not, or if the count cannot be exact. That a kernel is odd is the layer's to check: see `Layer.run`.
    """

    def __init__(self, made: Program) -> None:
        self._program = made
        self.symbols = made.symbols

    def __call__(self, **sizes: Any) -> Any:
        """The count at these sizes."""
        values = self._given(sizes)
        self._check(values)
        return values.count(self._program.root)

    def check(self, **sizes: Any) -> None:
        """Raise unless the layer is defined at all of these sizes; counts nothing."""
        self._check(self._given(sizes))

    def fits(self, **sizes: Any) -> bool:
        """Whether int64 holds the count at these sizes, and every value on the way to it."""
        return interval(self._program.root, self._given(sizes).bounds).peak <= LARGEST

    def _check(self, values: "_Arrays | _Foreign") -> None:
        for node, text in self._program.requirements:
            if interval(node, values.bounds).least < 0 and (at := values.where_negative(node)) is not None:
                where = f" at {at}" if at else " somewhere"
                raise CostModelError(f"{self._program.layer} needs {text}, which does not hold{where}")

    def _given(self, sizes: Mapping[str, Any]) -> "_Arrays | _Foreign":
        for name in sizes:
            if name not in self.symbols:
                raise CostModelError(
                    f"the formula of {self._program.layer} has no symbol {abbreviate(name)}"
                    f"{nearest(name, self.symbols)}; it has {', '.join(self.symbols)}"
                )
        if missing := [name for name in self.symbols if name not in sizes]:
            raise CostModelError(f"the formula of {self._program.layer} needs a value for {', '.join(missing)}")
        foreign = any(
            hasattr(size, "dtype") and not isinstance(size, (np.ndarray, np.generic)) for size in sizes.values()
        )
        return (_Foreign if foreign else _Arrays)(sizes, self._program)


class _Arrays:
    """Symbols and counted names as NumPy arrays of as many dimensions as each other."""

    def __init__(self, sizes: Mapping[str, Any], made: Program) -> None:
        self._made = made
        arrays = {name: integers(name, size) for name, size in sizes.items()}
        try:
            self._shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
        except ValueError:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
            raise CostModelError(f"the sizes do not broadcast: {shapes}") from None
        self._dimensions = max(1, len(self._shape))
        self._names = {
            name: array.reshape((1,) * (self._dimensions - array.ndim) + array.shape) for name, array in arrays.items()
        }
        self.bounds = {name: _span(array) for name, array in self._names.items()}
        for name, (least, _, _) in self.bounds.items():
            if least < 1:
                raise CostModelError(f"{name} must be at least 1, not {abbreviate(least)}")
        for name, (function, parts, static) in made.counted.items():
            call = np.frompyfunc(functools.partial(function, **static), len(parts), 1)
            counted = np.asarray(call(*(self.value(part).astype(object) for part in parts)), object)
            self.bounds[name] = _span(counted)
            self._names[name] = counted.astype(np.int64) if self.bounds[name].peak <= LARGEST else counted

    def value(self, node: Node) -> Array:
        """The values of `node` in the shape of what it depends on; the largest corner decides their type."""
        dtype = np.int64 if interval(node, self.bounds).peak <= LARGEST else object
        names: dict[Node, Array] = {name: self._names[name].astype(dtype, copy=False) for name in _names(node)}
        return Evaluation(names, dtype, self._dimensions).value(node)

    def count(self, node: Node) -> Array:
        """The values of `node` in the shape of all sizes."""
        values = self.value(node)
        if isinstance(node, Call) and values.shape == self._shape:
            return values
        return np.broadcast_to(values if self._shape else values.reshape(()), self._shape)

    def where_negative(self, node: Node) -> str | None:
        """The first sizes at which `node` is negative, or None if it is so nowhere."""
        values = self.value(node)
        negative = np.argwhere(values < 0)
        if not len(negative):
            return None
        at = {
            name: np.broadcast_to(self._names[name], values.shape)[tuple(negative[0])] for name in self._symbols(node)
        }
        return ", ".join(f"{name} = {abbreviate(int(value))}" for name, value in at.items())

    def _symbols(self, node: Node) -> list[str]:
        """The symbols on which `node` depends, each once."""
        found: dict[str, None] = {}
        for name in _names(node):
            parts = self._made.counted[name].parts if name in self._made.counted else ()
            found |= (
                dict.fromkeys(symbol for part in parts for symbol in self._symbols(part)) if parts else {name: None}
            )
        return list(found)


class _Foreign:
    """Symbols as arrays of another library, which its own operators combine."""

    def __init__(self, sizes: Mapping[str, Any], made: Program) -> None:
        self._made = made
        self._kinds = " and ".join(
            sorted({type(size).__name__ for size in sizes.values() if not isinstance(size, int)})
        )
        if made.counted:
            functions = ", ".join(sorted({counting.function.__name__ for counting in made.counted.values()}))
            raise CostModelError(
                f"the formula of {made.layer} calls {functions}, which takes NumPy arrays, not {self._kinds}"
            )
        self._values: dict[Node, Any] = {}
        self.bounds = {}
        for name, size in sizes.items():
            if not isinstance(size, int) and str(getattr(size, "dtype", "")).rpartition(".")[2] != "int64":
                kind = f"{type(size).__name__} of {getattr(size, 'dtype', 'no dtype')}"
                raise CostModelError(f"{name} must be an array of int64 or an int, not {abbreviate(kind)}")
            least, greatest = (size, size) if isinstance(size, int) else (_extreme(size, "min"), _extreme(size, "max"))
            if least < 1:
                raise CostModelError(f"{name} must be at least 1, not {abbreviate(least)}")
            self.bounds[name] = Interval(least, greatest, greatest)
            self._values[name] = size

    def count(self, node: Node) -> Any:
        """The values of `node`."""
        if interval(node, self.bounds).peak > LARGEST:
            raise CostModelError(
                f"the count of {self._made.layer} exceeds int64 at the largest of these sizes, and {self._kinds} holds "
                "nothing larger: give NumPy arrays, which turn to Python ints there"
            )
        return self._value(node)

    def where_negative(self, node: Node) -> str | None:
        """Nothing, since no operator says where; or None if `node` is negative nowhere."""
        values = self.count(node)
        return "" if (values if isinstance(values, int) else _extreme(values, "min")) < 0 else None

    def _value(self, node: Node) -> Any:
        if isinstance(node, int):
            return node
        if node not in self._values:
            assert not isinstance(node, str)
            parts = map(self._value, node.parts)
            self._values[node] = functools.reduce(_OPERATORS[node.operation], parts)
        return self._values[node]


def integers(name: str, size: Any) -> Array:
    """`size` as an array of int64 or, if that does not hold it, of Python ints."""
    array: Array = np.asarray(size)
    if array.dtype.kind == "u" and array.size and int(array.max()) > LARGEST:
        array = array.astype(object)
    if array.dtype.kind not in "iuO" or (array.dtype.kind == "O" and any(type(item) is not int for item in array.flat)):
        raise CostModelError(f"{name} must be integers, not {abbreviate(size) if not array.ndim else array.dtype}")
    if not array.size:
        raise CostModelError(f"{name} must be at least one integer, not none")
    return array if array.dtype.kind == "O" else array.astype(np.int64, copy=False)


def _span(array: Array) -> Interval:
    least, greatest = extremes(array)
    return Interval(least, greatest, max(abs(least), abs(greatest)))


def _extreme(array: Any, which: str) -> int:
    """The least or the greatest element, by the array API or as a method."""
    if hasattr(array, "__array_namespace__"):
        return int(getattr(array.__array_namespace__(), which)(array))
    return int(getattr(array, which)())


def _names(node: Node) -> list[str]:
    """The names in a tree, each once."""
    if isinstance(node, (int, str)):
        return [] if isinstance(node, int) else [node]
    return list(dict.fromkeys(name for part in node.parts for name in _names(part)))
