"""``costmodel calibrate``."""

from typing import TYPE_CHECKING, Any

from costmodel.dimension import CostModelError
from costmodel_cli import reading, render
from costmodel_cli.exit_codes import Exit, Unchecked
from costmodel_cli.progress import progress
from costmodel_cli.validate import writing

if TYPE_CHECKING:
    from costmodel.validate.calibration import Calibration, Spread


def run(device: str, output: str | None) -> Exit:
    """Measure this machine, and print the device file, or write it and print what was measured."""
    reading.one_of(device, "--device", reading.DEVICES)
    if output is not None and not output.endswith(".toml"):
        raise CostModelError("--output must end in .toml, as --device-profile takes it")
    from costmodel.validate import Unavailable, require

    try:
        require("torch", "costmodel.validate.calibration", what="calibrate")
        from costmodel.validate.calibration import calibrate

        with writing(output, "the device file") as file, progress() as advance:
            found = calibrate(device, advance)
            if file:
                file.write(found.to_toml())
    except Unavailable as error:
        raise Unchecked(str(error)) from None
    if output is None:
        print(found.to_toml(), end="")
    else:
        _show(found, output)
    return Exit.HOLDS


def _show(found: "Calibration", path: str) -> None:
    table = render.table(["figure"], ["best", "median"])
    table.add_column("of", overflow="fold")
    for figure, spread in found.spreads.items():
        table.add_row(figure, *_figures(figure, spread), spread.of)
    lines: list[Any] = [found.device.title, "", table, ""]
    lines += [f"{level.name} holds {level.bytes:,} bytes" for level in found.device.levels]
    apart = [figure for figure, (best, median, _) in found.spreads.items() if not median / 2 <= best <= median * 2]
    if apart:
        lines += ["", f"Best and median are far apart: {', '.join(apart)}. Other work was in the way: measure again."]
    render.show(*lines, "", f"device file: {path}")


def _figures(figure: str, spread: "Spread") -> list[str]:
    if figure == "launch":
        return [f"{int(seconds * 10**9):,} ns" for seconds in (spread.best, spread.median)]
    unit = "B/s" if figure.endswith(".bandwidth") else "FLOP/s" if figure.startswith("matrix.") else "op/s"
    return [f"{render.si(int(rate))}{unit}" for rate in (spread.best, spread.median)]
