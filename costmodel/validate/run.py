"""Run the cases, and say what was compared."""

import contextlib
import importlib
import platform
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING

from costmodel import __version__
from costmodel.catalog import LAYERS, Layer, nearest
from costmodel.dimension import CostModelError
from costmodel.subjects import find
from costmodel.validate.cases import LARGE, Case, cases, left_out
from costmodel.validate.report import Comparison, Report, Value, label

if TYPE_CHECKING:
    from torch import nn

    from costmodel.insertion import Site
    from costmodel.validate.networks import NetworkCase
    from costmodel.validate.oracles import Oracle

Progress = Callable[[int, int, str], None]
"""Called after each case with how many are done, how many there are, and the layer's name."""

DEVICES = ("auto", "cpu", "cuda")


class Unavailable(CostModelError):  # noqa: N818  (it names a state, which is not an error of the input)
    """What checking needs is not here: nothing was checked, which is not a pass."""


def validate(layers: Sequence[str] = (), device: str = "auto", progress: Progress | None = None) -> Report:
    """Hold `layers`, networks by their names among them, or all layers of the catalog against their references.

    On a GPU (`device` = cuda, or auto where there is one) every tensor is real, whatever its size. On the CPU the small
    ones are, and those of real networks are on the meta device, where fvcore cannot follow.

    Raises `Unavailable` if torch, fvcore or the GPU asked for is missing, and `CostModelError` if a layer or a device
    is unknown.
    """
    chosen = [find(name) for name in dict.fromkeys(layers)]
    if device not in DEVICES:
        raise CostModelError(f"device must be {', '.join(DEVICES)}, not {device!r}{nearest(device, DEVICES)}")
    require("torch", "fvcore", "costmodel.validate.oracles")
    from costmodel.validate import networks
    from costmodel.validate.oracles import ORACLES
    from costmodel.validate.references import REFERENCES

    kind, described = chosen_device(device)
    chosen = chosen or [*LAYERS.values()]
    covered = [layer for layer in chosen if layer.name in REFERENCES]
    runs: list[Case | NetworkCase] = []
    for layer in covered:
        runs += networks.cases(layer) if layer.input else cases(layer)
    comparisons: list[Comparison] = []
    silent: list[str] = []
    with one_thread():
        for done, case in enumerate(runs, start=1):
            comparisons.extend(_hold(case, "meta" if case.large and kind == "cpu" else kind, silent))
            if progress:
                progress(done, len(runs), case.layer.name)
    return Report(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
        device=described,
        oracles={oracle.name: oracle.counts for oracle in ORACLES.values()},
        comparisons=comparisons,
        not_covered=[
            *(f"{layer.name}: it has no reference" for layer in chosen if layer not in covered),
            *silent,
            *_unrun(covered, kind),
            *(["whole networks: they are held by their names, or by --networks"] if not layers else []),
            *_uncounted(runs, ORACLES.values()),
        ],
    )


def _hold(case: "Case | NetworkCase", place: str, silent: list[str]) -> Iterator[Comparison]:
    """Every comparison of a case on one device; what could not be compared is said in `silent`."""
    import torch

    from costmodel.validate.networks import NetworkCase
    from costmodel.validate.oracles import ORACLES

    def compare(quantity: str, oracle: str, ours: Value, theirs: Value) -> Comparison:
        return Comparison(case.layer.name, case.options, case.shape, quantity, oracle, place, ours, theirs)

    where = label(case.layer.name, case.options, case.shape)
    asked: list[Site] = []
    try:
        with torch.device(place), torch.no_grad():
            module = case.module(place, asked) if isinstance(case, NetworkCase) else reference(case)
            x = torch.zeros(case.shape)
            outputs = module(x)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        if isinstance(case, NetworkCase):
            yield compare("places", "torch", _spelled(case.places), _spelled(asked))
            outputs = outputs[:1]  # maps that help to train come after it
        for shape in {tuple(output.shape) for output in outputs}:
            yield compare("output", "torch", case.ledger.rows[-1].output, shape)
        del outputs
        for oracle in ORACLES.values():
            if oracle.needs_data and place == "meta":
                continue
            ours, theirs = oracle.ours(case.ledger), oracle.theirs(module, x)
            for quantity in sorted({*ours.counts, *theirs.counts}):
                yield compare(quantity, oracle.name, ours.counts.get(quantity, 0), theirs.counts.get(quantity, 0))
            if not theirs.counts:
                silent.append(f"{where}: {oracle.name} counts nothing in it, which is no evidence")
            elif ours.uncounted is not None and theirs.uncounted is not None:
                yield compare("uncounted", oracle.name, tuple(sorted(ours.uncounted)), tuple(sorted(theirs.uncounted)))
    except torch.OutOfMemoryError:
        silent.append(f"{where}: the memory of the GPU does not hold it")
    except Exception as error:
        error.add_note(f"It was raised while the reference was run: {where}.")
        raise


def reference(case: Case) -> "nn.Module":
    """The reference of a layer."""
    from costmodel.validate.references import REFERENCES

    video = {"video": True} if len(case.shape) == 5 else {}
    return REFERENCES[case.layer.name](case.shape[1], **case.options, **video).eval()


def _spelled(sites: "Iterable[Site]") -> tuple[str, ...]:
    return tuple(sorted(".".join(map(str, site)) for site in sites))


def _unrun(covered: Iterable[Layer], kind: str) -> Iterator[str]:
    """What cases were left out, and where one oracle was not asked."""
    from costmodel.validate.networks import DEEP, is_deep

    layers = [layer for layer in covered if not layer.input]
    networks = [layer for layer in covered if layer.input]
    for layer in layers:
        # Where the defaults are left out, so is every option at that shape for the same reason.
        said: set[tuple[tuple[int, ...], str]] = set()
        for case, reason in left_out(layer):
            if (case.shape, reason) not in said:
                yield f"{label(layer.name, case.options, case.shape)}: {reason}"
            if not case.options:
                said.add((case.shape, reason))
    if deep := [network.name for network in networks if is_deep(network)]:
        yield f"options of {', '.join(deep)}, and layers inserted there: they have more than {DEEP} operations"
    if kind == "cpu" and layers:
        shapes = ", ".join("x".join(map(str, shape)) for shape in LARGE)
        yield f"fvcore at sizes of real networks ({shapes}): it needs data, and these a GPU (--device cuda)"
    if kind == "cpu" and networks:
        yield (
            "fvcore at the inputs that networks are made for, in those of many operations, and with a number changed:"
            " it needs data, and these a GPU (--device cuda)"
        )


def _uncounted(runs: "Sequence[Case | NetworkCase]", oracles: Collection["Oracle"]) -> Iterator[str]:
    """The operations whose arithmetic no oracle counts."""
    kinds = sorted({row.kind for case in runs for row in case.ledger.rows if row.arithmetic})
    uncounted = [kind for kind in kinds if not any(kind in oracle.counted for oracle in oracles)]
    noticed = [kind for kind in uncounted if any(kind in oracle.noticed for oracle in oracles)]
    unnoticed = [kind for kind in uncounted if kind not in noticed]
    if noticed:
        yield f"the arithmetic of {', '.join(noticed)}: fvcore reports that they are there, and no oracle counts them"
    if unnoticed:
        yield f"the arithmetic of {', '.join(unnoticed)}: no oracle counts or reports it"
    if kinds:
        yield "arithmetic by kind other than mac, and elements read and written: no oracle knows them"
    for name, facts in {case.layer.name: case.ledger.facts for case in runs if case.ledger.facts}.items():
        yield f"what {name} notes beside its rows ({', '.join(facts)}): no oracle knows it"


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Threads only wait for each other over tensors as small as these."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def require(*modules: str, what: str = "validate") -> None:
    """Raise `Unavailable` unless all of `modules`, which `what` needs, can be imported."""
    missing: dict[str, None] = {}
    for module in modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            missing[(error.name or module).partition(".")[0]] = None
        except (ImportError, OSError) as error:
            raise Unavailable(f"{what} needs {module}, which is installed but cannot be imported: {error}") from None
    if missing:
        names = f"{' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed"
        raise Unavailable(f"{what} needs {names}: pip install {' '.join(missing)}")


def chosen_device(wanted: str) -> tuple[str, dict[str, str]]:
    """``cpu`` or ``cuda``, and a description."""
    import torch

    here = torch.cuda.is_available()
    if wanted == "cuda" and not here:
        raise Unavailable(f"torch {torch.__version__} finds no GPU here: choose --device cpu or auto")
    kind = ("cuda" if here else "cpu") if wanted == "auto" else wanted
    name = torch.cuda.get_device_name() if kind == "cuda" else platform.processor() or platform.machine()
    why = "asked for" if wanted == kind else f"auto: torch finds {'a' if here else 'no'} GPU here"
    return kind, {"type": kind, "name": name, "chosen": why}


def versions(*names: str) -> dict[str, str]:
    """What a count by others depends on: those packages, or all; fvcore needs NumPy, which it computes with."""
    packages = {name: metadata.version(name) for name in names or ("torch", "fvcore", "numpy")}
    return {"python": platform.python_version(), "costmodel": __version__, **packages}
