"""Layers over a grid of sizes and options: named axes, and an array for each layer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from costmodel import __version__
from costmodel.catalog import Layer, Subject, nearest, spoken
from costmodel.dimension import CostModelError, abbreviate
from costmodel.html import table
from costmodel.subjects import subject_of
from costmodel.sweep.blocks import Array, Index
from costmodel.sweep.compiled import Compiled, compile_formula, integers
from costmodel.symbolic import LETTERS, derive

if TYPE_CHECKING:
    import xarray


class Grid(NamedTuple):
    """Counts at every point of a grid."""

    axes: Mapping[str, Array]
    """Names and values of the dimensions, in their order."""
    values: Mapping[str, Array]
    """An array of all dimensions for each layer: of int64 or of Python ints, possibly a read-only view."""
    metric: str

    def cheapest(self) -> Array:
        """The number of the layer that costs least, at every point; of those that cost the same, the first."""
        first, *others = self.values.values()
        least, number = first, np.zeros(first.shape, np.int64)
        for place, values in enumerate(others, 1):
            less = values < least
            number[less] = place
            least = np.where(less, values, least)
        return number

    def to_xarray(self) -> "xarray.Dataset":
        """The same as a `xarray.Dataset`: a variable for each layer, a coordinate for each axis; needs xarray."""
        import xarray

        data = {name: (tuple(self.axes), array) for name, array in self.values.items()}
        return xarray.Dataset(data, {**self.axes}, {"metric": self.metric})

    def _repr_html_(self) -> str:
        """For a notebook: how far each axis goes, and each layer's counts."""
        axes = [(name, len(axis), int(axis.min()), int(axis.max())) for name, axis in self.axes.items()]
        counts = [(name, array.dtype, int(array.min()), int(array.max())) for name, array in self.values.items()]
        return table(("axis", "values", "from", "to"), axes, numbers=3) + table(
            ("layer", "dtype", f"least {self.metric}", f"greatest {self.metric}"), counts, numbers=2
        )


def grid(
    layers: Iterable[str | Subject],
    axes: Mapping[str, Sequence[int]],
    at: Mapping[str, int] | None = None,
    metric: str = "macs",
) -> Grid:
    """The cost of each of `layers` in one of `metrics.METRICS` at every point of a grid.

    A layer is named as on the command line, ``se`` or ``se:reduction=4``, or is a `Subject` with a name of its own.
    An axis is a size, n, c, t (of video), h or w, or ``side`` for h and w at once, or an integer option that has a
    letter in formulas; it is constant for layers that have no such option. `at` fixes sizes and options that are no
    axis: n is 1 unless given, the other sizes must be, and an option has its default. A network has channels of its
    own: c is that of the layers beside it.

    >>> from costmodel.sweep import grid
    >>> grid(["se"], {"c": [64, 512], "reduction": [8, 16]}, {"side": 28}).values["se"].tolist()
    [[1024, 512], [65536, 32768]]

    Raises `CostModelError` if a layer is not defined somewhere on the grid.
    """
    return Sweep(layers, axes, at or {}, metric).whole()


class Sweep:
    """Layers over a grid, compiled and checked, and counted block by block or at once."""

    def __init__(
        self, layers: Iterable[str | Subject], axes: Mapping[str, Sequence[int]], at: Mapping[str, int], metric: str
    ) -> None:
        subjects = [*map(subject_of, layers)]
        _check_names(subjects, axes, at)
        self.metric = metric
        self.axes = {name: integers(f"the axis {name}", values) for name, values in axes.items()}
        for name, values in self.axes.items():
            if values.ndim != 1:
                raise CostModelError(f"the axis {name} must be a sequence of integers")
        self.shape = tuple(len(values) for values in self.axes.values())
        self.request = {
            "costmodel": __version__,
            "layers": {name: [layer.name, {**options}] for layer, options, name in subjects},
            "axes": {name: values.tolist() for name, values in self.axes.items()},
            "at": {**at},
            "metric": metric,
        }
        """What is asked for, as JSON can hold it."""
        self._columns = {name: self._column(layer, options, at) for layer, options, name in subjects}
        whole = tuple(slice(0, length) for length in self.shape)
        self.fits = {name: made.fits(**self._sizes(given, whole)) for name, (made, given) in self._columns.items()}
        """Whether int64 holds the counts of each layer."""
        for made, given in self._columns.values():
            made.check(**self._sizes(given, whole))

    def block(self, index: Index) -> dict[str, Array]:
        """The counts of each layer in a block of the grid."""
        shape = tuple(part.stop - part.start for part in index)
        counted = {name: made(**self._sizes(given, index)) for name, (made, given) in self._columns.items()}
        return {name: v if v.shape == shape else np.broadcast_to(v, shape) for name, v in counted.items()}

    def whole(self) -> Grid:
        """All of it, in memory."""
        return Grid(self.axes, self.block(tuple(slice(0, length) for length in self.shape)), self.metric)

    def _column(
        self, layer: Layer, options: Mapping[str, Any], at: Mapping[str, int]
    ) -> tuple[Compiled, dict[str, str | int]]:
        """The formula of `layer`, and for each of its symbols an axis or a number."""
        sources: dict[str, str | int] = {"n": 1, **at, **{name: name for name in self.axes}}
        if "side" in sources:
            sources |= dict.fromkeys("hw", sources.pop("side"))
        if layer.input:
            sources.pop("c", None)
        video = "t" in sources
        sizes = [name for name in LETTERS if name in sources]
        letters = {name: o.symbol for name, o in layer.options.items() if o.symbol and spoken(name) in self.axes}
        fixed = {name: at[spoken(name)] for name in layer.options if spoken(name) in at}
        defaults = {name: option.default for name, option in layer.options.items() if option.symbol}
        given = {**defaults, **options, **fixed}
        last = {axis: int(values[-1]) for axis, values in self.axes.items()}
        for axis, values in self.axes.items():

            def run(along: Array | int, axis: str = axis) -> None:
                place = last | {axis: along}
                at_place = {
                    name: place[source] if isinstance(source, str) else source for name, source in sources.items()
                }
                shape = [at_place[name] for name in sizes]
                if layer.input:
                    shape.insert(1, layer.input[1])
                layer.run(shape, given | {name: at_place[spoken(name)] for name in letters})

            _check_axis(run, values)
        derivation = derive(layer, {**given, **letters}, video=video)
        symbols = {LETTERS[name]: sources[name] for name in sizes}
        symbols |= {letter: spoken(name) for name, letter in letters.items()}
        return compile_formula(derivation, self.metric), symbols

    def _sizes(self, given: Mapping[str, str | int], index: Index) -> dict[str, Any]:
        """The values of every symbol in a block, each axis along its own dimension."""
        names = list(self.axes)
        sizes: dict[str, Any] = {}
        for symbol, source in given.items():
            if isinstance(source, int):
                sizes[symbol] = source
            else:
                place = names.index(source)
                trailing = (1,) * (len(names) - place - 1)
                sizes[symbol] = self.axes[source][index[place]].reshape(-1, *trailing)
        return sizes


def _check_axis(run: Callable[[Array | int], None], values: Array) -> None:
    """Raise what `run` does for the first of `values` that it does not take, in the layer's own words."""
    try:
        run(values)
    except CostModelError:
        while len(values) > 1:
            first, second = np.array_split(values, 2)
            try:
                run(first)
                values = second
            except CostModelError:
                values = first
        run(int(values[0]))


def _check_names(subjects: Sequence[Subject], axes: Mapping[str, Sequence[int]], at: Mapping[str, int]) -> None:
    """Raise unless every name is a size or an option, given once, and every size is given."""
    names = [subject.name for subject in subjects]
    if twice := [name for name in names if names.count(name) > 1]:
        raise CostModelError(f"{abbreviate(twice[0])} is given twice")
    if not axes:
        raise CostModelError("a grid needs at least one axis, such as c=64:2048:64")
    integer = {spoken(name): o for layer, _, _ in subjects for name, o in layer.options.items() if o.is_integer}
    open_ = {name for name, option in integer.items() if option.symbol}
    for name, known in [*((name, open_) for name in axes), *((name, set(integer)) for name in at)]:
        accepted = [*LETTERS, "side", *sorted(known)]
        if name not in accepted:
            raise CostModelError(
                f"{abbreviate(name)} is none of the sizes and options of these layers{nearest(name, accepted)}: "
                f"{', '.join(accepted)}"
            )
        if name in axes and name in at:
            raise CostModelError(f"{name} is both an axis and fixed")
        for _, options, label in subjects:
            if name in map(spoken, options):
                raise CostModelError(f"{name} is given for {label} already")
    named = {*axes, *at}
    if "side" in named and named & {"h", "w"}:
        raise CostModelError("side is h and w at once: give either it or them")
    if "c" in named and all(subject.layer.input for subject in subjects):
        raise CostModelError("c is the channels of layers, and a network has its own")
    missing = set() if "side" in named else {"h", "w"} - named
    for layer, _, _ in subjects:
        if layer.input is None:
            missing |= {"c"} - named
        elif layer.video:
            missing |= {"t"} - named
    if missing:
        raise CostModelError(f"a value or an axis is missing for {', '.join(sorted(missing))}")
