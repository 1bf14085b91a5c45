"""What a ledger's operations hold and move: activations that are alive, those that are kept for backward, bytes.

An activation is an output or the layer's input; weights are not counted, since they are there all the time. A view
lies in the memory of what it views. An output takes new memory, as eager torch does where nothing is done in place,
and is freed after its last use; the input is not, since whoever calls holds it, nor is what nothing uses: it is an
output of the whole.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from costmodel.dimension import CostModelError, Dim, Shape, elements, maximum
from costmodel.ledger import Ledger, Row

DTYPES: Mapping[str, int] = {"fp64": 8, "fp32": 4, "tf32": 4, "fp16": 2, "bf16": 2}
"""Bytes of an element. TF32 is a way to multiply: its elements lie in memory as FP32."""

MOST = 12
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
    size = width(dtype)
    end = len(ledger.rows)
    shapes, last = _memory(ledger)
    read = {storage for row in ledger.rows for storage in row.sources}
    last.update(dict.fromkeys([0, *(row.storage for row in ledger.rows if row.storage not in read)], end))
    alive: dict[int, Dim] = {0: elements(shapes[0])}
    candidates: dict[str, Dim] = {}
    for place, row in enumerate(ledger.rows):
        alive[row.storage] = elements(row.output)
        kept = _kept(row)
        extra = INDEX * elements(row.output) if kept.places else 0
        if kept.statistics == 2:
            extra = extra + size * _statistics(row, kept)
        candidates[row.name] = size * sum(alive.values()) + extra
        for storage in {row.storage, *row.sources}:
            if last[storage] <= place:
                del alive[storage]
    greatest = _greatest([*candidates.values()])
    held = [name for name, count in candidates.items() if type(count) is int and count == greatest]
    return Peak(greatest, held[0] if held else None)


def saved(ledger: Ledger, dtype: str = "fp32", *, frozen: bool = False) -> Dim:
    """Bytes of what autograd saves for backward, each memory once: activations, statistics, places of maxima.

    Batch norms are in train mode; where weights are `frozen`, only activations require gradients. Weights are saved
    too, and are not counted: they are there anyway.
    """
    size = width(dtype)
    shapes, _ = _memory(ledger)
    storages: dict[int, None] = {}
    rest: Dim = 0
    for row, needed, learned in _differentiated(ledger, frozen=frozen):
        of_row = _kept(row)
        for place in of_row.inputs[: len(row.sources)]:
            others = [*needed[:place], *needed[place + 1 :], learned]
            if not of_row.crosswise or any(others):
                storages[row.sources[place]] = None
        if of_row.output:
            storages[row.storage] = None
        if of_row.places:
            rest = rest + INDEX * elements(row.output)
        rest = rest + size * _statistics(row, of_row)
    return rest + size * sum(elements(shapes[storage]) for storage in storages)


def training_macs(ledger: Ledger, *, frozen: bool = False) -> Dim:
    """Multiply-accumulates of forward and backward.

    A product takes as many again for each factor that requires a gradient, its weights among them.
    """
    _memory(ledger)  # or says why gradients cannot be followed
    total: Dim = sum(row.arithmetic.get("mac", 0) for row in ledger.rows)
    for row, needed, learned in _differentiated(ledger, frozen=frozen):
        total = total + (sum(needed) + learned) * row.arithmetic.get("mac", 0)
    return total


def moved(ledger: Ledger, dtype: str = "fp32") -> Dim:
    """Bytes that operations read and write, each by itself: inputs, weights, outputs."""
    return width(dtype) * sum(row.read + row.written for row in ledger.rows)


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
    left: list[Dim] = []
    # From the greatest on where all sizes are the same: it tells most of the others to be left out.
    for count in sorted(dict.fromkeys(candidates), key=_sample, reverse=True):
        if not any((other - count).expand().is_nonnegative for other in left):
            left.append(count)
        if len(left) > MOST:
            raise CostModelError("which operation holds its peak depends on the sizes in too many ways: ask at a shape")
    return maximum(*left) if len(left) > 1 else left[0]


def _sample(count: Dim) -> int:
    return int(count.subs(dict.fromkeys(count.free_symbols, 64)))


MEASURES: Mapping[str, Callable[[Ledger, str], Dim]] = {
    "peak-bytes": lambda ledger, dtype: peak(ledger, dtype).bytes,
    "saved-bytes": saved,
    "moved-bytes": moved,
}
"""What can be asked of a ledger besides its cost, in bytes of elements of a dtype."""

NAMES = (*MEASURES, "training-macs")

COUNTS: Mapping[str, str] = {
    "peak-bytes": "bytes of activations alive at once, without gradients",
    "saved-bytes": "bytes that autograd keeps for backward",
    "moved-bytes": "bytes that operations read and write, each by itself",
    "training-macs": "multiply-accumulates of forward and backward",
}
"""What each of `NAMES` counts."""


def measure(ledger: Ledger, metric: str) -> Dim:
    """One of `NAMES`; those in bytes may name a dtype, as in ``peak-bytes:bf16``, which is fp32 unless they do."""
    name, _, dtype = metric.partition(":")
    if name == "training-macs":
        return training_macs(ledger)
    return MEASURES[name](ledger, dtype or "fp32")
