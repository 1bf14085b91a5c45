"""`costmodel sweep`."""

import csv
import signal
import subprocess
import sys
import zipfile

import numpy as np
import pyarrow.parquet
import pytest

from costmodel import ledger, sweep, totals
from costmodel.sweep import files

GRID = ("--grid", "c=64:192:64", "--grid", "side=7,14", "--grid", "reduction=4:16:6")
COUNTED = [
    [c, side, r, totals(ledger("se", (2, c, side, side), reduction=r))["macs"], 9 * c * c * side * side * 2]
    for c in (64, 128, 192)
    for side in (7, 14)
    for r in (4, 10, 16)
]
NAMES = ["c", "side", "reduction", "se", "conv:bias=true"]


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of four points, of which the grid here has several."""
    monkeypatch.setattr(files, "BLOCK", 4)


def test_csv(costmodel_, tmp_path) -> None:
    """A row for each point in the order of the axes, with the last one's steps next to each other."""
    path = tmp_path / "out.csv"
    result = costmodel_("sweep", "se", "conv:bias=true", *GRID, "--at", "n=2", "-o", str(path))
    assert (result.status, result.err) == (0, "")
    lines = [line.split() for line in result.out.splitlines()]
    assert ["macs", "of", "se,", "conv:bias=true", "at", "18", "points"] in lines
    assert ["reduction", "3", "4", "16"] in lines
    with path.open(newline="") as file:
        names, *rows = csv.reader(file)
    assert names == NAMES
    assert [[int(cell) for cell in row] for row in rows] == COUNTED
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("small_blocks")
def test_npz(costmodel_, tmp_path) -> None:
    """The axes, and one array of all of them for each layer, of several blocks and without pickles."""
    path = tmp_path / "out.npz"
    assert costmodel_("sweep", "se", "conv:bias=true", *GRID, "--at", "n=2", "-o", str(path)).status == 0
    with np.load(path, allow_pickle=False) as arrays:
        assert list(arrays) == NAMES
        assert [arrays[name].tolist() for name in NAMES[:3]] == [[64, 128, 192], [7, 14], [4, 10, 16]]
        for name, column in zip(NAMES[3:], (3, 4), strict=True):
            assert arrays[name].shape == (3, 2, 3)
            assert arrays[name].ravel().tolist() == [row[column] for row in COUNTED]


@pytest.mark.usefixtures("small_blocks")
def test_parquet(costmodel_, tmp_path) -> None:
    """The same columns as CSV, of 64-bit integers."""
    path = tmp_path / "out.parquet"
    assert costmodel_("sweep", "se", "conv:bias=true", *GRID, "--at", "n=2", "-o", str(path)).status == 0
    table = pyarrow.parquet.read_table(path)
    assert table.column_names == NAMES
    assert {str(field.type) for field in table.schema} == {"int64"}
    assert [list(row.values()) for row in table.to_pylist()] == COUNTED


def test_metric(costmodel_, tmp_path) -> None:
    """--metric asks for another count."""
    path = tmp_path / "out.csv"
    arguments = ("--grid", "c=64", "--at", "side=7", "--metric", "params", "-o", str(path))
    assert costmodel_("sweep", "se", *arguments).status == 0
    assert path.read_text() == "c,se\n64,512\n"


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
def test_beyond_64_bits(costmodel_, refusal, tmp_path, suffix) -> None:
    """What int64 does not hold is refused in a file of 64-bit integers, and exact in CSV."""
    arguments = ("sweep", "se", "non-local", "--grid", "c=512", "--grid", f"side=7,{10**7}")
    assert "non-local exceeds the 64 bits" in refusal(*arguments, "-o", str(tmp_path / f"out.{suffix}"))
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / "out.csv"
    assert costmodel_(*arguments, "-o", str(path)).status == 0
    counted = totals(ledger("non-local", (1, 512, 10**7, 10**7)))["macs"]
    assert path.read_text().splitlines()[-1] == f"512,{10**7},65536,{counted}".replace("65536", str(2 * 512 * 32))


class Killed(BaseException):
    """What ends a program without asking."""


@pytest.mark.parametrize("suffix", ["csv", "npz", "parquet"])
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("ending", [Killed, KeyboardInterrupt])
def test_resumes(costmodel_, tmp_path, monkeypatch, suffix, ending) -> None:
    """Interrupted in the midst of a block, the same command goes on and counts no finished block again."""
    path, whole = tmp_path / f"out.{suffix}", tmp_path / f"whole.{suffix}"
    arguments = ("sweep", "se", "conv:bias=true", *GRID, "--at", "n=2", "-o")
    assert costmodel_(*arguments, str(whole)).status == 0
    counted: list[tuple[slice, ...]] = []
    block = sweep.Sweep.block

    def interrupted(self, index):
        counted.append(index)
        if len(counted) == 3:
            raise ending
        return block(self, index)

    monkeypatch.setattr(sweep.Sweep, "block", interrupted)
    if ending is KeyboardInterrupt:
        result = costmodel_(*arguments, str(path))
        assert (result.status, result.out) == (130, "")
        assert f"goes on with the blocks in {path}.part" in result.err
    else:
        with pytest.raises(Killed):
            costmodel_(*arguments, str(path))
    assert not path.exists()
    assert costmodel_(*arguments, str(path)).status == 0
    assert counted[2] == counted[3]
    assert len(set(map(str, counted))) == len(counted) - 1
    assert sorted(tmp_path.iterdir()) == sorted([path, whole])
    if suffix == "npz":
        with zipfile.ZipFile(path) as one, zipfile.ZipFile(whole) as other:
            assert [one.read(name) for name in one.namelist()] == [other.read(name) for name in other.namelist()]
    else:
        assert path.read_bytes() == whole.read_bytes()


@pytest.mark.usefixtures("small_blocks")
def test_another_request_does_not_mix(costmodel_, refusal, tmp_path, monkeypatch) -> None:
    """Blocks of an interrupted sweep are kept from another one, which is refused and leaves them."""
    path = tmp_path / "out.csv"
    with monkeypatch.context() as patched:
        patched.setitem(files.FORMATS, ".csv", files.FORMATS[".csv"]._replace(join=_interrupt))
        assert costmodel_("sweep", "se", *GRID, "-o", str(path)).status == 130
    kept = sorted((tmp_path / "out.csv.part").iterdir())
    assert len(kept) > 4
    assert "blocks of another sweep" in refusal("sweep", "cbam", *GRID, "-o", str(path))
    assert sorted((tmp_path / "out.csv.part").iterdir()) == kept


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_killed_process(tmp_path) -> None:
    """A process that is killed while it counts leaves no file; run again, the command completes it."""
    path = tmp_path / "out.csv"
    slow = "import time\nfrom costmodel.sweep import Sweep, files\nfiles.BLOCK = 4\nblock = Sweep.block\n"
    slow += "def wait(self, index):\n    time.sleep(0.05)\n    return block(self, index)\nSweep.block = wait\n"
    slow += "import sys\nfrom costmodel_cli.main import main\nsys.exit(main(sys.argv[1:]))"
    arguments = ["sweep", "se", "--grid", "c=64:640:64", "--grid", "h=1:64", "--at", "w=1", "-o", str(path)]
    running = subprocess.Popen([sys.executable, "-c", slow, *arguments], stderr=subprocess.PIPE)
    part = tmp_path / "out.csv.part"
    while not (part / "00000003").exists():
        assert running.poll() is None, running.stderr.read()
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert not path.exists()
    finished = {file: file.stat().st_mtime_ns for file in part.glob("0*")}
    assert subprocess.run([sys.executable, "-c", slow, *arguments], check=False, timeout=60).returncode == 0
    assert finished
    assert path.read_text().splitlines()[-1] == "640,64,51200"
    assert len(path.read_text().splitlines()) == 641
    assert not part.exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["se", "--grid", "c=64", "--at", "side=7", "-o", "out.txt"], ".csv, .parquet, .npz, not 'out.txt'"),
        (["se", "--grid", "c=64", "--at", "side=7", "-o", "no/such/out.csv"], "cannot be written"),
        (["se", "--grid", "c=64", "--at", "side=7", "-o", "."], "not '.'"),
        (["se", "--grid", "c", "--at", "side=7", "-o", "out.csv"], "written name=values"),
        (["se", "--grid", "c=64:128:0", "--at", "side=7", "-o", "out.csv"], "positive integer, not '0'"),
        (["se", "--grid", "c=64:32", "--at", "side=7", "-o", "out.csv"], "no values"),
        (["se", "--grid", "c=1:2:3:4", "--at", "side=7", "-o", "out.csv"], "start:stop:step"),
        (["se", "--grid", "c=1:99999999999", "--at", "side=7", "-o", "out.csv"], "more than 10,000,000 values"),
        (["se", "--grid", "c=64,x", "--at", "side=7", "-o", "out.csv"], "positive integer, not 'x'"),
        (["se", "--grid", "c=64", "--grid", "c=3", "--at", "side=7", "-o", "out.csv"], "given twice"),
        (["se", "--grid", "c=64", "--grid", "sid=3", "--at", "side=7", "-o", "out.csv"], "did you mean 'side'?"),
        (["se", "--grid", "c=8,64", "--at", "side=7", "-o", "out.csv"], "reduction 16 is larger than the 8 channels"),
        (["se", "--grid", "c=64", "--at", "side=7", "--metric", "mac", "-o", "out.csv"], "did you mean 'macs'?"),
        (["se", "se", "--grid", "c=64", "--at", "side=7", "-o", "out.csv"], "given twice"),
        (["sse", "--grid", "c=64", "--at", "side=7", "-o", "out.csv"], "did you mean 'se'?"),
        (["se", "--grid", "c=64", "-o", "out.csv"], "missing for h, w"),
        (["se", "--at", "c=64", "-o", "out.csv"], "'--grid'"),
    ],
    ids=" ".join,
)
def test_bad_input(refusal, tmp_path, monkeypatch, arguments, words) -> None:
    """One sentence, and nothing on disk."""
    monkeypatch.chdir(tmp_path)
    assert words in refusal("sweep", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_the_way(refusal, tmp_path) -> None:
    """A folder under the file's name, or anything that is not ours under that of its blocks, stays as it is."""
    arguments = ("sweep", "se", "--grid", "c=64", "--at", "side=7", "-o")
    (tmp_path / "a.csv").mkdir()
    assert "is a folder" in refusal(*arguments, str(tmp_path / "a.csv"))
    (tmp_path / "b.csv.part").mkdir()
    (tmp_path / "b.csv.part" / "mine").touch()
    assert "is in the way" in refusal(*arguments, str(tmp_path / "b.csv"))
    (tmp_path / "c.csv.part").touch()
    assert "cannot be written" in refusal(*arguments, str(tmp_path / "c.csv"))
    assert len(list(tmp_path.rglob("*"))) == 4


def test_without_pyarrow(costmodel_, tmp_path, monkeypatch) -> None:
    """Parquet without pyarrow is status 3, with the line that installs it."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = costmodel_("sweep", "se", "--grid", "c=64", "--at", "side=7", "-o", str(tmp_path / "out.parquet"))
    assert (result.status, result.out) == (3, "")
    assert "pip install pyarrow" in result.err
    assert list(tmp_path.iterdir()) == []


def test_bar_on_a_terminal(costmodel_, tmp_path, monkeypatch) -> None:
    """On a terminal a bar says how many blocks are done, and leaves nothing behind."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = costmodel_("sweep", "se", *GRID, "-o", str(tmp_path / "out.csv"))
    assert result.status == 0
    assert "joining" in result.err


def test_sizes_are_fixed_as_everywhere(costmodel_, tmp_path) -> None:
    """--at takes c=512,n=1 as crossover does, or once for each."""
    together, apart = tmp_path / "together.csv", tmp_path / "apart.csv"
    costmodel_("sweep", "se", "--grid", "c=64,512", "--at", "side=7,n=3", "-o", str(together))
    costmodel_("sweep", "se", "--grid", "c=64,512", "--at", "side=7", "--at", "n=3", "-o", str(apart))
    assert together.read_text() == apart.read_text() == "c,se\n64,1536\n512,98304\n"


def test_networks(costmodel_, tmp_path) -> None:
    """Have channels of their own: c is that of the layers beside them; options of what is inserted vary."""
    path = tmp_path / "out.csv"
    network = "resnet18 with se"
    arguments = ("--grid", "reduction=4,8", "--grid", "side=33,64", "--at", "c=64", "-o", str(path))
    assert costmodel_("sweep", "se", network, "resnet18", *arguments).status == 0
    rows = [line.split(",") for line in path.read_text().splitlines()]
    assert rows[0] == ["reduction", "side", "se", network, "resnet18"]
    for reduction, side, *counts in rows[1:]:
        shapes = [f"1x64x{side}x{side}", *[f"1x3x{side}x{side}"] * 2]
        texts = [f"se:reduction={reduction}", f"resnet18 with se:reduction={reduction}", "resnet18"]
        expected = [
            costmodel_("cost", text, "--shape", shape, "--json").document["macs"]
            for text, shape in zip(texts, shapes, strict=True)
        ]
        assert [int(count) for count in counts] == expected
    assert "is given for" in costmodel_("sweep", "resnet18 with se:reduction=4", *arguments[:4], "-o", str(path)).err


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["resnet18", "--grid", "c=64"], "c is the channels of layers, and a network has its own"),
        (["resnet18", "--grid", "side=33", "--at", "c=3"], "c is the channels of layers"),
        (["resnet18", "se", "--grid", "side=33"], "missing for c"),
        (["resnet18", "--grid", "n=1,2"], "missing for h, w"),
        (["i3d-resnet50", "--grid", "side=33"], "missing for t"),
        (["resnet18", "--grid", "side=33", "--at", "t=4"], "resnet18 takes N×C×H×W input, not one of 5 dimensions"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_sizes_of_networks(refusal, tmp_path, arguments, words) -> None:
    """Which are missing, and which mean nothing to them."""
    assert words in refusal("sweep", *arguments, "-o", str(tmp_path / "out.csv"))
