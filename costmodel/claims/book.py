"""Claims as they are written down: TOML files, one a source."""

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from costmodel.dimension import CostModelError, abbreviate


class Statement(NamedTuple):
    """One proposition of a claim, and the verdict that is recorded for it."""

    states: str
    """Two expressions and a relation: ``macs("se") < macs("cbam")``."""
    verdict: str
    """``holds``, ``fails`` or ``holds if …``."""
    over: str | None
    """The size that a condition is wanted on."""
    at: Mapping[str, int]
    """Sizes that are fixed."""


class Claim(NamedTuple):
    """What a source says, in our words."""

    name: str
    says: str
    source: str
    statements: tuple[Statement, ...]


def survey() -> list[Claim]:
    """The claims that come with this package."""
    folder = resources.files("costmodel.claims") / "sources"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return [claim for file in files for claim in _read(file.read_text(encoding="utf-8"), file.name)]


def load(path: str) -> list[Claim]:
    """The claims of a file of a user's own."""
    try:
        return _read(Path(path).read_text(encoding="utf-8"), path)
    except (OSError, ValueError) as error:
        if isinstance(error, CostModelError):
            raise
        raise CostModelError(f"the claims in {abbreviate(path)} cannot be read: {error}") from None


def _read(text: str, path: str) -> list[Claim]:
    document = tomllib.loads(text)
    source = _take(document, "source", str, path)
    claims = _take(document, "claim", list, path)
    return [_claim(entry, source, path) for entry in claims]


def _claim(entry: Any, source: str, path: str) -> Claim:
    name = _take(entry, "name", str, path)
    where = f"{path}: {name}"
    statements = tuple(
        Statement(
            _take(statement, "states", str, where),
            _take(statement, "verdict", str, where),
            _take(statement, "over", str, where) if "over" in statement else None,
            _take(statement, "at", dict, where) if "at" in statement else {},
        )
        for statement in _take(entry, "statement", list, where)
    )
    return Claim(name, _take(entry, "says", str, where), entry.get("source", source), statements)


def _take(entry: Any, key: str, kind: type, where: str) -> Any:
    if not isinstance(entry, dict) or not isinstance(entry.get(key), kind):
        raise CostModelError(f"{where}: a claim needs {key!r}, {'text' if kind is str else 'a ' + kind.__name__}")
    return entry[key]
