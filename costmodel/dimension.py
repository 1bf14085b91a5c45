"""What a dimension may be, and the exact arithmetic that shapes need.

A dimension is a Python ``int``, a NumPy array of integers or a SymPy expression: whatever has exact
``+``, ``*`` and ``//``. This module knows the last two by their behaviour alone and imports neither;
what cannot be said by operators alone is lifted to them by the module that knows them (`lifts`).
"""

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

Dim: TypeAlias = Any
"""An exact non-negative quantity: ``int``, array of Python ints, or symbolic expression."""

Shape: TypeAlias = tuple[Dim, ...]


class CostModelError(ValueError):
    """What was asked for is not defined; the message is one sentence for the person who asked."""


lifts: dict[type, Callable[[Callable[..., int], Sequence[Dim], dict[str, Any]], Dim]] = {}
"""How a function of ints is applied to dimensions of another type, by that type."""


def on_integers(function: Callable[..., int]) -> Callable[..., Dim]:
    """Let `function` of positional ints take any dimensions there; keyword arguments pass through."""

    @functools.wraps(function)
    def lifted(*dims: Dim, **static: Any) -> Dim:
        for dim in dims:
            if not isinstance(dim, int):
                break
        else:
            return function(*dims, **static)
        for kind, lift in lifts.items():
            if isinstance(dim, kind):
                return lift(function, dims, static)
        raise CostModelError(
            f"{function.__name__} of {type(dim).__name__} needs costmodel.symbolic or costmodel.sweep imported first"
        )

    return lifted


def dimension(value: object, what: str = "a dimension") -> Dim:
    """Admit `value` as a dimension ≥ 1, or say why not.

    Arrays of machine integers become arrays of Python ints, which do not wrap; `bool`, floats and
    fractions are refused, not rounded.
    """
    if type(value) is int:
        if value < 1:
            raise CostModelError(f"{what} must be at least 1, not {abbreviate(value)}")
        return value
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind is not None and getattr(value, "ndim", 0) > 0:
        array: Any = value.astype(object)  # type: ignore[attr-defined]
        if kind not in "iuO" or not all(type(item) is int for item in array.flat):
            raise CostModelError(f"{what} must be an array of integers, not of {value.dtype}")  # type: ignore[attr-defined]
        if somewhere(array < 1):
            raise CostModelError(f"{what} must be at least 1 everywhere, not {array.min()}")
        return array
    if not isinstance(value, bool) and kind != "b":
        try:
            return dimension(operator.index(value), what)  # type: ignore[arg-type]
        except TypeError:
            if getattr(value, "free_symbols", None) and getattr(value, "is_integer", None) is not False:
                return value
    raise CostModelError(f"{what} must be a positive integer, not {abbreviate(value)}")


def abbreviate(value: object) -> str:
    """`value` short enough for an error of one line."""
    if isinstance(value, int) and abs(value) >= 10**24:
        return f"about {'-' * (value < 0)}1e{int(math.log10(abs(value)))}"
    text = str(value) if isinstance(value, int) else repr(value)
    return text if len(text) <= 40 else f"{text[:30]}… ({len(text)} characters)"


def somewhere(condition: Any) -> bool:
    """Whether `condition` is known to be true: of arrays anywhere, of symbols for all their values."""
    if type(condition) is bool:
        return condition
    if hasattr(condition, "any"):
        return bool(condition.any())
    return type(condition).__name__ == "BooleanTrue"


def differ(a: Dim, b: Dim) -> bool:
    """Whether two dimensions are known to differ: of arrays anywhere, of symbols for all their values."""
    if type(a) is int and type(b) is int:
        return a != b
    return somewhere(a - b > 0) or somewhere(a - b < 0)


def exact_div(a: Dim, b: Dim, what: str) -> Dim:
    """``a / b`` where `b` must divide `a`; of symbols ``⌊a / b⌋``, in which the condition can be read."""
    quotient = a // b
    if differ(quotient * b, a):
        raise CostModelError(f"{what}: {abbreviate(b)} does not divide {abbreviate(a)}")
    return quotient


elements: Callable[[Shape], Dim] = math.prod
"""The number of elements of a shape."""


def ceil_div(a: Dim, b: Dim) -> Dim:
    """``⌈a / b⌉``, exactly."""
    return -(-a // b)


def width(channels: Dim, reduction: Dim, what: str = "reduction") -> Dim:
    """The integer width ``channels // reduction``, as real modules compute it; never 0."""
    reduced = channels // reduction
    if somewhere(reduced < 1):
        raise CostModelError(
            f"{what} {abbreviate(reduction)} is larger than the {abbreviate(channels)} channels it divides"
        )
    return reduced


@on_integers
def minimum(a: int, b: int) -> int:
    """The smaller of two."""
    return min(a, b)


@on_integers
def maximum(*sizes: int) -> int:
    """The greatest of some."""
    return max(sizes)


@on_integers
def square_root(a: int) -> int:
    """``⌊√a⌋``, exactly."""
    return math.isqrt(a)
