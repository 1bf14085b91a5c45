"""What a ledger's operations hold and move: activations that are alive, those that are kept for backward, bytes.

An activation is an output or the layer's input; weights are not counted, since they are there all the time. A view
lies in the memory of what it views. An output takes new memory, as eager torch does where nothing is done in place,
and is freed after its last use; the input is not, since whoever calls holds it, nor is what nothing uses: it is an
output of the whole.
"""

from collections.abc import Callable, Mapping
from functools import partial

from costmodel.dimension import CostModelError, Dim, elements
from costmodel.ledger import Ledger
from costmodel.memory.autograd import ALL, Gradients, beside, differentiated, held, memories
from costmodel.memory.liveness import Peak, Run

__all__ = [
    "ALL",
    "CASES",
    "COUNTS",
    "DTYPES",
    "MEASURES",
    "NAMES",
    "PEAKS",
    "STEPS",
    "TRAINING",
    "Gradients",
    "Peak",
    "kept",
    "moved",
    "peak",
    "saved",
    "training_macs",
    "training_peak",
    "width",
]

DTYPES: Mapping[str, int] = {"fp64": 8, "fp32": 4, "tf32": 4, "fp16": 2, "bf16": 2}
"""Bytes of an element. TF32 is a way to multiply: its elements lie in memory as FP32."""


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
    run = Run(ledger, width(dtype))
    run.forward(training=False)
    return run.peak()


def training_peak(
    ledger: Ledger, dtype: str = "fp32", gradients: Gradients = ALL, *, checkpointed: bool = False
) -> Peak:
    """The most bytes alive at once in a training step: activations, their gradients, and those of weights.

    Forward, what is saved for backward stays. Backward begins with the gradients of the outputs, which themselves are
    gone then unless they are saved. An operation takes the gradient of its output, makes those of its inputs and
    weights, and only then lets go of the first and of what it saved. Where gradients of one memory meet, the second is
    added to the first in place, unless somebody else needs that. Gradients of weights stay, as the layer's input does.

    If `checkpointed`, forward saves nothing but the input, and the first operation backward that needs more has forward
    run again, as far as anything is saved in it.
    """
    run = Run(ledger, width(dtype), gradients)
    run.forward(saving=not checkpointed)
    run.backward(again=checkpointed)
    return run.peak()


def saved(ledger: Ledger, dtype: str = "fp32", gradients: Gradients = ALL) -> Dim:
    """Bytes of what autograd saves for backward, each memory once: activations, statistics, places of maxima.

    Batch norms are in train mode. Weights are saved too, and are not counted: they are there anyway.
    """
    return sum(count for _, count in kept(ledger, dtype, gradients))


def kept(ledger: Ledger, dtype: str = "fp32", gradients: Gradients = ALL) -> list[tuple[str, Dim]]:
    """The same by operation, in their order; each has what none before it keeps, and without any it is left out."""
    size = width(dtype)
    shapes, _ = memories(ledger)
    storages: set[int] = set()
    found: list[tuple[str, Dim]] = []
    for row, needed, learned in differentiated(ledger, gradients):
        new = {storage for storage in held(row, needed, learned) if storage not in storages}
        storages |= new
        count = beside(row, size) + size * sum(elements(shapes[storage]) for storage in sorted(new))
        if type(count) is not int or count:
            found.append((row.name, count))
    return found


def training_macs(ledger: Ledger, gradients: Gradients = ALL, *, checkpointed: bool = False) -> Dim:
    """Multiply-accumulates of forward and backward.

    A product takes as many again for each factor that requires a gradient, its weights among them. If `checkpointed`,
    forward runs again as `training_peak` says.
    """
    memories(ledger)  # or says why gradients cannot be followed
    total: Dim = sum(row.arithmetic.get("mac", 0) for row in ledger.rows)
    for row, needed, learned in differentiated(ledger, gradients):
        total = total + (sum(needed) + learned) * row.arithmetic.get("mac", 0)
    if checkpointed:
        total = total + sum(row.arithmetic.get("mac", 0) for row in Run(ledger, 1, gradients).again())
    return total


def moved(ledger: Ledger, dtype: str = "fp32") -> Dim:
    """Bytes that operations read and write, each by itself: inputs, weights, outputs."""
    return width(dtype) * sum(row.read + row.written for row in ledger.rows)


CASES: Mapping[str, Gradients] = {"frozen": Gradients(weights=False), "first": Gradients(input=False)}
"""What may be said of a step of training: weights that do not learn, an input before which nothing does."""

PEAKS: Mapping[str, Callable[[Ledger, str, Gradients], Peak]] = {
    "peak-bytes": lambda ledger, dtype, _: peak(ledger, dtype),
    "training-peak-bytes": training_peak,
    "checkpointed-peak-bytes": partial(training_peak, checkpointed=True),
}
"""What can be asked of a ledger besides its cost, in bytes of elements of a dtype: what is alive at once."""


def _bytes(held: Callable[[Ledger, str, Gradients], Peak]) -> Callable[[Ledger, str, Gradients], Dim]:
    return lambda *asked: held(*asked).bytes


MEASURES: Mapping[str, Callable[[Ledger, str, Gradients], Dim]] = {
    **{name: _bytes(held) for name, held in PEAKS.items()},
    "saved-bytes": saved,
    "moved-bytes": lambda ledger, dtype, _: moved(ledger, dtype),
}
"""All that can be asked of it in bytes; of what is no training, gradients say nothing."""

TRAINING: Mapping[str, Callable[[Ledger, Gradients], Dim]] = {
    "training-macs": training_macs,
    "checkpointed-training-macs": lambda *asked: training_macs(*asked, checkpointed=True),
}
"""What can be asked of one besides, in multiply-accumulates."""

STEPS = ("training-peak-bytes", "checkpointed-peak-bytes", "saved-bytes", *TRAINING)
"""Which of these are of a step of training."""

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
