"""Exact costs over arrays of sizes. The only door to NumPy.

A formula is compiled once, and evaluated over grids or points in machine integers where these hold every
intermediate value, and in Python ints, which neither wrap nor round, where they do not.
"""

from costmodel.sweep.compiled import Compiled, compile_formula
from costmodel.sweep.files import Unavailable, write
from costmodel.sweep.grid import Grid, Sweep, grid
from costmodel.sweep.lift import evaluate

__all__ = ["Compiled", "Grid", "Sweep", "Unavailable", "compile_formula", "evaluate", "grid", "write"]
