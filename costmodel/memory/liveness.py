"""What is alive while the operations of a ledger run, forward and backward."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from costmodel.dimension import CostModelError, Dim, Shape, elements, maximum
from costmodel.ledger import Ledger, Row
from costmodel.memory import autograd
from costmodel.memory.autograd import ALL, Gradients

MOST = 200
"""Operations of which each may hold the peak, in a formula."""


class Peak(NamedTuple):
    """The most bytes of activations alive at once, and the operation during which they are."""

    bytes: Dim
    row: str | None
    """``softmax``, or ``softmax, backward``; None where it depends on sizes that are open."""


class _Gradient(NamedTuple):
    """What has come together of the gradient of an activation."""

    memory: int
    """Where it lies: an addition passes its own on to both of its inputs."""
    part: bool = False
    """Whether it is a part of that memory, as the gradient of what is concatenated is."""


class Run:
    """Forward and backward of a ledger: what is alive, and how much that was at each operation."""

    def __init__(self, ledger: Ledger, width: int, gradients: Gradients = ALL) -> None:
        """Of elements of `width` bytes."""
        self.rows = ledger.rows
        self.width = width
        shapes, self.last = autograd.memories(ledger)
        self.elements = {storage: elements(shape) for storage, shape in shapes.items()}
        read = {storage for row in self.rows for storage in row.sources}
        self.outputs = [row.storage for row in self.rows if row.storage not in read]
        self.last.update(dict.fromkeys([0, *self.outputs], len(self.rows)))
        self.differentiated = {
            row.storage: (needed, learned) for row, needed, learned in autograd.differentiated(ledger, gradients)
        }
        self.used: set[int] = {0}
        """Memories that are needed by a later operation, or by whoever calls."""
        self.saved: dict[int, list[int]] = {}
        """What each operation, by the memory of its output, keeps for backward."""
        self.beside: dict[int, Dim] = {}
        """Bytes of statistics and places that it keeps."""
        self.gradients: dict[int, _Gradient] = {}
        """By the memory of the activation."""
        self.pieces: dict[int, list[_Gradient]] = {}
        """The same, of what is still to be `costmodel.ledger.Row.assembled`."""
        self.made: list[Dim] = []
        """Elements of each memory made for gradients."""
        self.weights: dict[str, Dim] = {}
        """Elements of gradients of weights, by their name."""
        self.moments: list[tuple[str, Dim]] = []

    def peak(self) -> Peak:
        """The most of all moments so far."""
        greatest = _greatest([count for _, count in self.moments])
        held = [name for name, count in self.moments if type(count) is int and count == greatest]
        return Peak(greatest, held[0] if held else None)

    def note(self, name: str, beside: Dim = 0, passing: Iterable[int] = ()) -> None:
        """Add up what is alive, with `beside` bytes and with gradients that are on their way."""
        storages = {*self.used, *(storage for kept in self.saved.values() for storage in kept)}
        memories = {*self.waiting(), *passing}
        count = sum(self.elements[storage] for storage in storages) + sum(self.made[memory] for memory in memories)
        count = self.width * (count + sum(self.weights.values())) + sum(self.beside.values())
        self.moments.append((name, count + beside))

    def waiting(self) -> Iterator[int]:
        """The memories of gradients that wait for the operation that takes them."""
        pieces = (piece for pieces in self.pieces.values() for piece in pieces)
        return (gradient.memory for gradient in (*self.gradients.values(), *pieces))

    def forward(self, *, training: bool = True, saving: bool = False, rows: int | None = None) -> None:
        """Run all operations, or the first `rows`; of a training step its outputs go to what comes after."""
        for place, row in enumerate(self.rows[:rows]):
            self.used.add(row.storage)
            beside = autograd.beside(row, self.width, training=training)
            self.note(row.name, beside)
            if saving:
                self.save(row, beside)
            self.used -= {storage for storage in (row.storage, *row.sources) if self.last[storage] <= place}

    def save(self, row: Row, beside: Dim) -> None:
        """Keep what `row` keeps if its output requires a gradient."""
        if row.storage in self.differentiated:
            self.saved[row.storage] = autograd.held(row, *self.differentiated[row.storage])
            self.beside[row.storage] = beside

    def keeps(self, row: Row) -> bool:
        """Whether it keeps anything for backward."""
        kept = autograd.kept_of(row)
        return row.storage in self.differentiated and bool(
            kept.places or kept.statistics or autograd.held(row, *self.differentiated[row.storage])
        )

    def backward(self, *, again: bool) -> None:
        """Run it, from the gradients of the outputs on; if `again`, with forward where its results are needed."""
        self.used = {0}
        for storage in self.outputs:
            if storage in self.differentiated:
                self.gradients[storage] = self.new(self.elements[storage])
        repeated = False
        for row in reversed(self.rows):
            if row.storage in self.pieces:
                self.assemble(row.storage, row)
            if row.storage in self.gradients:
                if again and not repeated and self.keeps(row):
                    self.repeat()
                    repeated = True
                self.differentiate(row, again=again)
        if 0 in self.pieces:
            self.assemble(0, self.rows[0])

    def assemble(self, storage: int, row: Row) -> None:
        """Copy the gradients of views into one of what they view, before `row` runs."""
        whole = self.new(self.elements[storage])
        self.note(f"{row.name}, backward", passing=[whole.memory])
        del self.pieces[storage]
        self.deliver(row, [(storage, whole)])

    def again(self) -> list[Row]:
        """What a checkpoint runs again: up to the last operation that keeps anything, with it if it keeps results."""
        keeping = [place for place, row in enumerate(self.rows) if self.keeps(row)]
        if not keeping:
            return []
        kept = autograd.kept_of(self.rows[keeping[-1]])
        return self.rows[: keeping[-1] + bool(kept.output or kept.places or kept.statistics)]

    def repeat(self) -> None:
        """Run forward again; an operation after that keeps its inputs, if any keeps anything."""
        rows = self.again()
        self.forward(saving=True, rows=len(rows))
        for row in self.rows[len(rows) :]:
            if self.keeps(row):
                self.save(row, 0)
        self.used = {0}

    def differentiate(self, row: Row, *, again: bool) -> None:
        """Make the gradients of the inputs and the weights of `row` from that of its output.

        Those of what is repeated over the output are products as large as it is, whose sums are taken last, one after
        the other, each in the place of a product. What was saved is there until then; what forward has made `again`,
        only for the products.
        """
        needed, learned = self.differentiated[row.storage]
        whole = self.gradients[row.storage]
        passed: list[tuple[int, _Gradient]] = []
        pieces: list[tuple[int, _Gradient]] = []
        sums: list[int] = []
        products: Dim = 0
        for place, storage in enumerate(row.sources):
            if not needed[place]:
                continue
            passes = row.kind in ("add", "copy") or (row.kind == "sub" and place == 0)
            repeated = row.kind in ("add", "sub", "mul") and _is_repeated(row.inputs[place], row.output)
            if row.kind == "concat" and len(row.inputs[place]) == len(row.output):
                gradient = _Gradient(whole.memory, part=True)
            elif passes and not repeated:
                gradient = whole
            else:
                part = place in row.assembled
                gradient = self.new(elements(row.inputs[place]) if part else self.elements[storage])
            if repeated:
                sums.append(gradient.memory)
                products = products + (0 if passes else elements(row.output))
            (pieces if place in row.assembled else passed).append((storage, gradient))
        weights = row.weights if learned else 0
        summed = _summed(row) if learned else 0
        if row.kind == "scale":
            products = products + summed * elements(row.output)
        beside = self.width * (products + weights)
        if row.kind == "max":
            # Which elements are the maximum, a byte each; how many they are, an int64; and a share of the gradient.
            beside = beside + elements(row.inputs[0]) + (autograd.INDEX + self.width) * elements(row.output)
        memories = [gradient.memory for _, gradient in (*passed, *pieces)]
        if again:
            self.note(
                f"{row.name}, backward",
                beside - self.width * summed,
                [memory for memory in memories if memory not in sums],
            )
            self.release(row)
        replacing = sums[1:] if row.kind == "mul" else []
        self.note(f"{row.name}, backward", beside, [memory for memory in memories if memory not in replacing])
        self.release(row)
        del self.gradients[row.storage]
        if learned:
            self.weights[row.name] = weights
        for storage, piece in pieces:
            self.pieces.setdefault(storage, []).append(piece)
        self.deliver(row, passed)

    def release(self, row: Row) -> None:
        """Let go of what `row` has saved."""
        self.saved.pop(row.storage, None)
        self.beside.pop(row.storage, None)

    def deliver(self, row: Row, passed: list[tuple[int, _Gradient]]) -> None:
        """Give activations the gradients that `row` has made, or add them to those that are there."""
        for place, (storage, gradient) in enumerate(passed):
            there = self.gradients.pop(storage, None)
            waiting = [other.memory for _, other in passed[place:]]
            if there and (there.part or there.memory in (*waiting, *self.waiting())):
                total = self.new(self.elements[storage])
                self.note(f"{row.name}, backward", 0, [there.memory, total.memory, *waiting])
                there = total
            self.gradients[storage] = there or gradient

    def new(self, size: Dim) -> _Gradient:
        """A gradient in memory of its own."""
        self.made.append(size)
        return _Gradient(len(self.made) - 1)


def _is_repeated(shape: Shape, output: Shape) -> bool:
    """Whether an input of `shape` is repeated over an `output` of more elements."""
    return len(shape) != len(output) or any(
        type(one) is int and one == 1 and not (type(other) is int and other == 1)
        for one, other in zip(shape, output, strict=True)
    )


def _summed(row: Row) -> Dim:
    """How many weights of `row` have gradients that are sums over more elements, taken by themselves."""
    if row.kind == "linear":
        return row.weights - row.inputs[0][-1] * row.output[-1]
    return row.weights if row.kind == "scale" else 0


def _greatest(candidates: Sequence[Dim]) -> Dim:
    """The greatest; of symbols, those that are known never to be greater than another one are left out.

    Raises `CostModelError` if more than `MOST` of these are left.
    """
    symbolic = next((candidate for candidate in candidates if hasattr(candidate, "free_symbols")), None)
    if symbolic is None:
        return maximum(*candidates)
    # With 0·N, so that a number among them is a formula too.
    expanded = ((candidate + 0 * symbolic).expand() for candidate in candidates)
    counts = {count: count.as_coefficients_dict() for count in expanded}
    products = {product for terms in counts.values() for product in terms}

    def at(size: int) -> dict[Dim, Dim]:
        values = {product: product.subs(dict.fromkeys(product.free_symbols, size)) for product in products}
        return {count: sum(n * values[product] for product, n in terms.items()) for count, terms in counts.items()}

    least, typical = at(1), at(64)
    left: list[Dim] = []
    # From the greatest on where all sizes are the same: it tells most of the others to be left out.
    for count in sorted(counts, key=typical.__getitem__, reverse=True):
        if not any(least[other] >= least[count] and _is_never_less(other, count, counts) for other in left):
            left.append(count)
        if len(left) > MOST:
            raise CostModelError("which operation holds its peak depends on the sizes in too many ways: ask at a shape")
    return maximum(*left) if len(left) > 1 else left[0]


def _is_never_less(a: Dim, b: Dim, counts: Mapping[Dim, Mapping[Dim, Dim]]) -> bool:
    """Whether `a` is known to be at least `b` for all sizes, by how often each has which product of sizes."""
    less = [
        product
        for product in {**counts[a], **counts[b]}
        for more in [counts[a].get(product, 0) - counts[b].get(product, 0)]
        if not (more == 0 or (product.is_nonnegative if more > 0 else product.is_nonpositive))
    ]
    # Of what is no product, it may have less than its products make up for.
    return not less or (less == [1] and bool((a - b).is_nonnegative))
