"""Tables of HTML, by which values show themselves in a notebook."""

from collections.abc import Iterable, Sequence
from html import escape


def table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: int = 0, total: Sequence[object] = ()
) -> str:
    """A table whose last `numbers` columns are right-aligned; whatever a cell holds is escaped."""
    sides = ["left"] * (len(headers) - numbers) + ["right"] * numbers

    def line(tag: str, cells: Sequence[object]) -> str:
        # A style on every cell, since notebooks and themes bring their own for cells, or none.
        opened = (f'<{tag} style="text-align: {side}; padding: 0.2em 0.4em">' for side in sides)
        return "<tr>" + "".join(f"{o}{_text(c)}</{tag}>" for o, c in zip(opened, cells, strict=True)) + "</tr>"

    body = "\n".join(line("td", row) for row in rows)
    foot = f"\n<tfoot>{line('th', total)}</tfoot>" if total else ""
    made = f"<table>\n<thead>{line('th', headers)}</thead>\n<tbody>\n{body}\n</tbody>{foot}\n</table>"
    return f'<div style="overflow-x: auto">\n{made}\n</div>\n'


def _text(cell: object) -> str:
    """Integers with separators; symbols and arrays as they print."""
    return f"{cell:,}" if type(cell) is int else escape(str(cell))
