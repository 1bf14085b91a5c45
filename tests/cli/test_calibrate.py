"""`costmodel calibrate`: the device file, printed or written as a whole, and what is printed beside it."""

import os
import sys
from fractions import Fraction

import pytest

from costmodel.devices import Device, Level, device
from costmodel.validate import Unavailable
from costmodel.validate import calibration as package
from costmodel.validate.calibration import Calibration, Spread

FOUND = Calibration(
    Device(
        "cpu",
        "Abacus, 2 threads",
        {"fp32": 209_600_000_000},
        {"fp32": 209_600_000_000},
        (Level("L2", 2**20, 118_000_000_000), Level("memory", 2**34, 34_420_000_000)),
        Fraction(812, 10**9),
        dict.fromkeys(
            ("vector.fp32", "matrix.fp32", "L2.bytes", "L2.bandwidth", "memory.bytes", "memory.bandwidth", "launch"),
            "measured by hand",
        ),
    ),
    {
        "matrix.fp32": Spread(Fraction(209_512_345_678), Fraction(202 * 10**9), "3×3 convolution of 8×256×30×30"),
        "vector.fp32": Spread(Fraction(209_512_345_678), Fraction(202 * 10**9), "3×3 convolution of 8×256×30×30"),
        "L2.bandwidth": Spread(Fraction(118 * 10**9), Fraction(102 * 10**9), "add of 16,777,152 bytes"),
        "memory.bandwidth": Spread(Fraction(34_420_000_000), Fraction(31 * 10**9), "add of 268,435,392 bytes"),
        "launch": Spread(Fraction(812, 10**9), Fraction(1_904, 10**9), "relu of one number"),
    },
)


@pytest.fixture
def measuring(monkeypatch):
    """Let `calibrate` find this, or raise this; what it was asked is kept."""
    asked = []

    def find(outcome):
        def calibrate(device="auto", progress=None):
            asked.append(device)
            if progress:
                progress(0, 1, "fp32 products")
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr(package, "calibrate", calibrate)
        return asked

    return find


def test_printed(costmodel_, measuring, tmp_path) -> None:
    """Without --output the device file is printed, and nothing else, so that it can be redirected."""
    asked = measuring(FOUND)
    result = costmodel_("calibrate")
    assert (result.status, result.err, asked) == (0, "", ["auto"])
    assert result.out == FOUND.to_toml()
    path = tmp_path / "cpu.toml"
    path.write_text(result.out, encoding="utf-8")
    assert device(str(path)) == FOUND.device


def test_written(costmodel_, measuring, tmp_path) -> None:
    """With --output it is written, and what was measured is printed: best, median, and what was best."""
    asked = measuring(FOUND)
    path = tmp_path / "here.toml"
    result = costmodel_("calibrate", "--device", "cpu", "-o", str(path))
    assert (result.status, result.err, asked) == (0, "", ["cpu"])
    assert device(str(path)) == FOUND.device._replace(name="here")
    text = " ".join(result.out.split())
    for words in (
        "Abacus, 2 threads",
        "matrix.fp32 209.5 GFLOP/s 202.0 GFLOP/s 3×3 convolution of 8×256×30×30",
        "vector.fp32 209.5 Gop/s 202.0 Gop/s",
        "L2.bandwidth 118.0 GB/s 102.0 GB/s add of 16,777,152 bytes",
        "launch 812 ns 1,904 ns relu of one number",
        "L2 holds 1,048,576 bytes",
        "Best and median are far apart: launch. Other work was in the way",
        "here.toml",
    ):
        assert words in text
    assert max(map(len, result.out.splitlines()[:-1])) <= 80
    assert os.listdir(tmp_path) == ["here.toml"]  # noqa: PTH208


@pytest.mark.parametrize(
    "error, status",
    [(KeyboardInterrupt(), 130), (Unavailable("torch finds no GPU here: choose --device cpu or auto"), 3)],
    ids=["interrupted", "no GPU"],
)
def test_nothing_half_written(costmodel_, measuring, tmp_path, error, status) -> None:
    """Whatever stops it leaves an older file as it was, and no other."""
    measuring(error)
    path = tmp_path / "here.toml"
    path.write_text("older")
    result = costmodel_("calibrate", "-o", str(path))
    assert (result.status, result.out) == (status, "")
    assert "Traceback" not in result.err
    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == ["here.toml"]  # noqa: PTH208


def test_refused_before_anything_is_measured(refusal, measuring, tmp_path) -> None:
    """An unknown device, a file that --device-profile would not take, a place that cannot be written."""
    asked = measuring(FOUND)
    assert "--device is one of auto, cpu, cuda, not 'gpu'" in refusal("calibrate", "--device", "gpu")
    assert "--output must end in .toml" in refusal("calibrate", "-o", str(tmp_path / "here.json"))
    assert "--output must end in .toml" in refusal("calibrate", "-o", "")
    assert "the device file cannot be written to" in refusal("calibrate", "-o", str(tmp_path / "no" / "here.toml"))
    assert (asked, list(tmp_path.iterdir())) == ([], [])


def test_without_torch(costmodel_, monkeypatch, tmp_path) -> None:
    """Nothing is measured: exit 3, what to install, and no file."""
    for name in {"torch", *(name for name in sys.modules if name.startswith("torch."))}:
        monkeypatch.setitem(sys.modules, name, None)
    result = costmodel_("calibrate", "-o", str(tmp_path / "here.toml"))
    assert (result.status, result.out) == (3, "")
    assert result.err == "costmodel: calibrate needs torch, which is not installed: pip install torch\n"
    assert list(tmp_path.iterdir()) == []


def test_for_real(costmodel_, monkeypatch, tmp_path) -> None:
    """The CPU, measured for hardly any time: the file is one that a metric in time takes."""
    calibrate = package.calibrate
    monkeypatch.setattr(package, "LARGEST", {"cpu": 2**20})
    monkeypatch.setattr(package, "_caches", lambda _: {"L1": 2**15})
    monkeypatch.setattr(package, "calibrate", lambda *given: calibrate(*given, seconds=0.1))
    path = tmp_path / "here.toml"
    assert costmodel_("calibrate", "--device", "cpu", "-o", str(path)).status == 0
    assert device(str(path)).levels[0].name == "L1"
    result = costmodel_("cost", "se", "--shape", "1x64x14x14", "--metric", "time", "--device-profile", str(path))
    assert (result.status, result.err) == (0, "")
