"""How results look on a terminal and as JSON. Numbers in tables are for reading; JSON has them exact."""

import sys
from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from costmodel.catalog import said, spoken
from costmodel.dimension import Dim, Shape
from costmodel.metrics import seconds

if TYPE_CHECKING:
    from rich.table import Table

_PREFIXES = ("", " k", " M", " G", " T", " P", " E", " Z", " Y", " R", " Q")


def number(value: Dim) -> str:
    """An integer with separators below a billion, and as `si` from there on."""
    return f"{value:,}" if abs(value) < 10**9 else si(value)


def si(value: Dim) -> str:
    """Four significant digits and an SI prefix, or a power of ten where the prefixes end: ``725.7 M``."""
    if abs(value) < 1000:
        return str(value)
    rounded = Context(prec=4).create_decimal(value)
    power, shift = divmod(rounded.adjusted(), 3)
    if power >= len(_PREFIXES):
        return f"{rounded:.3e}"
    return f"{rounded.scaleb(-3 * power):.{3 - shift}f}{_PREFIXES[power]}"


def amount(value: Dim, metric: str, spelled: Callable[[Dim], str] = si) -> str:
    """A value of a metric: a time as `duration`, any other as it is `spelled`."""
    tick = seconds(metric)
    return duration(value * tick) if tick else spelled(value)


def exact(value: Dim) -> str:
    """All digits: ``1,204,224``."""
    return f"{value:,}"


def units(metrics: Iterable[str]) -> list[str]:
    """A sentence, after an empty line, about every metric that counts in ticks."""
    ticks = {metric: tick for metric in metrics if (tick := seconds(metric))}
    return [
        line
        for metric, tick in ticks.items()
        for line in ("", f"{metric} counts ticks, {tick.denominator:,} a second.")
    ]


def duration(time: Fraction) -> str:
    """Seconds to four significant digits: ``19.42 µs``."""
    scaled, unit = next(
        (scaled, unit) for power, unit in _SECONDS.items() if abs(scaled := time * 1000**power) >= 1 or unit == "ps"
    )
    return f"{decimal(scaled)} {unit}"


_SECONDS = {0: "s", 1: "ms", 2: "µs", 3: "ns", 4: "ps"}


def decimal(value: Fraction) -> str:
    """Four significant digits: ``0.6173``."""
    return f"{Context(prec=4).divide(Decimal(value.numerator), Decimal(value.denominator)):f}"


def times(value: Dim, unit: Dim) -> str:
    """``value / unit`` to three significant digits: ``0.392×``."""
    if unit == 0:
        return "—"
    quotient = Context(prec=3).divide(Decimal(value), Decimal(unit))
    return f"{quotient:,f}×" if -4 <= quotient.adjusted() < 6 or not value else f"{quotient:.2e}×"


def percent(value: Dim, whole: Dim) -> str:
    """``value / whole`` in percent to one place, of small shares to one digit."""
    share = Context(prec=9).divide(Decimal(100 * value), Decimal(whole))
    return f"{share:.1f} %" if abs(share) >= Decimal("0.05") or not value else "<0.1 %"


def shape(sizes: Shape) -> str:
    """``1×512×28×28``."""
    return "×".join(str(size) if size < 10**9 else si(size) for size in sizes)


def options(given: Mapping[str, Any]) -> str:
    """``reduction=16, bias=false``."""
    return ", ".join(f"{spoken(name)}={said(set_)}" for name, set_ in given.items())


def question(metric: str, over: str, at: Mapping[str, int]) -> str:
    """``macs over side at c = 512``."""
    fixed = ", ".join(f"{name} = {size}" for name, size in at.items())
    return f"{metric} over {over}" + (f" at {fixed}" if fixed else "")


def table(words: Iterable[str], numbers: Iterable[str], *, header: bool = True) -> "Table":
    """A table with columns of words, which wrap, and then of numbers, which are never cut."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True, show_header=header)
    for word in words:
        made.add_column(word, overflow="fold")
    for number_ in numbers:
        made.add_column(number_, justify="right", no_wrap=True)
    return made


def show(*parts: Any) -> None:
    """Print texts and tables, at least 80 columns wide: a narrower terminal wraps lines and loses nothing."""
    from rich.console import Console

    console = Console(highlight=False, emoji=False, markup=False)
    console.width = max(console.width, 80)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def show_json(document: Any) -> None:
    """Print JSON; numbers are exact, 3/4 as text, and what the terminal cannot write is escaped."""
    import json

    ascii_only = (sys.stdout.encoding or "utf-8").lower() != "utf-8"
    print(json.dumps(document, indent=2, ensure_ascii=ascii_only, default=said))
