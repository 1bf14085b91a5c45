"""`costmodel validate`: exit codes, the report file, and what it says of a mismatch."""

import json
import os
import stat
import sys

import pytest

import costmodel.validate as package
from costmodel.catalog import NETWORKS
from costmodel.dimension import CostModelError
from costmodel.validate import Comparison, Report, Unavailable


def comparison(ours=32768, theirs=32768, layer="se"):
    return Comparison(layer, {"reduction": 8}, (2, 512, 29, 31), "linear", "fvcore", "cpu", ours, theirs)


def report(*comparisons, not_covered=()):
    return Report(
        date="2024-01-01T00:00:00+00:00",
        versions={"python": "3.11.7", "torch": "2.13.0"},
        device={"type": "cpu", "name": "abacus", "chosen": "asked for"},
        oracles={"fvcore": "counts"},
        comparisons=list(comparisons),
        not_covered=list(not_covered),
    )


@pytest.fixture
def finding(monkeypatch):
    """Let `validate` find a given report, or raise a given error; what it was asked is kept."""
    asked = []

    def find(outcome):
        def validate(layers=(), device="auto", progress=None):
            asked.append((list(layers), device))
            if progress:
                progress(1, 1, "se")
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr(package, "validate", validate)
        return asked

    return find


def test_agreement(costmodel_, finding) -> None:
    """Equal counts are exit 0, with how many there were, on which device and under which versions."""
    asked = finding(report(comparison(), comparison(layer="cbam"), not_covered=["the softmax: no oracle counts it"]))
    result = costmodel_("validate", "se", "cbam", "--device", "cpu")
    assert (result.status, result.err, asked) == (0, "", [(["se", "cbam"], "cpu")])
    for words in ("2 comparisons equal, 0 different", "torch 2.13.0", "the softmax: no oracle counts it", "on cpu"):
        assert words in result.out
    assert "{" not in result.out


def test_mismatch(costmodel_, finding) -> None:
    """A mismatch is exit 1 and named with layer, options, shape, quantity, oracle and both numbers."""
    finding(report(comparison(), comparison(ours=32768, theirs=32769)))
    result = costmodel_("validate", "se")
    assert (result.status, result.err) == (1, "")
    text = " ".join(result.out.split())
    verdict = "1 comparisons equal, 1 different"
    for words in ("se reduction=8 at 2x512x29x31", "linear", "32,768", "32,769", "fvcore", verdict):
        assert words in text


def test_every_mismatch_is_named(costmodel_, finding) -> None:
    """A hundred mismatches are each named with both numbers."""
    finding(report(*[comparison(ours=n, theirs=10_000 + n) for n in range(1000, 1100)]))
    text = " ".join(costmodel_("validate", "se").out.split())
    for n in range(1000, 1100):
        assert f"is {n:,} by us and {10_000 + n:,} by fvcore" in text


def test_nothing_compared(costmodel_, finding) -> None:
    """Where nothing was compared nothing was checked: exit 3, and why."""
    finding(report(not_covered=["bam: it has no reference"]))
    result = costmodel_("validate", "bam")
    assert result.status == 3
    assert "bam: it has no reference" in result.out + result.err


@pytest.mark.parametrize("outcome", [report(comparison()), report(comparison(theirs=1))], ids=["equal", "different"])
def test_json_is_the_report(costmodel_, finding, tmp_path, outcome) -> None:
    """--json prints what --report writes: versions, device, comparisons, passed and failed; one newline ends it."""
    finding(outcome)
    result = costmodel_("validate", "se", "--json", "--report", str(tmp_path / "report.json"))
    assert result.status == outcome.failed
    written = (tmp_path / "report.json").read_text(encoding="utf-8")
    assert json.loads(result.out) == json.loads(written)
    assert {"versions", "device", "comparisons", "passed", "failed"} <= json.loads(written).keys()
    assert written.endswith("}\n")
    assert not written.endswith("\n\n")
    assert os.listdir(tmp_path) == ["report.json"]  # noqa: PTH208


def test_report_replaces_an_older_one(costmodel_, finding, tmp_path) -> None:
    """An older report is replaced as a whole."""
    path = tmp_path / "report.json"
    path.write_text("older" * 10_000)
    finding(report(comparison()))
    assert costmodel_("validate", "--report", str(path)).status == 0
    assert json.loads(path.read_text())["passed"] == 1


@pytest.mark.parametrize(
    "error",
    [CostModelError("no"), Unavailable("no"), KeyboardInterrupt(), RuntimeError("no")],
    ids=lambda error: type(error).__name__,
)
def test_nothing_half_written(costmodel_, finding, tmp_path, error) -> None:
    """Whatever stops the work leaves the older report as it was, and no other file."""
    path = tmp_path / "report.json"
    path.write_text("older")
    finding(error)
    try:
        status = costmodel_("validate", "--report", str(path)).status
    except RuntimeError:
        status = 1
    assert status != 0
    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == ["report.json"]  # noqa: PTH208


@pytest.mark.parametrize(
    "path",
    ["{}/missing/report.json", "{}", "{}/", "", f"{{}}/{300 * 'x'}", "{}/\x00", "/dev/null/report.json"],
    ids=["no folder", "a folder", "a slash", "empty", "too long", "NUL", "under a file"],
)
def test_report_that_cannot_be_written(refusal, finding, tmp_path, path) -> None:
    """A path that cannot be written is refused before the work, and nothing is left there."""
    asked = finding(report(comparison()))
    assert "report cannot be written" in refusal("validate", "se", "--report", path.format(tmp_path))
    assert asked == []
    assert list(tmp_path.iterdir()) == []


def test_report_to_what_is_no_file(costmodel_, finding, tmp_path) -> None:
    """A device, pipe or socket is never replaced by a file: the report goes into it, or it is refused."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        finding(report(comparison()))
        assert costmodel_("validate", "se", "--report", str(pipe)).status in (0, 2)
        assert stat.S_ISFIFO(pipe.stat().st_mode)
    finally:
        os.close(reading)


def test_report_through_a_link(costmodel_, finding, tmp_path) -> None:
    """A link to a report stays a link; what it points to is written."""
    target, link = tmp_path / "report.json", tmp_path / "latest.json"
    target.write_text("older")
    link.symlink_to(target)
    finding(report(comparison()))
    assert costmodel_("validate", "se", "--report", str(link)).status == 0
    assert link.is_symlink()
    assert json.loads(target.read_text())["passed"] == 1


def test_unknown_device(refusal, finding) -> None:
    """An unknown device is refused with those there are, before the work."""
    asked = finding(report(comparison()))
    for device in ("", "tpu", "cuda:0", "x" * 5000):
        assert "auto, cpu, cuda" in refusal("validate", "--device", device)
    assert asked == []


def test_unavailable(costmodel_, finding) -> None:
    """What cannot be checked is exit 3 with one sentence, never a pass."""
    finding(Unavailable("torch finds no GPU here: choose --device cpu or auto"))
    result = costmodel_("validate", "--device", "cuda")
    assert (result.status, result.out) == (3, "")
    assert result.err == "costmodel: torch finds no GPU here: choose --device cpu or auto\n"


@pytest.mark.parametrize("missing", ["torch", "fvcore"])
def test_without_torch_or_fvcore(costmodel_, monkeypatch, tmp_path, missing) -> None:
    """Without torch or fvcore: exit 3, the missing package and the line that installs it, and no report."""
    for name in {missing, *(name for name in sys.modules if name.startswith(f"{missing}."))}:
        monkeypatch.setitem(sys.modules, name, None)  # which makes its import fail
    result = costmodel_("validate", "se", "--report", str(tmp_path / "report.json"))
    assert (result.status, result.out) == (3, "")
    assert missing in result.err
    assert f"pip install {missing}" in result.err
    assert list(tmp_path.iterdir()) == []


def test_for_real(costmodel_, tmp_path) -> None:
    """One layer held against torch and fvcore, for real: all equal, and the report says the same."""
    path = tmp_path / "report.json"
    result = costmodel_("validate", "se", "--device", "cpu", "--report", str(path))
    document = json.loads(path.read_text())
    assert result.status == 0
    assert document["failed"] == 0
    assert document["passed"] == len(document["comparisons"]) > 20
    assert {row["layer"] for row in document["comparisons"]} == {"se"}
    assert {"params", "linear", "uncounted"} <= {row["quantity"] for row in document["comparisons"]}
    for row in document["comparisons"]:
        assert row.keys() >= {"layer", "options", "shape", "quantity", "oracle", "ours", "theirs", "equal"}
        assert row["equal"] is True
        assert row["ours"] == row["theirs"]


@pytest.mark.parametrize("theirs, status", [(32768, 0), (1, 1)])
def test_memory(costmodel_, monkeypatch, tmp_path, theirs, status) -> None:
    """--memory is a validation like the other: the table, what is not covered, the report and the exit code."""
    asked = []

    def validate_memory(layers, progress):
        asked.append(layers)
        if progress:
            progress(1, 1, "se")
        return report(comparison(theirs=theirs), not_covered=["bytes moved: no oracle knows them"])

    monkeypatch.setattr("costmodel.validate.memory.validate_memory", validate_memory)
    path = tmp_path / "report.json"
    result = costmodel_("validate", "--memory", "se", "--report", str(path))
    assert (result.status, result.err, asked) == (status, "", [["se"]])
    assert "bytes moved: no oracle knows them" in result.out
    assert json.loads(path.read_text(encoding="utf-8"))["failed"] == status


def test_memory_without_torch(costmodel_, monkeypatch) -> None:
    """Nothing was checked: exit 3, and what to install; fvcore is not asked for."""
    monkeypatch.setitem(sys.modules, "torch", None)
    result = costmodel_("validate", "--memory", "se")
    assert result.status == 3
    assert "validate --memory needs torch, which is not installed" in result.err
    assert "fvcore" not in result.err


@pytest.mark.parametrize("flag", ["--memory", "--networks"])
def test_proofs_are_a_check_by_themselves(refusal, flag) -> None:
    """With another one it is bad input."""
    assert "--prove is a check by itself, of layers: leave out --memory and --networks" in refusal(
        "validate", flag, "--prove"
    )


def test_networks(costmodel_, monkeypatch) -> None:
    """All of them, beside what is named."""
    asked: list[str] = []
    monkeypatch.setattr(package, "validate", lambda layers, **_: asked.extend(layers) or report(comparison()))
    assert costmodel_("validate", "se", "--networks").status == 0
    assert asked == ["se", *NETWORKS]
    assert {"resnet50", "vgg16", "danet-resnet101"} <= {*asked}
