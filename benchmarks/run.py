"""How fast the tool is, measured in one run. Exits 1 if a limit of the project is missed.

- a command as a whole process, as a multiple of importing what it is written with (Typer and Rich)
- one cost in process: a layer's ledger at a shape, and its totals in every metric
- fvcore's count of a torch module of the same layer at the same shape, as a multiple of that, and of the same totals by
  the Python form of their formulas, derived once as for many shapes, which is what the limit is for
- a sweep of a non-local block over a dense grid of four axes, against `numpy.full` writing an array of its size and
  type, and against SymPy's `lambdify` on the same grid, given as open axes, which broadcast, and as the arrays of all
  its points; and a sweep of scattered points
- a network with a layer inserted, and all networks with each layer at its paper's places
- a map of which of eight layers is cheapest at a million points, counted, drawn and saved as PNG by a process of its
  own that has matplotlib imported
- deriving the formula of the reference that takes longest, and of pytorchcv's ResNet-50 where that is installed, in
  seconds of the processor, since they take too long to be repeated until a busy machine leaves them alone; and the
  memory of deriving and of proving a non-local block, each in a process of its own and read from /proc

Everything takes turns, so that a busy machine slows all sides alike; each figure is the least, the median and the most
of all turns. The limit of a ratio holds its median; that of a time holds its least, since a time has no other side
that a busy machine would slow too. Needs the `validate` extra.

    python benchmarks/run.py [--turns N] [--json]
"""

import argparse
import contextlib
import json
import logging
import math
import os
import subprocess
import sys
import sysconfig
import tempfile
import timeit
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import sympy
import torch
from fvcore.nn import FlopCountAnalysis

import costmodel.networks  # noqa: F401 (puts them into the catalog)
from costmodel import LAYERS, METRICS, CostModelError, Layer, find, subjects, totals
from costmodel.catalog import NETWORKS
from costmodel.insertion import Insert, by_stage, compose
from costmodel.sweep import compile_formula
from costmodel.symbolic import derive, symbol
from costmodel.validate.references import REFERENCES

SHAPE = (1, 512, 28, 28)
COSTMODEL = str(Path(sysconfig.get_path("scripts"), "costmodel"))
COMPLETION = {"_COSTMODEL_COMPLETE": "complete_bash", "COMP_WORDS": "costmodel cost cb", "COMP_CWORD": "2"}

PROCESS_LIMIT = 1.5
COST_LIMIT = 150.0
FVCORE_LIMIT = 1000.0
FULL_LIMIT = 0.5
GRID_LIMIT = 5.0
SCATTERED_LIMIT = 2.0
INSERTED_LIMIT = 5.0
TABLE_LIMIT = 3.0
MAP_LIMIT = 2.0
DERIVE_LIMIT = 3.0
NETWORK_LIMIT = 10.0
DERIVE_MEMORY_LIMIT = 1024.0
GROWTH_LIMIT = 1.05

AXES = (np.arange(1, 33), np.arange(16, 513, 16), np.arange(1, 113), np.arange(1, 113))
"""N, C, H and W of a grid of 12.8 million points."""
SCATTERED = 10**7

MAP = """
import matplotlib.backends.backend_agg, matplotlib.figure, matplotlib.style, sys, time
start = time.perf_counter()
from costmodel.plots import Cheapest, save
layers = ["danet-pam", "sparse-attention", "conv", "non-local", "dense-attention", "sparse-attention:pattern=fixed",
          "conv:kernel=5", "danet-head"]
save(Cheapest.of(layers, {"side": range(8, 1008), "c": range(32, 32032, 32)}).figure(), sys.argv[1])
print(time.perf_counter() - start)
"""
"""A program that prints how long it takes to count and draw a map, three of whose layers are cheapest somewhere."""


PEAK = """
import re, sys, time
import torch

def peak():
    # Not that of `resource`, which begins with what the process that starts this one holds.
    return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) / 1024
"""
"""The most MiB that a process has held so far."""

DERIVE = f"""{PEAK}
own = peak()
from costmodel.trace import derive_module, load
target, shape = sys.argv[1], [int(size) for size in sys.argv[2].split("x")]
start = time.process_time()
derive_module(lambda given: load(target, given), dict(channels=shape[1]) if len(sys.argv) > 3 else dict(), shape)
print(time.process_time() - start, peak() - own)
"""
"""A program that prints how long deriving takes, and the MiB by which it exceeds torch alone."""

PROVE = f"""{PEAK}
from costmodel import find
from costmodel.validate.cases import Case
from costmodel.validate.proofs import symbolic
shape, layer = [int(size) for size in sys.argv[1].split("x")], find("non-local")
assert symbolic.certify(Case(layer, {{}}, shape, False, layer.run(shape, {{}}))).proved
print(peak())
"""
"""A program that prints the MiB of a process that proves a non-local block for all sizes, traced at one shape."""

DEAREST = ("criss-cross", "danet-head", "sparse-attention")
"""The layers whose references take longest to derive."""
NETWORK = "pytorchcv.models.resnet:resnet50"
LARGE = "1x512x512x512"
"""A map whose P² is far beyond the memory of any machine, in floats 256 GiB."""
PROVED = ("13x96x23x29", "13x96x92x116")
"""A map, and one of 16 times its positions: an array of P² of them would grow by a factor of 256, to gigabytes."""


class Figure(NamedTuple):
    """What was measured, over all turns, and its limit, if it has one."""

    what: str
    unit: str
    least: float
    median: float
    most: float
    at_most: float | None
    at_least: float | None

    @property
    def holds(self) -> bool:
        """Whether the median of a ratio, or the least of times, is within the limit."""
        decisive = self.median if self.unit == "×" else self.least
        return (self.at_least or 0) <= decisive <= (self.at_most or math.inf)

    def __str__(self) -> str:
        values = "".join(f"{value:>12,.2f}" for value in (self.least, self.median, self.most))
        bound = f"≤ {self.at_most:,g}" if self.at_most else f"≥ {self.at_least:,g}" if self.at_least else ""
        verdict = "" if not bound else "holds" if self.holds else "MISSED"
        return f"{self.what:52}{values} {self.unit:3} {bound:8} {verdict}".rstrip()


def figure(
    what: str, unit: str, measured: list[float], *, at_most: float | None = None, at_least: float | None = None
) -> Figure:
    """A figure of all turns."""
    return Figure(what, unit, min(measured), median(measured), max(measured), at_most, at_least)


def process(*arguments: str, **environment: str) -> Callable[[], object]:
    """Run Python with these arguments."""

    def run() -> object:
        return subprocess.run(
            [sys.executable, *arguments], env=os.environ | environment, check=True, stdout=subprocess.DEVNULL
        )

    return run


def processes(turns: int) -> list[Figure]:
    """Whole processes, as multiples of importing Typer and Rich."""
    base = process("-c", "import typer, rich.table")
    commands = {
        "costmodel cost cbam --shape 1x256x56x56": process(COSTMODEL, "cost", "cbam", "--shape", "1x256x56x56"),
        "costmodel --help": process(COSTMODEL, "--help"),
        "completion of 'costmodel cost cb'": process(COSTMODEL, **COMPLETION),
    }
    ratios: dict[str, list[float]] = {what: [] for what in commands}
    for run in (base, *commands.values()):  # once before the first turn, so that none pays for compiling
        run()
    for _ in range(3 * turns):  # processes vary most, so more turns, each between two of what it is a multiple of
        for what, run in commands.items():
            before, own, after = seconds(base, 1), seconds(run, 1), seconds(base, 1)
            ratios[what].append(2 * own / (before + after))
    return [figure(what, "×", measured, at_most=PROCESS_LIMIT) for what, measured in ratios.items()]


def by_formula(layer: Layer) -> Callable[[], object]:
    """All totals of `layer` at `SHAPE` by functions derived once."""
    derivation = derive(layer, {})
    ledger = layer.run(SHAPE, {})
    letters = {option.symbol: ledger.chosen.get(name, option.default) for name, option in layer.options.items()}
    values = dict(zip("NCHW", SHAPE, strict=True)) | letters
    arguments = [values[letter] for letter in derivation.symbols]
    functions = {metric: derivation.function(metric) for metric in METRICS}
    assert {metric: function(*arguments) for metric, function in functions.items()} == totals(ledger)
    return lambda: {metric: function(*arguments) for metric, function in functions.items()}


def costs(turns: int) -> list[Figure]:
    """One cost of every layer in process, and how many of them fvcore's count takes."""
    logging.disable(logging.WARNING)  # fvcore's, of what it does not count
    torch.set_num_threads(1)  # idle threads of one count would spin during the next
    x = torch.zeros(SHAPE)

    def by_ledger(layer: Layer) -> Callable[[], object]:
        return lambda: totals(layer.run(SHAPE, {}))

    def by_fvcore(layer: Layer) -> Callable[[], object]:
        module = REFERENCES[layer.name](SHAPE[1]).eval()
        return lambda: FlopCountAnalysis(module, (x,)).total()

    ways = {name: (by_ledger(layer), by_formula(layer), by_fvcore(layer)) for name, layer in LAYERS.items()}
    for _, _, trace in ways.values():
        trace()
    turn: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, (run, formula, trace) in ways.items():
            turn[name].append((seconds(run, 100), seconds(formula, 100), seconds(trace, 1)))
    return [
        *(
            figure(f"{name}, one cost", "µs", [own * 1e6 for own, _, _ in times], at_most=COST_LIMIT)
            for name, times in turn.items()
        ),
        *(
            figure(f"{name}, fvcore / one cost", "×", [trace / own for own, _, trace in times])
            for name, times in turn.items()
        ),
        *(
            figure(
                f"{name}, fvcore / derived function",
                "×",
                [trace / own for _, own, trace in times],
                at_least=FVCORE_LIMIT,
            )
            for name, times in turn.items()
        ),
    ]


def networks(turns: int) -> list[Figure]:
    """A network with a layer inserted, as `costmodel network` counts it, and every network with every layer."""

    def by_stages() -> None:
        asked = subjects.read("resnet50 with cbam")
        ledger = asked.layer.run(asked.layer.input or (), asked.options)
        for stage in by_stage(ledger):
            totals(stage.backbone)
            totals(stage.inserted)
        totals(ledger)

    def table() -> None:
        for network in NETWORKS.values():
            for layer in LAYERS.values():
                with contextlib.suppress(CostModelError):  # where the network has not its places, or it does not fit
                    totals(compose(network, [Insert(layer, {}, ())], "").run(network.input or (), {}))

    one = [1000 * seconds(by_stages, 5) for _ in range(turns + 1)][1:]
    whole = [seconds(table, 1) for _ in range(min(turns, 3))]
    return [
        figure("resnet50 with cbam, by stage", "ms", one, at_most=INSERTED_LIMIT),
        figure(f"{len(NETWORKS)} networks, each with {len(LAYERS)} layers", "s", whole, at_most=TABLE_LIMIT),
    ]


def sweeps(turns: int) -> list[Figure]:
    """Compiled formulas over arrays, against what else fills such an array."""
    grid = dict(zip("NCHW", np.ix_(*AXES), strict=True))
    points = dict(
        zip("NCHW", (np.ascontiguousarray(axis) for axis in np.broadcast_arrays(*grid.values())), strict=True)
    )
    random = np.random.default_rng(0)
    scattered = {name: random.choice(axis, SCATTERED) for name, axis in zip("NCHW", AXES, strict=True)}
    derivation = derive(find("non-local"), {"reduction": 2})
    found = []
    for metric in ("macs", "arithmetic"):
        compiled = compile_formula(derivation, metric)
        lambdified = sympy.lambdify([symbol(name) for name in "NCHW"], derivation.formula(metric).exact, "numpy")
        assert np.array_equal(compiled(**grid), lambdified(**grid))
        ways = [
            partial(compiled, **grid),
            partial(np.full, [len(axis) for axis in AXES], 7),
            partial(lambdified, **grid),
            partial(lambdified, **points),
            partial(compiled, **scattered),
            partial(lambdified, **scattered),
        ]
        times = [[seconds(way, 1) for way in ways] for _ in range(turns + 1)][1:]  # the first turn finds memory cold
        for what, other, own, limit in [
            ("numpy.full / sweep of a grid", 1, 0, FULL_LIMIT),
            # Of open axes `lambdify` too works out most in small shapes: it is left with four passes for the macs. No
            # limit is held where even the array that nothing is computed for comes to little more.
            ("lambdify / sweep, open axes", 2, 0, GRID_LIMIT if metric == "arithmetic" else None),
            ("lambdify / numpy.full, open axes", 2, 1, None),
            ("lambdify / sweep, arrays of all points", 3, 0, GRID_LIMIT),
            ("lambdify / sweep, scattered points", 5, 4, SCATTERED_LIMIT),
        ]:
            ratios = [turn[other] / turn[own] for turn in times]
            found.append(figure(f"{metric}, {what}", "×", ratios, at_least=limit))
    return found


def maps(turns: int) -> list[Figure]:
    """A figure of eight layers, from the start of a process that has matplotlib imported to the file."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", MAP, str(Path(folder, "map.png"))]
        times = [float(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(turns + 1)][1:]
    return [figure("map of eight layers, 1000 × 1000 points", "s", times, at_most=MAP_LIMIT)]


def derivations(turns: int) -> list[Figure]:
    """Formulas of modules that are traced, and the memory that takes."""
    references = {
        name: f"{REFERENCES[name].__module__}:{REFERENCES[name].__qualname__}" for name in (*DEAREST, "non-local")
    }
    few = range(min(turns, 2))
    shape = "x".join(map(str, SHAPE))
    own = {name: [printed(DERIVE, references[name], shape, "channels")[0] for _ in few] for name in DEAREST}
    memory = printed(DERIVE, references["non-local"], LARGE, "channels")[1]
    small, large = (printed(PROVE, size)[0] for size in PROVED)
    found = [figure(f"derive the reference of {name}", "s", times, at_most=DERIVE_LIMIT) for name, times in own.items()]
    if find_spec("pytorchcv"):
        network = [printed(DERIVE, NETWORK, "1x3x224x224")[0] for _ in few]
        found.append(figure("derive ResNet-50 of pytorchcv", "s", network, at_most=NETWORK_LIMIT))
    return [
        *found,
        figure(f"derive non-local at {LARGE}, beside torch", "MiB", [memory], at_most=DERIVE_MEMORY_LIMIT),
        figure("prove non-local, memory of 16 P / of P", "×", [large / small], at_most=GROWTH_LIMIT),
    ]


def printed(program: str, *arguments: str) -> list[float]:
    """The numbers that a program prints, in a process of its own."""
    command = [sys.executable, "-c", program, *arguments]
    return [float(number) for number in subprocess.run(command, check=True, capture_output=True).stdout.split()]


def seconds(run: Callable[[], object], times: int) -> float:
    """How long one run takes, of so many in a row."""
    return timeit.timeit(run, number=times) / times


def main() -> int:
    """Measure, print, and say whether every limit holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7, help="how often each thing is measured")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    groups = (processes, costs, networks, sweeps, maps, derivations)
    figures = [measured for group in groups for measured in group(options.turns)]
    if options.json:
        print(json.dumps([{**measured._asdict(), "holds": measured.holds} for measured in figures], indent=2))
    else:
        print(f"{'':52}{'least':>12}{'median':>12}{'most':>12}     limit")
        print(*figures, sep="\n")
    return 0 if all(measured.holds for measured in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
