"""Wrong input to every command: one sentence that names it, exit 2, nothing on stdout, no traceback."""

import re
import resource
import time

import pytest

from costmodel.catalog import spoken

SHAPE = ("--shape", "1x64x9x11")
HUGE = "1" + "0" * 300
LONG = "9" * 5000


@pytest.mark.parametrize("command", ["cost", "compare", "formula"])
@pytest.mark.parametrize(
    "shape, name",
    [
        ("0x64x9x11", "N"),
        ("1x0x9x11", "C"),
        ("1x64x-9x11", "H"),
        ("1x64x9x1.5", "W"),
        ("1x64x9xnan", "W"),
        ("1x64x9xinf", "W"),
        ("1x64x9x1e3", "W"),
        ("1x64x9x", "W"),
        ("x64x9x11", "N"),
        ("1xx9x11", "C"),
        ("+1x64x9x11", "N"),
        ("1_0x64x9x11", "N"),
        ("0x10x64x9x11", "N"),
        ("1x64x 9x11", "H"),
        ("1x64x9x11\n", "W"),
        ("1x64x9x11\x00", "W"),
        ("1x64x9x11\x1b[31m", "W"),
        ("\uff11x64x9x11", "N"),
        ("٣x64x9x11", "N"),
        ("²x64x9x11", "N"),
        ("\udcffx64x9x11", "N"),
    ],
    ids=ascii,
)
def test_sizes(refusal, command, shape, name) -> None:
    """A size that is no positive integer is refused by its letter, with the whole shape quoted."""
    sentence = refusal(command, "se", "--shape", shape)
    assert f"{name} in the shape {shape!r} must be a positive integer" in sentence


@pytest.mark.parametrize("command", ["cost", "compare", "formula"])
@pytest.mark.parametrize("shape", ["", " ", "x", "64", "1x2x3", "1x2x3x4x5x6", "1,64,9,11", "x" * 5000], ids=range(8))
def test_number_of_dimensions(refusal, command, shape) -> None:
    """Anything but four or five numbers is refused with both spellings, however long or empty it is."""
    sentence = refusal(command, "se", "--shape", shape)
    assert "N×C×H×W" in sentence
    assert "1x512x28x28" in sentence


def test_too_many_digits(refusal) -> None:
    """A size of thousands of digits is refused with the limit, and not printed back."""
    assert "at most 1000 digits" in refusal("cost", "se", "--shape", f"1x{LONG}x9x11")
    assert "at most 1000 digits" in refusal("cost", "se", *SHAPE, "-p", f"reduction={LONG}")


@pytest.mark.parametrize(
    "arguments", [("cost", "se"), ("compare", "se"), ("cost", *SHAPE), ("compare", *SHAPE), ("formula",)], ids=" ".join
)
def test_something_is_missing(refusal, arguments) -> None:
    """A missing argument or option is named."""
    missing = "--shape" if "--shape" not in arguments and arguments != ("formula",) else "LAYER"
    assert missing in refusal(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [("bogus",), ("--bogus",), ("cost", "se", *SHAPE, "--bogus"), ("list", "bogus"), ("cost", "se", "bogus", *SHAPE)],
    ids=" ".join,
)
def test_something_is_too_much(refusal, arguments) -> None:
    """A command, option or argument that does not exist is named."""
    assert "bogus" in refusal(*arguments)


@pytest.mark.parametrize("place", ["cost", "compare", "baseline", "formula", "validate"])
@pytest.mark.parametrize(
    "name, nearest", [("SE", "se"), ("nonlocal", "non-local"), ("cbam-chanel", "cbam-channel"), ("", ""), ("\x00", "")]
)
def test_unknown_layer(refusal, place, name, nearest) -> None:
    """An unknown layer is refused with the nearest name, wherever a layer is named."""
    arguments = {
        "cost": ("cost", name, *SHAPE),
        "compare": ("compare", "se", name, *SHAPE),
        "baseline": ("compare", "se", "--baseline", name, *SHAPE),
        "formula": ("formula", name),
        "validate": ("validate", name),
    }
    sentence = refusal(*arguments[place])
    assert repr(name) in sentence
    assert "costmodel list" in sentence
    assert (f"did you mean {nearest!r}?" in sentence) == bool(nearest)


@pytest.mark.parametrize("command", ["cost", "compare", "formula"])
@pytest.mark.parametrize("pair", ["", "=", "reduction", "=4", " =4"])
def test_not_an_option(refusal, command, pair) -> None:
    """What is not name=value is refused with an example of one, behind -p as behind the colon."""
    shape = () if command == "formula" else SHAPE
    assert "name=value" in refusal(command, f"se:{pair}", *shape)
    assert "name=value" in refusal(command, f"se:bias=true,{pair}", *shape)
    if command != "compare":
        assert "name=value" in refusal(command, "se", *shape, "-p", pair)


def test_unknown_option(refusal, layer) -> None:
    """An option that a layer lacks is refused with those it has and the nearest of them."""
    sentence = refusal("cost", layer.name, *SHAPE, "-p", "bogus=1")
    assert "'bogus'" in sentence
    assert all(spoken(name) in sentence for name in layer.options)
    for name in layer.options:
        assert f"did you mean {spoken(name)!r}?" in refusal("formula", layer.name, "-p", f"{spoken(name)}x=1")


def test_values_that_no_option_takes(refusal, layer) -> None:
    """Every option of every layer refuses what is neither its kind nor one of its choices, and says what it accepts."""
    for name, option in layer.options.items():
        values = ["bogus", "", "-1", "1.5", "None", "\uff14", "1e3", "4=5"]
        if not option.choices and not isinstance(option.default, bool):
            values += ["0", "+5", "1_0", "0x10", "true", "²", "\x00"]
        for value in values:
            sentence = refusal("cost", layer.name, *SHAPE, "-p", f"{spoken(name)}={value}")
            assert sentence.startswith(f"costmodel: {layer.name}: {spoken(name)} must be ")
            assert sentence.rstrip("\n").endswith((f"not {value!r}", f"not {value}", "?)"))
            if option.choices:
                assert all(choice in sentence for choice in option.choices)


def test_nearest_choice(refusal) -> None:
    """A word near to a choice is answered with it."""
    assert "did you mean 'gaussian'?" in refusal("cost", "non-local", *SHAPE, "-p", "affinity=gausian")


@pytest.mark.parametrize(
    "text", [5000 * "x", f"reduction={5000 * 'x'}", f"{5000 * 'x'}=1", f"bias={5000 * 'x'}"], ids=len
)
def test_long_input_is_not_printed_back(refusal, text) -> None:
    """Thousands of characters are named by their start and number, as a layer and as an option."""
    assert "characters" in refusal("cost", "se", *SHAPE, "-p", text)
    assert "characters" in refusal("cost", text, *SHAPE)


def test_option_given_twice(refusal) -> None:
    """An option given twice is refused, even with one value, and across colon and -p."""
    for arguments in (("se", "-p", "bias=true", "-p", "bias=true"), ("se:bias=true", "-p", "bias=false")):
        assert "bias of se is given twice" in refusal("cost", *arguments, *SHAPE)


def test_video_where_it_is_not_defined(refusal, costmodel_, layer) -> None:
    """Layers without video input refuse five numbers and --video, by name."""
    for arguments in (
        ("cost", layer.name, "--shape", "1x64x2x9x11"),
        ("compare", layer.name, "--baseline", "non-local", "--shape", "1x64x2x9x11"),
        ("formula", layer.name, "--shape", "1x64x2x9x11"),
        ("formula", layer.name, "--video"),
    ):
        if layer.video:
            assert costmodel_(*arguments).status == 0
        else:
            assert f"{layer.name} takes N×C×H×W input" in refusal(*arguments)


def test_video_with_the_default_base(refusal) -> None:
    """Where the base of a comparison is what cannot take video, the sentence says that it is the base."""
    assert "base" in refusal("compare", "non-local", "--shape", "1x64x2x9x11")


def test_video_and_a_shape_without_frames(refusal) -> None:
    """--video contradicts a shape of four numbers."""
    assert "five" in refusal("formula", "non-local", "--video", "--shape", "1x64x9x11")


@pytest.mark.parametrize("kernel", ["2", "100", HUGE])
def test_even_kernels(refusal, layer, kernel) -> None:
    """A kernel that is even is refused by every layer that has one."""
    if "kernel" in layer.options:
        assert "odd kernel" in refusal("cost", layer.name, *SHAPE, "-p", f"kernel={kernel}")
        assert "odd kernel" in refusal("formula", layer.name, "-p", f"kernel={kernel}")
    else:
        assert "no option 'kernel'" in refusal("cost", layer.name, *SHAPE, "-p", f"kernel={kernel}")


@pytest.mark.parametrize("reduction", ["65", HUGE])
def test_reduction_larger_than_the_channels(refusal, layer, reduction) -> None:
    """A reduction that leaves no channel is refused by every layer that has one, at a shape."""
    if "reduction" in layer.options:
        sentence = refusal("cost", layer.name, *SHAPE, "-p", f"reduction={reduction}")
        assert "is larger than the 64 channels" in sentence
        sentence = refusal("formula", layer.name, *SHAPE, "-p", f"reduction={reduction}")
        assert "is larger than the 64 channels" in sentence
    else:
        assert "no option 'reduction'" in refusal("cost", layer.name, *SHAPE, "-p", f"reduction={reduction}")


@pytest.mark.parametrize("divisor", ["3", "128", HUGE])
def test_groups_and_heads_that_do_not_divide(refusal, layer, divisor) -> None:
    """Heads and groups that do not divide the channels are refused."""
    names = {"heads", "groups"} & set(layer.options)
    for name in names:
        sentence = refusal("cost", layer.name, *SHAPE, "-p", f"{name}={divisor}")
        assert f"{name} must divide the" in sentence
        assert "does not divide 64" in sentence
    assert "channels" in refusal("cost", "conv", *SHAPE, "-p", "groups=64", "-p", "out=96")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["sparse-attention", "-p", "stride=100"], "stride 100 is larger than the 99 positions"),
        (["sparse-attention", "-p", "stride=100", "-p", "pattern=fixed"], "stride 100 is larger than the 99 positions"),
        (["sparse-attention", "-p", "summary=10", "-p", "pattern=fixed"], "summary 10 is larger than the stride 9"),
        (["sparse-attention", "-p", "stride=4", "-p", "pattern=fixed"], "summary 8 is larger than the stride 4"),
        (["danet-head", "-p", "inner=7"], "8 is larger than the 7 channels"),
    ],
    ids=str,
)
def test_options_that_do_not_fit(refusal, arguments, words) -> None:
    """Options that contradict the shape or each other are named with both numbers."""
    assert words in refusal("cost", *arguments, *SHAPE)


@pytest.mark.parametrize("subsample", ["before", "after"])
@pytest.mark.parametrize("shape", ["1x64x1x1", "1x64x2x1", "1x64x1x9", "1x64x5x1x2"])
def test_maps_too_small_to_pool(refusal, subsample, shape) -> None:
    """A 2×2 pool of a map narrower than that is refused."""
    assert "2×2 pool" in refusal("cost", "non-local", "--shape", shape, "-p", f"subsample={subsample}")


def test_blocks_of_huge_shapes(refusal) -> None:
    """Whole blocks have no closed form, so a shape with too many of them is refused at once, with the limit."""
    start = time.perf_counter()
    for command in ("cost", "formula"):
        sentence = refusal(command, "sparse-attention", "--shape", "x".join([HUGE] * 4), "-p", "count=block")
        assert "10000000" in sentence.replace(",", "")
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("branches", ["1000000", HUGE], ids=len)
@pytest.mark.parametrize("arguments", [("cost", *SHAPE), ("formula",)], ids=["cost", "formula"])
def test_more_branches_than_memory(process, arguments, branches) -> None:
    """Branches are rows of the table, so a number of them that no table holds is refused at once."""

    def little_memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))

    command, *rest = arguments
    flags = ("-p", f"branches={branches}")
    result = process(command, "shared-fc", *rest, *flags, timeout=5, preexec_fn=little_memory)
    assert (result.returncode, result.stdout) == (2, b"")
    assert re.fullmatch(rb"costmodel: [^\n]*branches[^\n]*\n", result.stderr)


@pytest.mark.parametrize("name", ["metric", "as"])
@pytest.mark.parametrize("value", ["", "bogus", "Macs", "x" * 5000], ids=["empty", "bogus", "Macs", "long"])
def test_unknown_metric_or_form(refusal, name, value) -> None:
    """An unknown metric or form is refused with those there are."""
    sentence = refusal("formula", "se", f"--{name}", value)
    expected = "params, macs, flops, fvcore, arithmetic" if name == "metric" else "text, latex, python, json"
    assert expected in sentence


@pytest.mark.parametrize("letter", ["C", "R", "reduction", "r "])
def test_only_its_own_letter(refusal, letter) -> None:
    """An option is left open by its own letter alone, and only in formulas."""
    assert "reduction must be" in refusal("formula", "se", "-p", f"reduction={letter}x")
    assert "reduction must be" in refusal("cost", "se", *SHAPE, "-p", "reduction=r")
    assert "reduction must be" in refusal("formula", "se", "-p", f"reduction={letter.strip().upper()}")


def test_nothing_typed_is_run(refusal, tmp_path) -> None:
    """Python typed as a value is refused as text and runs nowhere."""
    target = tmp_path / "run"
    code = f"__import__('pathlib').Path({str(target)!r}).touch()"
    refusal("cost", "se", "--shape", f"1x64x9x{code}")
    refusal("formula", "se", "-p", f"reduction={code}")
    refusal("formula", "se", "--metric", code)
    assert not target.exists()
