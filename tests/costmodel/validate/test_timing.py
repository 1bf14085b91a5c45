"""Layers are timed and held against their bounds; that a check can fail is shown, how long anything takes is not."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from costmodel.catalog import LAYERS
from costmodel.dimension import CostModelError
from costmodel.validate import timing
from costmodel.validate.cases import Case
from costmodel.validate.timing import Bench, sampled, validate_time
from costmodel.validate.timing_report import Change, Sample

US = Fraction(1, 10**6)

FILE = """
title = "A device"
launch_ns = 0
[vector]
fp32 = {figure}
[[level]]
name = "memory"
bytes = 1_000_000_000
bandwidth = {figure}
[sources]
vector = "none"
memory = "none"
launch = "none"
"""


@pytest.fixture
def quick(monkeypatch):
    """One small stage, and as few runs as can be."""
    monkeypatch.setattr(timing, "STAGES", ((37, 3), (16, 5)))
    monkeypatch.setattr(timing, "BATCHES", (1,))
    monkeypatch.setattr(timing, "ENOUGH", 0)


@pytest.fixture
def profile(tmp_path):
    """A device file all of whose figures are one."""

    def write(figure: int) -> str:
        path = tmp_path / "device.toml"
        path.write_text(FILE.format(figure=figure))
        return str(path)

    return write


def test_samples_by_hand() -> None:
    """After three runs and one, which are not counted, five samples of 13, 2, 3, 5 and 7 ns: least 2, middle 5.

    The quartiles of five are the second and the fourth of them: 3 and 7.
    """
    taken = iter([1, 1, 13, 2, 3, 5, 7])
    asked = []

    def clock(_, runs):
        asked.append(runs)
        return next(taken) * 10**9

    assert sampled(lambda: None, clock) == Sample(Fraction(2), Fraction(5), Fraction(4), 5)
    assert asked == [3, 1, 1, 1, 1, 1, 1]


def test_samples_of_a_queue() -> None:
    """Runs of 30 ns in a queue of 1000 are 33 at once, and the time is that of one."""
    asked = []

    def clock(_, runs):
        asked.append(runs)
        return 30 * runs

    assert sampled(lambda: None, clock, queue=1000) == Sample(30 * US / 1000, 30 * US / 1000, Fraction(0), 1000)
    assert asked == [3, 1, *[33] * 1000]


@pytest.mark.parametrize("took, runs", [(1, 1000), (10**6, 500), (10**7, 50), (10**8, 5), (10**9, 5)])
def test_half_a_second_is_enough(took, runs) -> None:
    """Of samples of so many nanoseconds; five are taken all the same, and a thousand at most."""
    assert sampled(lambda: None, lambda *_: took).runs == runs


@pytest.mark.usefixtures("quick")
def test_what_bounds_nothing_holds(profile) -> None:
    """All figures are the greatest there may be; the report has every case, with its exact bound and its shares."""
    found = validate_time(["se", "conv"], "cpu", profile=profile(10**24))
    assert [(each.layer, each.shape) for each in found.comparisons] == [
        (layer, shape) for shape in ((1, 37, 3, 3), (1, 16, 5, 5)) for layer in ("se", "conv")
    ]
    assert found.failed == 0
    assert found.device["threads"] == str(torch.get_num_threads())
    # 37·37·9 weights and 2·37·9 activations of 4 bytes, or two FLOPs for each of 37·37·7·7 macs: of 9·9 taps 7·7 lie in
    # the map.
    assert found.comparisons[1].bound == Fraction(max(4 * (37 * 37 * 9 + 2 * 37 * 9), 2 * 37 * 37 * 7 * 7), 10**24)
    assert found.comparisons[1].shares == {"matrix": 1}
    for each in found.comparisons:
        assert sum(each.shares.values()) == 1
        assert 0 < each.sample.best <= each.sample.median
        assert each.sample.runs >= 5
    document = json.loads(found.to_json())
    assert [len(document[name]) for name in ("cases", "order", "crossovers")] == [4, 2, 0]
    assert document["profile"]["measured"] is False
    assert document["versions"].keys() == {"python", "costmodel", "torch"}


@pytest.mark.usefixtures("quick")
def test_what_bounds_too_much_fails(profile) -> None:
    """A device that does one operation a second: every run is faster than its bound, and each is named."""
    found = validate_time(["se"], "cpu", profile=profile(1))
    assert (found.passed, found.failed) == (0, 2)
    assert [each.layer for each in found.failures] == ["se", "se"]
    assert "se at 1x37x3x3, fp32: a run took " in str(found.failures[0])
    assert json.loads(found.to_json())["cases"][0]["holds"] is False


@pytest.mark.usefixtures("quick")
def test_it_is_calibrated_unless_a_profile_is_given(monkeypatch) -> None:
    """What was measured bounds, and its file is gone afterwards."""
    seen = []

    class Calibration:
        def to_toml(self):
            return FILE.format(figure=10**24)

    monkeypatch.setattr(timing, "calibrate", lambda kind, progress: seen.append((kind, progress)) or Calibration())
    asked = []
    monkeypatch.setattr(timing, "_crossing", lambda *asking: asked.append(asking))
    monkeypatch.setattr(timing, "PAIRS", (("se", "eca"), ("se", "conv")))
    found = validate_time(["se", "eca"], "cpu")
    assert seen == [("cpu", None)]
    assert (found.measured, found.profile.name, found.profile.vector["fp32"]) == (True, "cpu", 10**24)
    ((a, b, metric, _),) = asked
    name, path, dtype = metric.split(":")
    assert (a, b, name, dtype) == ("se", "eca", "time", "fp32")
    assert not Path(path).exists()


def test_crossings_as_measured(monkeypatch) -> None:
    """Layers that take as long as 100 and as the side squared: the one becomes faster at 11."""
    asked = []

    def sample(_, case):
        asked.append((case.layer.name, case.shape[2]))
        took = Fraction(100) if case.layer.name == "conv" else Fraction(case.shape[2] ** 2) + Fraction(1, 2)
        return Sample(took, took, Fraction(0), 5)

    monkeypatch.setattr(Bench, "sample", sample)
    monkeypatch.setattr(timing, "CHANNELS", 32)
    found = timing._crossing("conv", "se", "time:avx2-8core", Bench("cpu", "fp32"))
    assert found.measured == [Change(9, 10, "se", "conv")]
    assert found.predicted == []
    assert found.verdict == "se is always cheaper"
    assert {*found.samples} == {4, 7, 10, 14, 20, 28, 40, 56, 8, 9}
    assert ("se", 8) in asked


def test_a_layer_is_timed_once_at_a_shape(monkeypatch) -> None:
    """The crossings use what the stages took."""
    ran = []
    monkeypatch.setattr(timing, "sampled", lambda run, *_: ran.append(run()) or Sample(*[Fraction(1)] * 3, 5))
    bench = Bench("cpu", "fp32")
    layer = LAYERS["se"]
    for shape in ((1, 37, 3, 5), (1, 37, 3, 5), (1, 37, 5, 3)):
        bench.sample(Case(layer, {}, shape, True, layer.run(shape, {})))
    assert [tuple(y.shape) for y in ran] == [(1, 37, 3, 5), (1, 37, 5, 3)]
    assert all(y.dtype == torch.float32 and y.is_inference() for y in ran)


@pytest.mark.usefixtures("quick")
def test_dtypes(profile) -> None:
    """A dtype that is asked for is computed in; those of GPUs, of nobody and without figures are refused."""
    path = profile(10**24)
    Path(path).write_text(Path(path).read_text().replace("[[level]]", "bf16 = 1\n[[level]]", 1))
    assert [each.dtype for each in validate_time(["se"], "cpu", dtypes=["bf16"], profile=path).comparisons] == [
        "bf16",
        "bf16",
    ]
    with pytest.raises(CostModelError, match="what is timed on cpu is one of fp64, fp32, fp16, bf16, not 'tf32'"):
        validate_time(["se"], "cpu", dtypes=["tf32"], profile=path)
    with pytest.raises(CostModelError, match="not 'fp23'"):
        validate_time(["se"], "cpu", dtypes=["fp23"], profile=path)
    with pytest.raises(CostModelError, match="device has no figures for fp64, only for fp32, bf16"):
        validate_time(["se"], "cpu", dtypes=["fp64"], profile=path)


def test_what_is_not_timed_is_said(monkeypatch, profile) -> None:
    """Networks, pairs that are listed one by one, what a layer refuses, what torch cannot do, what does not fit."""
    monkeypatch.setattr(timing, "STAGES", ((36, 3), (32, 33)))
    monkeypatch.setattr(timing, "BATCHES", (1,))
    monkeypatch.setattr(timing, "ENOUGH", 0)
    failures = iter([NotImplementedError('"softmax" not implemented'), torch.OutOfMemoryError()])

    def fail(*_):
        raise next(failures)

    monkeypatch.setattr(timing, "sampled", fail)
    found = validate_time(["resnet18", "sparse-attention", "se"], "cpu", profile=profile(10**24))
    assert found.comparisons == []
    assert found.not_covered == [
        "resnet18: a network is not timed",
        "sparse-attention at 1x36x3x3: sparse-attention: heads must divide the channels: 8 does not divide 36",
        "sparse-attention at 1x32x33x33: its reference lists the pairs of up to 1024 positions, and these are 1089",
        'se at 1x36x3x3, fp32: torch has no such operation here: "softmax" not implemented',
        "se at 1x32x33x33, fp32: the memory of the GPU does not hold it",
        timing.UNTIMED,
    ]


def test_what_fails_says_where(monkeypatch, profile) -> None:
    """Any other error of a reference is one of ours."""
    monkeypatch.setattr(timing, "STAGES", ((37, 3),))
    monkeypatch.setattr(timing, "sampled", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError) as raised:
        validate_time(["se"], "cpu", profile=profile(10**24))
    assert raised.value.__notes__ == ["It was raised while the reference was run: se at 1x37x3x3, fp32."]


@pytest.mark.parametrize("given", ["nothing.toml", "h2000", "a:b.toml", ""])
def test_profiles_that_are_none(given) -> None:
    """A device nobody knows, a file that is not there, and a path that a metric cannot name."""
    with pytest.raises(CostModelError):
        validate_time(["se"], "cpu", profile=given)


def test_a_profile_without_figures_for_what_is_usual(profile) -> None:
    """Nothing is timed, and why is said."""
    path = Path(profile(1))
    path.write_text(path.read_text().replace("fp32", "fp64"))
    found = validate_time(["se"], "cpu", profile=str(path))
    assert found.comparisons == []
    assert found.not_covered[0] == "fp32: device has no figures for it"


@pytest.mark.usefixtures("quick")
def test_progress(profile, monkeypatch) -> None:
    """A step for every case and every crossing."""
    monkeypatch.setattr(timing, "_crossing", lambda *_: None)
    monkeypatch.setattr(timing, "PAIRS", (("se", "eca"),))
    seen = []
    validate_time(["se", "eca"], "cpu", profile=profile(1), progress=lambda *step: seen.append(step))
    assert seen == [(1, 5, "se"), (2, 5, "eca"), (3, 5, "se"), (4, 5, "eca"), (5, 5, "se, eca")]


def test_on_a_gpu(monkeypatch) -> None:
    """One sample and eight, in FP32, TF32 and BF16, or what there are figures for."""
    monkeypatch.setattr(timing, "STAGES", ((37, 3),))
    monkeypatch.setattr(timing, "chosen_device", lambda _: ("cuda", {"type": "cuda"}))
    monkeypatch.setattr(Bench, "sample", lambda *_: Sample(Fraction(1), Fraction(1), Fraction(0), 5))
    found = validate_time(["se"], "cuda", profile="h200")
    cases = [(each.dtype, each.shape) for each in found.comparisons]
    assert cases == [(dtype, (batch, 37, 3, 3)) for dtype in ("fp32", "tf32", "bf16") for batch in (1, 8)]
    without = validate_time(["se"], "cuda", profile="t4")
    assert {each.dtype for each in without.comparisons} == {"fp32"}
    for dtype in ("tf32", "bf16"):
        assert f"{dtype}: t4 has no figures for it" in without.not_covered


def test_tf32_is_on_for_tf32_alone(monkeypatch) -> None:
    """Nothing is left changed."""

    def flags(*_):
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32

    before = flags()
    monkeypatch.setattr(timing, "sampled", flags)
    layer = LAYERS["se"]
    case = Case(layer, {}, (1, 37, 3, 5), True, layer.run((1, 37, 3, 5), {}))
    found = {dtype: Bench("cpu", dtype).sample(case) for dtype in ("fp32", "tf32", "bf16")}
    assert found == {"fp32": ("highest", False), "tf32": ("high", True), "bf16": ("highest", False)}
    assert flags() == before


def test_a_queue_between_two_events(monkeypatch) -> None:
    """Events tell milliseconds, which are nanoseconds here; the queue lies between them."""
    happened = []

    class Event:
        def __init__(self, *, enable_timing):
            assert enable_timing

        def record(self):
            happened.append("event")

        def synchronize(self):
            happened.append("waited")

        def elapsed_time(self, _):
            return 0.75

    monkeypatch.setattr(torch.cuda, "Event", Event)
    assert timing._on_gpu(lambda: happened.append("run"), 3) == 750_000
    assert happened == ["event", "run", "run", "run", "event", "waited"]
