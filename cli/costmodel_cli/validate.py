"""``costmodel validate``, and ``costmodel validate --memory``."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from costmodel.catalog import NETWORKS
from costmodel.dimension import CostModelError, abbreviate
from costmodel.subjects import find
from costmodel_cli import reading, render
from costmodel_cli.exit_codes import Exit, Unchecked
from costmodel_cli.progress import progress

if TYPE_CHECKING:
    from costmodel.validate import Progress, Report
    from costmodel.validate.proofs import Proofs

Found = TypeVar("Found", "Report", "Proofs")


def run(
    layers: Sequence[str], device: str, report: str | None, *, networks: bool, as_json: bool, memory: bool = False
) -> Exit:
    """Compare counts, or `memory` and training, with torch modules', print the verdict and write the report."""
    names = [find(name).name for name in layers]
    if networks:
        import costmodel.networks  # noqa: F401  (puts them into the catalog)

        names += NETWORKS
    reading.one_of(device, "--device", reading.DEVICES)
    from costmodel.validate import Progress, require, validate

    def check(advance: Progress | None) -> "Report":
        if not memory:
            return validate(names, device=device, progress=advance)
        require("torch", "costmodel.validate.memory", what="validate --memory")
        from costmodel.validate.memory import validate_memory

        return validate_memory(names, advance)

    found = written(report, check)
    if as_json:
        print(found.to_json())
    else:
        _show(found, report)
    if not found.comparisons:
        return Exit.UNCHECKED
    return Exit.FAILS if found.failed else Exit.HOLDS


def written(path: str | None, check: "Callable[[Progress | None], Found]") -> Found:
    """What `check` finds, with progress shown, and written under `path` as JSON."""
    from costmodel.validate import Unavailable

    try:
        with writing(path) as file, progress() as advance:
            found = check(advance)
            if file:
                file.write(found.to_json() + "\n")
    except Unavailable as error:
        raise Unchecked(str(error)) from None
    return found


@contextlib.contextmanager
def writing(path: str | None) -> Iterator[IO[str] | None]:
    """A file that appears under `path` when all is written, or not at all."""
    if path is None:
        yield None
        return
    try:
        # Through links, so that a link stays one.
        target = Path(path).resolve()
        if target.exists() and not target.is_file():
            raise CostModelError(f"the report cannot be written to {path}: it is no file")
        # Beside the target, so that one rename makes it appear; opened before the work, which may take long.
        part = target.with_name(f".{target.name}.{os.getpid()}")
        file = part.open("x", encoding="utf-8")
    except (OSError, ValueError) as error:
        if isinstance(error, CostModelError):
            raise
        why = getattr(error, "strerror", None) or error
        raise CostModelError(f"the report cannot be written to {abbreviate(path)}: {why}") from None
    try:
        with file:
            yield file
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _show(report: "Report", path: str | None) -> None:
    table = render.table(["layer or network"], ["cases", "comparisons", "equal", "different"])
    # A network with layers inserted is a case of the network.
    held = [(comparison.layer.partition(" with ")[0], comparison) for comparison in report.comparisons]
    for name in dict.fromkeys(name for name, _ in held):
        mine = [comparison for of, comparison in held if of == name]
        equal = sum(comparison.equal for comparison in mine)
        cases = len({(comparison.layer, str(comparison.options), comparison.shape) for comparison in mine})
        table.add_row(name, *map(render.number, (cases, len(mine), equal, len(mine) - equal)))
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    place = "{type}, {name} ({chosen})".format_map(report.device)
    lines: list[object] = [f"on {place}; {versions}", "", table, ""]
    lines += map(str, report.failures)
    lines += [f"not covered: {sentence}" for sentence in report.not_covered]
    lines += ["", f"{report.passed:,} comparisons equal, {report.failed:,} different"]
    if path:
        lines.append(f"report: {path}")
    render.show(*lines)
