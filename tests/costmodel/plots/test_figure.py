"""What all figures share: axes, colours, words that stand apart, and files that are whole or not there."""

import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

import costmodel
from costmodel import CostModelError
from costmodel.metrics import ASKED
from costmodel.plots import KINDS, Cheapest, Curves, Ratio, Terms, figure, save, writable
from costmodel_cli.reading import FIGURES

SIDES, CHANNELS = range(4, 129), range(32, 4097, 8)


def small() -> figure.Figure:
    return Curves.of(["se"], {"side": [3, 7]}, {"c": 37}).figure()


def test_every_kind_and_metric_has_its_words() -> None:
    """The command line's names of figures and metrics are those of the library."""
    assert tuple(KINDS) == FIGURES
    assert tuple(figure.METRICS) == ASKED
    assert figure.metric_label("macs") == "multiply-accumulates"
    assert figure.metric_label("peak-bytes:bf16") == "peak of activations, bytes (bf16)"


# Axes.


@pytest.mark.parametrize(
    "name, low, high, ticks",
    [
        ("side", 4, 128, [7, 14, 28, 56, 112]),
        ("h", 7, 56, [7, 14, 28, 56]),
        ("w", 7.5, 55.5, [14, 28]),
        ("c", 32, 4096, [32, 64, 128, 256, 512, 1024, 2048, 4096]),
        ("n", 1, 5, [1, 2, 4]),
        ("reduction", 2, 33, [2, 4, 8, 16, 32]),
        ("c", 1000, 2_000_000, [1024, 4096, 16384, 65536, 262144, 1048576]),
        ("side", 15, 27, [16, 18, 20, 22, 24, 26]),
        ("kernel", 5, 7, [5, 6, 7]),
    ],
)
def test_ticks_of_sizes(name, low, high, ticks) -> None:
    """What networks have: 7·2ᵏ for a map, 2ᵏ for the rest, as many as have room; round numbers where these are few."""
    with figure.drawing(2) as (_, axes):
        figure.size_axis(axes.xaxis, name, low, high)
    axis = axes.xaxis
    shown = [
        label for tick, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True) if low <= tick <= high
    ]
    assert [label.get_text() for label in shown] == list(map(str, ticks))
    assert axes.get_xlim() == (low, high)
    assert axes.get_xscale() == "log"


@pytest.mark.parametrize(
    "name, words",
    [("side", "feature map, height = width (positions)"), ("c", "channels C"), ("reduction", "reduction")],
)
def test_sizes_in_words(name, words) -> None:
    """Sizes have their unit, options their names."""
    with figure.drawing(2) as (_, axes):
        figure.size_axis(axes.yaxis, name, 3, 70)
    assert axes.get_ylabel() == words


@pytest.mark.parametrize(
    "at, title",
    [
        ({}, "costs"),
        ({"c": 512, "side": 7}, "costs at C\xa0=\xa0512, side\xa0=\xa07"),
        (
            {"c": 512, "h": 7, "w": 11, "n": 16, "reduction": 4},
            "costs at C\xa0=\xa0512, H\xa0=\xa07, W\xa0=\xa011, N\xa0=\xa016,\nreduction\xa0=\xa04",
        ),
    ],
    ids=["none", "two", "five"],
)
def test_titles_say_what_is_fixed(at, title) -> None:
    """Each size in one piece."""
    with figure.drawing(2) as (_, axes):
        figure.title(axes, "costs", at)
    assert axes.get_title(loc="left") == title


@pytest.mark.parametrize(
    "text, lines",
    [
        ("", [""]),
        ("conv up to 7", ["conv up to 7"]),
        ("dense-attention up to 16", ["dense-attention up", "to 16"]),
        ("se:bias=true,reduction=8 from 7", ["se:bias=true,", "reduction=8 from 7"]),
        ("one-word-that-is-too-long", ["one-word-that-is-too-long"]),
    ],
)
def test_lines_are_broken_between_words(text, lines) -> None:
    """And between options, but never inside a name."""
    assert figure._filled(text, 20) == "\n".join(lines)


# Colours.


def lightness(colour) -> float:
    """CIELAB's L*, from 0 to 100: what is left in grey print, and to who sees no colours."""
    rgb = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))
    return 116 * luminance ** (1 / 3) - 16 if luminance > (6 / 29) ** 3 else luminance * (29 / 3) ** 3


@pytest.mark.parametrize("count", range(2, 9))
def test_shades_differ_in_grey(count) -> None:
    """From dark to light in clear and nearly equal steps."""
    steps = [after - before for before, after in pairwise(map(lightness, figure.shades(count)))]
    assert min(steps) > 45 / (count - 1)
    assert max(steps) < 1.6 * min(steps)


@pytest.mark.parametrize("count", range(1, 9))
def test_ink_is_read_on_every_shade(count) -> None:
    """Black or white, by at least 40 of 100 in lightness."""
    for shade in figure.shades(count):
        assert abs(lightness(figure.ink(shade)) - lightness(shade)) > 40


def test_lines_differ_without_colour() -> None:
    """Any two in their dashes, or clearly in lightness."""
    assert len({line["color"] for line in figure.LINES}) == len(figure.LINES)
    for one, other in combinations(figure.LINES, 2):
        apart = abs(lightness(one["color"]) - lightness(other["color"]))
        assert str(one["linestyle"]) != str(other["linestyle"]) or apart > 40


# Words.

LONG = [
    "danet-pam:reduction=4",
    "danet-cam",
    "non-local:reduction=4,affinity=concatenation,subsample=before",
    "conv:kernel=5,groups=2",
    "se:reduction=8,bias=true",
    "cbam:reduction=8,kernel=3,compress=conv",
    "sparse-attention:pattern=fixed,summary=2,window=code,count=ideal",
    "dense-attention:heads=4,causal=true,bias=true",
]
SHORT = [name.partition(":")[0] for name in LONG]

MADE = {
    "eight curves": lambda: Curves.of(SHORT, {"side": SIDES}, {"c": 512}),
    "eight curves that cross at once": lambda: Curves.of(SHORT, {"side": SIDES}, {"c": 64}, "arithmetic"),
    "eight curves with long names": lambda: Curves.of(LONG, {"side": SIDES}, {"c": 512}),
    "parallel curves": lambda: Curves.of(SHORT, {"n": range(1, 257)}, {"c": 64, "side": 14}),
    "one flat curve": lambda: Curves.of(["se"], {"side": [7, 8]}, {"c": 64}),
    "wide sizes": lambda: Curves.of(["se", "cbam"], {"c": range(1000, 2_000_001, 1000)}, {"side": 28}),
    "three regions": lambda: Cheapest.of(["danet-pam", "sparse-attention", "conv"], {"side": SIDES, "c": CHANNELS}),
    "two regions, mirrored": lambda: Cheapest.of(["danet-pam", "danet-cam"], {"c": CHANNELS, "side": SIDES}),
    "falling line": lambda: Cheapest.of(["danet-pam", "danet-cam"], {"h": SIDES, "w": SIDES}, {"c": 512}),
    "one region of eight": lambda: Cheapest.of(LONG, {"side": SIDES, "c": CHANNELS}),
    "no line": lambda: Cheapest.of(["sparse-attention:count=block", "conv"], {"side": range(4, 33), "c": CHANNELS}),
    "ratio": lambda: Ratio.of(["danet-pam", "danet-cam"], {"side": SIDES, "c": CHANNELS}),
    "ratio, mirrored": lambda: Ratio.of(["sparse-attention", "dense-attention"], {"c": CHANNELS, "side": SIDES}),
    "ratio of long names": lambda: Ratio.of([LONG[2], LONG[6]], {"c": CHANNELS, "side": SIDES}),
    "huge ratios": lambda: Ratio.of(["se", "danet-pam"], {"c": CHANNELS, "side": SIDES}),
    "narrow ratios": lambda: Ratio.of(["se", "conv"], {"side": SIDES, "c": CHANNELS}, {}, "params"),
    "terms": lambda: Terms.of(["non-local"], {"side": SIDES}, {"c": 512}),
    "thin terms": lambda: Terms.of(["danet-head"], {"side": SIDES}, {"c": 512}),
    "many terms": lambda: Terms.of(["cbam"], {"kernel": range(1, 20, 2)}, {"c": 64, "side": 7}, "arithmetic"),
    "subtracted terms": lambda: Terms.of([LONG[6]], {"side": SIDES}, {"c": 64}, "arithmetic"),
}  # fmt: skip


def boxes(drawn: figure.Figure) -> list[tuple[str, mpl.transforms.Bbox]]:
    """All words that are seen, and where."""
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    axes = [axis for made in drawn.axes for axis in (made.xaxis, made.yaxis)]
    ticks = {id(text) for axis in axes for text in axis.findobj(Text) if text is not axis.label}
    seen = {id(tick.label1) for axis in axes for tick in axis._update_ticks()} | {
        id(tick.label2) for axis in axes for tick in axis._update_ticks()
    }
    return [
        (text.get_text(), Text.get_window_extent(text, canvas.get_renderer()))
        for text in drawn.findobj(Text)
        if text.get_visible() and text.get_text().strip() and (id(text) not in ticks or id(text) in seen)
    ]


def crowded(drawn: figure.Figure) -> list[tuple[str, ...]]:
    """Words that leave the figure, and pairs that overlap by more than a pixel."""
    found = boxes(drawn)
    width, height = drawn.bbox.size
    outside = [(w,) for w, box in found if min(box.x0, box.y0) < -0.5 or box.x1 > width + 0.5 or box.y1 > height + 0.5]
    overlapping = [
        (word, other)
        for (word, one), (other, two) in combinations(found, 2)
        if min(one.x1, two.x1) - max(one.x0, two.x0) > 1 and min(one.y1, two.y1) - max(one.y0, two.y0) > 1
    ]
    return outside + overlapping


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_words_stand_apart(make) -> None:
    """No two overlap and none leaves the figure, which has the width of a column."""
    drawn = make().figure()
    assert crowded(drawn) == []
    assert drawn.get_figwidth() == 3.4


def test_crowding_is_noticed() -> None:
    """Two words in one place, and one that sticks out."""
    drawn = small()
    drawn.axes[0].text(0.5, 0.5, "one", transform=drawn.transFigure)
    drawn.axes[0].text(0.51, 0.5, "two", transform=drawn.transFigure)
    drawn.axes[0].text(0.99, 0.7, "three", transform=drawn.transFigure).set_in_layout(False)
    assert crowded(drawn) == [("three",), ("one", "two")]


# Files.


@pytest.mark.parametrize("name, start", [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml"), ("b.c.pdf", b"%PDF")])
def test_files_by_suffix(tmp_path, name, start) -> None:
    """A file has the format of its suffix, and the same figure the same bytes."""
    path, again = tmp_path / name, tmp_path / f"again-{name}"
    save(small(), path)
    save(small(), str(again))
    assert path.read_bytes().startswith(start)
    assert path.read_bytes() == again.read_bytes()
    assert sorted(tmp_path.iterdir()) == sorted([path, again])
    assert f"costmodel {costmodel.__version__}".encode() in path.read_bytes()


def test_a_column_at_300_dots(tmp_path) -> None:
    """PNG has the pixels of a printed column."""
    save(small(), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (1020, 690)
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_notebooks_show_figures() -> None:
    """By themselves, as PNG."""
    assert small()._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "name, words",
    [
        ("a.gif", "a figure is written to a file ending in .png, .svg, .pdf, not '.*a.gif'"),
        ("a", "not '.*a'"),
        ("", "not '.*'"),
        (".png", "not '.*.png'"),
        ("no/such/a.png", "no/such/a.png cannot be written: its folder does not exist"),
        ("folder.png", "folder.png cannot be written: it is a folder"),
        ("file/a.png", "cannot be written: its folder does not exist"),
        ("loop.png/a.png", "cannot be written"),
        (f"{300 * 'x'}.png", "cannot be written: File name too long"),
        ("a\0.png", "cannot be written: embedded null"),
    ],
    ids=range(10),
)
def test_what_cannot_be_written(tmp_path, monkeypatch, name, words) -> None:
    """Is refused by its name, before anything is drawn, and leaves nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop.png").symlink_to("loop.png")
    before = sorted(tmp_path.rglob("*"))
    for path in (name, Path(name)):
        with pytest.raises(CostModelError, match=words):
            writable(path)
        with pytest.raises(CostModelError, match=words):
            save(small(), path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("method", ["write_bytes", "replace"])
@pytest.mark.parametrize(
    "error, raised",
    [(OSError(28, "No space left on device"), CostModelError), (KeyboardInterrupt(), KeyboardInterrupt)],
    ids=["full", "interrupted"],
)
def test_nothing_is_half_written(tmp_path, monkeypatch, method, error, raised) -> None:
    """When writing fails, what was there is as it was, and nothing else is left."""
    path = tmp_path / "a.png"
    path.write_bytes(b"before")

    def fail(part: Path, *_: object) -> None:
        part.touch()
        raise error

    monkeypatch.setattr(Path, method, fail)
    with pytest.raises(raised) as refused:
        save(small(), path)
    monkeypatch.undo()
    assert str(refused.value) in ("", f"{path} cannot be written: No space left on device")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"before"


def test_nothing_is_written_when_drawing_fails(tmp_path) -> None:
    """A figure that cannot be drawn leaves the file as it was."""
    drawn = small()
    drawn.axes[0].set_title("$unknown{$")
    (tmp_path / "a.png").write_bytes(b"before")
    with pytest.raises(ValueError, match="unknown"):
        save(drawn, tmp_path / "a.png")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


@pytest.mark.parametrize("name", ["b.png", "b.svg", "b"])
def test_links_are_kept(tmp_path, name) -> None:
    """What a link points to is written, in the format of the link, which stays one."""
    (tmp_path / "to").mkdir()
    link = tmp_path / "a.png"
    link.symlink_to(f"to/{name}")
    save(small(), link)
    assert link.is_symlink()
    assert (tmp_path / "to" / name).read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.rglob("*"))) == 3


def test_the_longest_name(tmp_path) -> None:
    """Whatever name a file can have, a figure can."""
    path = tmp_path / f"{251 * 'x'}.png"
    save(small(), path)
    assert list(tmp_path.iterdir()) == [path]


def test_the_users_style_is_neither_used_nor_changed() -> None:
    """Whatever is set, a figure is the same, and what was set is set afterwards, also when drawing raises."""
    plain = figure.rendered(small(), ".png")
    with mpl.rc_context({"font.size": 20, "axes.grid": True, "savefig.dpi": 50, "axes.facecolor": "pink"}):
        before = dict(mpl.rcParams)
        assert figure.rendered(small(), ".png") == plain
        with pytest.raises(ZeroDivisionError), figure.drawing(2):
            raise ZeroDivisionError
        assert dict(mpl.rcParams) == before


def test_no_window_is_opened() -> None:
    """Figures are drawn without pyplot, so that no backend is chosen for the user."""
    program = "import sys, costmodel.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
