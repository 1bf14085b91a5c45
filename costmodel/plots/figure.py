"""What all figures share: their size and type, axes of sizes and costs, colours, and the file they end in."""

import contextlib
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as _Figure
from matplotlib.legend_handler import HandlerBase
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from costmodel import __version__
from costmodel.dimension import CostModelError, abbreviate
from costmodel.metrics import seconds
from costmodel.symbolic import LETTERS

WIDTH = 3.4
"""Inches: a column of a two-column paper."""
SMALL = 6.5
"""Points, of what explains: keys, labels in the data."""
LINE = 0.14
"""Inches of a line of a key."""
KEY_WIDTH = 62
"""Characters of a line of a key."""
TITLE_WIDTH = 44
"""Characters of a line of a title."""
TICKS_WIDTH = 38
"""Characters of the numbers along an axis, each with a space."""
POINT: Mapping[str, Any] = {
    "marker": "o",
    "linestyle": "",
    "color": "white",
    "markeredgecolor": "black",
    "markersize": 4.2,
    "markeredgewidth": 0.8,
    "clip_on": False,
}
"""A point that is seen on every colour."""

FORMATS = (".png", ".svg", ".pdf")

STYLE: Any = {
    "figure.dpi": 300,
    "savefig.dpi": 300,
    "font.family": "DejaVu Sans",  # it comes with matplotlib, and has every sign of a formula
    "font.size": 7.5,
    "axes.linewidth": 0.6,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.3,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # type that journals take, and that can be searched
    "svg.hashsalt": "costmodel",  # the same figure is the same file
}

METRICS = {
    "params": "parameters",
    "macs": "multiply-accumulates",
    "flops": "FLOPs (2 × MACs)",
    "fvcore": "operations by fvcore",
    "arithmetic": "arithmetic operations",
    "inside-macs": "multiply-accumulates inside the map",
    "training-macs": "multiply-accumulates of training",
    "checkpointed-training-macs": "multiply-accumulates of training under a checkpoint",
    "peak-bytes": "peak of activations, bytes",
    "training-peak-bytes": "peak of training, bytes",
    "checkpointed-peak-bytes": "peak of training under a checkpoint, bytes",
    "saved-bytes": "saved for backward, bytes",
    "moved-bytes": "bytes moved",
    "fused-bytes": "bytes moved where operations are fused",
    "time": "least time",
    "fused-time": "least time where operations are fused",
}


def metric_label(metric: str) -> str:
    """What `metric` counts, in words: ``peak of activations, bytes (bf16)``."""
    name, *named = metric.split(":")
    return f"{METRICS[name]} ({', '.join(named)})" if named else METRICS[name]


def drawn(costs: Any, metric: str) -> Any:
    """`costs` as floats that are drawn: times in seconds."""
    return costs.astype(float) * float(seconds(metric) or 1)


SIZES = {
    "side": "feature map, height = width (positions)",
    "h": "height (positions)",
    "w": "width (positions)",
    "c": "channels C",
    "n": "batch size N",
    "t": "frames T",
}


class Stage(NamedTuple):
    """What comes out of a stage of ResNet-50 on images of 224×224: He et al. 2016, Table 1 (arXiv:1512.03385)."""

    name: str
    side: int
    c: int


STAGES = (Stage("conv2", 56, 256), Stage("conv3", 28, 512), Stage("conv4", 14, 1024), Stage("conv5", 7, 2048))


class Figure(_Figure):
    """A figure that notebooks show by itself."""

    def _repr_png_(self) -> bytes:
        return rendered(self, ".png")


@contextlib.contextmanager
def drawing(height: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure of one column and `height` inches, without a key, with its axes, in the style of all."""
    with _styled():
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        yield figure, figure.add_subplot()


@contextlib.contextmanager
def stacked(height: float, count: int) -> Iterator[tuple[Figure, list[Axes]]]:
    """The same with `count` axes, one above the other and over the same variable."""
    with _styled():
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        yield figure, list(figure.subplots(count, sharex=True))


def _styled() -> Any:
    """The style of all figures, whatever the user's own is."""
    return mpl.style.context(STYLE, after_reset=True)


def save(figure: _Figure, path: str | Path) -> None:
    """Write `figure` to `path` as PNG, SVG or PDF, by its suffix; whole or not at all, and always the same bytes.

    Raises `CostModelError` if the suffix is another or the file cannot be written.
    """
    target = writable(path)
    data = rendered(figure, Path(path).suffix.lower())
    part = target.with_name(f".{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(target)
    except OSError as error:
        raise CostModelError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def writable(path: str | Path) -> Path:
    """`path` through links, if by its name a figure can be written there.

    Raises `CostModelError` as `save` does.
    """
    if Path(path).suffix.lower() not in FORMATS:
        raise CostModelError(
            f"a figure is written to a file ending in {', '.join(FORMATS)}, not {abbreviate(str(path))}"
        )
    try:
        target = Path(path).resolve()
        why = "it is a folder" if target.is_dir() else "" if target.parent.is_dir() else "its folder does not exist"
    except (OSError, RuntimeError, ValueError) as error:  # too long, a loop of links, with a null byte
        why = getattr(error, "strerror", None) or str(error)
        raise CostModelError(f"{abbreviate(str(path))} cannot be written: {why}") from None
    if why:
        raise CostModelError(f"{path} cannot be written: {why}")
    return target


def rendered(figure: _Figure, suffix: str) -> bytes:
    """`figure` as the bytes of a file that ends in `suffix`."""
    dates: Mapping[str, Mapping[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    maker = "Software" if suffix == ".png" else "Creator"
    buffer = io.BytesIO()
    with _styled():
        metadata = {maker: f"costmodel {__version__}", **dates.get(suffix, {})}
        figure.savefig(buffer, format=suffix[1:], metadata=metadata)
    return buffer.getvalue()


# Axes.


def size_axis(axis: Any, name: str, low: float, high: float) -> None:
    """A logarithmic axis of the size or option `name`, with the numbers that networks have as its ticks."""
    letter = axis.axis_name
    axis.axes.set(**{f"{letter}scale": "log", f"{letter}lim": (low, high), f"{letter}label": SIZES.get(name, name)})
    start = 7 if name in ("side", "h", "w") else 1
    ticks = [start << power for power in range(64) if low <= start << power <= high]
    step = next(step for step in range(1, 65) if sum(len(f"{tick} ") for tick in ticks[::step]) <= TICKS_WIDTH)
    axis.set_major_locator(FixedLocator(ticks[::step]) if len(ticks) > 1 else MaxNLocator(6, integer=True))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))


def edges(values: Any) -> Any:
    """Borders of the cells around ascending `values` on a logarithmic axis: halfway, and as far beyond the ends."""
    logs = np.log(np.asarray(values, float))
    middles = (logs[1:] + logs[:-1]) / 2
    return np.exp([2 * logs[0] - middles[0], *middles, 2 * logs[-1] - middles[-1]])


def title(axes: Axes, what: str, at: Mapping[str, int], pad: float = 5) -> None:
    """What is shown, and the sizes at which."""
    fixed = ", ".join(f"{LETTERS.get(name, name)}\xa0=\xa0{size}" for name, size in at.items())
    axes.set_title(_filled(f"{what} at {fixed}" if fixed else what, TITLE_WIDTH), loc="left", pad=pad)


# Colours.


def shades(count: int) -> list[Any]:
    """`count` colours from dark to light, which colour-blind readers and grey print tell apart by their lightness."""
    return [mpl.colormaps["cividis"](position) for position in np.linspace(0.12, 1, count)]


def ink(colour: Any) -> str:
    """Black or white, whichever is read on `colour`."""
    red, green, blue = colour[:3]
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


LINES: Sequence[Mapping[str, Any]] = [
    {"color": "#000000", "linestyle": "-"},
    {"color": "#d55e00", "linestyle": (0, (5, 1.5))},
    {"color": "#0072b2", "linestyle": (0, (1, 1))},
    {"color": "#009e73", "linestyle": (0, (5, 1.5, 1, 1.5))},
    {"color": "#cc79a7", "linestyle": "-"},
    {"color": "#56b4e9", "linestyle": (0, (3, 1, 1, 1, 1, 1))},
    {"color": "#e69f00", "linestyle": (0, (8, 2))},
    {"color": "#777777", "linestyle": (0, (1, 2.5))},
]
"""Lines that differ in colour (Okabe and Ito's, made for colour-blind readers) and in dashes."""


# Words.


def halo(background: str = "white", **style: Any) -> dict[str, Any]:
    """The style of small words over a picture, legible on any colour."""
    return {"fontsize": SMALL, "path_effects": [withStroke(linewidth=1.6, foreground=background)], **style}


def label(name: str) -> str:
    """A layer's name as it stands in figures, its options under it."""
    return name.replace(":", "\n").replace(",", "\n")


def _filled(text: str, width: int) -> str:
    """`text` in lines of at most so many characters, broken after spaces and between options."""
    lines = [""]
    for word in re.split("(?<=[ ,])", text):
        if lines[-1] and len(lines[-1]) + len(word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return "\n".join(line.rstrip(" ") for line in lines)


def key(figure: Figure, entries: Sequence[Any]) -> None:
    """Say below the axes what is in them, from the labels of `entries`; the figure grows by as much."""
    if not entries:
        return
    for entry in entries:
        entry.set_label(_filled(entry.get_label(), KEY_WIDTH))
    lines = sum(entry.get_label().count("\n") + 1 for entry in entries)
    figure.set_figheight(figure.get_figheight() + LINE * lines)
    figure.legend(
        handles=entries,
        handler_map={Lettered: _Letter()},
        loc="outside lower left",
        borderpad=0,
        handlelength=1.4,
        labelspacing=0.3,
    )


def remark(text: str) -> Artist:
    """An entry of a key that only says something."""
    return Line2D([], [], linestyle="", label=text)


class Lettered(Artist):
    """An entry of a key that stands for what has a letter in the figure."""

    def __init__(self, letter: str, text: str) -> None:
        super().__init__()
        self.letter = letter
        self.set_label(text)


class _Letter(HandlerBase):
    def create_artists(self, legend: Any, orig_handle: Any, *place: Any) -> list[Artist]:  # noqa: ARG002
        """The letter, where other entries have a line or a colour."""
        _, _, width, _, size, transform = place
        return [Text(width / 2, 0, orig_handle.letter, weight="bold", size=size, ha="center", transform=transform)]
