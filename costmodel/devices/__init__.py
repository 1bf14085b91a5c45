"""What devices can do at most, read from files: peaks of arithmetic, levels of memory, what any operation takes.

A file is TOML. This package has one for each of `DEVICES`, ``costmodel calibrate`` writes one of the machine that it
runs on, and users write their own::

    title = "NVIDIA A100 SXM4, 80 GB"
    launch_ns = 1_200            # the least that an operation takes; 0 where nobody knows

    [vector]                     # operations a second by dtype, of the vector units; an FMA is two
    fp32 = 19.5e12

    [matrix]                     # FLOPs a second by dtype, dense, of the units that multiply matrices
    tf32 = 156e12                # a dtype that these do not take is left out: the vector units multiply it

    [[level]]                    # of memory, caches first, the memory itself last
    name = "L2"
    bytes = 41_943_040
    bandwidth = 7.22e12          # bytes a second

    [sources]                    # of every figure: of one, of a table or level, or both
    vector = "…"
    "vector.fp32" = "…"

Every figure is a whole number in these units, however it is written, and never goes through a float. A peak that a
bound is made of must be no less than what the device reaches; what nobody knows is estimated from above, and the
source says so.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from costmodel.catalog import nearest
from costmodel.dimension import CostModelError, abbreviate
from costmodel.memory import DTYPES

_HERE = Path(__file__).parent

DEVICES = tuple(sorted(file.stem for file in _HERE.glob("*.toml")))
"""Names of the devices that come with this package."""

LARGEST = 64 * 1024
"""Bytes of a file."""

MOST = 10**24
"""The greatest figure."""


class Level(NamedTuple):
    """One level of memory: a cache, or the memory itself."""

    name: str
    bytes: int
    """What it holds: of caches of the same level, all of them."""
    bandwidth: int
    """Bytes a second, read and written."""


class Device(NamedTuple):
    """What a device can do at most."""

    name: str
    title: str
    matrix: Mapping[str, int]
    """FLOPs a second by dtype, dense, a multiply-accumulate as two: of the units that multiply matrices, or of the
    vector units where these have none for it."""
    vector: Mapping[str, int]
    """Operations a second by dtype, an FMA as two, of the vector units; the same dtypes as in `matrix`."""
    levels: tuple[Level, ...]
    """The nearest first, the memory last."""
    launch: Fraction
    """Seconds that an operation takes at least, whatever its size."""
    sources: Mapping[str, str]
    """Of ``matrix.fp16``, ``vector.fp32``, ``L2.bytes``, ``L2.bandwidth``, ``launch``: where the figure is from."""

    def peaks(self, dtype: str) -> tuple[int, int]:
        """`matrix` and `vector` of `dtype`.

        Raises `CostModelError` for what the device has no figures for.
        """
        if dtype not in self.vector:
            raise CostModelError(f"{self.name} has no figures for {dtype}, only for {', '.join(self.vector)}")
        return self.matrix[dtype], self.vector[dtype]


def device(name: str) -> Device:
    """One of `DEVICES`, or that of a file, whose path ends in ``.toml``.

    Raises `CostModelError` for what is neither, and for a file that does not describe a device.
    """
    if name.endswith(".toml"):
        return _read(Path(name), name)
    if name not in DEVICES:
        raise CostModelError(
            f"no device is called {abbreviate(name)}{nearest(name, DEVICES)}: "
            f"it is one of {', '.join(DEVICES)}, or a file ending in .toml"
        )
    return _read(_HERE / f"{name}.toml", f"{name}.toml")


def _read(path: Path, said: str) -> Device:
    import tomllib
    from decimal import Decimal

    try:
        document = tomllib.loads(_content(path).decode(), parse_float=Decimal)
    except (OSError, ValueError, RecursionError) as error:
        why = (isinstance(error, OSError) and error.strerror) or error
        raise CostModelError(f"the device file {abbreviate(said)} cannot be read: {why}") from None
    try:
        return _device(document, path.stem)
    except CostModelError as error:
        raise CostModelError(f"{said if len(said) <= 80 else abbreviate(path.name)}: {error}") from None


def _content(path: Path) -> bytes:
    # A pipe would be waited for, and a device may have no end.
    if path.exists() and not path.is_file():
        raise ValueError("it is no file")
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"it has more than {LARGEST:,} bytes")
    return content


def _device(document: dict[str, Any], name: str) -> Device:
    _only(document, ("title", "launch_ns", "vector", "matrix", "level", "sources"), "")
    title = _text(_take(document, "title"), "title")
    launch = _figure(_take(document, "launch_ns"), "launch_ns", least=0)
    # TF32 is a way to multiply: everything else is done in FP32.
    vector = _peaks(_take(document, "vector"), "vector", [dtype for dtype in DTYPES if dtype != "tf32"])
    matrix = _peaks(document.get("matrix", {}), "matrix", DTYPES)
    levels = _levels(_take(document, "level"))
    if not vector:
        raise CostModelError("vector has no dtype")
    for dtype in matrix:
        if (needed := "fp32" if dtype == "tf32" else dtype) not in vector:
            raise CostModelError(f"vector.{needed} is missing, which {dtype} matrices need for the rest of their work")
    given = [*(f"vector.{dtype}" for dtype in vector), *(f"matrix.{dtype}" for dtype in matrix)]
    given += [f"{level.name}.{figure}" for level in levels for figure in ("bytes", "bandwidth")]
    sources = _sources(_take(document, "sources"), [*given, "launch"])
    for dtype, peak in vector.items():
        if dtype not in matrix:
            matrix[dtype] = peak
            sources[f"matrix.{dtype}"] = sources[f"vector.{dtype}"]
    if "tf32" in matrix:
        vector["tf32"] = vector["fp32"]
        sources["vector.tf32"] = sources["vector.fp32"]
    return Device(name, title, _ordered(matrix), _ordered(vector), levels, Fraction(launch, 10**9), sources)


def _ordered(peaks: Mapping[str, int]) -> dict[str, int]:
    return {dtype: peaks[dtype] for dtype in DTYPES if dtype in peaks}


def _peaks(table: Any, key: str, dtypes: Iterable[str]) -> dict[str, int]:
    if not isinstance(table, dict):
        raise CostModelError(f"{key} must be a table, such as {{ fp32 = 19.5e12 }}")
    _only(table, dtypes, f"{key}.")
    return {dtype: _figure(peak, f"{key}.{dtype}") for dtype, peak in table.items()}


def _levels(entries: Any) -> tuple[Level, ...]:
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise CostModelError("level must be one [[level]] or more, with name, bytes and bandwidth")
    found: list[Level] = []
    for number, entry in enumerate(entries, start=1):
        key = f"level {number}"
        _only(entry, Level._fields, f"{key}: ")
        name = _text(_take(entry, "name", f"{key}: "), f"{key}: name")
        # It stands in tables, and before a dot in the keys of sources.
        if not (name.isascii() and name.isalnum() and len(name) <= 16) or name in ("matrix", "vector", "launch"):
            raise CostModelError(f"{key}: name must be up to 16 letters and digits, such as L2, not {abbreviate(name)}")
        figures = (_figure(_take(entry, figure, f"{name}."), f"{name}.{figure}") for figure in ("bytes", "bandwidth"))
        level = Level(name, *figures)
        for before in found:
            if level.name == before.name:
                raise CostModelError(f"two levels are called {name}")
            if level.bandwidth > before.bandwidth:
                raise CostModelError(f"{name}.bandwidth must be no more than that of {before.name}: caches come first")
        found.append(level)
    # Of caches a nearer one may hold more, where each core has its own.
    if max(found, key=lambda level: level.bytes) is not found[-1]:
        raise CostModelError(f"{found[-1].name}.bytes must be the most: the memory comes last")
    return tuple(found)


def _sources(table: Any, figures: list[str]) -> dict[str, str]:
    """The source of each of `figures`: its own, or that of all that its table or level has."""
    if not isinstance(table, dict):
        raise CostModelError('sources must be a table, such as { vector = "…", L2 = "…", launch = "…" }')
    groups = dict.fromkeys(figure.partition(".")[0] for figure in figures)
    _only(table, [*groups, *figures], "sources.")
    texts = {key: _text(source, f"sources.{key}") for key, source in table.items()}
    found = {}
    for figure in figures:
        own, of_group = texts.get(figure), texts.get(figure.partition(".")[0])
        if not (source := own or of_group):
            raise CostModelError(f"sources says nothing of {figure}")
        found[figure] = source
    return found


def _take(table: dict[str, Any], key: str, within: str = "") -> Any:
    if key not in table:
        raise CostModelError(f"{within}{key} is missing")
    return table[key]


def _only(table: dict[str, Any], keys: Iterable[str], within: str) -> None:
    known = list(dict.fromkeys(keys))
    for key in table:
        if key not in known:
            raise CostModelError(
                f"{within}{key if len(key) <= 40 else abbreviate(key)} is none of {', '.join(known)}"
                f"{nearest(key, known)}"
            )


def _text(value: Any, key: str) -> str:
    """A text on one line, which a terminal can print."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not text or not text.isprintable() or len(text) > 1000:
        raise CostModelError(f"{key} must be a text of up to 1,000 characters")
    return text


def _figure(value: Any, key: str, *, least: int = 1) -> int:
    """A whole number, written as an integer or with a point or exponent, exactly."""
    from decimal import Decimal

    # An exponent of a billion is compared before it is written out as an integer.
    if (
        isinstance(value, Decimal)
        and value.is_finite()
        and -MOST <= value <= MOST
        and value == value.to_integral_value()
    ):
        value = int(value)
    if type(value) is not int or not least <= value <= MOST:
        said = value if isinstance(value, Decimal) else abbreviate(value)
        raise CostModelError(f"{key} must be a whole number from {least} to 10^24, not {said}")
    return value
