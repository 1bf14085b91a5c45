"""What layers hold and compute in training, against torch: saved tensors, backward, the peak of a trace.

A layer runs with its input requiring a gradient, by every combination of its flags and choices at the first maps of
`SMALL`; a network by default, at the shape that it is validated at, its input requiring none unless its weights are
frozen. Training is on the meta device: shapes, strides, views and what autograd saves are there, and no data. The peak
is traced on the CPU, whatever device there is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from costmodel import memory
from costmodel.catalog import LAYERS, NETWORKS, Layer
from costmodel.ledger import Ledger
from costmodel.subjects import find
from costmodel.validate import networks
from costmodel.validate.cases import SMALL, Case, changes, structures
from costmodel.validate.references import REFERENCES
from costmodel.validate.report import Comparison, Report, label
from costmodel.validate.run import Progress, one_thread, reference, versions

ORACLES = {
    "saved_tensors_hooks": "bytes of what autograd saves in a forward pass, each storage once, without weights",
    "FlopCounterMode": "2 for every multiply-accumulate of forward and backward",
    "trace": "the most bytes of storages that operators of a forward pass make, each until its last use",
}

COPIES: Mapping[str, str | None] = {
    **dict.fromkeys(("clone", "copy", "copy_", "_to_copy", "index", "index_select", "gather", "repeat", "roll")),
    "cat": "concat",
    "constant_pad_nd": "pad",
}
"""Operators of ATen that compute nothing and move elements to a new storage, and the operation as which a ledger has
them: where it has none of that kind, what they do is a view to it."""

UNSEEN = (
    "bytes moved, and memory of dtypes other than fp32: no oracle knows them",
    "memory that operators take for themselves while they run: a trace sees what they are given and return",
    "variables of Python, which may hold a tensor for longer than to its last use: a peak is by last use",
)

GROUPED = "of a convolution with groups FlopCounterMode counts the gradient of the weights as if it had one group"
COPIED = "the reference copies what is a view to us"
NOTHING = "the oracle counts nothing there, which is no evidence"
LONG = f"with more than {networks.DEEP} operations, a network without groups is not run again for it"


class Silence(NamedTuple):
    """What was not compared of a layer or network, and why; the operators by which that was seen."""

    layer: str
    quantity: str
    reason: str
    operators: tuple[str, ...] = ()


class Step(NamedTuple):
    """An operator that ran: which storages it read and which it wrote."""

    operator: str
    read: frozenset[int]
    written: frozenset[int]


class Trace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The operators that run, their storages, and what of them can be no comparison's."""

    def __init__(self, x: Tensor, module: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps: list[Step] = []
        self.bytes: dict[int, int] = {}
        self.copied: dict[int, str] = {}
        """Storages that a copy wrote, and the operator."""
        self.grouped = False
        """Whether a convolution had groups."""
        self._held: list[Tensor] = []  # so that no storage takes the place of another one
        self._own = owned(module)
        self.input = _storage(x)
        self._find([x])

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note one operator."""
        read = self._find((args, kwargs))
        found = func(*args, **(kwargs or {}))
        made = self._find(found)
        # A view is no use of what it views: its users are.
        if made <= read and not func._schema.is_mutable:  # noqa: SLF001 (it has no other name)
            return found
        name = func.overloadpacket.__name__
        self.steps.append(Step(name, read, made))
        if name in COPIES:
            self.copied.update(dict.fromkeys(made, name))
        self.grouped |= name == "convolution" and args[8] != 1
        return found

    def _find(self, values: Any) -> frozenset[int]:
        tensors = [value for value in tree_leaves(values) if isinstance(value, Tensor)]
        self._held += tensors
        sizes = {_storage(tensor): tensor.untyped_storage().nbytes() for tensor in tensors}
        sizes = {storage: size for storage, size in sizes.items() if storage not in self._own}
        self.bytes.update(sizes)
        return frozenset(sizes)

    def peak(self, outputs: Iterable[Tensor]) -> int:
        """The most bytes alive at once, if all but the input and the outputs are freed after their last use."""
        last = {storage: place for place, step in enumerate(self.steps) for storage in step.read | step.written}
        last.update(dict.fromkeys([self.input, *map(_storage, outputs)], len(self.steps)))
        alive = {self.input}
        most = 0
        for place, step in enumerate(self.steps):
            alive |= step.read | step.written
            most = max(most, sum(self.bytes[storage] for storage in alive))
            alive = {storage for storage in alive if last[storage] > place}
        return most


def owned(module: nn.Module) -> set[int]:
    """The storages of parameters and buffers."""
    return {_storage(tensor) for tensor in (*module.parameters(), *module.buffers())}


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)  # noqa: SLF001 (on the meta device it has no other address)


def validate_memory(layers: Sequence[str] = (), progress: Progress | None = None) -> Report:
    """Hold what `layers` and networks, or all of the catalog, save, multiply and hold at most against torch.

    Raises `CostModelError` if a layer is unknown.
    """
    import costmodel.networks  # noqa: F401  (puts them into the catalog)

    chosen = [find(name) for name in dict.fromkeys(layers)] or [*LAYERS.values(), *NETWORKS.values()]
    comparisons: list[Comparison] = []
    silent: list[Silence] = []
    runs: list[Case | networks.NetworkCase] = []
    for layer in chosen:
        mine = [*_cases(layer)] if layer.name in REFERENCES else []
        runs += mine
        if not mine:
            why = "refused at the sizes of this check" if layer.name in REFERENCES else "it has no reference"
            silent.append(Silence(layer.name, "everything", why))
    with one_thread():
        for done, case in enumerate(runs, start=1):
            comparisons += _hold(case, silent)
            if progress:
                progress(done, len(runs), case.layer.name)
    return Report(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions("torch"),
        device={"type": "cpu", "name": "and shapes without data", "chosen": "nothing here depends on the device"},
        oracles=ORACLES,
        comparisons=comparisons,
        not_covered=[*_gathered(silent), *UNSEEN],
    )


def _cases(layer: Layer) -> Iterator["Case | networks.NetworkCase"]:
    if layer.input:
        yield networks.default(layer)
        return
    image, video = (shapes[0] for shapes in SMALL)
    yield from structures(layer, image)
    if layer.video:
        yield from changes(layer, video)


def _hold(case: "Case | networks.NetworkCase", silent: list[Silence]) -> Iterator[Comparison]:
    """Every comparison of a case; what could not be compared is added to `silent`."""
    ledger, name = case.ledger, case.layer.name

    def compare(
        quantity: str,
        oracle: str,
        place: str,
        ours: Any,
        theirs: int,
        *,
        copies: Sequence[str] = (),
        grouped: bool = False,
    ) -> Iterator[Comparison]:
        reason = COPIED if copies else GROUPED if grouped else "" if ours or theirs else NOTHING
        if reason:
            silent.append(Silence(name, quantity, reason, tuple(copies)))
        else:
            yield Comparison(name, case.options, case.shape, quantity, oracle, place, ours, theirs)

    try:
        # Some operators return less on the CPU than elsewhere: a batch norm that learns nothing, no statistics.
        with torch.device("cpu"), torch.no_grad():
            module = case.module("cpu", []) if isinstance(case, networks.NetworkCase) else reference(case)
            if isinstance(case, Case):
                module(torch.zeros(case.shape))  # some layers make their weights as they first run
            trace, outputs = _inferred(module, case.shape)
        ours, theirs = memory.peak(ledger).bytes, trace.peak(outputs)
        yield from compare("peak bytes", "trace", "cpu", ours, theirs, copies=_copies(ledger, trace, trace.bytes))
        grouped = trace.grouped
        del trace, outputs
        module.to("meta")
        for frozen in (False, True) if any(True for _ in module.parameters()) else (False,):
            quantities = [
                f"{quantity}, frozen weights" if frozen else quantity for quantity in ("saved bytes", "training flops")
            ]
            # A network whose weights are frozen learns something before it, or nothing at all.
            asked = _as_if(ledger, differentiable=frozen or ledger.differentiable)
            if frozen and len(ledger.rows) > networks.DEEP and not grouped:
                silent += [Silence(name, quantity, LONG) for quantity in quantities]
                break
            with torch.device("meta"):
                trace, kept, flops = _trained(module, case.shape, differentiable=asked.differentiable, frozen=frozen)
            ours, copies = memory.saved(asked, frozen=frozen), _copies(ledger, trace, kept)
            theirs = sum(kept.values())
            yield from compare(quantities[0], "saved_tensors_hooks", "meta", ours, theirs, copies=copies)
            ours = 2 * memory.training_macs(asked, frozen=frozen)
            yield from compare(quantities[1], "FlopCounterMode", "meta", ours, flops, grouped=grouped and not frozen)
    except Exception as error:
        error.add_note(f"It was raised while the reference was run: {label(name, case.options, case.shape)}.")
        raise


def _copies(ledger: Ledger, trace: Trace, storages: Iterable[int]) -> list[str]:
    """The operators that wrote one of `storages` as a copy of what the ledger takes for a view."""
    kinds = {row.kind for row in ledger.rows}
    found = {trace.copied[storage] for storage in storages if storage in trace.copied}
    return sorted(operator for operator in found if COPIES[operator] not in kinds)


def _as_if(ledger: Ledger, *, differentiable: bool) -> Ledger:
    """The same rows of an input that does or does not require a gradient."""
    other = Ledger()
    other.rows, other.differentiable = ledger.rows, differentiable
    return other


def _inferred(module: nn.Module, shape: tuple[int, ...]) -> tuple[Trace, tuple[Tensor, ...]]:
    x = torch.zeros(shape)
    with Trace(x, module) as trace:
        outputs = module(x)
    return trace, outputs if isinstance(outputs, tuple) else (outputs,)


def _trained(
    module: nn.Module, shape: tuple[int, ...], *, differentiable: bool, frozen: bool
) -> tuple[Trace, dict[int, int], int]:
    """Forward in train mode and backward: the trace of the first, bytes that are saved by storage, and the flops."""
    x = torch.empty(shape, requires_grad=differentiable)
    module.train().requires_grad_(not frozen)
    trace = Trace(x, module)
    own = owned(module)
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[_storage(tensor)] = tensor
        return tensor

    with FlopCounterMode(display=False) as counter:
        with trace, torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            outputs = module(x)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        torch.autograd.backward([y.sum() for y in outputs if y.requires_grad])
    sizes = {storage: tensor.untyped_storage().nbytes() for storage, tensor in kept.items() if storage not in own}
    return trace, sizes, counter.get_total_flops()


def _gathered(silent: Sequence[Silence]) -> Iterator[str]:
    """A sentence for each quantity and reason, with all layers that it holds for."""
    for quantity, reason in dict.fromkeys((one.quantity, one.reason) for one in silent):
        mine = [one for one in silent if (one.quantity, one.reason) == (quantity, reason)]
        layers = []
        for name, count in Counter(one.layer for one in mine).items():
            operators = sorted({operator for one in mine if one.layer == name for operator in one.operators})
            notes = [f"{count} cases"] * (count > 1) + operators
            layers.append(f"{name} ({', '.join(notes)})" if notes else name)
        yield f"{quantity} of {', '.join(layers)}: {reason}"
