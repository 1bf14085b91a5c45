"""``costmodel validate``, and ``costmodel validate --memory --time``."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, TypeVar

from costmodel.catalog import NETWORKS
from costmodel.dimension import CostModelError, abbreviate
from costmodel.subjects import find
from costmodel_cli import reading, render
from costmodel_cli.exit_codes import Exit, Unchecked
from costmodel_cli.progress import progress

if TYPE_CHECKING:
    from costmodel.validate import Progress, Report
    from costmodel.validate.proofs import Proofs
    from costmodel.validate.timing_report import Timings


class Findings(NamedTuple):
    """What checks found, each by its name."""

    parts: "Mapping[str, Report | Timings]"

    def to_json(self) -> str:
        """The report of the only one, or all of them by their names."""
        reports = {name: report.to_json() for name, report in self.parts.items()}
        if len(reports) == 1:
            return "".join(reports.values())
        return "{\n" + ",\n".join(f'"{name}": {report}' for name, report in reports.items()) + "\n}"


Found = TypeVar("Found", Findings, "Proofs")


def run(
    layers: Sequence[str],
    device: str,
    report: str | None,
    *,
    networks: bool,
    as_json: bool,
    memory: bool = False,
    time: bool = False,
    dtypes: Sequence[str] = (),
    profile: str | None = None,
) -> Exit:
    """Compare counts, or `memory` and training, with torch modules', or hold the `time` that they take against bounds.

    Prints the verdict and writes the report.
    """
    names = [find(name).name for name in layers]
    if networks:
        import costmodel.networks  # noqa: F401  (puts them into the catalog)

        names += NETWORKS
    reading.one_of(device, "--device", reading.DEVICES)
    from costmodel.validate import Progress, require, validate

    def counts(advance: Progress | None) -> "Report":
        return validate(names, device=device, progress=advance)

    def in_memory(advance: Progress | None) -> "Report":
        require("torch", "costmodel.validate.memory", what="validate --memory")
        from costmodel.validate.memory import validate_memory

        return validate_memory(names, device, advance)

    def in_time(advance: Progress | None) -> "Timings":
        require("torch", "costmodel.validate.timing", what="validate --time")
        from costmodel.validate.timing import validate_time

        return validate_time(names, device, dtypes=dtypes, profile=profile, progress=advance)

    # Time first: it may still refuse what it is given, before anything is done.
    checks: dict[str, Callable[[Progress | None], Report | Timings]] = {}
    checks |= {"time": in_time} if time else {}
    checks |= {"memory": in_memory} if memory else {}
    checks = checks or {"counts": counts}
    found = written(report, lambda advance: Findings({name: check(advance) for name, check in checks.items()}))
    if as_json:
        print(found.to_json())
    else:
        _show(found, report)
    if any(part.failed for part in found.parts.values()):
        return Exit.FAILS
    return Exit.HOLDS if all(part.comparisons for part in found.parts.values()) else Exit.UNCHECKED


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
def writing(path: str | None, what: str = "the report") -> Iterator[IO[str] | None]:
    """A file that appears under `path` when all is written, or not at all."""
    if path is None:
        yield None
        return
    try:
        # Through links, so that a link stays one.
        target = Path(path).resolve()
        if target.exists() and not target.is_file():
            raise CostModelError(f"{what} cannot be written to {path}: it is no file")
        # Beside the target, so that one rename makes it appear; opened before the work, which may take long.
        part = target.with_name(f".{target.name}.{os.getpid()}")
        file = part.open("x", encoding="utf-8")
    except (OSError, ValueError) as error:
        if isinstance(error, CostModelError):
            raise
        why = getattr(error, "strerror", None) or error
        raise CostModelError(f"{what} cannot be written to {abbreviate(path)}: {why}") from None
    try:
        with file:
            yield file
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _show(found: Findings, path: str | None) -> None:
    from costmodel.validate import Report

    lines: list[object] = []
    for part in found.parts.values():
        shown, verdict = _compared(part) if isinstance(part, Report) else _timed(part)
        versions = ", ".join(f"{name} {version}" for name, version in part.versions.items())
        place = "{type}, {name} ({chosen})".format_map(part.device)
        lines += ["", ""] if lines else []
        lines += [f"on {place}; {versions}", "", *shown, ""]
        lines += map(str, part.failures)
        lines += [f"not covered: {sentence}" for sentence in part.not_covered]
        lines += ["", verdict]
    if path:
        lines.append(f"report: {path}")
    render.show(*lines)


def _compared(report: "Report") -> tuple[list[object], str]:
    """Comparisons by layer, and the verdict."""
    table = render.table(["layer or network"], ["cases", "comparisons", "equal", "different"])
    # A network with layers inserted is a case of the network.
    held = [(comparison.layer.partition(" with ")[0], comparison) for comparison in report.comparisons]
    for name in dict.fromkeys(name for name, _ in held):
        mine = [comparison for of, comparison in held if of == name]
        equal = sum(comparison.equal for comparison in mine)
        cases = len({(comparison.layer, str(comparison.options), comparison.shape) for comparison in mine})
        table.add_row(name, *map(render.number, (cases, len(mine), equal, len(mine) - equal)))
    return [table], f"{report.passed:,} comparisons equal, {report.failed:,} different"


def _timed(timings: "Timings") -> tuple[list[object], str]:
    """What every layer took beside its bound, by shape and dtype, in which order, where they cross, and the verdict."""
    lines: list[object] = [f"bounded by {timings.profile.title}{', measured now' if timings.measured else ''}"]
    for group in timings.groups():
        table = render.table(["layer"], ["bound", "best", "median", "median/bound"])
        table.add_column("bound by")
        for each in group:
            times = map(render.duration, (each.bound, each.sample.best, each.sample.median))
            limit, share = next(iter(each.shares.items()))
            table.add_row(each.layer, *times, render.decimal(each.ratio), f"{limit} {float(share):.0%}")
        lines += ["", f"{render.shape(group[0].shape)}, {group[0].dtype}", "", table]
    if timings.disturbed:
        lines += [
            "",
            f"best and median are far apart in {len(timings.disturbed)}: other work was in the way, time again",
        ]
    for title, found in (("order", timings.orders), ("crossovers", timings.crossings)):
        lines += ["", title, *map(str, found)] if found else []
    return lines, f"{timings.passed:,} no faster than their bounds, {timings.failed:,} faster"
