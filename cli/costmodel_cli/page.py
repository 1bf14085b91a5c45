"""What a command prints, written when it is complete, so that nothing is half-written and every failure is met."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

from costmodel.dimension import CostModelError

_PLAIN = str.maketrans(
    {"×": "x", "·": "*", "²": "^2", "³": "^3", "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "≤": "<="}
)
"""How signs are spelled where the terminal's encoding lacks them."""


class _Page(io.StringIO):
    """Looks like the stdout that it will be written to."""

    def __init__(self, stdout: Any) -> None:
        super().__init__()
        self._stdout = stdout

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stdout, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        return bool(self._stdout and self._stdout.isatty())


@contextlib.contextmanager
def printed_at_once() -> Iterator[None]:
    """Keep what is printed inside, and write it at the end unless there is an error."""
    stdout = sys.stdout
    page = _Page(stdout)
    with contextlib.redirect_stdout(page):
        yield
    _write(page.getvalue(), stdout)


def _write(text: str, stdout: Any) -> None:
    """Write `text`. A reader that has gone away has read enough; nothing else that fails is silent."""
    if stdout is None:
        raise CostModelError("the output cannot be written: there is no standard output")
    try:
        try:
            stdout.write(text)
        except UnicodeEncodeError:
            stdout.write(text.translate(_PLAIN).encode(stdout.encoding, "replace").decode(stdout.encoding))
        stdout.flush()
    except OSError as error:
        # So that the interpreter's own flush at exit does not fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise CostModelError(f"the output cannot be written: {error.strerror or error}") from None
