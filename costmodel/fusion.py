"""Which operations run as one where a compiler fuses them, and which activations are then never written.

An elementwise operation joins the one that makes its first operand, if nothing else reads that: a norm, a ReLU and a
residual addition join their convolution, a chain of them becomes one. So does a copy, which is to write the same in
another order: merged heads, shuffled channels; one of the layer's input has nothing to join. Two products join with
the softmax or the scaling between them, if nothing else reads the map: attention that never writes its P² scores (Dao
et al. 2022, FlashAttention, arXiv:2205.14135, Algorithm 1). Nothing else is fused: a pool, a norm over its own
statistics and the next convolution start anew. That is what compilers for vision networks do, not the least that is
possible.

It is decided by who reads what and never by sizes, so that it is the same for numbers and for symbols.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from costmodel.dimension import CostModelError, Dim, Shape, elements
from costmodel.ledger import Ledger, Row
from costmodel.memory import width

ELEMENTWISE = frozenset(
    (
        *("add", "sub", "mul", "div", "scale", "batch_norm", "batch_norm_plain"),
        *("relu", "relu6", "silu", "sigmoid", "hard_sigmoid", "hard_swish"),
    )
)
"""A batch norm takes the statistics that it has learned."""
PRODUCTS = frozenset(("matmul", "sampled_matmul", "sparse_matmul"))
BETWEEN = ELEMENTWISE | {"softmax"}
"""What may lie between two products that run as one."""


class Kernel(NamedTuple):
    """Operations that run as one."""

    rows: tuple[Row, ...]
    elements: Dim
    """What it reads and writes: each activation and all weights once, and nothing that stays between its rows."""

    @property
    def name(self) -> str:
        """The names of its rows."""
        return " + ".join(row.name for row in self.rows)


def eager(ledger: Ledger) -> list[Kernel]:
    """Every operation by itself."""
    return _kernels(ledger.rows, range(len(ledger.rows)))


def fused(ledger: Ledger) -> list[Kernel]:
    """Operations joined, in the order in which the last one of each kernel runs."""
    rows = ledger.rows
    readers = _readers(rows)
    made = {row.storage: place for place, row in enumerate(rows)}
    kernel = list(range(len(rows)))
    """Of each row, the first row of its kernel."""

    def maker(row: Row, operand: int) -> int | None:
        """Which row makes an operand that nothing else reads."""
        storage = row.sources[operand]
        return made[storage] if storage in made and readers[storage] == 1 else None

    for place, row in enumerate(rows):
        first = maker(row, 0)
        if (row.kind in ELEMENTWISE or row.kind == "copy") and first is not None:
            kernel[place] = kernel[first]
        for operand in range(len(row.sources)) if row.kind in PRODUCTS else ():
            chain, before = [place], maker(row, operand)
            while before is not None and rows[before].kind in BETWEEN:
                chain.append(before)
                before = maker(rows[before], 0)
            if before is not None and rows[before].kind in PRODUCTS and len(chain) > 1:
                for each in chain:
                    kernel[each] = kernel[before]
    return _kernels(rows, kernel)


def fused_bytes(ledger: Ledger, dtype: str = "fp32") -> Dim:
    """Bytes that kernels read and write where operations are `fused`."""
    return width(dtype) * sum(kernel.elements for kernel in fused(ledger))


def _readers(rows: Sequence[Row]) -> Counter[int]:
    """How many rows read each memory."""
    for row in rows:
        if len(row.sources) != len(row.inputs):
            raise CostModelError(f"nobody says where {row.name} has its inputs from")
    return Counter(storage for row in rows for storage in {*row.sources})


def _kernels(rows: Sequence[Row], kernel: Sequence[int]) -> list[Kernel]:
    """The rows by kernel; `kernel` says of each row which one it belongs to."""
    readers = _readers(rows)
    outputs = {row.storage: row.output for row in rows}
    found: list[Kernel] = []
    grouped: dict[int, list[Row]] = {}
    for row, of in zip(reversed(rows), reversed(kernel), strict=True):
        grouped.setdefault(of, []).append(row)
    # In the order in which they end.
    for mine in (group[::-1] for group in reversed(grouped.values())):
        read: dict[int, Shape] = {}
        for row in mine:
            for storage, shape in zip(row.sources, row.inputs, strict=True):
                # A view of more dimensions repeats elements: who is attended to by many is read once.
                read.setdefault(storage, min(shape, outputs.get(storage, shape), key=len))
        inside = {row.storage for row in mine if row.storage in read and readers[row.storage] == 1}
        written = [row.output for row in mine if row.storage not in inside]
        moved = [*(shape for storage, shape in read.items() if storage not in inside), *written]
        found.append(Kernel(tuple(mine), sum(map(elements, moved)) + sum(row.weights for row in mine)))
    return found
