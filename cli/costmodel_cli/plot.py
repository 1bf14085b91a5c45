"""``costmodel plot``."""

from collections.abc import Mapping, Sequence
from types import ModuleType

from costmodel.subjects import read
from costmodel_cli import reading, render
from costmodel_cli.exit_codes import Unchecked

USUAL: Mapping[str, Sequence[int]] = {
    **dict.fromkeys(("side", "h", "w"), range(4, 129)),
    "c": range(32, 4097, 8),
    "n": range(1, 257),
    "t": range(1, 65),
}
"""What an axis spans unless values are given."""


def run(kind: str, layers: Sequence[str], over: Sequence[str], at: Sequence[str], metric: str, output: str) -> None:
    """Draw a figure of layers into a file."""
    reading.one_of(kind, "a figure", reading.FIGURES)
    subjects = [read(text) for text in layers]
    fixed = reading.sizes(at)
    axes = reading.axes(over or (("side", "c") if kind in ("map", "ratio") else ("side",)), "--over", USUAL)
    plots = figures()
    plots.writable(output)
    shown = plots.KINDS[kind].of(subjects, axes, fixed, metric)
    plots.save(shown.figure(), output)
    said = shown.said
    render.show(*said, *([""] if said else []), f"written: {output}")


def figures() -> ModuleType:
    """The figures of the library, or `Unchecked` where matplotlib is absent."""
    try:
        from costmodel import plots
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise Unchecked("figures need matplotlib, which is not installed: pip install matplotlib") from None
    return plots
