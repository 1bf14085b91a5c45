"""Checks as they are written down: a TOML file, with the line of each."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from costmodel.catalog import nearest
from costmodel.checks.domain import Axis, axis, split, text
from costmodel.dimension import CostModelError, abbreviate

_KEYS = ("name", "that", "for")


class Check(NamedTuple):
    """One assertion."""

    that: str
    """Two expressions of costs and sizes, and a relation: ``macs(se) < macs(cbam)``."""
    domain: Mapping[str, Axis] = {}
    """The values of the sizes and options that it is about; the other sizes stay open."""
    name: str = ""
    path: str = ""
    line: int = 0
    modules: Mapping[str, Any] = {}
    """Torch modules that ``derive("name")`` stands for."""

    @property
    def states(self) -> str:
        """With its domain, as one line."""
        said = " ".join(self.that.split())
        return f"{said} for {text(self.domain)}" if self.domain else said

    @property
    def place(self) -> str:
        """Where it stands, for whoever has to change it."""
        return f"{self.path}:{self.line}: " if self.path else ""


def load(path: str) -> list[Check]:
    """The checks of a file.

    Raises `CostModelError`, with the place, for a file that cannot be read and for entries that are no checks.
    """
    try:
        source = Path(path).read_text(encoding="utf-8")
        document = tomllib.loads(source)
    except (OSError, ValueError, RecursionError) as error:
        why = (isinstance(error, OSError) and error.strerror) or error
        raise CostModelError(f"the checks in {abbreviate(path)} cannot be read: {why}") from None
    for key in document:
        if key != "check":
            raise CostModelError(f"{path}: {abbreviate(key)} is not check{nearest(key, ['check'])}")
    entries = document.get("check")
    if not isinstance(entries, list) or not entries:
        raise CostModelError(f"{path}: there is no [[check]], nor check = [...]")
    checks: list[Check] = []
    # What is commented out is no check; the text keeps its length, so that places in it stay.
    searched = re.sub(r"(?m)^\s*#.*$", lambda comment: " " * len(comment[0]), source)
    end = 0
    lines: dict[str, int] = {}
    for number, entry in enumerate(entries, 1):
        start, end = _place(entry.get("that") if isinstance(entry, dict) else entry, searched, end)
        line = source.count("\n", 0, start) + 1
        try:
            found = _check(entry, number)
        except CostModelError as error:
            raise CostModelError(f"{path}:{line}: {error}") from None
        if found.name in lines:
            # Services that read reports keep one result of each name.
            other = lines[found.name]
            raise CostModelError(
                f"{path}:{line}: {abbreviate(found.name)} is the name of the check in line {other} too"
            )
        lines[found.name] = line
        checks.append(found._replace(path=path, line=line))
    return checks


def _place(said: Any, source: str, after: int) -> tuple[int, int]:
    """Where a check is spelled: its text, its table's head or, where neither is found, where the one before it ends."""
    if isinstance(said, str) and said.strip():
        # As it is, or as it is escaped in double quotes.
        spelled = [re.escape(text) for text in (said, json.dumps(said, ensure_ascii=False)[1:-1])]
        if found := re.compile("|".join(spelled)).search(source, after):
            return found.span()
    head = re.compile(r"\[\[\s*check\s*\]\]").search(source, after)
    return head.span() if head else (after, after)


def _check(entry: Any, number: int) -> Check:
    entry = {"that": entry} if isinstance(entry, str) else entry
    if not isinstance(entry, dict):
        raise CostModelError("a check is a text or a table with that = '...'")
    for key in entry:
        if key not in _KEYS:
            raise CostModelError(f"{abbreviate(key)} is none of {', '.join(_KEYS)}{nearest(key, _KEYS)}")
    that, name, given = entry.get("that"), entry.get("name", f"check {number}"), entry.get("for", {})
    if not isinstance(that, str) or not that.strip():
        raise CostModelError("a check needs that, a text such as 'macs(se) < macs(cbam)'")
    if not isinstance(name, str) or not name.strip():
        raise CostModelError("the name of a check is a text")
    if isinstance(given, str):
        given = split(f" for {given}")[1]
    elif isinstance(given, dict):
        given = {key: axis(key, values) for key, values in given.items()}
    else:
        raise CostModelError("for is a table, such as { side = '7..56', c = [256, 512] }")
    said, domain = split(" ".join(that.split()))
    if twice := [key for key in given if key in domain]:
        raise CostModelError(f"{abbreviate(twice[0])} has values twice")
    return Check(said, {**domain, **given}, name)
