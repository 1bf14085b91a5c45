"""A sweep on disk: CSV, Parquet or NPZ, block by block, so that memory is bounded and an interruption loses little.

Finished blocks lie in the folder ``FILE.part``, beside the request that they answer. When all are there they are
joined, and FILE appears at once.
"""

import contextlib
import csv
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from costmodel.dimension import CostModelError
from costmodel.sweep.blocks import Array, Index, blocks
from costmodel.sweep.grid import Sweep

BLOCK = 1 << 18
"""Points of a block."""

Columns = Mapping[str, Array]
"""Columns of one block, of a value for each point: the axes and then the layers, by their names."""


class Unavailable(CostModelError):  # noqa: N818 (it names a state, which is not an error of the request)
    """What this format is written with is not installed; the message says how to install it."""


class Format(NamedTuple):
    """How blocks are written, and joined into a file."""

    part: Callable[[IO[bytes], Columns], None]
    join: Callable[[IO[bytes], Sequence[Path], Sweep], None]
    any_integer: bool
    """Whether integers beyond int64 can be written."""
    needs: str | None = None


def write(sweep: Sweep, path: Path, progress: Callable[[int, int, str], None] | None = None) -> None:
    """Count `sweep` and write it to `path`, in the format that its suffix says.

    CSV and Parquet have a row for each point, with its place on every axis and a column for each layer; NPZ has an
    array for each axis and one of all dimensions for each layer. `progress` is told how many blocks of how many are
    done, and what is being done. After an interruption the same call goes on where it was.

    Raises `CostModelError` if `path` has another suffix or cannot be written, if counts exceed int64 in a format
    that holds nothing larger, or if ``FILE.part`` holds the blocks of another request; `Unavailable` if Parquet is
    asked for without pyarrow.
    """
    form = _format(path, sweep)
    try:
        target = path.resolve()  # through links, so that a link stays one
        parts = target.with_name(f"{target.name}.part")
        if target.is_dir():
            raise CostModelError(f"{path} is a folder: name a file")
        cuts = list(blocks(sweep.shape, BLOCK))
        _begin(parts, sweep.request | {"format": path.suffix.lower(), "points of a block": BLOCK})
        files = [parts / f"{number:08}" for number in range(len(cuts))]
        for done, (file, index) in enumerate(zip(files, cuts, strict=True)):
            if progress:
                progress(done, len(cuts), "counting")
            if not file.exists():
                with _appearing(file, parts) as block:
                    form.part(block, _columns(sweep, index))
        if progress:
            progress(len(cuts), len(cuts), "joining")
        with _appearing(target, parts) as whole:
            form.join(whole, files, sweep)
        shutil.rmtree(parts)
    except OSError as error:
        raise CostModelError(f"{path} cannot be written: {error.strerror or error}") from None


def _format(path: Path, sweep: Sweep) -> Format:
    try:
        form = FORMATS[path.suffix.lower()]
    except KeyError:
        raise CostModelError(
            f"a sweep is written to a file ending in {', '.join(FORMATS)}, not {str(path)!r}"
        ) from None
    if form.needs == "pyarrow":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise Unavailable("Parquet needs pyarrow, which is not installed: pip install pyarrow") from None
    larger = [name for name, fits in sweep.fits.items() if not fits]
    larger += [f"the axis {name}" for name, values in sweep.axes.items() if values.dtype == object]
    if larger and not form.any_integer:
        raise CostModelError(
            f"{', '.join(larger)} exceeds the 64 bits of an integer in {path.suffix} files: write .csv, which is exact"
        )
    return form


def _begin(parts: Path, request: Mapping[str, Any]) -> None:
    """Make the folder of the blocks, or find it made by the same request."""
    manifest = parts / "request.json"
    text = json.dumps(request, indent=2)
    if manifest.exists():
        if manifest.read_text(encoding="utf-8") != text:
            raise CostModelError(
                f"{parts} holds blocks of another sweep that was interrupted: "
                "run that one again to finish it, or delete the folder"
            )
        return
    parts.mkdir(exist_ok=True)
    if any(not file.name.startswith(".") for file in parts.iterdir()):
        raise CostModelError(f"{parts} is in the way: blocks are kept in a folder of this name until all are done")
    with _appearing(manifest, parts) as file:
        file.write(text.encode())


@contextlib.contextmanager
def _appearing(path: Path, parts: Path) -> Iterator[IO[bytes]]:
    """A file that appears under `path` when all of it is on disk, or not at all; written in the folder `parts`."""
    new = parts / f".{path.name}.{os.getpid()}"
    try:
        with new.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _columns(sweep: Sweep, index: Index) -> Columns:
    shape = tuple(part.stop - part.start for part in index)
    columns = {}
    for place, (name, values) in enumerate(sweep.axes.items()):
        along = values[index[place]].reshape(-1, *(1,) * (len(shape) - place - 1))
        columns[name] = np.broadcast_to(along, shape).ravel()
    return columns | {name: values.ravel() for name, values in sweep.block(index).items()}


def _csv_part(file: IO[bytes], columns: Columns) -> None:
    _write_csv(file, zip(*(column.tolist() for column in columns.values()), strict=True))


def _csv_join(file: IO[bytes], parts: Sequence[Path], sweep: Sweep) -> None:
    _write_csv(file, [[*sweep.axes, *sweep.fits]])
    for part in parts:
        with part.open("rb") as block:
            shutil.copyfileobj(block, file)


def _write_csv(file: IO[bytes], rows: Any) -> None:
    import io

    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    text.detach()


def _npz_part(file: IO[bytes], columns: Columns) -> None:
    for column in columns.values():
        file.write(column.astype("<i8", copy=False).tobytes())


def _npz_join(file: IO[bytes], parts: Sequence[Path], sweep: Sweep) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name, values in sweep.axes.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, values, allow_pickle=False)
        before, columns = len(sweep.axes), len(sweep.axes) + len(sweep.fits)
        for number, name in enumerate(sweep.fits, start=before):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                header = {"descr": "<i8", "fortran_order": False, "shape": sweep.shape}
                np.lib.format.write_array_header_1_0(member, header)
                for part in parts:
                    size = part.stat().st_size // columns
                    with part.open("rb") as block:
                        block.seek(number * size)
                        member.write(block.read(size))


def _parquet_part(file: IO[bytes], columns: Columns) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({name: np.ascontiguousarray(c) for name, c in columns.items()}), file)


def _parquet_join(file: IO[bytes], parts: Sequence[Path], _sweep: Sweep) -> None:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetWriter(file, pyarrow.parquet.read_schema(parts[0])) as writer:
        for part in parts:
            writer.write_table(pyarrow.parquet.read_table(part))


FORMATS = {
    ".csv": Format(_csv_part, _csv_join, any_integer=True),
    ".parquet": Format(_parquet_part, _parquet_join, any_integer=False, needs="pyarrow"),
    ".npz": Format(_npz_part, _npz_join, any_integer=False),
}
"""By suffix."""
