"""`costmodel plot`."""

import sys

import pytest

import costmodel
from costmodel import plots
from costmodel_cli import plot
from costmodel_cli.reading import FIGURES

MAP = "danet-pam = danet-cam on H·W = 2·C/3"


@pytest.mark.parametrize("suffix, start", [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
@pytest.mark.parametrize(
    "kind, arguments, said",
    [
        (
            "curves",
            ["danet-pam", "danet-cam", "--at", "c=512"],
            "danet-pam up to 18, danet-cam from 19 (32·√3/3 = 18.475…)",
        ),
        ("map", ["danet-pam", "danet-cam"], MAP),
        ("ratio", ["danet-pam", "danet-cam"], MAP),
        (
            "terms",
            ["non-local", "--at", "c=512"],
            "2·N·C·(H·W)²/r is most of it at side = 33 to 128\n4·N·C²·H·W/r is most of it at side = 4 to 31",
        ),
    ],
)
def test_every_kind(costmodel_, tmp_path, monkeypatch, kind, arguments, said, suffix, start) -> None:
    """What a figure shows is said, and it is written, over a side, and over the channels where it has two axes."""
    monkeypatch.chdir(tmp_path)
    result = costmodel_("plot", kind, *arguments, "-o", f"a.{suffix}")
    assert result == (0, f"{said}\n\nwritten: a.{suffix}\n", "")
    assert (tmp_path / f"a.{suffix}").read_bytes().startswith(start)
    assert len(list(tmp_path.iterdir())) == 1


def drawn(
    monkeypatch, costmodel_, tmp_path, *arguments: str
) -> plots.Curves | plots.Cheapest | plots.Ratio | plots.Terms:
    """What is drawn for these arguments."""
    found = []
    monkeypatch.setattr(plots, "save", lambda figure, path: found.append((figure, path)))
    for name, kind in plots.KINDS.items():
        monkeypatch.setitem(plots.KINDS, name, _noting(kind, found))
    result = costmodel_("plot", *arguments, "-o", str(tmp_path / "a.png"))
    assert (result.status, result.err) == (0, "")
    data, (_, path) = found
    assert path == str(tmp_path / "a.png")
    return data


def _noting(kind, found):
    class Noting:
        @staticmethod
        def of(*arguments):
            found.append(kind.of(*arguments))
            return found[-1]

    return Noting


@pytest.mark.parametrize("kind", FIGURES)
def test_what_varies_by_default(monkeypatch, costmodel_, tmp_path, kind) -> None:
    """A side of 4 to 128, and 32 to 4096 channels where there is a second axis."""
    two = kind in ("map", "ratio")
    layers = ["se"] if kind == "terms" else ["se", "conv"]
    data = drawn(monkeypatch, costmodel_, tmp_path, kind, *layers, *([] if two else ["--at", "c=64"]))
    expected = {"side": list(range(4, 129))} | ({"c": list(range(32, 4097, 8))} if two else {})
    assert {name: values.tolist() for name, values in data.grid.axes.items()} == expected


@pytest.mark.parametrize(
    "over, values",
    [
        (["c"], {"c": plot.USUAL["c"]}),
        (["h"], {"h": range(4, 129)}),
        (["n=1:7:3"], {"n": [1, 4, 7]}),
        (["reduction=2,4"], {"reduction": [2, 4]}),
        (["C = 64, 128"], {"c": [64, 128]}),
    ],
    ids=str,
)
def test_what_varies_as_asked(monkeypatch, costmodel_, tmp_path, over, values) -> None:
    """A name alone spans what is usual, and values are written as in `sweep`."""
    fixed = {"c": 64, "h": 7, "w": 11}
    at = ",".join(f"{name}={size}" for name, size in fixed.items() if name not in values)
    arguments = [argument for name in over for argument in ("--over", name)]
    data = drawn(monkeypatch, costmodel_, tmp_path, "curves", "se", *arguments, "--at", at, "--metric", "params")
    assert {name: list(axis) for name, axis in data.grid.axes.items()} == {n: list(v) for n, v in values.items()}
    assert data.grid.metric == "params"


def test_options_can_be_fixed(costmodel_, tmp_path) -> None:
    """--at sets an option of the layers that have it, for the counts and for the crossings."""
    arguments = ("plot", "curves", "danet-pam", "danet-cam", "-o", str(tmp_path / "a.svg"))
    assert "danet-cam from 15 (10·√2 = 14.142…)" in costmodel_(*arguments, "--at", "c=500,reduction=4").out


def test_nothing_to_say(costmodel_, tmp_path, monkeypatch) -> None:
    """Without a crossing there is only the file."""
    monkeypatch.chdir(tmp_path)
    assert costmodel_("plot", "curves", "se", "--at", "c=64", "-o", "a.svg").out == "written: a.svg\n"


NINE = [f"conv:kernel={kernel}" for kernel in range(1, 19, 2)]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["curve", "se", "--at", "c=64"], "one of curves, map, ratio, terms, not 'curve' (did you mean 'curves'?)"),
        (["", "se", "--at", "c=64"], "a figure is one of curves, map, ratio, terms, not ''"),
        (["curves", "sse", "--at", "c=64"], "did you mean 'se'?"),
        (["curves", "se:ratio=4", "--at", "c=64"], "se has no option 'ratio'"),
        (["curves", "se", "se", "--at", "c=64"], "'se' is given twice"),
        (["curves", "se"], "missing for c"),
        (["terms", "se"], "missing for c"),
        (["map", "se", "conv", "--over", "side"], "two variables, not 1"),
        (["ratio", "se", "conv", "--over", "c", "--at", "side=7"], "two variables, not 1"),
        (["map", "se", "conv", "--over", "side", "--over", "c", "--over", "n"], "two variables, not 3"),
        (["curves", "se", "conv", "--over", "side", "--over", "c"], "one variable, not 2"),
        (["terms", "se", "--over", "side", "--over", "c"], "one variable, not 2"),
        (["curves", "se", "--over", "side=9:4", "--at", "c=64"], "the axis side has no values: '9:4'"),
        (["curves", "se", "--over", "side=9,4", "--at", "c=64"], "at least two values, in ascending order"),
        (["curves", "se", "--over", "side=7", "--at", "c=64"], "side needs at least two values"),
        (["curves", "se", "--over", "side=7:7", "--at", "c=64"], "side needs at least two values"),
        (["curves", "se", "--over", "side=", "--at", "c=64"], "side must be a positive integer, not ''"),
        (["curves", "se", "--over", "side=1:99999", "--at", "c=64"], "at most 10,000 points, not 99,999"),
        (["map", "se", "--over", "side=1:9999", "--over", "c=32:9999"], "at most 4,000,000 points, not 99,670,032"),
        (["curves", "se", "--over", "side=1:9:2:3", "--at", "c=64"], "start:stop:step"),
        (["curves", "se", "--over", "reduction", "--at", "c=64,side=7"], "--over is written name=values"),
        (["curves", "se", "--over", "=4:9", "--at", "c=64"], "--over is written name=values"),
        (["curves", "se", "--over", "p=4:9", "--at", "c=64"], "'p' is none of the sizes and options"),
        (["curves", "se", "--over", "side", "--over", "side=4,5", "--at", "c=64"], "--over 'side' is given twice"),
        (["curves", "se", "--over", "c", "--at", "c=64,side=7"], "c is both an axis and fixed"),
        (["curves", "se", "--at", "c=64", "--at", "c=32"], "'c' is fixed twice"),
        (["curves", "se", "--at", "c=64,side=7"], "side is both an axis and fixed"),
        (["curves", "se:reduction=4", "--at", "c=64,reduction=8"], "reduction is given for se:reduction=4 already"),
        (["curves", "se", "--over", "h", "--at", "c=64,side=7"], "side is h and w at once"),
        (["curves", "se", "--over", "c=4,64", "--at", "side=7"], "reduction 16 is larger than the 4 channels"),
        (["curves", *NINE, "--at", "c=64"], "at most 8 layers are told apart by their lines, not 9"),
        (["curves", "sparse-attention:count=block", "se", "--at", "c=64"], "has no closed form: touched_blocks counts"),
        (["terms", "sparse-attention:count=block", "--at", "c=64"], "has no closed form: touched_blocks counts"),
        (["terms", "se", "cbam", "--at", "c=64"], "terms are those of one layer, not 2"),
        (["ratio", "se"], "a ratio is that of two layers, not 1"),
        (["curves", "se", "--at", "c=64", "--metric", "mac"], "did you mean 'macs'?"),
        (["curves", "--at", "c=64"], "LAYER"),
        (["curves", "se", "--over", "side=5,1" + "0" * 40, "--at", "c=64"], "side is drawn up to"),
        (["curves", "linear", "--over", "n=1:9", "--at", "h=1,w=1,c=1" + "0" * 200], "costs more than 1e+300 macs"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)
def test_bad_input(refusal, tmp_path, monkeypatch, arguments, words) -> None:
    """One sentence, and nothing on disk."""
    monkeypatch.chdir(tmp_path)
    assert words in refusal("plot", *arguments, "-o", "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "output, words",
    [
        (["-o", "a.gif"], "ending in .png, .svg, .pdf, not 'a.gif'"),
        (["-o", "no/a.png"], "no/a.png cannot be written: its folder does not exist"),
        (["-o", "folder.png"], "folder.png cannot be written: it is a folder"),
        (["-o", "a\0.png"], "cannot be written"),
        (["-o", "x" * 5000 + ".png"], "cannot be written"),
        (["-o", ""], "not ''"),
        ([], "'--output'"),
    ],
    ids=range(7),
)
def test_files_that_cannot_be_written(refusal, tmp_path, monkeypatch, output, words) -> None:
    """Are refused before anything is counted."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    monkeypatch.setitem(plots.KINDS, "map", None)
    assert words in refusal("plot", "map", "se", "conv", *output)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_one_term(costmodel_, tmp_path, monkeypatch) -> None:
    """What is a number at every size is all of it."""
    monkeypatch.chdir(tmp_path)
    arguments = ("plot", "terms", "cbam-spatial", "--metric", "params", "--at", "c=64", "-o", "a.svg")
    assert costmodel_(*arguments).out == "100 is most of it at side = 4 to 128\n\nwritten: a.svg\n"


@pytest.fixture
def without(monkeypatch):
    """No figures imported yet, and no package of this name, nor any that needs it."""

    def remove(package: str) -> None:
        for name in list(sys.modules):
            if name.partition(".")[0] in ("matplotlib", package) or name.startswith("costmodel.plots"):
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.delattr(costmodel, "plots")
        monkeypatch.setitem(sys.modules, package, None)

    return remove


def test_without_matplotlib(without, costmodel_, tmp_path) -> None:
    """Status 3, with the line that installs it; what the input lacks is said first."""
    without("matplotlib")
    result = costmodel_("plot", "map", "se", "conv", "-o", str(tmp_path / "a.png"))
    assert (result.status, result.out) == (3, "")
    assert result.err == "costmodel: figures need matplotlib, which is not installed: pip install matplotlib\n"
    assert costmodel_("plot", "map", "sse", "-o", str(tmp_path / "a.png")).status == 2
    assert list(tmp_path.iterdir()) == []


def test_a_broken_matplotlib_is_not_an_absent_one(without, costmodel_, tmp_path) -> None:
    """What matplotlib itself lacks is raised as it is."""
    without("cycler")
    with pytest.raises(ModuleNotFoundError, match="cycler"):
        costmodel_("plot", "map", "se", "conv", "-o", str(tmp_path / "a.png"))


def test_networks(costmodel_, tmp_path) -> None:
    """Have channels of their own, so that a side is all that is asked."""
    result = costmodel_(
        *("plot", "curves", "resnet50", "non-local in resnet50", "--over", "side=64:512:64"),
        *("-o", str(tmp_path / "a.svg")),
    )
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("non-local in resnet50 up to 368, resnet50 from 369")
