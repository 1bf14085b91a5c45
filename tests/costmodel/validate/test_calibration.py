"""What is measured is written as a device file that bounds it. How long anything takes is not asserted."""

from fractions import Fraction
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from costmodel.devices import MOST, Device, Level, device
from costmodel.memory import DTYPES
from costmodel.validate import Unavailable, calibration
from costmodel.validate.calibration import Calibration, Spread, Timed, Trial, calibrate, multiplying

CACHES = {"L1": 2**15, "L2": 2**20}


@pytest.fixture(scope="module")
def measured() -> tuple[Calibration, list[tuple[int, int, str]]]:
    """The CPU, measured for hardly any time, and the progress that was reported."""
    progress: list[tuple[int, int, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "_caches", lambda _: CACHES)
        patch.setattr(calibration, "LARGEST", {"cpu": 2**20})
        found = calibrate("cpu", lambda *done: progress.append(done), seconds=0.2)
    return found, progress


def test_a_calibration_is_a_device(measured) -> None:
    """Peaks of all dtypes that the CPU multiplies, the caches and the memory in order, a start."""
    found = measured[0].device
    assert found.name == "cpu"
    assert f"{torch.get_num_threads()} threads" in found.title
    assert {"fp64", "fp32"} <= found.matrix.keys() == found.vector.keys() <= {*DTYPES} - {"tf32"}
    assert [level.name for level in found.levels] == [*CACHES, "memory"]
    assert [level.bytes for level in found.levels[:2]] == [*CACHES.values()]
    bandwidths = [level.bandwidth for level in found.levels]
    assert bandwidths == sorted(bandwidths, reverse=True)
    assert min(*bandwidths, *found.matrix.values(), *found.vector.values()) > 0
    assert found.launch > 0
    # What multiplies keeps the units busy that do everything else.
    assert all(found.vector[dtype] >= found.matrix[dtype] for dtype in ("fp64", "fp32"))


def test_it_reads_back(measured, tmp_path: Path) -> None:
    """The file says the same of every figure, and where it is from."""
    path = tmp_path / "cpu.toml"
    path.write_text(measured[0].to_toml(), encoding="utf-8")
    assert device(str(path)) == measured[0].device


def test_its_sources_say_how_it_was_measured(measured) -> None:
    """The command, a date, torch, the threads, and how far the runs were apart."""
    found, _ = measured
    for figure, spread in found.spreads.items():
        source = found.device.sources[figure]
        assert source.startswith("measured by costmodel calibrate on 20")
        assert f"with torch {torch.__version__}, {torch.get_num_threads()} threads" in source
        assert "best" in source
        assert "median" in source
        assert spread.of in source
        best, median = spread.best, spread.median
        assert (best <= median) if figure == "launch" else (best >= median)
    assert found.device.sources["L2.bytes"].startswith("as the system tells")


def test_progress(measured) -> None:
    """Every step is announced before it is done, with how many are."""
    progress = measured[1]
    assert [done for done, _, _ in progress] == list(range(len(progress)))
    assert {total for _, total, _ in progress} == {len(progress)}
    assert [step for _, _, step in progress][:2] == ["fp64 products", "fp32 products"]
    assert [step for _, _, step in progress][-2:] == ["memory", "start"]


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be measured, and nothing else is instead."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(Unavailable, match="finds no GPU"):
        calibrate("cuda")


def timed(work: int, *samples: tuple[int, int]) -> Timed:
    return Timed(Trial(f"{work} bytes", work, lambda: lambda: None), list(samples))


def test_bandwidths_by_hand() -> None:
    """100 bytes in 10 ns, 1,000 in 200 and 10,000 in 5,000, under caches of 20 and 300."""
    runs = [timed(100, (10, 1), (30, 1)), timed(1_000, (400, 2)), timed(10_000, (5_000, 1))]
    found = calibration._bandwidths({"L1": 20, "L2": 300, "memory": 10**6}, runs)
    assert {name: spread.best * Fraction(1, 10**9) for name, spread in found.items()} == {
        "L1.bandwidth": 10,  # 100 bytes in 10 ns
        "L2.bandwidth": 6,  # 100 - 2·20 in 10 ns, which is more than 960 in 200
        "memory.bandwidth": 2,  # all of the largest; 1,000 - 2·320 in 200 ns would be 1.8
    }
    assert found["L1.bandwidth"].median == Fraction(20, 3) * 10**9  # 100 bytes in 10 and in 30 ns
    assert found["memory.bandwidth"].of == "10000 bytes"


NANOSECONDS = st.integers(1, 10**9)


@given(
    st.lists(st.tuples(st.integers(1, 10**9), NANOSECONDS, st.integers(1, 99)), min_size=1),
    st.lists(st.integers(1, 10**8), max_size=3),
)
def test_a_bound_bounds(runs: list[tuple[int, int, int]], caches: list[int]) -> None:
    """No level needs longer for what passes the caches above it than any run took; none is faster than a nearer one."""
    levels = {**{f"L{place}": size for place, size in enumerate(caches, 1)}, "memory": 10**12}
    found = calibration._bandwidths(levels, [timed(work, (spent, times)) for work, spent, times in runs])
    above = 0
    for level, size in levels.items():
        for work, spent, times in runs:
            assert (work - 2 * above) * times * 10**9 <= found[f"{level}.bandwidth"].best * spent
        above += size
    bests = [spread.best for spread in found.values()]
    assert bests == sorted(bests, reverse=True)


@pytest.mark.parametrize(
    "figure, written",
    [
        (Fraction(241_312_345_678), 241_400_000_000),
        (Fraction(241_300_000_000), 241_300_000_000),
        (Fraction(99_999, 2), 50_000),
        (Fraction(12_341, 10), 1_235),
        (Fraction(1, 3), 1),
    ],
)
def test_figures_are_rounded_up(figure: Fraction, written: int) -> None:
    """To four digits, so that what was seen is no more than what is written."""
    assert calibration._up(figure) == written


FIGURES = st.integers(1, MOST)
TEXTS = st.text("Aß中'\"\\#=[.", min_size=1, max_size=9)


@given(
    st.lists(st.sampled_from(("fp64", "fp16", "bf16")), unique=True),
    st.booleans(),
    st.lists(FIGURES, min_size=12, max_size=12),
    TEXTS,
)
def test_any_device_reads_back(
    tmp_path_factory: pytest.TempPathFactory, dtypes: list[str], tf32: bool, figures: list[int], text: str
) -> None:
    """Whatever its figures, its dtypes and its name, with quotes and backslashes in it."""
    chosen = [dtype for dtype in DTYPES if dtype in ("fp32", *dtypes, *["tf32"] * tf32)]
    *peaks, launch = figures
    matrix, vector = dict(zip(chosen, peaks, strict=False)), dict(zip(chosen, peaks[5:], strict=False))
    if tf32:
        vector["tf32"] = vector["fp32"]
    levels = (Level("L2", 1, MOST), Level("HBM", MOST, 1))
    named = [f"{table}.{dtype}" for table in ("matrix", "vector") for dtype in chosen]
    named += ["L2.bytes", "L2.bandwidth", "HBM.bytes", "HBM.bandwidth", "launch"]
    sources = {name: f"{text} {name.replace('tf32', 'fp32')}" for name in named}
    written = Device("any", text, matrix, vector, levels, Fraction(launch, 10**9), sources)
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(Calibration(written, {}).to_toml(), encoding="utf-8")
    assert device(str(path)) == written


def test_what_takes_too_long_is_not_begun() -> None:
    """The shortest runs whatever the time; what would take longer than is left is not even made ready."""
    made = []

    def trial(work: int) -> Trial:
        return Trial(str(work), work, lambda: made.append(work) or (lambda: None))

    (only,) = calibration._time("cpu", [trial(10**18), trial(1)], 0)
    assert (only.trial.of, made) == ("1", [1])
    assert len(only.samples) == 1


def test_what_does_not_run_here_is_left_out() -> None:
    """An operation that torch lacks for a dtype is no measurement, and no error."""

    def lacking() -> object:
        raise RuntimeError("not implemented for 'Half'")

    trials = [Trial("lacking", 1, lambda: lacking), Trial("there", 2, lambda: lambda: None)]
    assert [each.trial.of for each in calibration._time("cpu", trials, 0)] == ["there"]
    assert calibration._time("cpu", trials[:1], 0) == []


def settings() -> list[object]:
    return [
        torch.get_float32_matmul_precision(),
        torch.backends.cudnn.enabled,
        torch.backends.cudnn.benchmark,
        torch.backends.cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32,
    ]


def test_how_torch_multiplies_is_restored() -> None:
    """TF32 is taken where it is measured, and everything is as before afterwards, whatever happens."""
    before = settings()
    with multiplying(tf32=True):
        assert settings() == ["high", True, True, True, True]

    def interrupted() -> None:
        with multiplying(tf32=False):
            assert settings() == ["highest", True, True, False, False]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert settings() == before


def test_caches_of_all_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each once, however many cores share it; those of instructions, and of cores that are not ours, not at all."""
    for core in (0, 1, 2):
        caches = [
            (1, "Data", core, 32),
            (1, "Instruction", core, 64),
            (2, "Unified", core, 512),
            (3, "Unified", "0-1", 4096),
        ]
        for index, (level, holds, shared, kib) in enumerate(caches):
            folder = tmp_path / f"sys/devices/system/cpu/cpu{core}/cache/index{index}"
            folder.mkdir(parents=True)
            for name, value in (("level", level), ("type", holds), ("shared_cpu_list", shared), ("size", f"{kib}K")):
                (folder / name).write_text(f"{value}\n")
    (tmp_path / "sys/devices/system/cpu/cpu0/cache/index9").mkdir()
    monkeypatch.setattr(calibration, "Path", lambda path: tmp_path / path.lstrip("/"))
    monkeypatch.setattr(calibration.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert calibration._caches("cpu") == {"L1": 2 * 2**15, "L2": 2 * 2**19, "L3": 2**22}
    monkeypatch.setattr(calibration.os, "sched_getaffinity", lambda _: {7}, raising=False)
    assert calibration._caches("cpu") == {}


def test_bests_are_compared_by_rate() -> None:
    """The best is the highest rate of any sample, with the median of the same operation."""
    found = calibration._best([timed(10, (10, 1), (5, 1), (20, 1)), timed(3, (3, 1), (2, 2))])
    assert found == Spread(Fraction(3 * 10**9), Fraction(2 * 10**9), "3 bytes")
