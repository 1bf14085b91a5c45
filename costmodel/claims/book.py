"""Claims as they are written down: TOML files, one a source."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from costmodel.catalog import nearest
from costmodel.dimension import CostModelError, abbreviate


class Statement(NamedTuple):
    """One proposition of a claim, and the verdict that is recorded for it."""

    states: str
    """Two expressions and a relation: ``macs("se") < macs("cbam")``."""
    verdict: str
    """``holds``, ``fails`` or ``holds if …``."""
    over: str | None
    """The size that a condition is wanted on."""
    at: Mapping[str, int | str]
    """Sizes that are fixed, as numbers or as expressions of others."""


class Claim(NamedTuple):
    """What a source says, in our words."""

    name: str
    says: str
    source: str
    statements: tuple[Statement, ...]
    where: Mapping[str, str] = {}
    """Names that its statements may use, and the expressions that they stand for; each may use those above it."""


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
    _check_keys(entry, ("name", "says", "source", "where", "statement"), where)
    statements = [
        made for statement in _take(entry, "statement", list, where) for made in _statements(statement, where)
    ]
    names = _take(entry, "where", dict, where) if "where" in entry else {}
    texts = {name: _take(names, name, str, f"{where}: where") for name in names}
    return Claim(name, _take(entry, "says", str, where), entry.get("source", source), tuple(statements), texts)


def _statements(entry: Any, where: str) -> list[Statement]:
    """One statement, or where `at` is a list of places one for each."""
    states, verdict = (_take(entry, key, str, where) for key in ("states", "verdict"))
    _check_keys(entry, Statement._fields, where)
    over = _take(entry, "over", str, where) if "over" in entry else None
    places = entry.get("at", {})
    if not isinstance(places, list) or not all(isinstance(at, dict) for at in places):
        places = [_take(entry, "at", dict, where) if "at" in entry else {}]
    return [Statement(states, verdict, over, at) for at in places]


def _check_keys(entry: Any, known: Sequence[str], where: str) -> None:
    for key in entry:
        if key not in known:
            raise CostModelError(f"{where}: {key!r} is none of {', '.join(known)}{nearest(key, known)}")


def _take(entry: Any, key: str, kind: type, where: str) -> Any:
    if not isinstance(entry, dict) or not isinstance(entry.get(key), kind):
        raise CostModelError(f"{where}: a claim needs {key!r}, {'text' if kind is str else 'a ' + kind.__name__}")
    return entry[key]
