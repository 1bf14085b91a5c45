"""How fast the tool is, measured in one run. Exits 1 if a limit of the project is missed.

- a command as a whole process, as a multiple of importing what it is written with (Typer and Rich)
- one cost in process: a layer's ledger at a shape, and its totals in every metric
- fvcore's count of a torch module of the same layer at the same shape, as a multiple of that, and of the same totals by
  the Python form of their formulas, derived once as for many shapes, which is what the limit is for
- a sweep of a non-local block over a dense grid of four axes, against `numpy.full` writing an array of its size and
  type, and against SymPy's `lambdify` on the same grid, given as open axes, which broadcast, and as the arrays of all
  its points; and a sweep of scattered points
- a map of which of eight layers is cheapest at a million points, counted, drawn and saved as PNG by a process of its
  own that has matplotlib imported

Everything takes turns, so that a busy machine slows all sides alike; each figure is the least, the median and the most
of all turns. The limit of a ratio holds its median; that of a time holds its least, since a time has no other side
that a busy machine would slow too. Needs the `validate` extra.

    python benchmarks/run.py [--turns N] [--json]
"""

import argparse
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
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import sympy
import torch
from fvcore.nn import FlopCountAnalysis

from costmodel import LAYERS, METRICS, Layer, find, totals
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
MAP_LIMIT = 2.0

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


def seconds(run: Callable[[], object], times: int) -> float:
    """How long one run takes, of so many in a row."""
    return timeit.timeit(run, number=times) / times


def main() -> int:
    """Measure, print, and say whether every limit holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7, help="how often each thing is measured")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    figures = processes(options.turns) + costs(options.turns) + sweeps(options.turns) + maps(options.turns)
    if options.json:
        print(json.dumps([{**measured._asdict(), "holds": measured.holds} for measured in figures], indent=2))
    else:
        print(f"{'':52}{'least':>12}{'median':>12}{'most':>12}     limit")
        print(*figures, sep="\n")
    return 0 if all(measured.holds for measured in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
