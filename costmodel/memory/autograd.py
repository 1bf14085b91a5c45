"""What autograd does with the operations of a ledger: which take gradients, and what it keeps of each until then."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from costmodel.dimension import CostModelError, Dim, Shape, elements
from costmodel.ledger import Ledger, Row

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
    "copy": NOTHING,
}


class Gradients(NamedTuple):
    """What requires a gradient."""

    weights: bool = True
    input: bool = True
    """If the ledger is that of a layer; the input of a network is a picture."""


ALL = Gradients()


def memories(ledger: Ledger) -> tuple[dict[int, Shape], dict[int, int]]:
    """The shape of every memory, and the place of the row that uses it last."""
    shapes: dict[int, Shape] = {} if ledger.input is None else {0: ledger.input}
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


def differentiated(ledger: Ledger, gradients: Gradients) -> Iterator[tuple[Row, list[bool], bool]]:
    """The rows whose output requires a gradient, and whether each input and the weights do."""
    require = {0} if gradients.input and ledger.differentiable else set()
    for row in ledger.rows:
        needed = [storage in require for storage in row.sources]
        learned = type(row.weights) is not int or row.weights > 0
        if any(needed) or (learned and gradients.weights):
            require.add(row.storage)
            yield row, needed, learned and gradients.weights


def held(row: Row, needed: Sequence[bool], learned: bool) -> list[int]:
    """The memories of activations that `row` keeps, by which inputs and whether weights require gradients."""
    kept = kept_of(row)
    held = [
        row.sources[place]
        for place in kept.inputs[: len(row.sources)]
        if not kept.crosswise or any([*needed[:place], *needed[place + 1 :], learned])
    ]
    return [*held, row.storage] if kept.output else held


def beside(row: Row, size: int, *, training: bool = True) -> Dim:
    """Bytes of what `row` makes beside its output: places of maxima, statistics, in training of batch norms too."""
    kept = kept_of(row)
    places = INDEX * elements(row.output) if kept.places else 0
    return places + size * _statistics(row, kept) if training or kept.statistics == 2 else places


def kept_of(row: Row) -> Kept:
    """What autograd keeps of it.

    Raises `CostModelError` for a kind that nobody has looked at.
    """
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
