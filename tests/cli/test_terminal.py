"""What the command does to a terminal, a pipe and a shell."""

import json
import os
import re
import shlex
import subprocess
import sys
from functools import partial

import pytest
from rich.cells import cell_len

import costmodel
from costmodel.catalog import LAYERS
from costmodel.validate import calibration
from costmodel_cli.main import app

COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands]
COMMAND = f"{shlex.quote(sys.executable)} -c 'from costmodel_cli.main import main; raise SystemExit(main())'"
HUGE = "x".join(["1" + "0" * 300] * 4)
# One command of each kind of output.
TABLES = [
    ("list",),
    ("cost", "se", "--shape", "1x64x9x11"),
    ("compare", "se", "conv", "--shape", "1x64x9x11"),
    ("formula", "se", "--shape", "1x64x9x11"),
]


def in_bash(script: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(["bash", "-c", script], capture_output=True, env=environment, check=False)


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize("shape", ["1x2048x97x97", HUGE], ids=["97x97", "huge"])
def test_eighty_columns(costmodel_, variant, shape) -> None:
    """No line is wider than 80 columns, nothing is cut, and the tables say what they left out."""
    uncountable = variant.options == {"count": "block"} and shape == HUGE
    joined = ":".join([variant.layer.name, *variant.typed])
    for command in ("cost", "compare"):
        status, out, err = costmodel_(command, joined, "--shape", shape)
        assert (status, bool(err)) == ((2, True) if uncountable else (0, False))
        if uncountable:
            continue
        assert max(map(cell_len, out.splitlines())) <= 80
        assert "…" not in out
        assert "Left out: " in out


@pytest.mark.parametrize("shape", [(), ("--shape", "1x2048x97x97"), ("--shape", HUGE)], ids=["open", "97x97", "huge"])
def test_formulas_in_eighty_columns(costmodel_, layer, shape) -> None:
    """No line of formula is wider than 80 columns, and nothing is cut."""
    out = costmodel_("formula", layer.name, *shape).out
    assert max(map(cell_len, out.splitlines())) <= 80
    assert "…" not in out


def test_all_layers_side_by_side(costmodel_) -> None:
    """A comparison of the whole catalog and the list fit 80 columns, each layer's name whole."""
    for out in (costmodel_("compare", *LAYERS, "--shape", "1x2048x97x97").out, costmodel_("list").out):
        assert max(map(cell_len, out.splitlines())) <= 80
        assert "…" not in out
        assert {line.split(" ")[0] for line in out.splitlines()} >= set(LAYERS)


@pytest.mark.parametrize("width", ["20", "40", "79", "200"])
@pytest.mark.parametrize("arguments", TABLES, ids=" ".join)
def test_other_widths(costmodel_, monkeypatch, arguments, width) -> None:
    """On terminals of any width every number and every layer's name stays whole."""
    wide = costmodel_(*arguments).out
    monkeypatch.setenv("COLUMNS", width)
    out = costmodel_(*arguments).out
    assert "…" not in out
    numbers = r"\d+(?:,\d{3})+|\d+\.\d+(?: [kMG%]|e-?\d+×)"
    assert sorted(re.findall(numbers, out)) == sorted(re.findall(numbers, wide))
    assert {line.split(" ")[0] for line in out.splitlines()} >= {
        line.split(" ")[0] for line in wide.splitlines() if line.split(" ")[0] in LAYERS
    }


@pytest.mark.parametrize("arguments", [*TABLES, ("--help",), ("cost", "--help")], ids=" ".join)
def test_no_colour_codes(costmodel_, monkeypatch, arguments) -> None:
    """What is no terminal gets no escape codes, in CI neither, and none in JSON even where colours are forced."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert "\x1b" not in costmodel_(*arguments).out
    if "--help" not in arguments:
        monkeypatch.setenv("FORCE_COLOR", "1")
        assert "\x1b" not in costmodel_(*arguments, "--json").out


@pytest.mark.parametrize(
    "arguments", [TABLES[0], TABLES[1], ("--help",), ("cost", "--help"), ("--version",)], ids=" ".join
)
def test_closed_pipe(process, arguments) -> None:
    """A reader that has gone away is no error and gets no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        result = process(*arguments, stdout=pipe)
    assert (result.returncode, result.stderr) == (0, b"")


def test_head() -> None:
    """`costmodel list | head -1` prints one line, and both succeed."""
    result = in_bash(f"set -o pipefail; {COMMAND} list | head -1")
    assert (result.returncode, result.stdout.count(b"\n"), result.stderr) == (0, 1, b"")


@pytest.mark.parametrize("arguments", [TABLES[1], (*TABLES[1], "--json"), ("--version",)], ids=" ".join)
def test_full_disk(process, arguments) -> None:
    """Output that cannot be written is exit 2 and one sentence, not a traceback."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123 (a device)
        result = process(*arguments, stdout=full)
    assert result.returncode == 2
    assert re.fullmatch(rb"costmodel: [^\n]*No space left on device[^\n]*\n", result.stderr)


@pytest.mark.parametrize("arguments", [TABLES[0], (*TABLES[1], "--json")], ids=" ".join)
def test_no_stdout_at_all(arguments) -> None:
    """Started with stdout closed, the command has nobody to tell, and no traceback."""
    result = in_bash(f"{COMMAND} {shlex.join(arguments)} >&-")
    assert result.returncode in (0, 2)
    assert b"Traceback" not in result.stderr
    assert result.stderr.count(b"\n") <= 1


@pytest.mark.parametrize(
    "arguments, encoding",
    [(TABLES[0], "ascii"), (TABLES[0], "cp1252"), (TABLES[2], "ascii"), (("formula", "danet-pam"), "ascii")],
    ids=str,
)
def test_other_encodings(process, costmodel_, arguments, encoding) -> None:
    """A stdout that has no × or ² gets something in its place; JSON stays whole."""
    environment = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "COLUMNS": "80"}
    result = process(*arguments, env=environment)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.decode(encoding).count("\n") > 10
    document = json.loads(process(*arguments, "--json", env=environment).stdout.decode(encoding))
    assert document == costmodel_(*arguments, "--json").document


def test_sentence_in_ascii(process) -> None:
    """An error about × reaches a terminal that cannot print it."""
    result = process("cost", "é", "--shape", "1x5", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert result.returncode == 2
    assert re.fullmatch(rb"costmodel: [\x20-\x7e]+\n", result.stderr)


def test_version(costmodel_) -> None:
    """--version prints the package's version and nothing else."""
    assert costmodel_("--version") == (0, f"costmodel {costmodel.__version__}\n", "")


def test_help_lists_the_commands(costmodel_) -> None:
    """--help, -h and no argument at all print the same, with every command and its whole first sentence."""
    result = costmodel_("--help")
    assert result == costmodel_("-h") == costmodel_()
    assert result.status == 0
    assert result.out.startswith("Usage: costmodel ")
    assert "..." not in result.out.partition("Commands:")[2]
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", result.out, re.MULTILINE)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "validate"])
def test_help_has_an_example_that_runs(costmodel_, command, tmp_path, monkeypatch) -> None:
    """A command's help has one worked example, on one line to be copied, which does what it says."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "budget.toml").write_text(
        "check = ['params(se) == 2*c*c/r', 'macs(se) < macs(cbam)']", encoding="utf-8"
    )
    help_ = costmodel_(command, "--help")
    assert (help_.status, help_.err) == (0, "")
    (example,) = re.findall(r"^ *(?:Example: )?costmodel (.+)$", help_.out, re.MULTILINE)
    arguments = shlex.split(example)
    assert arguments[0] == command
    monkeypatch.setattr(calibration, "calibrate", partial(calibration.calibrate, seconds=0.2))  # and not 45
    result = costmodel_(*arguments)
    assert (result.status, result.err) == (0, "")
    assert result.out.count("\n") > 3


def test_help_of_validate(costmodel_) -> None:
    """validate's help has a worked example with options that it knows."""
    out = costmodel_("validate", "--help").out
    (example,) = re.findall(r"^ *(?:Example: )?costmodel validate (.+)$", out, re.MULTILINE)
    for word in shlex.split(example):
        assert word in LAYERS or word.endswith(".json") or re.search(rf"^ +.*{word}\b", out, re.MULTILINE)


@pytest.mark.parametrize(
    "words, expected",
    [
        ("costmodel ", COMMANDS),
        ("costmodel co", ["cost", "compare"]),
        ("costmodel cost ", sorted(LAYERS)),
        ("costmodel compare se dan", ["danet-cam", "danet-head", "danet-pam"]),
        ("costmodel validate cbam-", ["cbam-channel", "cbam-spatial"]),
        ("costmodel formula se --metric f", ["flops", "fvcore", "fused-bytes", "fused-time"]),
        ("costmodel cost se --sh", ["--shape"]),
        ("costmodel network vgg", ["vgg11", "vgg13", "vgg16", "vgg19"]),
        ("costmodel place se --network vgg1", ["vgg11", "vgg13", "vgg16", "vgg19"]),
        ("costmodel crossover se vgg16", ["vgg16"]),
        ("costmodel network resnet50 -p va", ["variant=v1.5", "variant=v1"]),
        ("costmodel network resnet50 --with danet-c", ["danet-cam"]),
    ],
)
def test_completion(costmodel_, monkeypatch, words, expected) -> None:
    """The shell is offered commands, layers, metrics and options."""
    monkeypatch.setenv("_COSTMODEL_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    result = costmodel_()
    assert (result.status, result.out.split()) == (0, expected)


def test_show_completion(costmodel_) -> None:
    """--show-completion is offered."""
    assert "--show-completion" in costmodel_("--help").out
