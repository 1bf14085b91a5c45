"""``costmodel check``."""

import contextlib
import io
import os
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costmodel.dimension import CostModelError, abbreviate
from costmodel_cli import reading, render
from costmodel_cli.exit_codes import Exit

if TYPE_CHECKING:
    from costmodel.checks import Finding


def run(file: str, form: str | None, output: str | None, *, as_json: bool) -> Exit:
    """Print what is found about the assertions of a file; or write it to another, and print it as a table."""
    form = reading.one_of(form or ("json" if as_json else "table"), "--format", tuple(_FORMS))
    if as_json and form != "json":
        raise CostModelError(f"--json is --format json, and --format {form} is given")
    from costmodel.checks import check, load

    found = [check(each) for each in load(file)]
    if output is None:
        _FORMS[form](found, file)
    else:
        page = io.StringIO()
        with contextlib.redirect_stdout(page):
            _FORMS[form](found, file)
        _write(output, page.getvalue())
        _table(found, file)
        print(f"written: {output}")
    verdicts = {finding.verdict for finding in found}
    return Exit.FAILS if "fails" in verdicts else Exit.UNCHECKED if "unchecked" in verdicts else Exit.HOLDS


def _table(found: "Sequence[Finding]", file: str) -> None:
    table = render.table(["check", "", "how"], [])
    for finding in found:
        said = finding.says if finding.verdict == "holds" else f"{finding.check.states}\n→ {finding.says}"
        table.add_row(finding.check.name, finding.verdict, said)
    render.show(table, "", f"{file}: {_counted(found)}")


def _counted(found: "Sequence[Finding]") -> str:
    number = {verdict: sum(finding.verdict == verdict for finding in found) for verdict in ("fails", "unchecked")}
    said = [f"{count} {verdict}" for verdict, count in number.items() if count]
    return f"{len(found)} check{'s' * (len(found) > 1)}, {', '.join(said) or 'all hold'}"


def _json(found: "Sequence[Finding]", file: str) -> None:
    render.show_json({"file": file, "checks": [_document(finding) for finding in found]})


def _document(finding: "Finding") -> dict[str, Any]:
    check = finding.check
    return {
        "name": check.name,
        "line": check.line,
        "that": check.that,
        "for": {name: axis.text for name, axis in check.domain.items()},
        "verdict": finding.verdict,
        "says": finding.says,
        "method": finding.method,
        "points": finding.points,
        "conditions": [*finding.conditions],
        "counterexample": finding.counterexample,
        "left": _exact(finding.values and finding.values[0]),
        "right": _exact(finding.values and finding.values[1]),
        "difference": finding.difference,
    }


def _exact(value: Fraction | None) -> int | str | None:
    """An integer, or as text the fraction that it is."""
    return None if value is None else value.numerator if value.denominator == 1 else str(value)


def _junit(found: "Sequence[Finding]", file: str) -> None:
    """A test case a check; one that could not be checked is an error, since skipping would be a pass."""
    from xml.etree import ElementTree

    def texts(**attributes: object) -> dict[str, str]:
        return {name: _printable(str(value)) for name, value in attributes.items()}

    kinds = {"fails": "failure", "unchecked": "error"}
    number = {f"{kind}s": sum(finding.verdict == verdict for finding in found) for verdict, kind in kinds.items()}
    # Without times some readers show none of it.
    seconds = f"{sum(finding.seconds for finding in found):.3f}"
    totals = texts(name="costmodel check", tests=len(found), **number, time=seconds)
    suites = ElementTree.Element("testsuites", totals)
    suite = ElementTree.SubElement(suites, "testsuite", {**totals, "skipped": "0", "name": _printable(file)})
    for finding in found:
        check = finding.check
        place = texts(classname=file, name=check.name, file=file, line=check.line, time=f"{finding.seconds:.3f}")
        case = ElementTree.SubElement(suite, "testcase", place)
        if kind := kinds.get(finding.verdict):
            wrong = ElementTree.SubElement(case, kind, texts(message=finding.says, type=finding.verdict))
            wrong.text = _printable(f"{check.states}\n{finding.says}")
        else:
            ElementTree.SubElement(case, "system-out").text = _printable(f"{check.states}\n{finding.says}")
    ElementTree.indent(suites)
    # In ASCII, which every terminal can write.
    print(ElementTree.tostring(suites, "us-ascii", xml_declaration=True).decode("ascii"))


def _printable(text: str) -> str:
    """`text` without the characters that XML cannot hold."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def _github(found: "Sequence[Finding]", file: str) -> None:
    """A line of the log for each check that does not hold, which GitHub shows beside it, and one for the whole."""
    for finding in found:
        if finding.verdict != "holds":
            properties: Mapping[str, object] = {"file": file, "line": finding.check.line, "title": finding.check.name}
            said = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in properties.items())
            print(f"::error {said}::{_escaped(f'{finding.check.states}: {finding.says}')}")
    print(f"costmodel check {_escaped(file)}: {_counted(found)}")


def _escaped(text: str, further: str = "") -> str:
    """As workflow commands spell it: by the codes of what would end it."""
    return re.sub(f"[%\r\n{further}]", lambda sign: f"%{ord(sign[0]):02X}", text)


_FORMS: dict[str, "Callable[[Sequence[Finding], str], None]"] = {
    "table": _table,
    "json": _json,
    "junit": _junit,
    "github": _github,
}


def _write(path: str, text: str) -> None:
    """Write a file whole, or not at all."""
    try:
        # Through links, so that a link stays one; beside the target, so that one rename makes it appear.
        target = Path(path).resolve()
        if target.exists() and not target.is_file():
            raise CostModelError(f"{path} cannot be written: it is no file")
        part = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        if isinstance(error, CostModelError):
            raise
        why = (isinstance(error, OSError) and error.strerror) or error
        raise CostModelError(f"{abbreviate(path)} cannot be written: {why}") from None
