"""What the machine at hand reaches, measured with torch and written as a device file, which `costmodel.devices` reads.

A bound must bound, so a figure is the best of many runs of what may reach most, rounded up; what an operation takes at
least is the shortest, rounded down:

- of the units that multiply matrices: products of square matrices and 3×3 convolutions without padding, of many sizes.
  A convolution that multiplies less than it is counted for, as Winograd's does, counts in full;
- of the vector units: sums, activations, norms, a softmax, counted as the ledger does. These wait for memory long
  before they wait for arithmetic, and would show too little. So the products of the same dtype count too: they keep the
  same units busy, or faster ones. FP16 and BF16 are computed as FP32, but for products;
- of a level of memory: the least with which the bound of `costmodel.roofline` holds for copies, sums, activations and
  reductions of every size, which is their bytes, less twice what the caches above hold, by the time that they took. Of
  the memory itself, also the bytes of the largest by their time, since what caches spare is nothing in the limit;
- of the start: operations on one number, on a GPU each in a queue of thousands.

All run in inference mode on tensors of ones, with as many threads as torch takes by default.
"""

import contextlib
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn import functional

from costmodel.conventions import CONVENTIONS
from costmodel.devices import Device, Level
from costmodel.memory import DTYPES
from costmodel.tensor import Tensor
from costmodel.validate.run import Progress, chosen_device

TORCH = {
    "fp64": torch.float64,
    "fp32": torch.float32,
    "tf32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
}
SIDES = {"cpu": (256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096), "cuda": (1024, 2048, 3072, 4096, 6144, 8192)}
"""Of square matrices."""

MAPS = {
    "cpu": ((1, 64, 58), (1, 128, 30), (1, 256, 16), (8, 64, 58), (8, 256, 30)),
    "cuda": ((32, 64, 58), (32, 128, 30), (32, 256, 16), (64, 256, 58), (64, 512, 30)),
}
"""Of convolutions: the batch, the channels, the side."""

WIDTH = 256
ROWS = {"cpu": (8, 64, 512, 4096), "cuda": (512, 4096, 32768)}
"""Of `WIDTH` numbers each, for the vector units."""

LARGEST = {"cpu": 2**28, "cuda": 2**31}
"""Bytes that are moved at once, or eight times what the caches hold, or an eighth of the memory."""

SAMPLE = {"cpu": 3 * 10**5, "cuda": 20 * 10**6}
"""Nanoseconds that a sample lasts at least: so many that the clock, and waiting for a GPU, are nothing beside them."""

SHARES = {"products": 6, "arithmetic": 2, "memory": 40, "start": 4}
"""Parts of the time."""


class Spread(NamedTuple):
    """How far the runs of one figure were apart."""

    best: Fraction
    """In the unit of the figure: work a second, seconds."""
    median: Fraction
    """Of all runs of the operation that was best."""
    of: str
    """That operation."""


class Calibration(NamedTuple):
    """What was measured."""

    device: Device
    spreads: Mapping[str, Spread]
    """By figure, as in the sources of the device; what a system knows of itself has none."""

    def to_toml(self) -> str:
        """The device file."""
        device = self.device
        lines = [f"title = {_quoted(device.title)}", f"launch_ns = {int(device.launch * 10**9):_}", ""]
        for table, peaks in (("vector", device.vector), ("matrix", device.matrix)):
            # TF32 stands among the ways to multiply alone.
            given = (f"{dtype} = {peak:_}" for dtype, peak in peaks.items() if (table, dtype) != ("vector", "tf32"))
            lines += [f"[{table}]", *given, ""]
        for level in device.levels:
            lines += ["[[level]]", f"name = {_quoted(level.name)}"]
            lines += [f"bytes = {level.bytes:_}", f"bandwidth = {level.bandwidth:_}", ""]
        texts = {figure: source for figure, source in device.sources.items() if figure != "vector.tf32"}
        lines += ["[sources]", *(f"{_quoted(figure)} = {_quoted(source)}" for figure, source in texts.items())]
        return "\n".join(lines) + "\n"


class Trial(NamedTuple):
    """Something that can be timed."""

    of: str
    work: int
    """How much it does: FLOPs, operations, bytes, or one start."""
    make: Callable[[], Callable[[], object]]
    """What is to be run, ready to."""


class Timed(NamedTuple):
    """A trial, and how long its samples took."""

    trial: Trial
    samples: list[tuple[int, int]]
    """Nanoseconds, and runs in them."""

    def spread(self, work: int) -> Spread:
        """Of `work` a second."""
        rates = [Fraction(work * runs * 10**9, nanoseconds) for nanoseconds, runs in self.samples]
        return Spread(max(rates), statistics.median(rates), self.trial.of)


def calibrate(device: str = "auto", progress: Progress | None = None, *, seconds: float = 45) -> Calibration:
    """Measure `device`, which is ``auto``, ``cpu`` or ``cuda``, for about as many `seconds`.

    Raises `Unavailable` if torch finds no GPU and one is asked for.
    """
    kind, described = chosen_device(device)
    dtypes = [dtype for dtype in DTYPES if dtype != "tf32" or _has_tf32(kind)]
    steps = [*(f"{dtype} products" for dtype in dtypes), "fp64 arithmetic", "fp32 arithmetic", "memory", "start"]
    share = _shares(steps, seconds, progress)
    caches, memory = _caches(kind), _memory(kind)
    levels = {**caches, "memory": memory}
    spreads: dict[str, Spread] = {}
    with torch.inference_mode(), torch.device(kind):
        for dtype in dtypes:
            with multiplying(tf32=dtype == "tf32"):
                if timed := _time(kind, _products(kind, TORCH[dtype]), next(share)):
                    spreads[f"matrix.{dtype}"] = _best(timed)
        for dtype in ("fp64", "fp32"):
            own = _best(_time(kind, _arithmetic(kind, TORCH[dtype]), next(share)))
            spreads[f"vector.{dtype}"] = max(own, spreads[f"matrix.{dtype}"])
        as_fp32 = [d for d in ("tf32", "fp16", "bf16") if f"matrix.{d}" in spreads]
        spreads |= {f"vector.{dtype}": spreads["vector.fp32"] for dtype in as_fp32}
        largest = min(max(LARGEST[kind], 8 * sum(caches.values())), memory // 8)
        spreads |= _bandwidths(levels, _time(kind, _moves(largest), next(share)))
        start = _best(_time(kind, _starts(), next(share)))
    spreads["launch"] = Spread(1 / start.best, 1 / start.median, start.of)
    threads = f", {torch.get_num_threads()} threads" if kind == "cpu" else ""
    title = (described["name"] if kind == "cuda" else _processor() or described["name"]) + threads
    measured = (
        f"measured by costmodel calibrate on {datetime.now(UTC):%Y-%m-%d} with torch {torch.__version__}{threads}"
    )
    peaks = {name: _up(spread.best) for name, spread in spreads.items()}
    matrix, vector = ({d: peaks[f"{of}.{d}"] for d in DTYPES if f"{of}.{d}" in peaks} for of in ("matrix", "vector"))
    sources = {name: f"{measured}: {_said(name, spread)}" for name, spread in spreads.items()}
    sources |= {f"vector.{d}": f"{sources[f'vector.{d}']}; computed as FP32" for d in ("fp16", "bf16") if d in matrix}
    sources |= {f"{name}.bytes": "as the system tells, all of a kind together" for name in levels}
    found = tuple(Level(name, size, peaks[f"{name}.bandwidth"]) for name, size in levels.items())
    launch = Fraction(int(spreads["launch"].best * 10**9), 10**9)
    return Calibration(Device(kind, title, matrix, vector, found, launch, sources), spreads)


def _shares(steps: Sequence[str], seconds: float, progress: Progress | None) -> Iterator[float]:
    """The seconds that each of `steps` has; asking for them starts it."""
    parts = [SHARES[step.rpartition(" ")[2]] for step in steps]
    for done, (step, part) in enumerate(zip(steps, parts, strict=True)):
        if progress:
            progress(done, len(steps), step)
        yield seconds * part / sum(parts)


# Clocks.


def _time(kind: str, trials: Iterable[Trial], seconds: float) -> list[Timed]:
    """Each of `trials` that runs here and is not too long for it, again and again for `seconds`; at least one."""
    end = time.perf_counter_ns() + int(seconds * 10**9)
    ready: list[tuple[Timed, Callable[[], object], int]] = []
    pace = Fraction(0)
    for trial in sorted(trials, key=lambda trial: trial.work):
        # It runs three times at least.
        if ready and 3 * pace * trial.work > end - time.perf_counter_ns():
            break
        try:
            run = trial.make()
            _sample(kind, run, 1)
            once = _sample(kind, run, 1)
        except RuntimeError:  # there is no such operation for this dtype here, or no memory for it
            continue
        # Again, since waiting for a GPU, or whatever else ran meanwhile, may have taken longer than the run.
        runs = max(1, SAMPLE[kind] // once)
        several = _sample(kind, run, runs)
        pace = min(Fraction(once), Fraction(several, runs)) / trial.work
        ready.append((Timed(trial, [(several, runs)]), run, max(1, SAMPLE[kind] * runs // several)))
    while ready and time.perf_counter_ns() < end:
        for timed, run, runs in ready:
            timed.samples.append((_sample(kind, run, runs), runs))
            if time.perf_counter_ns() > end:
                break
    return [timed for timed, _, _ in ready]


def _sample(kind: str, run: Callable[[], object], runs: int) -> int:
    wait = torch.cuda.synchronize if kind == "cuda" else None
    if wait:
        wait()
    start = time.perf_counter_ns()
    for _ in repeat(None, runs):
        run()
    if wait:
        wait()
    return max(time.perf_counter_ns() - start, 1)


def _best(timed: Iterable[Timed]) -> Spread:
    return max(each.spread(each.trial.work) for each in timed)


# What is timed.


def _products(kind: str, dtype: torch.dtype) -> Iterator[Trial]:
    """Products of square matrices, and 3×3 convolutions."""

    def product(side: int) -> Callable[[], object]:
        a, b = (torch.ones(side, side, dtype=dtype) for _ in range(2))
        return partial(torch.mm, a, b, out=torch.empty_like(a))

    def convolution(n: int, c: int, side: int, layout: torch.memory_format) -> Callable[[], object]:
        x, weights = torch.ones(n, c, side, side, dtype=dtype), torch.ones(c, c, 3, 3, dtype=dtype)
        return partial(functional.conv2d, x.to(memory_format=layout), weights.to(memory_format=layout))

    for side in SIDES[kind]:
        yield Trial(f"{side}×{side} by {side}×{side}", 2 * side**3, partial(product, side))
    for n, c, side in MAPS[kind]:
        flops = 2 * 9 * n * c * c * (side - 2) ** 2
        for layout, said in ((torch.contiguous_format, ""), (torch.channels_last, ", channels last")):
            made = partial(convolution, n, c, side, layout)
            yield Trial(f"3×3 convolution of {n}×{c}×{side}×{side}{said}", flops, made)


@contextlib.contextmanager
def multiplying(*, tf32: bool) -> Iterator[None]:
    """Multiply FP32 as TF32, or not at all so; let cuDNN look for its fastest algorithm."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=tf32):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def _arithmetic(kind: str, dtype: torch.dtype) -> Iterator[Trial]:
    """Operations for which the vector units have most to do."""
    operations: Mapping[str, tuple[Callable[[torch.Tensor], torch.Tensor], Callable[[Tensor], object]]] = {
        "add": (lambda x: x + x, lambda x: x + x),
        "relu": (torch.relu, Tensor.relu),
        "hard_swish": (functional.hardswish, Tensor.hard_swish),
        "sigmoid": (torch.sigmoid, Tensor.sigmoid),
        "softmax": (partial(torch.softmax, dim=-1), Tensor.softmax),
        "layer_norm": (lambda x: functional.layer_norm(x, (WIDTH,)), lambda x: x.layer_norm(affine=False)),
        "mean": (partial(torch.mean, dim=-1), lambda x: x.mean(-1)),
    }
    for rows in ROWS[kind]:
        for name, (run, counted) in operations.items():
            x = Tensor((rows, WIDTH))
            counted(x)
            work = CONVENTIONS["arithmetic"].total(x.ledger)
            yield Trial(f"{name} of {rows}×{WIDTH}", work, partial(_on_ones, run, rows, dtype))


def _on_ones(run: Callable[[torch.Tensor], object], rows: int, dtype: torch.dtype) -> Callable[[], object]:
    return partial(run, torch.ones(rows, WIDTH, dtype=dtype))


def _moves(largest: int) -> Iterator[Trial]:
    """Operations that move bytes: two sizes between a power of two and the next, up to `largest`."""
    everything = torch.ones(largest // 4)
    operations: Mapping[str, tuple[int, Callable[..., Callable[[], object]]]] = {
        "sum": (1, lambda a: partial(torch.sum, a)),
        "copy": (2, lambda a, b: partial(b.copy_, a)),
        "relu": (2, lambda a, b: partial(torch.clamp_min, a, 0, out=b)),
        "add": (3, lambda a, b, c: partial(torch.add, a, b, out=c)),
    }
    powers = range(14, largest.bit_length())
    for size in (size for power in powers for size in (2**power, 3 * 2 ** (power - 1)) if size <= largest):
        for name, (operands, made) in operations.items():
            # An odd number of lines of 64 bytes, so that the operands do not meet in the same sets of a cache.
            elements = 16 * (size // operands // 64 - 1 | 1)
            given = (everything[place * elements : (place + 1) * elements] for place in range(operands))
            moved = 4 * elements * operands
            yield Trial(f"{name} of {moved:,} bytes", moved, partial(made, *given))


def _bandwidths(levels: Mapping[str, int], timed: Sequence[Timed]) -> dict[str, Spread]:
    """What each level needs to move, that its bound holds for all of `timed`."""
    largest = max(each.trial.work for each in timed)
    found: dict[str, Spread] = {}
    above = 0
    for name, size in levels.items():
        passed = [(each, each.trial.work - 2 * above) for each in timed if each.trial.work > 2 * above]
        if name == "memory":
            passed += [(each, each.trial.work) for each in timed if 10 * each.trial.work >= 9 * largest]
        found[f"{name}.bandwidth"] = max(
            each.spread(work) for each, work in passed or ((t, t.trial.work) for t in timed)
        )
        above += size
    # What is further away is no faster, whatever the noise.
    names = list(found)
    for nearer, further in zip(names[-2::-1], names[:0:-1], strict=True):
        found[nearer] = max(found[nearer], found[further])
    return found


def _starts() -> Iterator[Trial]:
    """Operations on one number."""
    x = torch.ones(1)
    operations = {"relu": torch.relu, "relu in place": torch.relu_, "neg": torch.neg, "sigmoid": torch.sigmoid}
    for name, run in operations.items():
        yield Trial(f"{name} of one number", 1, partial(partial, run, x))
    yield Trial("add of two numbers", 1, partial(partial, torch.add, x, x))


# What the system tells of itself.


def _has_tf32(kind: str) -> bool:
    return kind == "cuda" and torch.cuda.get_device_capability() >= (8, 0)


def _caches(kind: str) -> dict[str, int]:
    """Bytes by level, of all caches that these threads may use; none where nobody tells."""
    if kind == "cuda":
        size = int(torch.cuda.get_device_properties(torch.cuda.current_device()).L2_cache_size)
        return {"L2": size} if size else {}
    found: dict[tuple[str, ...], int] = {}
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    for index in (path for core in cores for path in Path(f"/sys/devices/system/cpu/cpu{core}/cache").glob("index*")):
        with contextlib.suppress(OSError, ValueError):
            level, holds, shared, kib = (
                (index / part).read_text().strip() for part in ("level", "type", "shared_cpu_list", "size")
            )
            if holds != "Instruction":
                found[level, holds, shared] = int(kib.removesuffix("K")) * 1024
    sizes: dict[str, int] = {}
    for (level, *_), size in sorted(found.items()):
        sizes[f"L{level}"] = sizes.get(f"L{level}", 0) + size
    return sizes


def _memory(kind: str) -> int:
    if kind == "cuda":
        return int(torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory)
    return int(os.sysconf("SC_PHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE"))


def _processor() -> str:
    """As Linux calls it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return " ".join(value.split())
    return ""


# How figures are written.


def _up(figure: Fraction) -> int:
    """Four digits, rounded up."""
    unit: int = 10 ** max(len(str(int(figure))) - 4, 0)
    return -int(-figure // unit) * unit


def _said(name: str, spread: Spread) -> str:
    unit = " s" if name == "launch" else " a second"
    return f"best {float(spread.best):.4g}{unit}, median {float(spread.median):.4g}{unit}, {spread.of}"


def _quoted(text: str) -> str:
    # TOML escapes as JSON does.
    return json.dumps(text, ensure_ascii=False)
