"""The device files: those that come with the package, a user's own, and what is refused."""

import os
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import costmodel.devices as package
from costmodel import CostModelError
from costmodel.devices import DEVICES, LARGEST, MOST, Level, device
from costmodel.memory import DTYPES

GOOD = """
title = "Abacus"
launch_ns = 7

[vector]
fp32 = 19.5e12

[matrix]
tf32 = 156e12

[[level]]
name = "L2"
bytes = 41_943_040
bandwidth = 7.22e12

[[level]]
name = "HBM"
bytes = 80e9
bandwidth = 2.039e12

[sources]
vector = "a book,\\n  page 3"
"matrix.tf32" = "a datasheet"
L2 = "a talk"
"L2.bytes" = "the system"
HBM = "a datasheet"
launch = "a clock"
"""


@pytest.fixture
def file(tmp_path: Path):
    """A device file with this text."""

    def write(text: str) -> str:
        path = tmp_path / "abacus.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def refusal(name: str) -> str:
    """The sentence with which a device is refused."""
    with pytest.raises(CostModelError) as refused:
        device(name)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400
    return str(refused.value)


def test_what_comes_with_the_package() -> None:
    """At least the seven that were asked for, and every file that lies there."""
    assert {"h200", "h100", "a100", "rtx4090", "t4", "jetson-orin", "avx2-8core"} <= {*DEVICES}
    assert [*DEVICES] == sorted(path.stem for path in Path(package.__file__).parent.glob("*.toml"))


@pytest.mark.parametrize("name", DEVICES)
def test_every_file_is_a_device(name: str) -> None:
    """Whole figures of FP32 at least, the levels in order, the memory last, a source for each figure."""
    read = device(name)
    assert read.name == name
    assert {"fp32"} <= read.matrix.keys() == read.vector.keys() <= DTYPES.keys()
    figures = [*read.matrix.values(), *read.vector.values()]
    assert all(type(figure) is int and figure > 0 for figure in figures)
    assert len(read.levels) >= 2
    bandwidths = [level.bandwidth for level in read.levels]
    assert bandwidths == sorted(bandwidths, reverse=True)
    assert max(read.levels, key=lambda level: level.bytes) is read.levels[-1]
    assert read.launch >= 0
    assert (read.launch * 10**9).denominator == 1
    for dtype, peak in read.matrix.items():
        assert peak >= read.vector[dtype]  # of these devices, and not of every machine that is measured
    named = {f"{table}.{dtype}" for table in ("matrix", "vector") for dtype in read.vector}
    named |= {f"{level.name}.{figure}" for level in read.levels for figure in ("bytes", "bandwidth")}
    assert read.sources.keys() == {*named, "launch"}
    # Where a document could not be opened, its figure says so.
    assert all(len(source) > 20 for source in read.sources.values())


def test_figures_by_hand() -> None:
    """8 cores, 2 units, 8 lanes, 2 operations an FMA, 4 GHz; 5,120 bytes a clock at 1.41 GHz, rounded up; 1,200 ns."""
    assert device("avx2-8core").vector["fp32"] == 8 * 2 * 8 * 2 * 4 * 10**9 == 1_024_000_000_000
    assert device("avx2-8core").levels[-1].bandwidth == 2 * 8 * 3_200 * 10**6
    a100 = device("a100")
    assert a100.levels[0] == Level("L2", 40 * 2**20, 7_220_000_000_000)
    assert 7_210 * 10**9 < 5_120 * 1_410 * 10**6 <= a100.levels[0].bandwidth
    assert a100.launch == Fraction(3, 2_500_000)
    assert device("h100").matrix["bf16"] == 989_400_000_000_000


def test_what_a_file_leaves_out() -> None:
    """A dtype that no matrix unit takes is multiplied by the vector units; TF32 is FP32 but for products."""
    a100 = device("a100")
    assert a100.peaks("fp32") == (19_500_000_000_000, 19_500_000_000_000)
    assert a100.peaks("tf32") == (156_000_000_000_000, 19_500_000_000_000)
    assert a100.sources["matrix.fp32"] == a100.sources["vector.fp32"]
    assert a100.sources["vector.tf32"] == a100.sources["vector.fp32"]


def test_a_dtype_that_a_device_has_no_figures_for() -> None:
    """It is refused with those there are."""
    with pytest.raises(CostModelError, match="t4 has no figures for bf16, only for fp64, fp32, fp16"):
        device("t4").peaks("bf16")


def test_a_file_of_ones_own(file) -> None:
    """It is named after the file; every figure has its own source, or that of its table or level."""
    read = device(file(GOOD))
    assert (read.name, read.title, read.launch) == ("abacus", "Abacus", Fraction(7, 10**9))
    assert read.matrix == {"fp32": 19_500_000_000_000, "tf32": 156_000_000_000_000}
    assert read.vector == {"fp32": 19_500_000_000_000, "tf32": 19_500_000_000_000}
    assert read.levels == (Level("L2", 41_943_040, 7_220_000_000_000), Level("HBM", 80 * 10**9, 2_039_000_000_000))
    assert read.sources["vector.fp32"] == "a book, page 3"
    assert (read.sources["L2.bytes"], read.sources["L2.bandwidth"]) == ("the system", "a talk")


@given(
    st.integers(1, MOST),
    st.sampled_from([str, "{:_}".format, "{}.0".format, "{}e0".format, lambda figure: f"{Decimal(figure):e}"]),
)
def test_figures_are_exact(tmp_path_factory: pytest.TempPathFactory, figure: int, write) -> None:
    """However a whole number is written, it is that number, where a float would be another."""
    path = tmp_path_factory.getbasetemp() / "exact.toml"
    path.write_text(GOOD.replace("bytes = 80e9", f"bytes = {MOST}").replace("19.5e12", write(figure)))
    assert device(str(path)).vector["fp32"] == figure


@pytest.mark.parametrize(
    "old, new, says",
    [
        ('title = "Abacus"', "", "title is missing"),
        ('title = "Abacus"', "title = 3", "title must be a text"),
        ('title = "Abacus"', 'title = " "', "title must be a text"),
        ('title = "Abacus"', 'title = "\\u001b[31m"', "title must be a text"),
        ('title = "Abacus"', f'title = "{1001 * "x"}"', "title must be a text of up to 1,000 characters"),
        ('title = "Abacus"', 'titel = "Abacus"', "titel is none of title, launch_ns, "),
        ('title = "Abacus"', 'titel = "Abacus"', "(did you mean 'title'?)"),
        ("launch_ns = 7", "", "launch_ns is missing"),
        ("launch_ns = 7", "launch_ns = -1", "launch_ns must be a whole number from 0 to 10^24, not -1"),
        ("launch_ns = 7", "launch_ns = 1.5", "launch_ns must be a whole number from 0 to 10^24, not 1.5"),
        ("launch_ns = 7", "launch_ns = true", "launch_ns must be a whole number from 0 to 10^24, not True"),
        ("19.5e12", "0", "vector.fp32 must be a whole number from 1 to 10^24, not 0"),
        ("19.5e12", "-19.5e12", "vector.fp32 must be a whole number"),
        ("19.5e12", "inf", "vector.fp32 must be a whole number"),
        ("19.5e12", "nan", "vector.fp32 must be a whole number"),
        ("19.5e12", "1e999999999", "vector.fp32 must be a whole number"),
        ("19.5e12", "1e-999999999", "vector.fp32 must be a whole number"),
        ("19.5e12", "1e25", "vector.fp32 must be a whole number"),
        ("19.5e12", "1" + 60 * "0", "vector.fp32 must be a whole number"),
        ("19.5e12", '"19.5e12"', "vector.fp32 must be a whole number from 1 to 10^24, not '19.5e12'"),
        ("19.5e12", "1979-05-27", "vector.fp32 must be a whole number"),
        ("fp32 = 19.5e12", "", "vector has no dtype"),
        ("fp32 = 19.5e12", "fp64 = 19.5e12", "vector.fp32 is missing, which tf32 matrices need"),
        ("fp32 = 19.5e12", "fp31 = 19.5e12", "vector.fp31 is none of fp64, fp32, fp16, bf16 (did you mean 'fp32'?)"),
        ("fp32 = 19.5e12", "fp32 = 19.5e12\ntf32 = 3", "vector.tf32 is none of fp64, fp32, fp16, bf16"),
        ("tf32 = 156e12", "int8 = 156e12", "matrix.int8 is none of fp64, fp32, tf32, fp16, bf16"),
        ("tf32 = 156e12", "fp16 = 156e12", "vector.fp16 is missing, which fp16 matrices need"),
        ("[vector]\nfp32 = 19.5e12", "vector = 3", "vector must be a table"),
        ("[vector]\nfp32 = 19.5e12", "", "vector is missing"),
        (
            "[vector]\nfp32 = 19.5e12\n\n[matrix]\ntf32 = 156e12",
            "vector = { fp32 = 3 }\nmatrix = [3]",
            "matrix must be a table",
        ),
        ('name = "L2"', "", "level 1: name is missing"),
        ('name = "L2"', "name = 2", "level 1: name must be a text"),
        ('name = "L2"', 'name = "L 2"', "level 1: name must be up to 16 letters and digits, such as L2, not 'L 2'"),
        ('name = "L2"', 'name = "launch"', "level 1: name must be up to 16 letters and digits"),
        ('name = "HBM"', 'name = "L2"', "two levels are called L2"),
        ("bytes = 80e9", "", "HBM.bytes is missing"),
        ("bytes = 80e9", "bytes = 0", "HBM.bytes must be a whole number from 1"),
        ("bytes = 80e9", "bytes = 41_943_039", "HBM.bytes must be the most: the memory comes last"),
        ("bandwidth = 2.039e12", "bandwith = 2", "level 2: bandwith is none of name, bytes, bandwidth (did you mean"),
        ("bandwidth = 2.039e12", "bandwidth = 7.23e12", "HBM.bandwidth must be no more than that of L2: caches come"),
        ('vector = "a book,', 'vectors = "a book,', "sources.vectors is none of vector, matrix, L2, HBM, launch, "),
        ('launch = "a clock"', "", "sources says nothing of launch"),
        ('HBM = "a datasheet"', '"HBM.bytes" = "a datasheet"', "sources says nothing of HBM.bandwidth"),
        ('"matrix.tf32" = "a datasheet"', "", "sources says nothing of matrix.tf32"),
        ('"matrix.tf32" = "a datasheet"', '"matrix.tf32" = ""', "sources.matrix.tf32 must be a text"),
        ('"matrix.tf32" = "a datasheet"', '"matrix.fp16" = "a datasheet"', "sources.matrix.fp16 is none of"),
        ("[sources]", "[source]", "source is none of"),
    ],
)
def test_refused(file, old: str, new: str, says: str) -> None:
    """Whatever is wrong is named by its key, behind the file."""
    assert old in GOOD
    path = file(GOOD.replace(old, new, 1))
    sentence = refusal(path)
    assert says in sentence
    assert "abacus.toml" in sentence


def test_levels_that_are_none(file) -> None:
    """One table, or none, or something else is no list of levels."""
    text = re.sub(r"\[\[level\]\]\n(.+\n)+\n", "", GOOD)
    for level in ("level = []", "level = 3", "level = [3]", 'level = { name = "L2" }'):
        assert "level must be one [[level]] or more" in refusal(file(f"{level}\n{text}"))
    assert "level is missing" in refusal(file(text))


def test_a_cache_may_hold_more_than_the_next(file) -> None:
    """As where every core has one: eighty of 1 MiB above one of 32 MiB."""
    cache = '[[level]]\nname = "L3"\nbytes = 3\nbandwidth = 7e12\n\n[[level]]\nname = "HBM"'
    text = GOOD.replace('[[level]]\nname = "HBM"', cache).replace("L2 = ", 'L3 = "a talk"\nL2 = ')
    assert [level.bytes for level in device(file(text)).levels] == [41_943_040, 3, 80 * 10**9]


@pytest.mark.parametrize(
    "content, why",
    [
        (b"title = ", "Invalid value"),
        (b"\xff", "can't decode"),
        (b"level = " + 5000 * b"[", "recursion"),
        (b"#" * LARGEST + b"\n", "it has more than 65,536 bytes"),
    ],
    ids=["no TOML", "no UTF-8", "nested too deeply", "too large"],
)
def test_files_that_are_none(tmp_path: Path, content: bytes, why: str) -> None:
    """One sentence with the reason."""
    path = tmp_path / "abacus.toml"
    path.write_bytes(content)
    sentence = refusal(str(path))
    assert "the device file" in sentence
    assert why in sentence


def test_what_is_no_file(tmp_path: Path) -> None:
    """What is missing, a folder, a pipe, which is not waited for, and a path that there cannot be."""
    (tmp_path / "folder.toml").mkdir()
    os.mkfifo(tmp_path / "pipe.toml")
    for path, why in (
        (str(tmp_path / "missing.toml"), "No such file"),
        (str(tmp_path / "folder.toml"), "it is no file"),
        (str(tmp_path / "pipe.toml"), "it is no file"),
        (f"{5000 * 'x'}.toml", "name too long"),
        ("\x00.toml", "null"),
    ):
        assert why in refusal(path)


@pytest.mark.parametrize(
    "name, nearest", [("h20", "h200"), ("H100", "h100"), ("rtx-4090", "rtx4090"), ("zzz", None), ("", None)]
)
def test_unknown_device(name: str, nearest: str | None) -> None:
    """It is refused with the nearest name, all that there are, and that a file is one."""
    sentence = refusal(name)
    assert (f"did you mean {nearest!r}?" in sentence) == (nearest is not None)
    assert all(known in sentence for known in DEVICES)
    assert "a file ending in .toml" in sentence
