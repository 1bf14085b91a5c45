"""The ledger: what a layer did, one row an operation, arithmetic by kind and never blended."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from costmodel.dimension import CostModelError, Dim, Shape, differ, elements


class Taps(NamedTuple):
    """How the kernel of a convolution lies along one dimension, "same" padding."""

    size: Dim
    """Of the input."""
    kernel: Dim
    stride: Dim
    dilation: Dim


class Row(NamedTuple):
    """One operation. Sizes are in elements, arithmetic in operations of the kind that names them."""

    name: str
    kind: str
    inputs: tuple[Shape, ...]
    output: Shape
    params: Dim
    """Parameters that this row owns: 0 where it uses another row's."""
    weights: Dim
    """Parameters that it uses, its own or another row's."""
    arithmetic: Mapping[str, Dim]
    """By kind: ``mac`` (a multiplication and an addition), ``add`` (or a subtraction), ``mul``, ``div``, ``cmp``,
    ``exp``, ``erf``, ``log``, ``sin``, ``cos``, ``sqrt``."""
    sources: tuple[int, ...] = ()
    """Which memory each input lies in: that of the layer's input is 0. A view lies in that of what it views."""
    storage: int = 0
    """Which memory the output lies in; no other row's does."""
    taps: tuple[Taps, ...] = ()
    """Of a convolution, along each spatial dimension; none where its kernel is a point."""
    assembled: tuple[int, ...] = ()
    """Which inputs, by their place, are views whose gradients are copied into one of what they view: parts of it, which
    are joined, and such as no view brings back into its order."""

    @property
    def read(self) -> Dim:
        """Elements read: the inputs and the weights."""
        return sum(map(elements, self.inputs)) + self.weights

    @property
    def written(self) -> Dim:
        """Elements written: the output."""
        return elements(self.output)


class Ledger:
    """The rows of one run of a layer, in order, and who owns which weights."""

    __slots__ = (
        "_weights",
        "bounds",
        "chosen",
        "differentiable",
        "divisions",
        "facts",
        "input",
        "prefix",
        "rows",
        "visit",
    )

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.input: Shape | None = None
        """The shape of the layer's input, of which its rows may read parts."""
        self.differentiable = True
        """Whether the input requires a gradient in training, as that of a layer in a network does."""
        self.facts: dict[str, Any] = {}
        """What a layer worked out on the way and its users may want, such as attended pairs."""
        self.chosen: dict[str, Dim] = {}
        """Options that were not given and whose value the layer took from its input."""
        self.bounds: list[tuple[Dim, Dim]] = []
        """Pairs (a, b) such that the counts hold for a ≤ b only; whoever counts has checked it where it can be."""
        self.divisions: list[tuple[Dim, Dim]] = []
        """Pairs (b, a) such that the layer is defined only where b divides a; whoever divided has checked it."""
        self._weights: dict[str, Dim] = {}
        self.prefix = ""
        """What stands before the names of the rows written now."""
        self.visit: Callable[[Any, str], Any] | None = None
        """What happens at the places that a network offers: a tensor and the place's name, to a tensor."""

    @contextlib.contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Put ``name.`` before the names of the rows written inside."""
        outer = self.prefix
        self.prefix = f"{outer}{name}."
        try:
            yield
        finally:
            self.prefix = outer

    def own(self, name: str, weights: Dim, *, reuse: bool) -> Dim:
        """Register `weights` parameters under `name`; return how many of them are new.

        Weights are shared on purpose or not at all: `reuse` needs them to exist, and without it
        they must not.
        """
        name = self.prefix + name
        if reuse:
            if name not in self._weights:
                raise CostModelError(f"no weights are called {name!r} yet, so none can be used again")
            if differ(self._weights[name], weights):
                raise CostModelError(f"the weights {name!r} have another size than this use of them needs")
            return 0
        if name in self._weights:
            raise CostModelError(f"weights called {name!r} exist already: choose another name, or say reuse=True")
        self._weights[name] = weights
        return weights

    def params(self) -> Dim:
        """Parameters of all rows; shared ones once."""
        return sum(row.params for row in self.rows)

    def arithmetic(self) -> dict[str, Dim]:
        """Arithmetic of all rows, by kind."""
        total: dict[str, Dim] = {}
        for row in self.rows:
            for kind, count in row.arithmetic.items():
                total[kind] = total.get(kind, 0) + count
        return total

    def _repr_html_(self) -> str:
        """For a notebook: a line an operation, a column a kind of arithmetic that occurs."""
        from costmodel.html import table

        total = self.arithmetic()
        rows = (
            (row.name, row.kind, "×".join(map(str, row.output)), row.params, *(row.arithmetic.get(k, 0) for k in total))
            for row in self.rows
        )
        headers = ("operation", "kind", "output", "params", *total)
        whole = ("total", "", "", self.params(), *total.values())
        return table(headers, rows, numbers=1 + len(total), total=whole)
