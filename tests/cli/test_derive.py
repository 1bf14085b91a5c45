"""`costmodel derive`."""

import pytest

from costmodel_cli.exit_codes import Exit

SE = ("derive", "costmodel.validate.references:squeeze_excitation.SqueezeExcitation", "--init", "channels=64")
KEYS = (
    "target input symbols params macs flops arithmetic macs_at_input params_at_input submodules guards uncounted method"
)

CODE = """
import torch
from torch import nn

print("a line that somebody left here")


class Block(nn.Module):
    def __init__(self, channels=6):
        super().__init__()
        print("and another")
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return torch.erfinv(self.mix(x))


class Made(nn.Module):
    def __init__(self):
        super().__init__()
        raise RuntimeError("one line\\nand another")


class Run(nn.Module):
    def forward(self, x):
        raise RuntimeError("one line\\nand another")


class Vector(nn.Module):
    def forward(self, x):
        return x @ x[0]


class Left(nn.Module):
    def forward(self, x):
        raise SystemExit(0)
"""


@pytest.fixture
def file(tmp_path) -> str:
    """A file of modules."""
    path = tmp_path / "blocks.py"
    path.write_text(CODE)
    return str(path)


def test_worked_by_hand(costmodel_) -> None:
    """An SE block 64 → 4 → 64: two matrices of C·C/16, and the formulas at the input are those numbers."""
    document = costmodel_(*SE, "--input", "2x64x5x7", "--json").document
    assert set(KEYS.split()) <= set(document)
    assert document["target"] == SE[1]
    assert document["input"] == [2, 64, 5, 7]
    assert document["symbols"] == {"N": "batch size", "C": "channels", "H": "height", "W": "width"}
    assert document["params"] == "C**2/8"
    assert document["macs"] == "C**2*N/8"
    assert document["flops"] == "C**2*N/4"
    assert (document["params_at_input"], document["macs_at_input"]) == (512, 1024)
    assert document["by_kind"]["mac"] == document["macs"]
    assert [(part["path"], part["macs_at_input"]) for part in document["submodules"]] == [
        ("squeeze", 0),
        ("reduce", 512),
        ("expand", 512),
    ]
    assert document["guards"][-1] == "C is a multiple of 64, as it was made"
    assert document["uncounted"] == []
    assert document["method"].startswith("traced over symbols; in C from channels = 64, 128, 192, 256")


def test_text(costmodel_) -> None:
    """The same for a person, on lines that fit."""
    result = costmodel_(*SE, "--input", "2x64x5x7")
    assert (result.status, result.err) == (Exit.HOLDS, "")
    assert "N batch size, C channels, H height, W width\n" in result.out
    for line in ("params     C²/8", "macs       N·C²/8", "reduce    Linear            N·C²/16"):
        assert line in result.out
    assert "known to hold if H ≥ 2, W ≥ 2, C is a multiple of 64" in result.out
    assert all(len(line) <= 80 for line in result.out.splitlines())


@pytest.mark.parametrize("flags, status", [((), Exit.UNCHECKED), (("--allow-uncounted",), Exit.HOLDS)])
def test_uncounted(costmodel_, file, flags, status) -> None:
    """What nobody counts is named, and no success unless it is allowed."""
    arguments = ("derive", f"{file}:Block", "--init", "channels=6", "--input", "2x6x5x7", *flags)
    result = costmodel_(*arguments)
    assert result.status == status
    assert "not counted: erfinv\nMACs and FLOPs are complete, since these have none" in result.out
    assert "macs       N·C²·H·W" in result.out


def test_unknown(costmodel_, file) -> None:
    """Of what nobody knows nothing is said to be complete."""
    arguments = ("derive", f"{file}:Vector", "--input", "2x6", "--allow-uncounted")
    assert "not counted: mv\nneither MACs nor arithmetic are complete" in costmodel_(*arguments).out
    document = costmodel_(*arguments, "--json").document
    assert (document["uncounted"], document["macs_complete"]) == (["mv"], False)


def test_only_the_answer_on_stdout(costmodel_, file) -> None:
    """What the module's code prints is on stderr."""
    result = costmodel_("derive", f"{file}:Block", "--input", "2x6x5x7", "--json", "--allow-uncounted")
    assert result.out.startswith("{")
    assert "and another" in result.err


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("Made", "cannot be made with no arguments: RuntimeError: one line"),
        ("Run", "Run does not run on 2x3x5x7: RuntimeError: one line"),
        ("Left", "Left does not run on 2x3x5x7: SystemExit"),
        ("Non", "there is no 'Non'"),
    ],
)
def test_code_that_raises(file, costmodel_, name, sentence) -> None:
    """Whatever it is, it is said in a sentence."""
    result = costmodel_("derive", f"{file}:{name}", "--input", "2x3x5x7")
    assert (result.status, result.out) == (Exit.BAD_INPUT, "")
    said = [line for line in result.err.splitlines() if line.startswith("costmodel: ")]
    assert len(said) == 1
    assert sentence in said[0]
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("--input", "2x64"), "does not run on 2x64: "),
        (("--input", "64"), "two to five numbers"),
        (("--input", "2x0x5x7"), "must be a positive integer"),
        (("--input", "2x64x5x7", "--init", "reduction=__import__('os')"), "must be a literal of Python"),
        (("--input", "2x64x5x7", "--init", "reduction"), "name=value"),
        (("--input", "2x64x5x7", "--init", "ratio=3"), "unexpected keyword argument 'ratio'"),
        ((), "--input"),
    ],
)
def test_wrong_input(refusal, arguments, sentence) -> None:
    """Every wrong argument is refused."""
    assert sentence in refusal(*SE, *arguments)


@pytest.mark.parametrize("target", ["torch.nn", "no/such.py:Block", "no.such:Block"])
def test_no_target(refusal, target) -> None:
    """So is a target that is none, without running anything."""
    refusal("derive", target, "--input", "2x3x5x7")


def test_without_torch(process, tmp_path) -> None:
    """Then nothing can be derived, which is no success and no wrong input."""
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    (tmp_path / "sitecustomize.py").write_text(program)
    import os
    import sys

    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    result = process(*SE, "--input", "2x64x5x7", env={"PYTHONPATH": path})
    assert result.returncode == Exit.UNCHECKED
    assert result.stdout == b""
    assert b"torch" in result.stderr
