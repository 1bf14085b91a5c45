"""Prove all layers, in as many processes as there are cores."""

import json
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
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

    def to_json(self) -> str:
        """Everything, one certificate a line."""
        head = {
            "date": self.date,
            "versions": dict(self.versions),
            "proved": sum(certificate.proved for certificate in self.certificates),
            "refuted": sum(certificate.refuted for certificate in self.certificates),
            "sampled": sum(certificate.method == "sampled" for certificate in self.certificates),
        }
        rows = ",\n".join(json.dumps(c._asdict(), ensure_ascii=False, separators=(",", ":")) for c in self.certificates)
        return f'{json.dumps(head, indent=2)[:-2]},\n  "certificates": [\n{rows}\n  ]\n}}'


def prove(layers: Sequence[str] = (), progress: Progress | None = None, *, processes: int | None = None) -> Proofs:
    """Prove the counts of `layers`, or of all with a reference.

    Over symbols every combination of their flags and choices, and every change of an integer option; by fvcore, on real
    modules, every change of one flag or choice.
    """
    chosen = [find(name) for name in dict.fromkeys(layers)] or list(LAYERS.values())
    tasks = [task for layer in chosen if layer.name in REFERENCES for task in _tasks(layer)]
    found: list[Certificate] = []
    for certificate in _certified(tasks, processes or os.cpu_count() or 1):
        found.append(certificate)
        if progress:
            progress(len(found), len(tasks), certificate.layer)
    return Proofs(datetime.now(UTC).isoformat(timespec="seconds"), versions(), found)


def _tasks(layer: Layer) -> Iterator[tuple[str, str, Any, tuple[int, ...]]]:
    """What is to be proved, by names, since another process has its own catalog."""
    for shape in SHAPES[: 2 if layer.video else 1]:
        every = [*structures(layer, shape), *numbers(layer, shape)]
        yield from (("symbolic", layer.name, case.options, shape) for case in every)
        yield from (("lattice", layer.name, case.options, shape) for case in changes(layer, shape))


@one_thread()
def _certify(task: tuple[str, str, Any, tuple[int, ...]]) -> Certificate:
    method, name, options, shape = task
    layer = find(name)
    case = Case(layer, options, shape, False, layer.run(shape, options))
    return symbolic.certify(case) if method == "symbolic" else lattice.certify(case)


def _certified(tasks: Sequence[Any], processes: int) -> Iterator[Certificate]:
    if processes == 1 or len(tasks) < 8:
        yield from map(_certify, tasks)
        return
    # Spawned, since torch does not outlive a fork; layers that only this process knows need one process.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        try:
            yield from pool.map(_certify, tasks, chunksize=4)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
