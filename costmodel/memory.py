"""What a ledger's operations hold and move: activations that are alive, those that are kept for backward, bytes.

An activation is an output or the layer's input; weights are not counted, since they are there all the time. A view
lies in the memory of what it views. An output takes new memory, as eager torch does where nothing is done in place,
and is freed after its last use; the input is not, since whoever calls holds it, nor is what nothing uses: it is an
output of the whole.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from costmodel.dimension import CostModelError, Dim, Shape, elements, maximum
from costmodel.ledger import Ledger, Row

DTYPES: Mapping[str, int] = {"fp64": 8, "fp32": 4, "tf32": 4, "fp16": 2, "bf16": 2}
"""Bytes of an element. TF32 is a way to multiply: its elements lie in memory as FP32."""

MOST = 24
"""Operations of which each may hold the peak, in a formula."""

INDEX = 8
"""Bytes of the place of a maximum, which torch keeps as an int64."""


class Kept(NamedTuple):
    """What autograd keeps of an operation whose result requires a gradient."""

    inputs: tuple[int, ...] = ()
    """Which inputs, by their place."""
    output: bool = False
    places: bool = False
    """Where each maximum was: an index an element of the output."""
    statistics: int = 0
    """Mean and deviation, one of each, of every channel (1) or of every vector that is normalised (2)."""
    crosswise: bool = False
    """An input only if another one, or the weights, require a gradient: the derivative of a product."""


NOTHING = Kept()
KEPT: Mapping[str, Kept] = {
    "conv": Kept(inputs=(0,)),
    "linear": Kept(inputs=(0,), crosswise=True),
    "matmul": Kept(inputs=(0, 1), crosswise=True),
    "sampled_matmul": Kept(inputs=(0, 1), crosswise=True),
    "sparse_matmul": Kept(inputs=(0, 1), crosswise=True),
    "batch_norm": Kept(inputs=(0,), statistics=1),
    "batch_norm_plain": Kept(inputs=(0,), statistics=1),
    "layer_norm": Kept(inputs=(0,), statistics=2),
    "layer_norm_plain": Kept(inputs=(0,), statistics=2),
    "group_norm": Kept(inputs=(0,), statistics=2),
    "group_norm_plain": Kept(inputs=(0,), statistics=2),
    "relu": Kept(output=True),
    "relu6": Kept(inputs=(0,)),
    "silu": Kept(inputs=(0,)),
    "hard_sigmoid": Kept(inputs=(0,)),
    "hard_swish": Kept(inputs=(0,)),
    "sigmoid": Kept(output=True),
    "softmax": Kept(output=True),
    "mul": Kept(inputs=(0, 1), crosswise=True),
    "scale": Kept(inputs=(0,), crosswise=True),
    "max": Kept(inputs=(0,), output=True),
    "max_pool": Kept(inputs=(0,), places=True),
    "adaptive_max_pool": Kept(inputs=(0,), places=True),
    "avg_pool": Kept(inputs=(0,)),
    "adaptive_avg_pool2d": Kept(inputs=(0,)),
    "adaptive_avg_pool3d": Kept(inputs=(0,)),
    "upsample_nearest": NOTHING,
    "upsample_bilinear": NOTHING,
    "add": NOTHING,
    "sub": NOTHING,
    "div": NOTHING,
    "mean": NOTHING,
    "concat": NOTHING,
    "pad": NOTHING,
}


class Peak(NamedTuple):
    """The most bytes of activations alive at once, and the operation during which they are."""

    bytes: Dim
    row: str | None
    """None where it depends on sizes that are open."""


def width(dtype: str) -> int:
    """Bytes of an element.

    Raises `CostModelError` for a dtype that is none of `DTYPES`.
    """
    try:
        return DTYPES[dtype]
    except KeyError:
        raise CostModelError(f"a dtype is one of {', '.join(DTYPES)}, not {dtype!r}") from None


def peak(ledger: Ledger, dtype: str = "fp32") -> Peak:
    """The most bytes of activations that are alive at once when the layer runs without gradients.

    At each operation: its inputs, its output, whatever is needed later, and what it makes beside: the places of maxima
    of a pool, a mean and a deviation of every vector that is normalised (a batch norm takes those that it has learned).
    """
    run = _Run(ledger, dtype)
    run.forward(training=False)
    return run.peak()


def training_peak(ledger: Ledger, dtype: str = "fp32", *, checkpointed: bool = False, frozen: bool = False) -> Peak:
    """The most bytes alive at once in a training step: activations, their gradients, and those of weights.

    Forward, what is saved for backward stays. Backward begins with the gradients of the outputs, which themselves are
    gone then unless they are saved. An operation takes the gradient of its output, makes those of its inputs and
    weights, and only then lets go of the first and of what it saved. Where gradients of one memory meet, the second is
    added to the first in place, unless somebody else needs that. Gradients of weights stay, as the layer's input does.

    If `checkpointed`, forward saves nothing but the input, and the first operation backward that needs more has forward
    run again, as far as anything is saved in it. Weights that are `frozen` take no gradients.
    """
    run = _Run(ledger, dtype, frozen=frozen)
    run.forward(saving=not checkpointed)
    run.backward(again=checkpointed)
    return run.peak()


def saved(ledger: Ledger, dtype: str = "fp32", *, frozen: bool = False) -> Dim:
    """Bytes of what autograd saves for backward, each memory once: activations, statistics, places of maxima.

    Batch norms are in train mode; where weights are `frozen`, only activations require gradients. Weights are saved
    too, and are not counted: they are there anyway.
    """
    size = width(dtype)
    shapes, _ = _memory(ledger)
    storages: set[int] = set()
    rest: Dim = 0
    for row, needed, learned in _differentiated(ledger, frozen=frozen):
        storages.update(_held(row, needed, learned))
        rest = rest + _beside(row, size)
    return rest + size * sum(elements(shapes[storage]) for storage in sorted(storages))


def training_macs(ledger: Ledger, *, frozen: bool = False, checkpointed: bool = False) -> Dim:
    """Multiply-accumulates of forward and backward.

    A product takes as many again for each factor that requires a gradient, its weights among them. If `checkpointed`,
    forward runs again as `training_peak` says.
    """
    _memory(ledger)  # or says why gradients cannot be followed
    total: Dim = sum(row.arithmetic.get("mac", 0) for row in ledger.rows)
    for row, needed, learned in _differentiated(ledger, frozen=frozen):
        total = total + (sum(needed) + learned) * row.arithmetic.get("mac", 0)
    if checkpointed:
        total = total + sum(row.arithmetic.get("mac", 0) for row in _Run(ledger, "fp32", frozen=frozen).again())
    return total


def moved(ledger: Ledger, dtype: str = "fp32") -> Dim:
    """Bytes that operations read and write, each by itself: inputs, weights, outputs."""
    return width(dtype) * sum(row.read + row.written for row in ledger.rows)


class _Gradient(NamedTuple):
    """What has come together of the gradient of an activation."""

    memory: int
    """Where it lies: an addition passes its own on to both of its inputs."""
    part: bool = False
    """Whether it is a part of that memory, as the gradient of what is concatenated is."""


class _Run:
    """Forward and backward of a ledger: what is alive, and how much that was at each operation."""

    def __init__(self, ledger: Ledger, dtype: str, *, frozen: bool = False) -> None:
        self.rows = ledger.rows
        self.width = width(dtype)
        shapes, self.last = _memory(ledger)
        self.elements = {storage: elements(shape) for storage, shape in shapes.items()}
        read = {storage for row in self.rows for storage in row.sources}
        self.outputs = [row.storage for row in self.rows if row.storage not in read]
        self.last.update(dict.fromkeys([0, *self.outputs], len(self.rows)))
        self.differentiated = {
            row.storage: (needed, learned) for row, needed, learned in _differentiated(ledger, frozen=frozen)
        }
        self.used: set[int] = {0}
        """Memories that are needed by a later operation, or by whoever calls."""
        self.saved: dict[int, list[int]] = {}
        """What each operation, by the memory of its output, keeps for backward."""
        self.beside: dict[int, Dim] = {}
        """Bytes of statistics and places that it keeps."""
        self.gradients: dict[int, _Gradient] = {}
        """By the memory of the activation."""
        self.made: list[Dim] = []
        """Elements of each memory made for gradients."""
        self.weights: dict[str, Dim] = {}
        """Elements of gradients of weights, by their name."""
        self.moments: list[tuple[str, Dim]] = []

    def peak(self) -> Peak:
        greatest = _greatest([count for _, count in self.moments])
        held = [name for name, count in self.moments if type(count) is int and count == greatest]
        return Peak(greatest, held[0] if held else None)

    def note(self, name: str, beside: Dim = 0, passing: Iterable[int] = ()) -> None:
        """Add up what is alive, with `beside` bytes and with gradients that are on their way."""
        storages = {*self.used, *(storage for kept in self.saved.values() for storage in kept)}
        memories = {*(gradient.memory for gradient in self.gradients.values()), *passing}
        count = sum(self.elements[storage] for storage in storages) + sum(self.made[memory] for memory in memories)
        count = self.width * (count + sum(self.weights.values())) + sum(self.beside.values())
        self.moments.append((name, count + beside))

    def forward(self, *, training: bool = True, saving: bool = False, rows: int | None = None) -> None:
        """Run all operations, or the first `rows`; of a training step its outputs go to what comes after."""
        for place, row in enumerate(self.rows[:rows]):
            self.used.add(row.storage)
            beside = _beside(row, self.width, training=training)
            self.note(row.name, beside)
            if saving:
                self.save(row, beside)
            self.used -= {storage for storage in (row.storage, *row.sources) if self.last[storage] <= place}

    def save(self, row: Row, beside: Dim) -> None:
        """Keep what `row` keeps if its output requires a gradient."""
        if row.storage in self.differentiated:
            self.saved[row.storage] = _held(row, *self.differentiated[row.storage])
            self.beside[row.storage] = beside

    def keeps(self, row: Row) -> bool:
        """Whether it keeps anything for backward."""
        kept = _kept(row)
        return row.storage in self.differentiated and bool(
            kept.places or kept.statistics or _held(row, *self.differentiated[row.storage])
        )

    def backward(self, *, again: bool) -> None:
        """Run it, from the gradients of the outputs on; if `again`, with forward where its results are needed."""
        self.used = {0}
        for storage in self.outputs:
            if storage in self.differentiated:
                self.gradients[storage] = self.new(self.elements[storage])
        repeated = False
        for row in reversed(self.rows):
            if row.storage in self.gradients:
                if again and not repeated and self.keeps(row):
                    self.repeat()
                    repeated = True
                self.differentiate(row, again=again)

    def again(self) -> list[Row]:
        """What a checkpoint runs again: up to the last operation that keeps anything, with it if it keeps results."""
        keeping = [place for place, row in enumerate(self.rows) if self.keeps(row)]
        if not keeping:
            return []
        kept = _kept(self.rows[keeping[-1]])
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

        Those of what is repeated over the output are products as large as it is, whose sums are taken last. What was
        saved is there until then; what forward has made `again`, only for the products.
        """
        needed, learned = self.differentiated[row.storage]
        whole = self.gradients[row.storage]
        passed: list[tuple[int, _Gradient]] = []
        sums: list[int] = []
        products: Dim = 0
        for place, storage in enumerate(row.sources):
            if not needed[place]:
                continue
            passes = row.kind == "add" or (row.kind == "sub" and place == 0)
            repeated = row.kind in ("add", "sub", "mul") and _is_repeated(row.inputs[place], row.output)
            if row.kind == "concat" and len(row.inputs[place]) == len(row.output):
                gradient = _Gradient(whole.memory, part=True)
            elif passes and not repeated:
                gradient = whole
            else:
                gradient = self.new(self.elements[storage])
            if repeated:
                sums.append(gradient.memory)
                products = products + (0 if passes else elements(row.output))
            passed.append((storage, gradient))
        weights = row.weights if learned else 0
        summed = _summed(row) if learned else 0
        if row.kind == "scale":
            products = products + summed * elements(row.output)
        beside = self.width * (products + weights)
        if row.kind == "max":
            # Which elements are the maximum, a byte each; how many they are, an int64; and a share of the gradient.
            beside = beside + elements(row.inputs[0]) + (INDEX + self.width) * elements(row.output)
        memories = [gradient.memory for _, gradient in passed]
        if again:
            self.note(row.name, beside - self.width * summed, [memory for memory in memories if memory not in sums])
            self.release(row)
        self.note(row.name, beside, memories)
        self.release(row)
        del self.gradients[row.storage]
        if learned:
            self.weights[row.name] = weights
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
            if there and (there.part or there.memory in (*waiting, *(g.memory for g in self.gradients.values()))):
                total = self.new(self.elements[storage])
                self.note(row.name, 0, [there.memory, total.memory, *waiting])
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


def _held(row: Row, needed: Sequence[bool], learned: bool) -> list[int]:
    """The memories of activations that `row` keeps, by which inputs and whether weights require gradients."""
    kept = _kept(row)
    held = [
        row.sources[place]
        for place in kept.inputs[: len(row.sources)]
        if not kept.crosswise or any([*needed[:place], *needed[place + 1 :], learned])
    ]
    return [*held, row.storage] if kept.output else held


def _beside(row: Row, size: int, *, training: bool = True) -> Dim:
    """Bytes of what `row` makes beside its output: places of maxima, statistics, in training of batch norms too."""
    kept = _kept(row)
    places = INDEX * elements(row.output) if kept.places else 0
    return places + size * _statistics(row, kept) if training or kept.statistics == 2 else places


def _memory(ledger: Ledger) -> tuple[dict[int, Shape], dict[int, int]]:
    """The shape of every memory, and the place of the row that uses it last."""
    shapes: dict[int, Shape] = {}
    last: dict[int, int] = {}
    for place, row in enumerate(ledger.rows):
        if len(row.sources) != len(row.inputs):
            raise CostModelError(f"nobody says where {row.name} has its inputs from")
        for storage, shape in zip(row.sources, row.inputs, strict=True):
            if storage and storage not in shapes:
                raise CostModelError("what layers cost in a network shares memory with it: ask with and without them")
            shapes.setdefault(storage, shape)
            last[storage] = place
        shapes[row.storage] = row.output
        last[row.storage] = place
    return shapes, last


def _differentiated(ledger: Ledger, *, frozen: bool) -> Iterator[tuple[Row, list[bool], bool]]:
    """The rows whose output requires a gradient, and whether each input and the weights do."""
    require = {0} if ledger.differentiable else set()
    for row in ledger.rows:
        needed = [storage in require for storage in row.sources]
        learned = type(row.weights) is not int or row.weights > 0
        if any(needed) or (learned and not frozen):
            require.add(row.storage)
            yield row, needed, learned and not frozen


def _kept(row: Row) -> Kept:
    if row.kind.startswith("adaptive_avg_pool") and elements(row.output[2:]) == 1:
        return KEPT["mean"]  # which is what torch takes instead
    try:
        return KEPT[row.kind]
    except KeyError:
        raise CostModelError(f"nobody says what is kept of {row.kind!r}") from None


def _statistics(row: Row, kept: Kept) -> Dim:
    """A mean and a deviation of each channel, or of each vector."""
    if kept.statistics == 1:
        return 2 * row.output[1]
    return row.arithmetic["sqrt"] * 2 if kept.statistics else 0  # one root a vector


def _greatest(candidates: Sequence[Dim]) -> Dim:
    """The greatest; of symbols, those that are known never to be greater than another one are left out.

    Raises `CostModelError` if more than `MOST` of these are left.
    """
    if not hasattr(candidates[-1], "free_symbols"):
        return maximum(*candidates)
    symbols = sorted({symbol for count in candidates for symbol in getattr(count, "free_symbols", ())}, key=str)
    points = [dict.fromkeys(symbols, 64), *({**dict.fromkeys(symbols, 64), symbol: 4096} for symbol in symbols)]
    # Expanded, so that a difference of two is expanded too.
    counts = dict.fromkeys(count.expand() for count in candidates)
    samples = {count: [count.subs(point) for point in points] for count in counts}
    left: list[Dim] = []
    # From the greatest on where all sizes are the same: it tells most of the others to be left out.
    for count in sorted(samples, key=lambda count: int(samples[count][0]), reverse=True):
        if not any(_is_never_less(other, count, samples) for other in left):
            left.append(count)
        if len(left) > MOST:
            raise CostModelError("which operation holds its peak depends on the sizes in too many ways: ask at a shape")
    return maximum(*left) if len(left) > 1 else left[0]


def _is_never_less(a: Dim, b: Dim, samples: Mapping[Dim, Sequence[Dim]]) -> bool:
    """Whether `a` is known to be at least `b` for all sizes, which is looked into only if it is for some."""
    at_samples = zip(samples[a], samples[b], strict=True)
    return all(one >= other for one, other in at_samples) and bool((a - b).is_nonnegative)


MEASURES: Mapping[str, Callable[[Ledger, str], Dim]] = {
    "peak-bytes": lambda ledger, dtype: peak(ledger, dtype).bytes,
    "training-peak-bytes": lambda ledger, dtype: training_peak(ledger, dtype).bytes,
    "checkpointed-peak-bytes": lambda ledger, dtype: training_peak(ledger, dtype, checkpointed=True).bytes,
    "saved-bytes": saved,
    "moved-bytes": moved,
}
"""What can be asked of a ledger besides its cost, in bytes of elements of a dtype."""

TRAINING: Mapping[str, Callable[[Ledger], Dim]] = {
    "training-macs": training_macs,
    "checkpointed-training-macs": lambda ledger: training_macs(ledger, checkpointed=True),
}
"""What can be asked besides, in multiply-accumulates."""

NAMES = (*MEASURES, *TRAINING)

COUNTS: Mapping[str, str] = {
    "peak-bytes": "bytes of activations alive at once, without gradients",
    "training-peak-bytes": "bytes alive at once in a training step, gradients too",
    "checkpointed-peak-bytes": "bytes alive at once in a training step that runs forward twice",
    "saved-bytes": "bytes that autograd keeps for backward",
    "moved-bytes": "bytes that operations read and write, each by itself",
    "training-macs": "multiply-accumulates of forward and backward",
    "checkpointed-training-macs": "the same under a checkpoint, which runs forward twice",
}
"""What each of `NAMES` counts."""
