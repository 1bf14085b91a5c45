"""``costmodel sweep``."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

from costmodel.catalog import read
from costmodel.dimension import CostModelError, abbreviate
from costmodel_cli import reading, render
from costmodel_cli.exit_codes import Exit, Unchecked
from costmodel_cli.progress import progress

INTERRUPTED = 130
"""The exit status of a command that was interrupted, as shells have it."""

LONGEST_AXIS = 10**7
"""The most values of an axis, all of which are held in memory."""


def run(layers: Sequence[str], grid: Sequence[str], at: Sequence[str], metric: str, output: str) -> int:
    """Count layers over a grid into a file, going on where an interruption left it."""
    subjects = [read(text) for text in layers]
    reading.metric(metric)
    axes = _axes(grid)
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
    render.show(
        f"{metric} of {', '.join(layers)} at {render.number(points)} points", "", table, "", f"written: {output}"
    )
    return Exit.HOLDS


def _axes(given: Sequence[str]) -> dict[str, Sequence[int]]:
    """``c=64:2048:64``, each name once."""
    axes: dict[str, Sequence[int]] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        name = name.strip().lower()
        if not (name and equals):
            raise CostModelError(
                f"--grid is written name=values, such as c=64:2048:64 or c=64,128,256, not {abbreviate(pair)}"
            )
        if name in axes:
            raise CostModelError(f"--grid {abbreviate(name)} is given twice")
        axes[name] = _values(name, text)
    return axes


def _values(name: str, text: str) -> Sequence[int]:
    """``64:2048:64``, with its end if a step hits it, or ``64,128,256``."""
    if ":" not in text:
        return [reading.size(part.strip(), name) for part in text.split(",")]
    start, stop, *step = [reading.size(part.strip(), name) for part in text.split(":")]
    if len(step) > 1:
        raise CostModelError(f"{name} is written start:stop or start:stop:step, not {abbreviate(text)}")
    values = range(start, stop + 1, *step)
    if not 0 < len(values) <= LONGEST_AXIS:
        has = "no values" if not values else f"more than {LONGEST_AXIS:,} values"
        raise CostModelError(f"the axis {name} has {has}: {abbreviate(text)}")
    return values
