"""Published figures: all of them, how a count is held against what is printed, and every reading by hand."""

import csv
import hashlib
from fractions import Fraction
from importlib import resources

import pytest

from costmodel import CostModelError
from costmodel.claims.published import READINGS, VERDICTS, Figure, Found, check, chosen, figures
from costmodel.claims.published.readings import cost
from costmodel.claims.published.table import read

FIGURES = figures()
PICTURE = "1x3x224x224"


def figure(value: str, asks: str, metric: str = "params", at: str = PICTURE, otherwise: str = "") -> Figure:
    return Figure("a paper", "a model", "", metric, value, "", "", "read", asks, at, "", otherwise, "", "", "")


def found(*arguments: str, **more: str) -> Found:
    return check([figure(*arguments, **more)])[0]


def counted(metric: str, text: str, at: str, **way: str) -> Fraction:
    return cost(metric, [text], tuple(map(int, at.split("x"))), way)


def test_recorded_verdicts_are_found() -> None:
    """Every figure comes out as it is recorded, and all of them are read, counted and decided."""
    assert [(f.figure.model, f.verdict, f.reading) for f in check(FIGURES)] == [
        (figure.model, figure.verdict, figure.reading) for figure in FIGURES
    ]
    assert len(FIGURES) == 191
    assert {figure.verdict for figure in FIGURES} == set(VERDICTS)


def test_what_was_read_stays_as_it_was_read() -> None:
    """The columns that are not ours have not been edited since."""
    text = (resources.files("costmodel.claims.published") / "figures.csv").read_text(encoding="utf-8")
    theirs = [line[:8] for line in csv.reader(text.splitlines())]
    assert hashlib.sha256(repr(theirs).encode()).hexdigest() == (
        "74401f27d64f560fa515a8d732e5f1549d3bf18f0764125726d56dc44e52312c"
    )


@pytest.mark.parametrize(
    "value, metric, read_as",
    [
        ("11689512", "params", [(11689512, 0, 1, False)]),
        ("28.00", "params_M", [(28, 2, 10**6, False)]),
        ("4.7e-4", "GFLOPs", [(Fraction(47, 10**5), 5, 10**9, False)]),
        ("~2.5", "params_M", [(Fraction(5, 2), 1, 10**6, False)]),
        ("1.2x", "FLOPs_ratio", [(Fraction(6, 5), 1, 1, False)]),
        ("about 85% fewer", "FLOPs_ratio", [(85, 0, Fraction(1, 100), False)]),
        ("over 40% fewer params and fewer FLOPs", "params_ratio", [(40, 0, Fraction(1, 100), True)]),
        ("35 vs near 28", "params_M", [(35, 0, 10**6, False), (28, 0, 10**6, False)]),
        ("about 1 MB vs more than 2 GB", "memory", [(1, 0, 10**6, False), (2, 0, 10**9, True)]),
        ("97.781", "checkpoint_MB", [(Fraction(97781, 1000), 3, 2**20, False)]),
    ],
)
def test_a_printed_value(value: str, metric: str, read_as: list[tuple[object, ...]]) -> None:
    """Its numbers, their digits after the point, their units, and whether they are bounds."""
    assert [(p.number, p.decimals, p.unit, p.bound) for p in figure(value, "", metric).printed] == read_as


@pytest.mark.parametrize(
    "value, asks, verdict",
    [
        ("3.86", "3860000000", "reproduced"),
        ("3.86", "3865000000", "reproduced"),  # half to even
        ("3.87", "3865000000", "reproduced"),  # half up
        ("3.86", "3855000000", "reproduced"),
        ("3.85", "3854999999", "reproduced"),
        ("3.860", "3861000000", "miss"),
        ("3.9", "3861000000", "reproduced"),
        ("35 vs near 28", "35 * 10**9; 28 * 10**9", "reproduced"),
        ("35 vs near 28", "35 * 10**9; 29 * 10**9", "miss"),
        ("over 40%", "2/5", "miss"),
        ("over 40%", "2/5 + 1/1000", "reproduced"),
    ],
)
def test_rounding_is_the_only_tolerance(value: str, asks: str, verdict: str) -> None:
    """As wide as the last printed digit says, both ends taken, and no wider."""
    assert found(value, asks, "GMACs").verdict == verdict


@pytest.mark.parametrize(
    "value, asks, metric, reading",
    [
        ("3.85", "3859000000", "GMACs", "truncated"),
        ("3.86", "386/100 * 2**30", "GMACs", "other unit"),
        ("1.00", "2**20", "checkpoint_MB", ""),
        ("1.05", "2**20", "checkpoint_MB", "other unit"),
        ("1.04", "2**20", "checkpoint_MB", "truncated, other unit"),
    ],
)
def test_units_and_rounding(value: str, asks: str, metric: str, reading: str) -> None:
    """Powers of 2 or of 10, rounded or cut off."""
    assert found(value, asks, metric).reading == reading


CONV = "conv:out=5,bias=true"
MAP = "1x3x11x7"
GATE = "se:reduction=1"
SMALL = "1x3x5x7"


@pytest.mark.parametrize(
    "metric, text, at, way, expected",
    [
        # 5 of 3×3×3 over 77 positions.
        ("macs", CONV, MAP, {}, 10_395),
        ("macs", CONV, MAP, {"arithmetic": "flops"}, 20_790),
        ("flops", CONV, MAP, {"arithmetic": "macs"}, 10_395),
        ("macs", CONV, MAP, {"arithmetic": "biases"}, 10_395 + 5 * 77),
        ("flops", CONV, MAP, {"arithmetic": "biases"}, 2 * (10_395 + 5 * 77)),
        ("params", CONV, MAP, {"params": "weights"}, 135),
        ("macs", CONV, MAP, {"arithmetic": "half"}, Fraction(2 * 10_395 + 5 * 77, 2)),
        ("macs", CONV, MAP, {"arithmetic": "pytorchcv"}, 10_395),
        ("macs", "conv:out=5", MAP, {"arithmetic": "pytorchcv"}, Fraction(2 * 10_395 - 15, 2)),
        ("macs", "linear:out=5", SMALL, {"arithmetic": "pytorchcv"}, Fraction(2 * 35 * 15 - 5, 2)),
        ("macs", "conv:kernel=5,groups=3", MAP, {"arithmetic": "pytorchcv"}, Fraction(2 * 3 * 25 * 77 - 3, 2)),
        # A mean over 35 positions of 3 channels, twice 3×3 weights, ReLU, sigmoid.
        ("macs", GATE, SMALL, {"arithmetic": "pools"}, 2 * 9 + 105),
        ("macs", GATE, SMALL, {"arithmetic": "fvcore"}, 2 * 9 + 105),
        ("macs", GATE, SMALL, {"arithmetic": "pytorchcv"}, Fraction(105 + 15 + 3 + 15 + 12, 2)),
        ("macs", GATE, SMALL, {"arithmetic": "gluoncv2"}, Fraction(3 + 15 + 3 + 15 + 12, 2)),
        ("params", GATE, SMALL, {"bias": "other"}, 2 * 9 + 2 * 3),
        ("params", GATE + ",bias=true", SMALL, {"bias": "other"}, 2 * 9),
        # Nine taps for each of two channels, and a norm of one.
        ("params", "cbam-spatial:kernel=3", SMALL, {}, 18 + 2),
        ("params", "cbam-spatial:kernel=3", SMALL, {"params": "statistics"}, 18 + 2 + 2),
        ("params", "cbam-spatial:kernel=3", SMALL, {"params": "weights"}, 18),
        ("checkpoint", "cbam-spatial:kernel=3", SMALL, {}, 4 * 22 + 8),
        # What others publish of whole networks.
        ("params", "resnet18", PICTURE, {"head": "none"}, 11_689_512 - 513_000),
        ("macs", "resnet50", PICTURE, {"stride": "other"}, 3_857_973_248),
        ("macs", "resnet50:variant=v1", PICTURE, {"stride": "other"}, 4_089_184_256),
    ],
)
def test_readings_by_hand(metric: str, text: str, at: str, way: dict[str, str], expected: int | Fraction) -> None:
    """What each of them counts, on small sizes or numbers that others publish."""
    assert counted(metric, text, at, **way) == expected


def test_every_reading_is_held_by_hand() -> None:
    """None is tried that the test above leaves out, but those of rounding and unit."""
    marks = [mark for mark in test_readings_by_hand.pytestmark if mark.name == "parametrize"]
    held = {item for case in marks[0].args[1] for item in case[3].items()}
    others = {
        (reading.question, reading.answer) for reading in READINGS if reading.question not in ("unit", "rounding")
    }
    assert others - held == {("arithmetic", "arithmetic")}


def test_rows_and_elements() -> None:
    """The affinity of 3 channels with each other."""
    assert cost("written", ["danet-cam", "affinity"], (1, 3, 5, 7), {}) == 9


def test_where_a_reading_does_not_say_how() -> None:
    """Of a grouped convolution the ledger does not tell taps from channels."""
    with pytest.raises(LookupError, match="grouped"):
        counted("macs", "conv:out=6,groups=2", "1x4x5x7", arithmetic="pytorchcv")
    assert found("1", "macs('conv:out=6,groups=2')", "MMACs", at="1x4x5x7").verdict == "miss"


def test_another_counters_reading_is_for_its_own_figures() -> None:
    """What pytorchcv counts explains no paper's figure."""
    own = figure("0.000075", f"macs('{GATE}')", "MMACs", SMALL)
    assert check([own._replace(source="pytorchcv README")])[0].reading == "pytorchcv"
    assert check([own])[0].verdict == "miss"


def test_something_else_that_may_have_been_counted() -> None:
    """Has a name, and is tried with the other readings."""
    other = "twice: 2 * params('se in resnet18')"
    assert found("174080", "params('se in resnet18')", otherwise=other).reading == "twice"
    assert found("0.17", "params('se in resnet18')", "params_M", otherwise=other).reading == "twice"
    assert found("0.166", "params('se in resnet18')", "params_M", otherwise=other).reading == "other unit, twice"


def test_a_network_is_one_network() -> None:
    """A reading of it that the figures beside it contradict is none."""
    headless = figure("1813.561", "macs('resnet18')", "MMACs")
    assert check([headless])[0].reading == "no head"
    whole = figure("11689512", "params('resnet18')")
    assert [each.verdict for each in check([whole, headless])] == ["reproduced", "miss"]
    elsewhere = whole._replace(model="another")
    assert [each.verdict for each in check([elsewhere, headless])] == ["reproduced", "reading"]


def test_other_readings_that_are_as_simple() -> None:
    """Are listed: the figure does not tell which it is."""
    result = found("1.8", "1890000", "params_M")
    assert (result.reading, [reading[0].name for reading in result.as_simple]) == ("truncated", ["other unit"])


def test_a_figure_that_drifts_is_noticed() -> None:
    """Its verdict is not the recorded one, nor is a reading."""
    drifted = [each._replace(value="12345678") for each in FIGURES if each.value == "11689512"]
    assert [(each.verdict, each.agrees) for each in check(drifted)] == [("miss", False)]
    read_so = next(each for each in FIGURES if each.reading == "pools")
    assert check([read_so])[0].agrees
    assert not check([read_so._replace(reading="weights")])[0].agrees


def test_ours_and_the_difference() -> None:
    """In the printed unit, to one digit more unless the count is a whole number of it."""
    result = found("3.87", "3860488192", "GMACs")
    assert (result.ours, result.difference) == ("3.860", "-0.010")
    assert found("80", "86").difference == "+6"
    assert found("~4% (vs ~10%)", "37/1000; 98/1000", "params_relative").ours == "3.7% vs 9.8%"


def test_figures_by_name() -> None:
    """Of a source or a model; or the error says so."""
    assert {figure.source for figure in chosen(FIGURES, ["eca-net"])} == {"ECA-Net paper abstract/§1"}
    assert chosen(FIGURES, []) == FIGURES
    with pytest.raises(CostModelError, match=r"no published figure has 'TSM-R51' .*did you mean 'tsm-r50'"):
        chosen(FIGURES, ["TSM-R51"])


@pytest.mark.parametrize(
    "asks, sentence",
    [
        ("params('resnet51')", "did you mean 'resnet50'"),
        ("parms('resnet50')", "did you mean 'params'"),
        ("params()", "is that of a layer or a network"),
        ("params('resnet50', 'fc')", "has no row 'fc'"),
        ("params('resnet50', C=3)", "takes texts in quotes alone"),
        ("C * params('resnet50')", "is no number"),
        ("1; 2", "has 1 numbers, and 2 are asked for"),
        ("macs('se:reduction=16')", "larger than the 3 channels"),
    ],
)
def test_what_cannot_be_counted_is_an_error(asks: str, sentence: str) -> None:
    """And no miss; it says which figure it is."""
    with pytest.raises(CostModelError, match="a paper: a model: params: ") as error:
        found("1", asks)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    "change, sentence",
    [
        (lambda text: text.replace("scope", "skope", 1), "have the columns"),
        (lambda text: text + "a,b\n", "line 3 of the published figures has 2 cells"),
        (lambda text: text.replace(",1,", ",,", 1), "asks for something, or says why"),
    ],
)
def test_a_table_that_cannot_be_read(change, sentence: str) -> None:
    """Says what is wrong, and where."""
    text = ",".join(Figure._fields) + "\n" + ",".join(figure("2", "1")) + "\n"
    assert len(read(text)) == 1
    with pytest.raises(CostModelError, match=sentence):
        read(change(text))
