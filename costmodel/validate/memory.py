"""What layers hold and compute, against torch: storages that are alive, saved tensors, backward.

A layer runs with its input requiring a gradient, and once as a first layer, whose input requires none, by every
combination of its flags and choices at the first maps of `SMALL`; a network by default, at the shape that it is
validated at, its input requiring none unless its weights are frozen. All that is on the CPU; what is alive without
gradients also on a GPU where one is asked for.

Networks are unrolled by `torch.fx` into one function, which lets go of each value after its last use: a module holds
its input as long as it runs, in the frames of Python that call it.
"""

import contextlib
import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.autograd import Function
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from costmodel import memory
from costmodel.catalog import LAYERS, NETWORKS, Layer
from costmodel.ledger import Ledger
from costmodel.memory import Gradients
from costmodel.subjects import find
from costmodel.validate import networks
from costmodel.validate.cases import GROUPED, SMALL, Case, changes, structures
from costmodel.validate.references import REFERENCES
from costmodel.validate.report import Comparison, Report, label
from costmodel.validate.run import Progress, chosen_device, one_thread, reference, versions

ORACLES = {
    "saved_tensors_hooks": "bytes of what autograd saves in a forward pass, each storage once, without weights",
    "FlopCounterMode": "2 for every multiply-accumulate of forward and backward",
    "storages": "the most bytes of storages that anything refers to after an operator, without weights",
    "copies": "bytes of storages that an operator writes which computes nothing",
}
ON_GPU = {
    "requested_bytes": "the most bytes that are asked of the GPU's allocator and not given back after an operator"
}

COPIES: Mapping[str, str | None] = {
    **dict.fromkeys(("copy", "copy_", "_to_copy", "index", "index_select", "gather", "repeat", "roll")),
    "clone": "copy",
    "cat": "concat",
    "constant_pad_nd": "pad",
}
"""Operators of ATen that compute nothing and move elements to a new storage, and the operation as which a ledger has
them: where it has none of that kind, what they do is a view to it."""

UNSEEN = (
    "bytes moved, and memory of dtypes other than fp32: no oracle knows them",
    "memory that operators take for themselves while they run: storages are what they are given and return",
    "modules of networks, each of which holds its input while it runs: they run unrolled, without that",
)

COPIED = "the reference copies what is a view to us"
NOTHING = "the oracle counts nothing there, which is no evidence"
MORE = "blocks rounded up, and what kernels take for themselves while they run, are none of the peak"


class Silence(NamedTuple):
    """What was not compared of a layer or network, and why; the operators by which that was seen."""

    layer: str
    quantity: str
    reason: str
    operators: tuple[str, ...] = ()


class Storages(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The storages that are alive after each operator that makes one, and what of them can be no comparison's.

    One is alive until nothing refers to it: no variable or frame of Python, no view, nothing that autograd keeps.
    """

    def __init__(self, module: nn.Module, lone: tuple[int, int] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = 0
        """The most bytes that were alive at once."""
        self.bytes: dict[int, int] = {}
        """Of every storage that was made."""
        self.copied: dict[int, str] = {}
        """Storages that a copy wrote, and the operator."""
        self.grouped = False
        """Whether a convolution had groups."""
        self.backward = False
        """Whether gradients are made now, where to add is to bring together two of one activation."""
        self.references: list[tuple[int, int]] = []
        """Of gradients that another one was added to, and of their storages."""
        self._lone = lone
        self._own = owned(module)
        self._alive: set[int] = set()
        """Storages that were alive when this was last looked at, and those made since."""
        self._bound = 0
        """Their bytes, which can be more than are alive; only if they are more than the most is it looked at again."""
        # Kept also of what is gone, so that no storage takes its place.
        self._known: dict[int, StorageWeakRef] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note one operator."""
        if self.backward and func is torch.ops.aten.add.Tensor:
            # Autograd adds in place to a gradient that it alone holds, unless there is a mode: so do it here.
            storage = args[0].untyped_storage()._cdata  # noqa: SLF001 (it has no other name)
            self.references.append((args[0]._use_count(), torch._C._storage_Use_Count(storage)))  # noqa: SLF001
            if self.references[-1] == self._lone and torch.ops.aten.is_non_overlapping_and_dense(args[0]):
                func = torch.ops.aten.add_.Tensor
        found = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        storages = self._find(found)
        new = storages - self._alive
        self._alive |= new
        self._bound += sum(self.bytes[one] for one in new)
        if self._bound > self.most:
            self._alive = {one for one in self._alive if not self._known[one].expired()}  # type: ignore[no-untyped-call]
            self._bound = sum(self.bytes[one] for one in self._alive)
            self.most = max(self.most, self._bound)
        if name in COPIES:
            self.copied.update(dict.fromkeys(storages, name))
        self.grouped |= name == "convolution" and args[8] != 1
        return found

    def _find(self, values: Any) -> set[int]:
        found = set()
        for tensor in tree_leaves(values):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                one = _storage(tensor)
                if one not in self._own:
                    found.add(one)
                    if one not in self._known:
                        self._known[one] = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
                        self.bytes[one] = storage.nbytes()
        return found


class Requested(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The most bytes that the allocator of a GPU was asked for and has not got back, after any operator."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.before = _requested()
        self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note one operator."""
        found = func(*args, **(kwargs or {}))
        self.most = max(self.most, _requested() - self.before)
        return found


def _requested() -> int:
    return int(torch.cuda.memory_stats()["requested_bytes.all.current"])


class _Before(Function):
    """What makes the input, and takes its gradient."""

    @staticmethod
    def forward(_ctx: Any, leaf: Tensor, shape: tuple[int, ...]) -> Tensor:
        """An activation of `shape`."""
        return leaf.new_empty(shape)

    @staticmethod
    def backward(_ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """No elements."""
        return gradient.new_empty(0), None


class _After(Function):
    """What takes the outputs, keeps none of them, and gives their gradients."""

    @staticmethod
    def forward(ctx: Any, *outputs: Tensor) -> Tensor:
        """No elements."""
        ctx.shapes = [output.shape for output in outputs]
        return outputs[0].new_empty(0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        """As large as the outputs."""
        return tuple(gradient.new_empty(shape) for shape in ctx.shapes)


def owned(module: nn.Module) -> set[int]:
    """The storages of parameters and buffers."""
    return {_storage(tensor) for tensor in (*module.parameters(), *module.buffers())}


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)  # noqa: SLF001 (on the meta device it has no other address)


def validate_memory(layers: Sequence[str] = (), device: str = "auto", progress: Progress | None = None) -> Report:
    """Hold what `layers` and networks, or all of the catalog, save, multiply and hold at most against torch.

    On a GPU (`device` = cuda, or auto where there is one) what its allocator is asked for is compared too.

    Raises `CostModelError` if a layer is unknown, and `Unavailable` if the GPU asked for is missing.
    """
    import costmodel.networks  # noqa: F401  (puts them into the catalog)

    kind, described = chosen_device(device)
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
            comparisons += _hold(case, kind, silent)
            if progress:
                progress(done, len(runs), case.layer.name)
    return Report(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions("torch"),
        device=described,
        oracles=ORACLES | (ON_GPU if kind == "cuda" else {}),
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


def _hold(case: "Case | networks.NetworkCase", kind: str, silent: list[Silence]) -> Iterator[Comparison]:
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
        with torch.no_grad():
            if isinstance(case, Case):
                module = reference(case)
                module(torch.zeros(case.shape))  # some layers make their weights as they first run
            else:
                module = fx.symbolic_trace(case.module("cpu", []))
            with Storages(module) as storages:
                module(torch.zeros(case.shape))
        ours, copies = memory.peak(ledger).bytes, _copies(ledger, storages, storages.bytes)
        yield from compare("peak bytes", "storages", "cpu", ours, storages.most, copies=copies)
        copied = memory.width("fp32") * sum(row.written for row in ledger.rows if row.kind in COPIES.values())
        made = sum(map(storages.bytes.__getitem__, storages.copied))
        if copied or made:
            yield from compare("copied bytes", "copies", "cpu", copied, made, copies=copies)
        if kind == "cuda":
            with torch.device("cuda"), torch.no_grad():
                theirs, most = _asked_of_gpu(module.to("cuda"), case.shape)
            yield from compare("peak bytes", "requested_bytes", "cuda", ours, theirs, copies=copies)
            if not case.options:
                silent.append(Silence(name, "max_memory_allocated", MORE, (f"{most - theirs:,} bytes more",)))
            module.to("cpu")
        grouped = storages.grouped
        for said, gradients in _steps(case, module):
            # A network whose weights are frozen learns something before it, or nothing at all.
            asked = _as_if(ledger, differentiable=ledger.differentiable or not gradients.weights)
            step = _trained(module, case.shape, asked.differentiable and gradients.input, weights=gradients.weights)
            ours = memory.saved(asked, gradients=gradients)
            theirs = sum(step.storages.bytes[storage] for storage in step.saved)
            copies = _copies(ledger, step.storages, step.saved)
            yield from compare(f"saved bytes{said}", "saved_tensors_hooks", "cpu", ours, theirs, copies=copies)
            ours = 2 * memory.training_macs(asked, gradients)
            doubtful = grouped and gradients.weights
            yield from compare(f"training flops{said}", "FlopCounterMode", "cpu", ours, step.flops, grouped=doubtful)
            ours = memory.training_peak(asked, gradients=gradients).bytes
            copies = _copies(ledger, step.storages, step.storages.bytes)
            yield from compare(f"training peak bytes{said}", "storages", "cpu", ours, step.storages.most, copies=copies)
        step = _trained(module, case.shape, ledger.differentiable, checkpointed=True)
        ours = 2 * memory.training_macs(ledger, checkpointed=True)
        yield from compare("checkpointed training flops", "FlopCounterMode", "cpu", ours, step.flops, grouped=grouped)
        ours = memory.training_peak(ledger, checkpointed=True).bytes
        copies = _copies(ledger, step.storages, step.storages.bytes)
        yield from compare("checkpointed peak bytes", "storages", "cpu", ours, step.storages.most, copies=copies)
    except Exception as error:
        error.add_note(f"It was raised while the reference was run: {label(name, case.options, case.shape)}.")
        raise


def _steps(case: "Case | networks.NetworkCase", module: nn.Module) -> Iterator[tuple[str, Gradients]]:
    """What requires a gradient in the steps of training that are compared, and how a quantity says so."""
    learns = any(True for _ in module.parameters())
    yield "", memory.ALL
    if learns:
        yield ", frozen weights", memory.CASES["frozen"]
    if learns and isinstance(case, Case):
        yield ", first layer", memory.CASES["first"]


def _copies(ledger: Ledger, storages: Storages, among: Iterable[int]) -> list[str]:
    """The operators that wrote a storage `among` these as a copy of what the ledger takes for a view."""
    kinds = {row.kind for row in ledger.rows}
    found = {storages.copied[storage] for storage in among if storage in storages.copied}
    return sorted(operator for operator in found if COPIES[operator] not in kinds)


def _as_if(ledger: Ledger, *, differentiable: bool) -> Ledger:
    """The same rows of an input that does or does not require a gradient."""
    other = Ledger()
    other.rows, other.input, other.differentiable = ledger.rows, ledger.input, differentiable
    return other


def _asked_of_gpu(module: nn.Module, shape: tuple[int, ...]) -> tuple[int, int]:
    """The most bytes that were asked for, and by which `max_memory_allocated` rose, without gradients."""
    module(torch.zeros(shape))  # libraries take what they keep as they first run
    with Requested() as requested:
        module(torch.zeros(shape))
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    module(torch.zeros(shape))
    return requested.most, torch.cuda.max_memory_allocated() - before


@functools.cache
def _lone() -> tuple[int, int]:
    """References to a gradient and its storage that only autograd holds, as an operator on it sees them."""
    with Storages(nn.Module()) as storages:
        x = torch.ones(2, requires_grad=True).exp()
        y = x.sin() * x.cos()
        storages.backward = True
        torch.autograd.backward(y, torch.ones(2))
    references: tuple[int, int] = storages.references[0]
    return references


class _NoModules(contextlib.nullcontext[None]):
    """In place of what follows modules for `FlopCounterMode`: its hooks hold gradients for longer than autograd."""

    parents = frozenset({"Global"})


class _Step(NamedTuple):
    """What was seen of one step of training."""

    storages: Storages
    saved: list[int]
    """Which of them autograd saved in the forward pass."""
    flops: int


def _trained(
    module: nn.Module, shape: tuple[int, ...], differentiable: bool, *, weights: bool = True, checkpointed: bool = False
) -> _Step:
    """Run `module` forward and backward, between something that makes its input and something that takes its output."""
    module.train().requires_grad_(weights)
    saved: dict[int, None] = {}

    def pack(tensor: Tensor) -> Tensor:
        saved[_storage(tensor)] = None
        return tensor

    counter = FlopCounterMode(display=False)
    counter.mod_tracker = _NoModules()  # type: ignore[assignment]
    with counter, Storages(module, _lone()) as storages:
        x = _Before.apply(torch.zeros(0, requires_grad=True), shape) if differentiable else torch.zeros(shape)  # type: ignore[no-untyped-call]
        if checkpointed:
            outputs = checkpoint(module, x, use_reentrant=False, preserve_rng_state=False)
        else:
            with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
                outputs = module(x)
        end = _After.apply(*(outputs if isinstance(outputs, tuple) else (outputs,)))  # type: ignore[no-untyped-call]
        del outputs
        storages.backward = True
        if end.requires_grad:
            torch.autograd.backward(end, torch.zeros(0))
    module.zero_grad()
    own = owned(module)
    return _Step(storages, [storage for storage in saved if storage not in own], counter.get_total_flops())


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
