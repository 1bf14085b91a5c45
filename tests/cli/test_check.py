"""Checks from the command line: four forms, exit codes, and what is refused."""

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
HOLDS = "params(se) == 2*c*c/r"
FAILS = "macs(cbam) <= 0.01 * macs(conv(out=c)) for side in 1..56, c in {256,512}"
UNCHECKED = 'derive("absent_module_of_nobody:Block").macs == "N*C"'


@pytest.fixture(autouse=True)
def no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what derives the formulas of modules."""
    monkeypatch.setitem(sys.modules, "costmodel.trace", None)


@pytest.fixture
def budget(tmp_path, monkeypatch):
    """A file of such checks, in the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(*checks: str, name: str = "budget.toml") -> str:
        listed = "".join(f"  {json.dumps(check)},\n" for check in checks)
        (tmp_path / name).write_text(f"check = [\n{listed}]\n", encoding="utf-8")
        return name

    return write


def test_exit_codes(costmodel_, budget) -> None:
    """0 if all hold; 1 if one fails, whatever else; 3 if one could not be checked."""
    assert costmodel_("check", budget(HOLDS, HOLDS)).status == 0
    assert costmodel_("check", budget(HOLDS, FAILS)).status == 1
    assert costmodel_("check", budget(HOLDS, UNCHECKED)).status == 3
    assert costmodel_("check", budget(UNCHECKED, FAILS)).status == 1


def test_table(costmodel_, budget) -> None:
    """Each check with how it was decided; what does not hold, with what it says."""
    result = costmodel_("check", budget(HOLDS, FAILS, UNCHECKED))
    assert result.err == ""
    text = " ".join(result.out.split())
    assert "check 1 holds proved for all C, r, where r divides C" in text
    assert "check 2 fails macs(cbam) <= 0.01 * macs(conv(out=c)) for side in 1..56, c in {256, 512}" in text
    assert "→ at side = 1, c = 256: 16,482 > 5,898.24" in text
    assert "check 3 unchecked" in text
    assert "→ could not be checked: derive needs torch" in text
    assert result.out.endswith("budget.toml: 3 checks, 1 fails, 1 unchecked\n")
    assert costmodel_("check", budget(HOLDS)).out.endswith("budget.toml: 1 check, all hold\n")


def test_json(costmodel_, budget) -> None:
    """Everything, exactly: integers as such, other numbers as fractions."""
    path = budget(HOLDS, FAILS, "params(cbam-channel) == 2*c*c/r", UNCHECKED)
    result = costmodel_("check", path, "--json")
    assert result.status == 1
    document = json.loads(result.out)
    assert document["file"] == path
    holds, fails, changed, unchecked = document["checks"]
    assert (holds["verdict"], holds["method"], holds["points"], holds["line"]) == ("holds", "proved", None, 2)
    assert holds["conditions"] == ["r divides C"]
    assert fails["for"] == {"side": "1..56", "c": "{256, 512}"}
    assert (fails["verdict"], fails["counterexample"], fails["points"]) == ("fails", {"side": 1, "c": 256}, 112)
    assert (fails["left"], fails["right"]) == (16482, "147456/25")
    assert changed["difference"] == "params(cbam-channel) adds C + C/r"
    assert (unchecked["verdict"], unchecked["method"], unchecked["left"]) == ("unchecked", None, None)
    assert costmodel_("check", path, "--format", "json").out == result.out


def test_junit(costmodel_, budget) -> None:
    """XML with a test case a check, and the right counts: what could not be checked is an error, not skipped."""
    result = costmodel_("check", budget(HOLDS, FAILS, UNCHECKED, FAILS), "--format", "junit")
    assert result.status == 1
    suites = ElementTree.fromstring(result.out)
    (suite,) = suites
    assert result.out.startswith("<?xml version='1.0' encoding='us-ascii'?>")
    counts = {"tests": "4", "failures": "2", "errors": "1"}
    assert suites.tag == "testsuites"
    assert {name: suites.get(name) for name in counts} == counts
    assert {name: suite.get(name) for name in counts} == counts
    cases = [*suite]
    assert [case.tag for case in cases] == ["testcase"] * 4
    assert [next(iter(case)).tag for case in cases] == ["system-out", "failure", "error", "failure"]
    # Some readers fail without times.
    seconds = [float(each.get("time")) for each in (suites, suite, *cases)]
    assert seconds[0] == seconds[1] == pytest.approx(sum(seconds[2:]), abs=0.003)
    assert (cases[1].get("name"), cases[1].get("line"), cases[1].get("file")) == ("check 2", "3", "budget.toml")
    assert cases[1][0].get("message") == "at side = 1, c = 256: 16,482 > 5,898.24"
    assert "macs(cbam) <= 0.01" in (cases[1][0].text or "")


def test_junit_of_what_xml_cannot_hold(costmodel_, tmp_path, monkeypatch) -> None:
    """Names with control characters and markup."""
    monkeypatch.chdir(tmp_path)
    text = '[[check]]\nname = "a\\u0001<b>&\\"c\\uffff"\nthat = "c < 3"\n'
    (tmp_path / "odd & <new>.toml").write_text(text, encoding="utf-8")
    result = costmodel_("check", "odd & <new>.toml", "--format", "junit")
    case = ElementTree.fromstring(result.out)[0][0]
    assert case.get("name") == 'a\ufffd<b>&"c\ufffd'
    assert case.get("file") == "odd & <new>.toml"


def test_github(costmodel_, budget) -> None:
    """A workflow command for each check that does not hold, at its line, and a line for all of them."""
    result = costmodel_("check", budget(HOLDS, FAILS, UNCHECKED), "--format", "github")
    fails, unchecked, whole = result.out.splitlines()
    assert fails == (
        "::error file=budget.toml,line=3,title=check 2::macs(cbam) <= 0.01 * macs(conv(out=c)) for side in 1..56, "
        "c in {256, 512}: at side = 1, c = 256: 16,482 > 5,898.24"
    )
    assert unchecked.startswith("::error file=budget.toml,line=4,title=check 3::derive(")
    assert whole == "costmodel check budget.toml: 3 checks, 1 fails, 1 unchecked"


def test_github_escapes_what_would_end_a_command(costmodel_, tmp_path, monkeypatch) -> None:
    """Percent signs and line ends everywhere, colons and commas in properties: nothing else becomes a command."""
    monkeypatch.chdir(tmp_path)
    text = '[[check]]\nname = "50 %, a:b\\n::error::x\\r"\nthat = "c < 3"\n'
    (tmp_path / "a,b.toml").write_text(text, encoding="utf-8")
    result = costmodel_("check", "a,b.toml", "--format", "github")
    command, whole = result.out.splitlines()
    assert command.startswith(
        "::error file=a%2Cb.toml,line=3,title=50 %25%2C a%3Ab%0A%3A%3Aerror%3A%3Ax%0D::c < 3: at c = 3: 3 = 3"
    )
    assert re.match(r"::error [^:]*::", command)
    assert whole == "costmodel check a,b.toml: 1 check, 1 fails"


@pytest.mark.parametrize("form", ["table", "json", "junit", "github"])
def test_written_to_a_file(costmodel_, budget, form) -> None:
    """What would be printed, while the table is."""
    path = budget(HOLDS, FAILS)
    printed = costmodel_("check", path, "--format", form).out
    result = costmodel_("check", path, "--format", form, "-o", "report")
    assert result.status == 1
    written = Path("report").read_text(encoding="utf-8")
    assert [re.sub('time="[^"]*"', "", text) for text in (written, printed)] == [
        re.sub('time="[^"]*"', "", printed)
    ] * 2
    assert result.out == f"{costmodel_('check', path).out}written: report\n"
    assert sorted(path.name for path in Path().iterdir()) == ["budget.toml", "report"]


def test_written_whole_or_not_at_all(refusal, costmodel_, budget) -> None:
    """A wrong check leaves the report of before; a folder, or a place that is none, is refused."""
    assert costmodel_("check", budget(HOLDS), "-o", "report").status == 0
    before = Path("report").read_text(encoding="utf-8")
    refusal("check", budget(HOLDS, "macs(see) < 3"), "-o", "report")
    assert Path("report").read_text(encoding="utf-8") == before
    Path("folder").mkdir()
    assert "it is no file" in refusal("check", budget(HOLDS), "-o", "folder")
    assert "cannot be written" in refusal("check", budget(HOLDS), "-o", "absent/report")
    assert "cannot be written" in refusal("check", budget(HOLDS), "-o", "\0")
    assert sorted(path.name for path in Path().iterdir()) == ["budget.toml", "folder", "report"]


@pytest.mark.parametrize(
    "check, sentence",
    [
        ("macs(see) < 3", "no layer is called 'see' (did you mean 'se'?)"),
        ("macs(se) < 3 for c in 8..64", "at c = 8: se: reduction 16 is larger than the 8 channels it divides"),
        ("macs(se) < 3 for x in 8..64", "'x' stands for nothing here"),
        ("macs(se) < 3 for c in", "behind for stands name in values"),
        ("macs(se)", "is no relation of two expressions"),
        ("__import__('os').system('true') < 3", "is neither a cost"),
        (f"c < {'(' * 400}1{')' * 400}", "is not an expression"),
    ],
)
def test_wrong_checks(refusal, budget, check, sentence) -> None:
    """One sentence with the file and the line, whatever else the file holds, and exit 2."""
    said = refusal("check", budget(FAILS, check))
    assert said.startswith("costmodel: budget.toml:3: ")
    assert sentence in said


def test_wrong_files_and_forms(refusal, budget) -> None:
    """What cannot be read, and what is no form."""
    assert "cannot be read" in refusal("check", "absent.toml")
    assert "there is no [[check]]" in refusal("check", budget())
    assert "FILE" in refusal("check")
    said = refusal("check", budget(HOLDS), "--format", "jnit")
    assert "--format is one of table, json, junit, github, not 'jnit' (did you mean 'junit'?)" in said
    assert "--json is --format json" in refusal("check", budget(HOLDS), "--format", "junit", "--json")


def test_terminal_that_cannot_write_all_signs(process, tmp_path) -> None:
    """In every form, on a terminal of ASCII."""
    path = tmp_path / "budget.toml"
    path.write_text("check = [\"macs(non-local) == '2·C·(H·W)²/r'\"]", encoding="utf-8")
    for form in ("table", "json", "junit", "github"):
        result = process("check", str(path), "--format", form, env={"PYTHONIOENCODING": "ascii"})
        assert result.returncode == 1, result.stderr
        result.stdout.decode("ascii")
        if form == "json":
            assert json.loads(result.stdout)["checks"][0]["that"] == "macs(non-local) == '2·C·(H·W)²/r'"
        if form == "junit":
            assert "2·C·(H·W)²/r" in ElementTree.fromstring(result.stdout)[0][0][0].text


def test_the_example_of_the_documentation_holds(costmodel_) -> None:
    """By proof but for what is counted, pair by pair."""
    result = costmodel_("check", str(ROOT / "docs/examples/budget.toml"), "--json")
    methods = [check["method"] for check in result.document["checks"]]
    assert methods.count("evaluated") == 1
    assert methods.count("proved") == len(methods) - 1
