"""``costmodel sweep``."""

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from costmodel.catalog import LONGEST, is_number, read
from costmodel.dimension import CostModelError, abbreviate
from costmodel_cli import reading, render
from costmodel_cli.exit_codes import Exit, Unchecked
from costmodel_cli.progress import progress

T = TypeVar("T")

INTERRUPTED = 130
"""The exit status of a command that was interrupted, as shells have it."""

LONGEST_AXIS = 10**7
"""The most values of an axis, all of which are held in memory."""


def run(layers: Sequence[str], grid: Sequence[str], at: Sequence[str], metric: str, output: str) -> int:
    """Count layers over a grid into a file, going on where an interruption left it."""
    subjects = [read(text) for text in layers]
    reading.metric(metric)
    axes = _pairs(grid, "--grid", "c=64:2048:64 or c=64,128,256", _values)
    fixed = _pairs(at, "--at", "n=1", _value)
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


def _pairs(given: Sequence[str], option: str, example: str, read: Callable[[str, str], T]) -> dict[str, T]:
    """``name=…``, each name once."""
    pairs: dict[str, T] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        name = name.strip().lower()
        if not (name and equals):
            raise CostModelError(f"{option} is written name=values, such as {example}, not {abbreviate(pair)}")
        if name in pairs:
            raise CostModelError(f"{option} {abbreviate(name)} is given twice")
        pairs[name] = read(name, text)
    return pairs


def _values(name: str, text: str) -> Sequence[int]:
    """``64:2048:64``, with its end if a step hits it, or ``64,128,256``."""
    if ":" not in text:
        return [_value(name, part) for part in text.split(",")]
    start, stop, *step = [_value(name, part) for part in text.split(":")]
    if len(step) > 1:
        raise CostModelError(f"{name} is written start:stop or start:stop:step, not {abbreviate(text)}")
    values = range(start, stop + 1, *step)
    if not 0 < len(values) <= LONGEST_AXIS:
        has = "no values" if not values else f"more than {LONGEST_AXIS:,} values"
        raise CostModelError(f"the axis {name} has {has}: {abbreviate(text)}")
    return values


def _value(name: str, text: str) -> int:
    part = text.strip()
    if not is_number(part) or int(part) == 0:
        limit = f" of at most {LONGEST} digits" if len(part) > LONGEST else ""
        raise CostModelError(f"{name} must be a positive integer{limit}, not {abbreviate(part)}")
    return int(part)
