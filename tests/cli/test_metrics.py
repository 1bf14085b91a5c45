"""Memory and training as metrics of every command, with dtypes and units as a user writes them."""

import json
from fractions import Fraction

import pytest

from costmodel import CostModelError, ledger
from costmodel.memory import peak
from costmodel.metrics import ASKED, METRICS, TIMES, seconds, total
from costmodel_cli import reading

SE = ("--shape", "2x37x5x7")
BF16 = ("--metric", "peak-bytes", "--metric", "saved-bytes", "--metric", "training-macs", "--dtype", "bf16")


# Reading.


@pytest.mark.parametrize(
    "text, dtype, read",
    [
        ("macs", None, "macs"),
        ("peak-bytes", None, "peak-bytes"),
        ("peak-bytes", "bf16", "peak-bytes:bf16"),
        ("moved-bytes:tf32", None, "moved-bytes:tf32"),
        ("training-macs", None, "training-macs"),
        ("training-macs:frozen", None, "training-macs:frozen"),
        ("saved-bytes:first", "bf16", "saved-bytes:bf16:first"),
        ("training-peak-bytes:fp16:frozen", None, "training-peak-bytes:fp16:frozen"),
    ],
)
def test_metrics_and_dtypes(text: str, dtype: str | None, read: str) -> None:
    """A dtype is given apart or behind the name."""
    assert reading.metric(text, dtype) == read


@pytest.mark.parametrize(
    "text, dtype, words",
    [
        ("peak-byte", None, "did you mean 'peak-bytes'?"),
        ("peak-bytes:", None, "takes a dtype (fp64, fp32, tf32, fp16, bf16)"),
        ("peak-bytes:int8", None, "'peak-bytes:int8': behind a colon peak-bytes takes a dtype"),
        ("macs:bf16", None, "'macs:bf16': behind a colon macs takes nothing"),
        ("peak-bytes", "bf61", "--dtype is one of fp64, fp32, tf32, fp16, bf16, not 'bf61' (did you mean 'bf16'?)"),
        ("peak-bytes:bf16", "bf16", "names what --device-profile and --dtype are for: give one of the two"),
        ("training-macs", "bf16", "time, fused-time, not for training-macs"),
        ("macs", "fp32", "--dtype is for peak-bytes"),
        ("time", "bf16", "time is that of a device: --device-profile names it, such as h200"),
        ("time:h2000", None, "did you mean 'h200'?"),
        ("macs:frozen", None, "'macs:frozen': behind a colon macs takes nothing"),
        ("training-macs:frozen:bf16", None, "takes what learns nothing (frozen, first)"),
        ("saved-bytes:frozen:first", None, "takes a dtype (fp64, fp32, tf32, fp16, bf16), what learns nothing (frozen"),
        ("saved-bytes:bf16:first", "fp32", "names what --device-profile and --dtype are for: give one of the two"),
        ("time:h200:int8", None, "takes a device, a dtype (fp64"),
    ],
)
def test_metrics_that_are_none(text: str, dtype: str | None, words: str) -> None:
    """A sentence with what there is."""
    with pytest.raises(CostModelError) as error:
        reading.metric(text, dtype)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "text, bytes_",
    [
        ("16GiB", 16 * 2**30),
        ("16 GiB", 16 * 2**30),
        ("80GB", 80 * 10**9),
        ("1.5MiB", 3 * 2**19),
        ("1.5KB", 1500),
        ("0.5KiB", 512),
        ("2TiB", 2**41),
        ("1e9", 10**9),
    ],
)
def test_amounts(text: str, bytes_: int) -> None:
    """GiB are powers of 1024, GB of 1000."""
    assert reading.limit(text, "macs") == bytes_


@pytest.mark.parametrize(
    "text", ["0.3333KB", "0.0001KB", "0GiB", "-1GiB", "GiB", "16gib", "16Gi", "16G", "16 giga", "1e3GiB", "16B", "1.GB"]
)
def test_amounts_that_are_none(text: str) -> None:
    """No part of a byte, nothing, and no unit that could be another one."""
    with pytest.raises(CostModelError, match="a limit is a whole number"):
        reading.limit(text, "peak-bytes")


def test_times_are_limited_in_their_units() -> None:
    """Whole ticks, of which a limit is no more."""
    tick = seconds("time:h200")
    assert tick is not None
    for text, limit in (("1.5ms", Fraction(3, 2000)), ("20us", Fraction(1, 50_000)), ("1 µs", Fraction(1, 10**6))):
        ticks = reading.limit(text, "time:h200")
        assert ticks * tick <= limit < (ticks + 1) * tick
    for text in ("5", "1GiB", "1min", "-1ms", "ms"):
        with pytest.raises(CostModelError, match="a limit of time is written with its unit"):
            reading.limit(text, "time:h200")


# Commands that tell them too.

SAVED = (("theta", 180), ("affinity", 120), ("softmax", 1800), ("aggregate", 60), ("out", 60), ("norm", 192))
"""By non-local at 1×3×2×3×5 in BF16: x; both maps; the weights; values; their sums; the map before the norm, and 6."""


def test_cost_tells_them(costmodel_) -> None:
    """A line each under the summary, with what holds the peak; in JSON beside what was there, which stays."""
    run = ledger("non-local", (1, 3, 2, 3, 5))
    arguments = ("cost", "non-local", "--shape", "1x3x2x3x5")
    plain = costmodel_(*arguments, "--json").document
    document = costmodel_(*arguments, *BF16, "--json").document
    added = {
        "peak-bytes:bf16": 3840,
        "saved-bytes:bf16": 2412,
        "training-macs": 6480,
        "peak_operation": {"peak-bytes:bf16": "softmax"},
        "saved_by": {"saved-bytes:bf16": [{"operation": name, "bytes": count} for name, count in SAVED]},
    }
    assert document == plain | added
    assert peak(run, "bf16") == (3840, "softmax")
    shown = costmodel_(*arguments, *BF16).out
    assert "peak-bytes:bf16 is reached in softmax." in shown
    assert "softmax            1.800 k 74.6 %" in shown
    assert "multiply-accumulates of forward and backward" in shown
    assert "peak" not in costmodel_(*arguments).out


def test_what_a_step_of_training_holds(costmodel_) -> None:
    """Which operation, and whether backward; of many that keep something, those that keep most."""
    asked = ("--metric", "training-peak-bytes:first", "--metric", "saved-bytes:first")
    shown = costmodel_("network", "resnet18", *asked).out
    assert "training-peak-bytes:first is reached in res4.1.conv1, backward." in shown
    assert "more operations keep less. --json has all." in shown
    document = costmodel_("network", "resnet18", *asked, "--json").document
    assert sum(each["bytes"] for each in document["saved_by"]["saved-bytes:first"]) == 22_218_240


def test_flags_are_for_what_names_nothing_itself() -> None:
    """A dtype and a device go to those metrics that take one and name none; who nobody takes is refused."""
    asked = ["peak-bytes:bf16", "saved-bytes:frozen", "training-macs", "time:t4", "fused-time"]
    read = reading.more(asked, "fp16", "h200")
    assert read == ["peak-bytes:bf16", "saved-bytes:fp16:frozen", "training-macs", "time:t4", "fused-time:h200:fp16"]
    with pytest.raises(CostModelError, match="--dtype is for a --metric that takes one"):
        reading.more(["peak-bytes:bf16"], "fp32")


def test_what_is_told_anyway_is_told_once(costmodel_) -> None:
    """--metric macs adds nothing, and a metric given twice is one."""
    plain = costmodel_("cost", "se", *SE)
    assert costmodel_("cost", "se", *SE, "--metric", "macs") == plain
    twice = ("--metric", "training-macs") * 2
    assert costmodel_("cost", "se", *SE, *twice) == costmodel_("cost", "se", *SE, *twice[:2])


def test_compare_tells_them(costmodel_) -> None:
    """A column each, the base's included, and a key in JSON with its share of the base's."""
    arguments = ("compare", "se", "non-local", "--shape", "1x64x5x7")
    document = costmodel_(*arguments, *BF16, "--json").document
    plain = costmodel_(*arguments, "--json").document
    base = ledger("conv", (1, 64, 5, 7))
    for name, entry, before in zip(("se", "non-local"), document["layers"], plain["layers"], strict=True):
        for metric in ("peak-bytes:bf16", "saved-bytes:bf16", "training-macs"):
            counted = total(ledger(name, (1, 64, 5, 7)), metric)
            assert entry.pop(metric) == counted
            assert entry["of_baseline"].pop(metric) == [counted, total(base, metric)]
            assert document["baseline"][metric] == total(base, metric)
        assert entry == before
    shown = costmodel_(*arguments, *BF16[:2], *BF16[-2:]).out
    assert "peak-bytes:bf16: bytes of activations alive at once, without gradients, in bf16." in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80


def test_a_traced_module_has_no_memory(refusal) -> None:
    """Its operations are one row, of which nobody knows what it keeps."""
    target = "costmodel.validate.references.squeeze_excitation:SqueezeExcitation:channels=64"
    refused = refusal("compare", "se", target, "--shape", "1x64x5x7", "--metric", "peak-bytes")
    assert "nobody says where" in refused


def test_network_tells_them(costmodel_) -> None:
    """Of the network without and with what is inserted; what is added is the difference, not the layers' own."""
    arguments = ("network", "resnet50", "--with", "se", "--metric", "peak-bytes", "--metric", "training-macs")
    shown = " ".join(costmodel_(*arguments).out.split())
    assert "peak-bytes 10,235,904 1,024 10,236,928 " in shown
    assert "peak-bytes is reached in res2.2.branch.se.scale." in shown
    document = costmodel_(*arguments, "--json").document
    assert document["peak-bytes"] == 10_236_928
    assert document["peak_operation"] == {"peak-bytes": "res2.2.branch.se.scale"}
    bare = costmodel_("network", "resnet50", "--metric", "training-macs", "--json").document
    # SE takes thrice its MACs in training: the map it scales requires a gradient.
    assert document["training-macs"] - bare["training-macs"] == 3 * (document["macs"] - bare["macs"])
    assert "training-macs" in costmodel_("network", "resnet50", "--metric", "training-macs").out


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("cost", "se", *SE, "--dtype", "bf16"), "--dtype is for a --metric that takes one"),
        (("cost", "se", *SE, "--metric", "macs", "--dtype", "bf16"), "--dtype is for a --metric that takes one"),
        (("cost", "se", *SE, "--metric", "peak-byte"), "did you mean 'peak-bytes'?"),
        (("compare", "se", *SE, "--metric", "peak-bytes", "--dtype", "bf61"), "did you mean 'bf16'?"),
        (("network", "resnet50", "--formula", "--metric", "peak-bytes"), "--formula has no --metric"),
        (("cost", "se in resnet50", "--shape", "1x3x64x64", "--metric", "peak-bytes"), "ask with and without them"),
        (("formula", "se in resnet50", "--metric", "peak-bytes"), "ask with and without them"),
        (("formula", "se in resnet50", "--metric", "training-macs"), "ask with and without them"),
        (("formula", "efficientnet-b7", "--metric", "checkpointed-peak-bytes"), "ask at a shape"),
        (("formula", "se", "--metric", "macs", "--dtype", "bf16"), "--dtype is for"),
        (("crossover", "non-local", "danet-pam", "--over", "side", "--metric", "peak-bytes"), "--at fixes sizes"),
    ],
)
def test_refused(refusal, arguments, words) -> None:
    """In one sentence that says what to ask instead."""
    assert words in refusal(*arguments)


# Commands that take one.


@pytest.mark.parametrize("metric", [metric for metric in ASKED if metric not in (*METRICS, *TIMES)])
def test_formula(costmodel_, metric: str) -> None:
    """What is printed as Python counts what `cost` does."""
    code = costmodel_("formula", "se", "--metric", metric, "--as", "python").out
    scope: dict[str, object] = {}
    exec(code, scope)
    counted = scope[metric.replace("-", "_")](2, 37, 5, 7, 16)  # type: ignore[operator]
    assert counted == total(ledger("se", (2, 37, 5, 7)), metric)


def test_fit_in_units(costmodel_) -> None:
    """The last side that fits 16 GiB of FP32, and that of half the bytes an element, both counted there."""
    arguments = ("fit", "non-local", "--over", "side", "--metric", "peak-bytes", "--limit", "16GiB", "--at", "c=512")
    for flags, dtype in ((), "fp32"), (("--dtype", "bf16"), "bf16"):
        side = costmodel_(*arguments, *flags, "--json").document["largest"]
        counts = [peak(ledger("non-local", (1, 512, size, size)), dtype).bytes for size in (side, side + 1)]
        assert counts[0] <= 16 * 2**30 < counts[1]


def test_crossover_says_the_metric(costmodel_) -> None:
    """4·√6 is where two maps of P² overtake; both layers are counted on either side."""
    flags = ("--over", "side", "--metric", "peak-bytes", "--at", "c=64")
    shown = costmodel_("crossover", "non-local", "danet-pam", *flags).out
    assert "equal at side = 4·√6" in shown
    assert "non-local is cheaper up to side = 9, danet-pam from 10 on" in shown
    for side in (9, 10):
        counts = [f"{total(ledger(name, (1, 64, side, side)), 'peak-bytes'):,}" for name in ("non-local", "danet-pam")]
        assert " ".join([str(side), *counts]) in " ".join(shown.split())


def test_sweep_writes_them(costmodel_, tmp_path) -> None:
    """Every point as `cost` counts it."""
    path = tmp_path / "peaks.csv"
    flags = ("--grid", "c=2,37", "--grid", "side=1:9", "--metric", "peak-bytes", "--dtype", "fp16", "-o", str(path))
    assert costmodel_("sweep", "non-local", *flags).status == 0
    _, *rows = path.read_text().splitlines()
    assert rows == [
        f"{c},{side},{total(ledger('non-local', (1, c, side, side)), 'peak-bytes:fp16')}"
        for c in (2, 37)
        for side in range(1, 10)
    ]


def test_plot_says_the_metric(costmodel_, tmp_path) -> None:
    """Its title names what is counted, and the dtype."""
    path = tmp_path / "peak.svg"
    flags = ("--over", "side=7:28:7", "--at", "c=64", "--metric", "peak-bytes", "--dtype", "bf16", "-o", str(path))
    assert costmodel_("plot", "curves", "non-local", "se", *flags).status == 0
    assert path.exists()


def test_check_proves_them(costmodel_, tmp_path) -> None:
    """With an underscore, as a name in a statement has, the dtype behind it, and a formula as it is printed."""
    path = tmp_path / "budget.toml"
    path.write_text(
        """
        [[check]]
        that = "peak_bytes(se) <= 2*saved_bytes(se)"
        for = { c = "16..", side = "1.." }
        [[check]]
        that = "peak_bytes_bf16(non-local) <= 16e9"
        for = { c = [512], side = "7..200" }
        [[check]]
        that = "peak_bytes(danet-cam) == 'max(12·N·C·H·W, 8·N·C·H·W + 4·N·C², 4·N·C·H·W + 8·N·C² + 4·N·C)'"
        for = { c = "1..99", h = "1..9", w = "1..9", n = "1..3" }
        """
    )
    result = costmodel_("check", str(path), "--json")
    assert result.status == 0, result.out + result.err
    assert [check["verdict"] for check in json.loads(result.out)["checks"]] == ["holds"] * 3


# Time.

H200 = ("--metric", "time", "--device-profile", "h200", "--dtype", "bf16")


def test_cost_tells_what_bounds_it(costmodel_) -> None:
    """A line an operation, and one a kernel where they are fused; ticks and their length in JSON."""
    arguments = ("cost", "non-local", "--shape", "8x512x97x97", *H200, "--metric", "fused-time")
    document = costmodel_(*arguments, "--json").document
    run = ledger("non-local", (8, 512, 97, 97))
    for metric in ("time:h200:bf16", "fused-time:h200:bf16"):
        assert document[metric] == total(run, metric) == sum(bound["time"] for bound in document["bounds"][metric])
        assert document["ticks_per_second"][metric] == 1 / seconds(metric)
        assert all(bound["time"] == max(bound["needs"].values()) for bound in document["bounds"][metric])
    shown = costmodel_(*arguments).out
    assert "affinity + softmax + aggregate matrix" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80


def test_intensity_is_told_beside_bytes(costmodel_) -> None:
    """Arithmetic operations a byte, in JSON as a fraction of integers."""
    arguments = ("cost", "se", *SE, "--metric", "moved-bytes", "--metric", "fused-bytes", "--dtype", "fp16")
    run = ledger("se", (2, 37, 5, 7))
    document = costmodel_(*arguments, "--json").document
    for metric in ("moved-bytes:fp16", "fused-bytes:fp16"):
        assert document["intensity"][metric] == [total(run, "arithmetic"), total(run, metric)]
    assert "arithmetic operations a byte." in costmodel_(*arguments).out


def test_time_everywhere(costmodel_, tmp_path) -> None:
    """In units of time where people read it, in ticks where programs do."""
    shape = ("--shape", "1x512x28x28")
    assert " µs" in costmodel_("compare", "se", "non-local", *shape, *H200).out
    assert " µs" in costmodel_("network", "resnet50", *H200).out
    fit = costmodel_("fit", "conv", "--over", "side", "--at", "c=512", "--limit", "1ms", *H200).out
    assert "fits 1ms up to side = " in fit
    tick = seconds("time:h200:bf16")
    assert f"time:h200:bf16 counts ticks, {tick.denominator:,} a second." in costmodel_("formula", "se", *H200).out
    crossing = costmodel_("crossover", "conv", "cbam", "--over", "side", "--at", "c=512", *H200)
    assert "conv is cheaper up to side = " in crossing.out
    path = tmp_path / "time.csv"
    assert "counts ticks" in costmodel_("sweep", "se", "--grid", "side=7:9", "--at", "c=64", *H200, "-o", str(path)).out
    assert path.read_text().splitlines()[1] == f"7,{total(ledger('se', (1, 64, 7, 7)), 'time:h200:bf16')}"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("cost", "se", *SE, "--metric", "time"), "--device-profile names it"),
        (("cost", "se", *SE, "--device-profile", "h200"), "--device-profile is for a --metric that takes one"),
        (("crossover", "se", "cbam", "--over", "side", "--device-profile", "h200"), "--device-profile is for time"),
        (("cost", "se", *SE, "--metric", "time", "--device-profile", "h20"), "did you mean 'h200'?"),
        (("cost", "se", *SE, "--metric", "time", "--device-profile", "/nowhere.toml"), "cannot be read"),
        (
            ("cost", "se", *SE, "--metric", "time", "--device-profile", "t4", "--dtype", "tf32"),
            "has no figures for tf32",
        ),
        (("fit", "se", "--over", "side", "--at", "c=64", *H200, "--limit", "16GiB"), "written with its unit"),
        (("place", "se", "--network", "resnet50", "--limit", "time<=5"), "a limit is on"),
    ],
)
def test_times_refused(refusal, arguments, words) -> None:
    """In one sentence."""
    assert words in refusal(*arguments)
