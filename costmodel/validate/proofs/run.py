"""Prove all layers, in as many processes as there are cores."""

import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from itertools import product
from typing import Any, NamedTuple

from costmodel.catalog import LAYERS, Layer, find
from costmodel.validate.cases import Case, changes, numbers, structures
from costmodel.validate.proofs import lattice, symbolic
from costmodel.validate.proofs.certificate import SHAPES, Certificate
from costmodel.validate.references import REFERENCES
from costmodel.validate.run import Progress, one_thread, versions


class Proofs(NamedTuple):
    """All certificates of one run, with what they depend on."""

    date: str
    """In UTC."""
    versions: Mapping[str, str]
    certificates: Sequence[Certificate]
    seconds: float
    """How long the run took."""
    peak_mib: int
    """The most memory that a process of it ever held, with torch's own."""

    def to_json(self) -> str:
        """Everything, one certificate a line."""
        head = {
            "date": self.date,
            "versions": dict(self.versions),
            "proved": sum(certificate.proved for certificate in self.certificates),
            "refuted": sum(certificate.refuted for certificate in self.certificates),
            "sampled": sum(certificate.method == "sampled" for certificate in self.certificates),
            "seconds": round(self.seconds, 1),
            "peak_mib": self.peak_mib,
        }
        rows = ",\n".join(json.dumps(c._asdict(), ensure_ascii=False, separators=(",", ":")) for c in self.certificates)
        return f'{json.dumps(head, indent=2)[:-2]},\n  "certificates": [\n{rows}\n  ]\n}}'


def prove(layers: Sequence[str] = (), progress: Progress | None = None, *, processes: int | None = None) -> Proofs:
    """Prove the counts of `layers`, or of all with a reference.

    Over symbols every combination of their flags and choices, and every change of an integer option; by fvcore, on real
    modules, and of training over symbols every change of one flag or choice.
    """
    start = time.perf_counter()
    chosen = [find(name) for name in dict.fromkeys(layers)] or list(LAYERS.values())
    tasks = [task for layer in chosen if layer.name in REFERENCES for task in _tasks(layer)]
    found: list[Certificate] = []
    for certificate in _certified(tasks, processes or os.cpu_count() or 1):
        found.append(certificate)
        if progress:
            progress(len(found), len(tasks), certificate.layer)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return Proofs(date, versions(), found, time.perf_counter() - start, _peak_mib())


def _peak_mib() -> int:
    """Of this process or of one that it has waited for."""
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return peak // (2**20 if sys.platform == "darwin" else 2**10)  # bytes there, KiB elsewhere


def _tasks(layer: Layer) -> Iterator[tuple[str, str, Any, tuple[int, ...]]]:
    """What is to be proved, by names, since another process has its own catalog."""
    for shape in SHAPES[: 2 if layer.video else 1]:
        every = [*structures(layer, shape), *numbers(layer, shape)]
        yield from (("symbolic", layer.name, case.options, shape) for case in every)
        for method, case in product(("lattice", *symbolic.STEPS), changes(layer, shape)):
            yield method, layer.name, case.options, shape


@one_thread()
def _certify(task: tuple[str, str, Any, tuple[int, ...]]) -> Certificate:
    method, name, options, shape = task
    layer = find(name)
    case = Case(layer, options, shape, False, layer.run(shape, options))
    return (
        lattice.certify(case)
        if method == "lattice"
        else symbolic.certify(case, None if method == "symbolic" else method)
    )


def _certified(tasks: Sequence[Any], processes: int) -> Iterator[Certificate]:
    if processes == 1 or len(tasks) < 8:
        yield from map(_certify, tasks)
        return
    # SymPy keeps a thousand results of each of its functions, and a trace has more: with ten times as many it takes not
    # much more than half the time, and no more memory. SymPy reads this as it is imported.
    os.environ.setdefault("SYMPY_CACHE_SIZE", "10000")
    # Spawned, since torch does not outlive a fork; layers that only this process knows need one process.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        try:
            yield from pool.map(_certify, tasks, chunksize=4)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
