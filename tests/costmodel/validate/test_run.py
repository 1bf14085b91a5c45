"""The validation of every layer is green, and turns red where it should; networks are in `test_networks`."""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import nn

import costmodel.layers  # noqa: F401  (registers the layers of the survey)
from costmodel import LAYERS, CostModelError, Layer, Row, Tensor, patterns
from costmodel.validate import Comparison, Report, Unavailable, run, validate
from costmodel.validate.cases import cases
from costmodel.validate.oracles import ORACLES, Reading
from costmodel.validate.references import REFERENCES

NAMES = sorted(LAYERS)

# Where there is a GPU, everything runs on it too.
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@cache
def validated(device: str) -> Report:
    return validate(NAMES, device=device)


@pytest.fixture(params=DEVICES)
def report(request: pytest.FixtureRequest, uncovered: None) -> Report:  # noqa: ARG001
    return validated(request.param)


@pytest.mark.parametrize("name", NAMES)
def test_layers_equal_their_references(report: Report, name: str) -> None:
    """Every number of every oracle, for every option and shape, equals ours."""
    mine = [comparison for comparison in report.comparisons if comparison.layer == name]
    assert [str(comparison) for comparison in mine if not comparison.equal] == []
    quantities = {(comparison.oracle, comparison.quantity) for comparison in mine}
    assert quantities >= {("torch", "params"), ("torch", "output"), ("fvcore", "uncounted")}
    assert {oracle for oracle, _ in quantities} == set(ORACLES)


def test_how_much_is_compared(report: Report) -> None:
    """At least 500 comparisons, small ones by all oracles, large ones by those that need no data."""
    assert report.failed == 0
    assert report.passed == len(report.comparisons) >= 500
    small = {comparison.oracle for comparison in report.comparisons if comparison.device == report.device["type"]}
    assert small == set(ORACLES)
    large = {comparison.oracle for comparison in report.comparisons if comparison.shape[-1] >= 28}
    assert large >= {"torch", "FlopCounterMode"}


def test_what_is_not_covered_is_said(report: Report) -> None:
    """Cases that were left out, and operations that nobody counts."""
    assert "non-local affinity=concatenation at 1x512x97x97: its tensors take 182 GB" in report.not_covered
    assert "the arithmetic of relu: no oracle counts or reports it" in report.not_covered
    (noticed,) = (s for s in report.not_covered if s.endswith("that they are there, and no oracle counts them"))
    assert "sigmoid, softmax" in noticed
    asked_of_fvcore = not any(sentence.startswith("fvcore at sizes of real") for sentence in report.not_covered)
    assert asked_of_fvcore == (report.device["type"] == "cuda")


def spoil(monkeypatch: pytest.MonkeyPatch, primitive: str, change: Callable[[Row], list[Row]]) -> None:
    """Let a primitive of `Tensor` write other rows than its own."""
    real = getattr(Tensor, primitive)

    def spoilt(self: Tensor, *args: Any, **options: Any) -> Tensor:
        y = real(self, *args, **options)
        self.ledger.rows[-1:] = change(self.ledger.rows[-1])
        return y

    monkeypatch.setattr(Tensor, primitive, spoilt)


def test_a_wrong_count_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One mac too many is two failures a linear layer, each with both numbers."""
    spoil(monkeypatch, "linear", lambda row: [row._replace(arithmetic={"mac": row.arithmetic["mac"] + 1})])
    report = validate(["se"], device="cpu")
    failures = [str(failure) for failure in report.failures]
    # At 3×40×7×11: 3·40·2 macs twice; the wrong formula says one more each time.
    assert "se at 3x40x7x11: linear is 482 by us and 480 by fvcore" in failures
    assert "se at 3x40x7x11: mm is 964 by us and 960 by FlopCounterMode" in failures
    assert {failure.quantity for failure in report.failures} == {"linear", "mm"}
    assert report.failed == len(failures) > 0


def test_wrong_parameters_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch norm that lacks a parameter is found by torch alone."""
    spoil(monkeypatch, "batch_norm", lambda row: [row._replace(params=row.params - 1)])
    report = validate(["cbam-spatial"], device="cpu")
    assert {failure.quantity for failure in report.failures} == {"params"}
    assert "cbam-spatial at 3x40x7x11: params is 99 by us and 100 by torch" in map(str, report.failures)


def test_a_forgotten_operation_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A softmax that writes no row has no count to differ, but is missing among the uncounted."""
    spoil(monkeypatch, "softmax", lambda _: [])
    report = validate(["danet-cam"], device="cpu")
    assert {failure.quantity for failure in report.failures} == {"uncounted"}
    assert (
        "danet-cam at 3x40x7x11: uncounted is aten::add, aten::amax, aten::mul, aten::sub by us"
        " and aten::add, aten::amax, aten::mul, aten::softmax, aten::sub by fvcore"
    ) in map(str, report.failures)


def test_a_wrong_number_of_pairs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One pair too many of the strided union is found where that is what is computed."""
    real = patterns.strided_pairs

    def wrong(*args: int, causal: bool, window: str) -> patterns.StridedPairs:
        pairs = real(*args, causal=causal, window=window)
        return pairs._replace(union=pairs.union + 1)

    monkeypatch.setattr(patterns, "strided_pairs", wrong)
    monkeypatch.setattr(run, "cases", lambda layer: [case for case in cases(layer) if len(case.options) < 2])
    failures = validate(["sparse-attention"], device="cpu").failures
    assert {failure.quantity for failure in failures} == {"bmm"}
    assert all(failure.options.get("count", "ideal") == "ideal" for failure in failures)
    assert all("pattern" not in failure.options for failure in failures)


def test_a_wrong_shape_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stride that rounds down gives another output."""
    monkeypatch.setattr("costmodel.tensor.ceil_div", lambda a, b: max(a // b, 1))
    failures = validate(["conv"], device="cpu").failures
    assert "conv stride=5 at 3x40x7x11: output is 3, 40, 1, 2 by us and 3, 40, 2, 3 by torch" in map(str, failures)


@pytest.mark.parametrize("name", ["fvcore", "FlopCounterMode"])
def test_an_oracle_that_counts_nothing_is_no_pass(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Its zeros differ from what we count, and it is said that it is no evidence."""
    nothing = ORACLES[name]._replace(theirs=lambda *_: Reading({}, frozenset()))
    monkeypatch.setitem(ORACLES, name, nothing)
    report = validate(["conv"], device="cpu")
    assert not any(comparison.equal for comparison in report.comparisons if comparison.oracle == name)
    assert f"conv at 3x40x7x11: {name} counts nothing in it, which is no evidence" in report.not_covered


def test_nothing_on_both_sides_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither counts anything, nothing is compared, and that is said."""

    class Nothing(nn.Module):
        def __init__(self, _channels: int) -> None:
            super().__init__()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(x)

    layer = Layer("nothing", lambda x: x.relu(), "", {}, video=False, headline=None)
    monkeypatch.setitem(LAYERS, "nothing", layer)
    monkeypatch.setitem(REFERENCES, "nothing", Nothing)
    report = validate(["nothing"], device="cpu")
    assert {comparison.quantity for comparison in report.comparisons} == {"output"}
    for name in ORACLES:
        assert f"nothing at 3x40x7x11: {name} counts nothing in it, which is no evidence" in report.not_covered


def test_a_layer_without_reference_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and nothing about it is compared."""
    monkeypatch.setitem(LAYERS, "mine", Layer("mine", lambda x: x.relu(), "", {}, video=False, headline=None))
    report = validate(["mine"], device="cpu")
    assert (report.passed, report.failed) == (0, 0)
    assert "mine: it has no reference" in report.not_covered


def test_a_full_gpu_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the memory does not hold is said, and nothing about it is compared."""

    class TooLarge(nn.Module):
        def __init__(self, _channels: int) -> None:
            raise torch.OutOfMemoryError

    monkeypatch.setitem(REFERENCES, "danet-cam", TooLarge)
    report = validate(["danet-cam"], device="cpu")
    assert (report.passed, report.failed) == (0, 0)
    assert "danet-cam at 1x512x97x97: the memory of the GPU does not hold it" in report.not_covered


def test_a_reference_that_raises_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own error comes through, with a note that says which case it was."""

    class Broken(nn.Module):
        def __init__(self, _channels: int) -> None:
            super().__init__()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.zeros(2, 3)

    monkeypatch.setitem(REFERENCES, "danet-cam", Broken)
    with pytest.raises(RuntimeError, match="size of tensor") as raised:
        validate(["danet-cam"], device="cpu")
    assert raised.value.__notes__ == ["It was raised while the reference was run: danet-cam at 3x40x7x11."]


@pytest.mark.parametrize(
    "absent, named, installed",
    [
        (["torch"], "torch, which is", "torch"),
        (["fvcore"], "fvcore, which is", "fvcore"),
        (["torch", "fvcore"], "torch and fvcore, which are", "torch fvcore"),
    ],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, absent: list[str], named: str, installed: str
) -> None:
    """Without torch or fvcore nothing is checked; the sentence says which and how to install it."""
    for name in absent:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(Unavailable) as raised:
        validate(["se"])
    assert str(raised.value) == f"validate needs {named} not installed: pip install {installed}"


def test_what_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that is broken is told from one that is missing."""

    def broken(_name: str) -> None:
        raise OSError("libtorch.so: cannot open shared object file")

    monkeypatch.setattr("importlib.import_module", broken)
    with pytest.raises(Unavailable, match=r"torch, which is installed but cannot be imported: libtorch\.so"):
        validate(["se"])


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for, it is an error; with auto, the CPU is taken and the report says so."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(Unavailable, match="finds no GPU here"):
        validate(["danet-cam"], device="cuda")
    device = validate(["danet-cam"]).device
    assert (device["type"], device["chosen"]) == ("cpu", "auto: torch finds no GPU here")


def test_bad_input() -> None:
    """Unknown layers and devices are refused, with the nearest right name, before anything runs."""
    with pytest.raises(CostModelError, match="did you mean 'non-local'"):
        validate(["nonlocal"])
    with pytest.raises(CostModelError, match="device must be auto, cpu, cuda, not 'cdua' \\(did you mean 'cuda'"):
        validate(["se"], device="cdua")


def test_importing_it_imports_no_torch() -> None:
    """The package can be asked for its errors without waiting for torch."""
    code = "import sys, costmodel.validate; print(sorted({'torch', 'fvcore', 'numpy'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_progress_and_interruption() -> None:
    """Progress counts up to the number of cases; an interruption passes through and leaves torch as it was."""
    calls: list[tuple[int, int, str]] = []
    validate(["danet-pam", "danet-pam"], device="cpu", progress=lambda *call: calls.append(call))
    assert [done for done, _, _ in calls] == list(range(1, len(calls) + 1))
    assert {(total, name) for _, total, name in calls} == {(len(calls), "danet-pam")}

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 2)
    try:
        with pytest.raises(KeyboardInterrupt):
            validate(["danet-pam"], device="cpu", progress=interrupt)
        assert torch.get_num_threads() == threads + 2
    finally:
        torch.set_num_threads(threads)


def test_the_report_is_exact() -> None:
    """JSON holds every comparison, and integers beyond what a float holds."""
    large = 2**53 + 1
    comparison = Comparison("se", {"bias": True}, (1, 2, 3, 5), "linear", "fvcore", "cpu", large, large - 1)
    report = Report("now", {"torch": "2"}, {"name": "x"}, {"fvcore": "macs"}, [comparison], ["nothing else"])
    read = json.loads(report.to_json())
    assert read["comparisons"] == [
        {
            "layer": "se",
            "options": {"bias": True},
            "shape": [1, 2, 3, 5],
            "quantity": "linear",
            "oracle": "fvcore",
            "device": "cpu",
            "ours": 9007199254740993,
            "theirs": 9007199254740992,
            "equal": False,
        }
    ]
    assert (read["passed"], read["failed"], read["not_covered"]) == (0, 1, ["nothing else"])
    assert (
        str(comparison)
        == "se bias=true at 1x2x3x5: linear is 9,007,199,254,740,993 by us and 9,007,199,254,740,992 by fvcore"
    )


def test_the_report_says_what_it_depends_on() -> None:
    """Date in UTC, versions, and the device with the reason for it."""
    report = validate(["danet-cam"], device="cpu")
    read = json.loads(report.to_json())
    assert read["date"].endswith("+00:00")
    assert set(read["versions"]) == {"python", "costmodel", "torch", "fvcore", "numpy"}
    assert read["device"]["type"] == "cpu"
    assert read["device"]["chosen"] == "asked for"
    assert len(read["comparisons"]) == read["passed"] == report.passed
