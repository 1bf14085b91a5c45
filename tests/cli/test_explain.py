"""`costmodel explain`."""

import pytest

from costmodel import ledger
from costmodel.tools import SPELLINGS, TOOLS, VERDICTS
from costmodel_cli import render

SHAPE = ("--shape", "2x64x9x11")


def totals(document) -> dict[str, int]:
    return {tool["tool"]: tool["total"] for tool in document["tools"]}


def test_worked_by_hand(costmodel_) -> None:
    """An SE block 37 → 2 → 37 of 2×37×5×7: 296 MACs, 2590 elements pooled to 74, 4 of the ReLU, 2590 scaled."""
    document = costmodel_("explain", "se", "--shape", "2x37x5x7", "--json").document
    assert (document["layer"], document["shape"], document["spelling"], document["macs"]) == (
        "se",
        [2, 37, 5, 7],
        "modules",
        296,
    )
    assert document["options"] == {"reduction": 16, "bias": False}
    assert totals(document) == {
        "fvcore": 296 + 2590,
        "FlopCounterMode": 2 * 296,
        # Its hooks average over the two samples: 296 / 2, and the pool and the ReLU at half, then at whole.
        "ptflops-pytorch": 148 + 1295 + 2590 + 2 + 4,
        "ptflops-aten": 296,
        "thop": 296 + 2590 + 74,
        "torchinfo": 296,
        "torchprofile": 296 + 74 + 2590,
        "calflops": 2 * 296 + 2590 + 4,
        "calflops-macs": 296,
        "deepspeed": 2 * 296 + 2590 + 4,
        "deepspeed-macs": 296,
    }


def test_why(costmodel_) -> None:
    """A product written @ is missed by who patches torch.matmul, and the answer says so."""
    arguments = ("explain", "danet-pam", "--shape", "1x64x9x11", "--spelling", "methods")
    tools = {tool["tool"]: tool for tool in costmodel_(*arguments, "--json").document["tools"]}
    why = "torch.matmul is patched, the operator is not"
    for name in ("ptflops-pytorch", "calflops", "calflops-macs"):
        assert tools[name]["missed"] == [{"name": "affinity", "why": why}, {"name": "aggregate", "why": why}]
    assert tools["deepspeed-macs"]["missed"] == tools["fvcore"]["missed"] == []
    out = costmodel_(*arguments).out
    assert "missed  affinity, aggregate: torch.matmul is patched, the operator is" in out


def test_what_is_open(costmodel_) -> None:
    """What cannot be predicted has no total, and a reason."""
    arguments = ("explain", "sparse-attention", *SHAPE)
    tools = {tool["tool"]: tool for tool in costmodel_(*arguments, "--json").document["tools"]}
    assert {name for name, tool in tools.items() if tool["total"] is None} == {
        "ptflops-pytorch",
        "thop",
        "calflops",
        "deepspeed",
    }
    for tool in tools.values():
        assert tool["held"] is (tool["total"] is not None)
        assert tool["held"] or [row["name"] for row in tool["rows"] if row["verdict"] == "open"] == ["softmax"]
    out = costmodel_(*arguments).out
    assert out.count("not predicted") == 5  # and once in the legend
    assert "torch has no softmax over listed pairs" in out


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_json_is_the_reading(costmodel_, layer, spelling) -> None:
    """Rows are the ledger's, a total is their sum, and the text prints the same totals."""
    arguments = ("explain", layer.name, *SHAPE, "--spelling", spelling)
    document, out = costmodel_(*arguments, "--json").document, costmodel_(*arguments).out
    expected = ledger(layer.name, (2, 64, 9, 11))
    assert list(totals(document)) == list(TOOLS)
    for tool in document["tools"]:
        assert [row["name"] for row in tool["rows"]] == [row.name for row in expected.rows]
        assert {row["verdict"] for row in tool["rows"]} <= set(VERDICTS)
        counts = [row["counted"] for row in tool["rows"]]
        assert tool["total"] == (None if None in counts else sum(counts))
        line = next(line for line in out.splitlines() if line.startswith(f"{tool['tool']} "))
        told = "not predicted" if tool["total"] is None else render.si(tool["total"])
        assert line.removeprefix(tool["tool"]).strip().startswith(f"{told} ")
    assert all(len(line) <= 80 for line in out.splitlines())
    assert document["macs"] == sum(row.arithmetic.get("mac", 0) for row in expected.rows)


def test_the_spread_is_said(costmodel_) -> None:
    """How far the tools are apart is a line of its own."""
    out = costmodel_("explain", "se", "--shape", "1x64x56x56").out
    assert "ptflops-pytorch reports 785× what ptflops-aten does." in out


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("se", *SHAPE, "--spelling", "modul"), "did you mean 'modules'?"),
        (("ce", *SHAPE), "did you mean 'se'?"),
        (("se", "--shape", "1x2"), "N×C×H×W"),
        (("se", *SHAPE, "-p", "ratio=2"), "no option 'ratio'"),
        (("se",), "--shape"),
    ],
)
def test_wrong_input(refusal, arguments, said) -> None:
    """Every wrong argument is refused in a sentence with what is accepted."""
    assert said in refusal("explain", *arguments)


def test_it_needs_none_of_them(process) -> None:
    """No counter, and no torch, is imported to say what it would report."""
    result = process("explain", "se", *SHAPE, env={"PYTHONPROFILEIMPORTTIME": "1"})
    lines = [line for line in result.stderr.decode().splitlines() if line.startswith("import time:")]
    packages = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert result.returncode == 0
    assert "costmodel" in packages
    assert packages & {"torch", "numpy", "sympy", *(tool.package for tool in TOOLS.values())} == set()
