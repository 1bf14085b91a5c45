"""`costmodel validate`: exit codes, the report file, and what it says of a mismatch."""

import json
import os
import stat
import sys
from fractions import Fraction

import pytest

import costmodel.validate as package
from costmodel import devices
from costmodel.catalog import NETWORKS
from costmodel.dimension import CostModelError
from costmodel.validate import Comparison, Report, Unavailable
from costmodel.validate.timing_report import Crossing, Sample, Timing, Timings


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

    def validate_memory(layers, device, progress):
        asked.append((layers, device))
        if progress:
            progress(1, 1, "se")
        return report(comparison(theirs=theirs), not_covered=["bytes moved: no oracle knows them"])

    monkeypatch.setattr("costmodel.validate.memory.validate_memory", validate_memory)
    path = tmp_path / "report.json"
    result = costmodel_("validate", "--memory", "se", "--report", str(path))
    assert (result.status, result.err, asked) == (status, "", [(["se"], "auto")])
    assert "bytes moved: no oracle knows them" in result.out
    assert json.loads(path.read_text(encoding="utf-8"))["failed"] == status


def test_memory_without_torch(costmodel_, monkeypatch) -> None:
    """Nothing was checked: exit 3, and what to install; fvcore is not asked for."""
    monkeypatch.setitem(sys.modules, "torch", None)
    result = costmodel_("validate", "--memory", "se")
    assert result.status == 3
    assert "validate --memory needs torch, which is not installed" in result.err
    assert "fvcore" not in result.err


@pytest.mark.parametrize("flag", ["--memory", "--networks", "--time"])
def test_proofs_are_a_check_by_themselves(refusal, flag) -> None:
    """With another one it is bad input."""
    assert "--prove is a check by itself, of layers: leave out --memory, --time and --networks" in refusal(
        "validate", flag, "--prove"
    )


def test_networks(costmodel_, monkeypatch) -> None:
    """All of them, beside what is named."""
    asked: list[str] = []
    monkeypatch.setattr(package, "validate", lambda layers, **_: asked.extend(layers) or report(comparison()))
    assert costmodel_("validate", "se", "--networks").status == 0
    assert asked == ["se", *NETWORKS]
    assert {"resnet50", "vgg16", "danet-resnet101"} <= {*asked}


def timings(best=11, *, crossings=(), cases=True):
    """A report of times: one layer at one shape, or none, bounded by 11 seconds."""
    sample = Sample(Fraction(best), Fraction(13), Fraction(2), 7)
    shares = {"matrix": Fraction(99, 100), "L2": Fraction(1, 100)}
    timed = [Timing(layer, {}, (1, 37, 5, 3), "fp32", Fraction(11), shares, sample) for layer in ("se", "cbam")]
    described = {"type": "cpu", "name": "abacus", "chosen": "asked for", "threads": "2"}
    left_out = ["vgg11: a network is not timed"]
    return Timings("2024-01-01", {}, described, devices.device("avx2-8core"), True, timed * cases, crossings, left_out)


@pytest.fixture
def timing(monkeypatch):
    """Let `validate_time` find a given report, or raise a given error; what it was asked is kept."""
    asked = []

    def find(outcome):
        def validate_time(layers, device, **keywords):
            asked.append((layers, device, keywords["dtypes"], keywords["profile"]))
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr("costmodel.validate.timing.validate_time", validate_time)
        return asked

    return find


@pytest.mark.parametrize(
    "best, status, verdict", [(11, 0, "2 no faster than their bounds, 0 faster"), (10, 1, "2 faster")]
)
def test_time(costmodel_, timing, tmp_path, best, status, verdict) -> None:
    """--time has what bounds, every layer, in which order, where two cross, what is faster, and what nothing times."""
    both = Sample(Fraction(1), Fraction(1), Fraction(0), 5), Sample(Fraction(2), Fraction(2), Fraction(0), 5)
    crossing = Crossing("se", "cbam", {"c": 37}, "fp32", "se is always cheaper", [], [], {7: both})
    asked = timing(timings(best, crossings=[crossing]))
    flags = ["--dtype", "fp32", "--dtype", "bf16", "--device-profile", "here.toml", "--device", "cpu"]
    path = tmp_path / "report.json"
    result = costmodel_("validate", "se", "cbam", "--time", *flags, "--report", str(path))
    assert (result.status, result.err) == (status, "")
    assert asked == [(["se", "cbam"], "cpu", ["fp32", "bf16"], "here.toml")]
    assert all(len(line) <= 80 for line in result.out.partition("report:")[0].splitlines())
    text = " ".join(result.out.split())
    for words in (
        "bounded by 8-core AVX2 CPU at 4 GHz, two channels of DDR4-3200, measured now",
        "1×37×5×3, fp32",
        f"se 11 s {best} s 13 s 1.182 matrix 99%",
        "0 of 1 pairs of layers in the order predicted, 1 tied",
        "predicted, se is always cheaper; measured from 7 to 7, se is faster wherever one can tell",
        "not covered: vgg11: a network is not timed",
        verdict,
    ):
        assert words in text
    assert ("se at 1x37x5x3, fp32: a run took 1e+07 µs" in text) == (status == 1)
    document = json.loads(path.read_text(encoding="utf-8"))
    assert (document["kind"], document["failed"], len(document["cases"])) == ("time", 2 * status, 2)


def test_nothing_timed(costmodel_, timing) -> None:
    """Where nothing was timed nothing was checked: exit 3."""
    timing(timings(cases=False))
    result = costmodel_("validate", "vgg11", "--time")
    assert result.status == 3
    assert "vgg11: a network is not timed" in result.out


def test_other_work_is_seen(costmodel_, timing) -> None:
    """Medians that are twice the best run say that the machine was not idle."""
    timing(timings(6))
    text = costmodel_("validate", "se", "--time").out
    assert "best and median are far apart in 2: other work was in the way, time again" in text
    timing(timings(11))
    assert "other work" not in costmodel_("validate", "se", "--time").out


@pytest.mark.parametrize("best, theirs, status", [(11, 32768, 0), (10, 32768, 1), (11, 1, 1)])
def test_memory_and_time(costmodel_, timing, monkeypatch, tmp_path, best, theirs, status) -> None:
    """Both are done, and one report holds both."""
    timing(timings(best))
    monkeypatch.setattr("costmodel.validate.memory.validate_memory", lambda *_: report(comparison(theirs=theirs)))
    path = tmp_path / "report.json"
    result = costmodel_("validate", "--memory", "--time", "--report", str(path), "--json")
    assert result.status == status
    document = json.loads(path.read_text(encoding="utf-8"))
    assert json.loads(result.out) == document
    assert document.keys() == {"time", "memory"}
    assert (document["time"]["kind"], len(document["memory"]["comparisons"])) == ("time", 1)
    shown = costmodel_("validate", "--memory", "--time").out
    assert "1 comparisons equal" in shown or theirs == 1
    assert "no faster than their bounds" in shown


@pytest.mark.parametrize("error", [CostModelError("no"), Unavailable("no"), KeyboardInterrupt()], ids=repr)
def test_no_half_of_both_is_written(costmodel_, timing, monkeypatch, tmp_path, error) -> None:
    """What stops the one check leaves no report of the other."""
    timing(timings())

    def fail(*_):
        raise error

    monkeypatch.setattr("costmodel.validate.memory.validate_memory", fail)
    assert costmodel_("validate", "--memory", "--time", "--report", str(tmp_path / "report.json")).status > 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "flags",
    [
        ["--dtype", "bf16"],
        ["--device-profile", "h200"],
        ["--memory", "--dtype", "bf16"],
        ["--prove", "--dtype", "bf16"],
        ["--prove", "--device-profile", "h200"],
    ],
)
def test_flags_of_time(refusal, flags) -> None:
    """They say nothing of counts."""
    assert "--dtype and --device-profile are for --time" in refusal("validate", "se", *flags)


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--dtype", "fp23"], "fp64, fp32, fp16, bf16"),
        (["--dtype", "tf32", "--device", "cpu"], "fp64, fp32, fp16, bf16"),
        (["--device-profile", "missing.toml"], "'missing.toml' cannot be read"),
        (["--device-profile", "h2000"], "no device is called 'h2000'"),
        (["--device-profile", "t4", "--dtype", "bf16"], "t4 has no figures for bf16"),
        (["--device", "tpu"], "auto, cpu, cuda"),
    ],
)
def test_what_time_refuses(refusal, tmp_path, flags, words) -> None:
    """Before anything is timed, and with nothing written."""
    path = str(tmp_path / "report.json")
    assert words in refusal("validate", "se", "--time", "--memory", "--device", "cpu", "--report", path, *flags)
    assert list(tmp_path.iterdir()) == []


def test_time_without_torch(costmodel_, monkeypatch) -> None:
    """Nothing was checked: exit 3, and what to install."""
    monkeypatch.setitem(sys.modules, "torch", None)
    result = costmodel_("validate", "--time", "se")
    assert result.status == 3
    assert "validate --time needs torch, which is not installed" in result.err


def test_time_for_real(costmodel_, monkeypatch, tmp_path) -> None:
    """A device that is said to do next to nothing: runs of one sample and of eight are faster, and the code is 1."""
    monkeypatch.setattr("costmodel.validate.timing.STAGES", ((37, 3),))
    figures = '[vector]\nfp32 = 1\n[[level]]\nname = "memory"\nbytes = 1\nbandwidth = 1\n'
    sources = '[sources]\nvector = "none"\nmemory = "none"\nlaunch = "none"\n'
    slow = tmp_path / "slow.toml"
    slow.write_text(f'title = "An abacus"\nlaunch_ns = 0\n{figures}{sources}')
    result = costmodel_("validate", "--time", "se", "--device", "cpu", "--device-profile", str(slow))
    assert (result.status, result.err) == (1, "")
    assert "bounded by An abacus\n" in result.out
    assert "se at 1x37x3x3, fp32: a run took" in result.out
    assert "0 no faster than their bounds, 2 faster" in result.out
