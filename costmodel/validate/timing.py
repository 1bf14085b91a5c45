"""How long layers take here, held against the least that `costmodel.roofline` says they take.

Every layer of the catalog runs at its defaults, at the sizes of the stages of a ResNet (He et al. 2016, Deep Residual
Learning, table 1): its reference in eval and inference mode, operation by operation as torch runs it. What is timed is
the whole forward pass: what Python and torch need beside the operations belongs to it. On the CPU every run is timed
by itself; on a GPU a queue of runs is, between two events. A few runs before that are not timed.

Maps are random, so that no two of their pages are the same memory. Threads are as many as torch takes by default.
"""

import contextlib
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from itertools import count, repeat
from pathlib import Path

import torch

from costmodel import devices
from costmodel.catalog import LAYERS, Layer
from costmodel.crossover import crossover
from costmodel.dimension import CostModelError, abbreviate
from costmodel.fusion import eager
from costmodel.memory import DTYPES
from costmodel.roofline import Roofline
from costmodel.subjects import find
from costmodel.validate.calibration import TORCH, calibrate, multiplying
from costmodel.validate.cases import Case, excuse
from costmodel.validate.references import REFERENCES
from costmodel.validate.report import label
from costmodel.validate.run import Progress, chosen_device, reference, versions
from costmodel.validate.timing_report import Change, Crossing, Sample, Timing, Timings, changes, faster

STAGES = ((256, 56), (512, 28), (1024, 14), (2048, 7))
"""Channels and sides of the maps that the stages of a ResNet-50 make of 224×224."""

BATCHES = (1, 8)
USUAL = {"cpu": ("fp32",), "cuda": ("fp32", "tf32", "bf16")}
"""The dtypes that are timed unless others are asked for."""

PAIRS = (
    ("conv", "non-local"),
    ("cbam", "conv"),
    ("danet-pam", "non-local"),
    ("danet-pam", "danet-cam"),
    ("dense-attention", "non-local"),
    ("criss-cross", "non-local"),
)
"""Layers of which it is measured where they cross: one sample of `CHANNELS`, square, at first of these `SIDES`."""
CHANNELS = 256
SIDES = (4, 7, 10, 14, 20, 28, 40, 56)

WARM = 3
"""Runs that are not timed."""
LEAST, MOST = 5, 1000
"""Samples that are taken of each layer."""
ENOUGH = 5 * 10**8
"""Nanoseconds after which no more than `LEAST` are taken."""
QUEUE = {"cpu": 0, "cuda": 2 * 10**6}
"""Nanoseconds of runs in a sample, and one run at least."""

UNTIMED = "other options than the defaults, video, training, fused kernels, whole networks: nothing times them"

Clock = Callable[[Callable[[], object], int], int]
"""The nanoseconds that so many runs take."""


class Untimed(CostModelError):  # noqa: N818  (it names a state, which is not an error of the input)
    """This does not run here."""


def validate_time(
    layers: Sequence[str] = (),
    device: str = "auto",
    *,
    dtypes: Sequence[str] = (),
    profile: str | None = None,
    progress: Progress | None = None,
) -> Timings:
    """Time `layers`, or all of the catalog, on `device`, and hold them against what `profile` says.

    A profile is a device of this package or a file ending in ``.toml``; unless it is given, the device is calibrated
    first. `dtypes` are FP32 on the CPU, and FP32, TF32 and BF16 on a GPU, unless given.

    Raises `Unavailable` if torch finds no GPU and one is asked for, and `CostModelError` for a layer, a device, a
    profile or a dtype that is unknown, and for a dtype that is none of the device's or that has no figures there.
    """
    chosen = [find(name) for name in dict.fromkeys(layers)] or [*LAYERS.values()]
    kind, described = chosen_device(device)
    known = [dtype for dtype in DTYPES if (kind, dtype) != ("cpu", "tf32")]
    for dtype in dtypes:
        if dtype not in known:
            raise CostModelError(f"what is timed on {kind} is one of {', '.join(known)}, not {abbreviate(dtype)}")
    with _profile(kind, profile, progress) as name:
        limits = devices.device(name)
        wanted = [dtype for dtype in USUAL[kind] if dtype in limits.vector]
        silent = {f"{dtype}: {limits.name} has no figures for it": None for dtype in USUAL[kind] if dtype not in wanted}
        if dtypes:
            wanted, silent = [*dtypes], {}
        rooflines = {dtype: Roofline(limits, dtype) for dtype in wanted}
        cases = [*_cases(chosen, BATCHES, silent)]
        pairs = [pair for pair in PAIRS if {*pair} <= {layer.name for layer in chosen}]
        comparisons: list[Timing] = []
        crossings: list[Crossing] = []
        steps, total = count(1), len(rooflines) * (len(cases) + len(pairs))
        for dtype, roofline in rooflines.items():
            bench = Bench(kind, dtype)
            for case in cases:
                try:
                    comparisons.append(_held(case, roofline, bench.sample(case)))
                except Untimed as error:
                    silent[str(error)] = None
                if progress:
                    progress(next(steps), total, case.layer.name)
            for a, b in pairs:
                try:
                    crossings.append(_crossing(a, b, f"time:{name}:{dtype}", bench))
                except CostModelError as error:
                    silent[f"where {a} and {b} cross, in {dtype}: {error}"] = None
                if progress:
                    progress(next(steps), total, f"{a}, {b}")
    return Timings(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions("torch"),
        device={**described, "threads": str(torch.get_num_threads())},
        profile=limits,
        measured=profile is None,
        comparisons=comparisons,
        crossings=crossings,
        not_covered=[*silent, UNTIMED],
    )


@contextlib.contextmanager
def _profile(kind: str, given: str | None, progress: Progress | None) -> Iterator[str]:
    """The name by which a metric finds what bounds: that of a file for the time being, if it is measured now."""
    if given is not None:
        if ":" in given:
            raise CostModelError(f"a metric names a device between colons, so that {abbreviate(given)} can have none")
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{kind}.toml")
        path.write_text(calibrate(kind, progress).to_toml(), encoding="utf-8")
        yield str(path)


def _cases(chosen: Sequence[Layer], batches: Sequence[int], silent: dict[str, None]) -> Iterator[Case]:
    """The layers at their defaults, shape by shape; what is none is said in `silent`."""
    if networks := [layer.name for layer in chosen if layer.input]:
        silent[f"{', '.join(networks)}: a network is not timed"] = None
    layers = [layer for layer in chosen if not layer.input]
    silent |= {f"{layer.name}: it has no reference": None for layer in layers if layer.name not in REFERENCES}
    for batch in batches:
        for channels, side in STAGES:
            for layer in (layer for layer in layers if layer.name in REFERENCES):
                shape = (batch, channels, side, side)
                try:
                    yield _case(layer, shape)
                except CostModelError as error:
                    silent[f"{label(layer.name, {}, shape)}: {error}"] = None


def _case(layer: Layer, shape: tuple[int, ...]) -> Case:
    """Raises `CostModelError` with the reason, if it cannot be run."""
    case = Case(layer, {}, shape, large=True, ledger=layer.run(shape, {}))
    if reason := excuse(case):
        raise Untimed(reason)
    return case


def _held(case: Case, roofline: Roofline, sample: Sample) -> Timing:
    waits: Counter[str] = Counter()
    for bound in roofline.bounds(eager(case.ledger)):
        waits[bound.by] += bound.ticks
    ticks = waits.total()
    return Timing(
        case.layer.name,
        case.options,
        case.shape,
        roofline.dtype,
        Fraction(ticks, roofline.ticks_per_second),
        {limit: Fraction(part, ticks) for limit, part in waits.most_common()},
        sample,
    )


def _crossing(a: str, b: str, metric: str, bench: "Bench") -> Crossing:
    """Where two layers cross by `metric`, and on the `bench`.

    Raises `CostModelError` if that cannot be solved, or if one of them cannot be run.
    """
    at = {"c": CHANNELS, "n": 1}
    found = crossover(a, b, over="side", at=at, metric=metric)
    samples: dict[int, tuple[Sample, Sample]] = {}

    def sign(side: int) -> int:
        one, other = (bench.sample(_case(find(name), (1, CHANNELS, side, side))) for name in (a, b))
        samples[side] = one, other
        return faster(one, other)

    names = {1: a, -1: b}
    measured = [
        Change(low, high, *(names[faster(*samples[side])] for side in (low, high)))
        for low, high in changes(SIDES, sign)
    ]
    predicted = [Change(c.last_before or 0, c.first_after or 0, *c[3:]) for c in found.crossings]
    return Crossing(a, b, at, bench.dtype, found.verdict, predicted, measured, samples)


class Bench:
    """Where layers are timed in one dtype, each once at a shape."""

    def __init__(self, kind: str, dtype: str) -> None:
        self.kind, self.dtype = kind, dtype
        self._samples: dict[tuple[str, tuple[int, ...]], Sample] = {}

    def sample(self, case: Case) -> Sample:
        """How long the reference takes.

        Raises `Untimed` if it does not run here.
        """
        asked = case.layer.name, case.shape
        if asked not in self._samples:
            where = label(case.layer.name, case.options, case.shape)
            try:
                self._samples[asked] = self._run(case)
            except torch.OutOfMemoryError:
                raise Untimed(f"{where}, {self.dtype}: the memory of the GPU does not hold it") from None
            except NotImplementedError as error:
                raise Untimed(f"{where}, {self.dtype}: torch has no such operation here: {error}") from None
            except Exception as error:
                error.add_note(f"It was raised while the reference was run: {where}, {self.dtype}.")
                raise
        return self._samples[asked]

    def _run(self, case: Case) -> Sample:
        with torch.inference_mode(), torch.device(self.kind), multiplying(tf32=self.dtype == "tf32"):
            module = reference(case).to(TORCH[self.dtype])
            x = torch.randn(case.shape, dtype=TORCH[self.dtype])
            return sampled(lambda: module(x), CLOCKS[self.kind], QUEUE[self.kind])


def sampled(run: Callable[[], object], clock: Clock, queue: int = 0) -> Sample:
    """How long `run` takes: each sample is of one run, or of as many as take `queue` nanoseconds."""
    clock(run, WARM)
    runs = max(1, queue // max(1, clock(run, 1)))
    taken: list[int] = []
    while len(taken) < LEAST or (sum(taken) < ENOUGH and len(taken) < MOST):
        taken.append(clock(run, runs))
    times = [Fraction(nanoseconds, runs * 10**9) for nanoseconds in taken]
    first, median, third = statistics.quantiles(times, n=4, method="inclusive")
    return Sample(min(times), median, third - first, len(times))


def _on_cpu(run: Callable[[], object], runs: int) -> int:
    start = time.perf_counter_ns()
    for _ in repeat(None, runs):
        run()
    return time.perf_counter_ns() - start


def _on_gpu(run: Callable[[], object], runs: int) -> int:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    start.record()
    for _ in repeat(None, runs):
        run()
    end.record()
    end.synchronize()
    return int(start.elapsed_time(end) * 10**6)


CLOCKS: dict[str, Clock] = {"cpu": _on_cpu, "cuda": _on_gpu}
