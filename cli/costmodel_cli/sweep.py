"""``costmodel sweep``."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

from costmodel.subjects import read
from costmodel_cli import reading, render
from costmodel_cli.exit_codes import Exit, Unchecked
from costmodel_cli.progress import progress

INTERRUPTED = 130
"""The exit status of a command that was interrupted, as shells have it."""


def run(layers: Sequence[str], grid: Sequence[str], at: Sequence[str], metric: str, output: str) -> int:
    """Count layers over a grid into a file, going on where an interruption left it."""
    subjects = [read(text) for text in layers]
    axes = reading.axes(grid, "--grid", usual={})
    fixed = reading.sizes(at)
    from costmodel.sweep import Sweep, Unavailable, write

    try:
        sweep = Sweep(subjects, axes, fixed, metric)
        with progress() as advance:
            write(sweep, Path(output), advance)
    except Unavailable as error:
        raise Unchecked(str(error)) from None
    except KeyboardInterrupt:
        print("costmodel: interrupted; the same command goes on with the blocks in", f"{output}.part", file=sys.stderr)
        return INTERRUPTED
    table = render.table(["axis"], ["values", "from", "to"])
    for name, values in sweep.axes.items():
        table.add_row(name, render.number(len(values)), str(values.min()), str(values.max()))
    points = math.prod(sweep.shape)
    title = f"{metric} of {', '.join(layers)} at {render.number(points)} points"
    render.show(title, "", table, *render.units([metric]), "", f"written: {output}")
    return Exit.HOLDS
