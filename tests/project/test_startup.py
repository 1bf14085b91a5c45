"""What must answer at once imports nothing that takes long to import."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

COSTMODEL = Path(sysconfig.get_path("scripts"), "costmodel")
HEAVY = {"fvcore", "matplotlib", "numpy", "sympy", "torch"}


def imported(*arguments: str, **environment: str) -> set[str]:
    """The packages that `costmodel` with these arguments imports, as a process of its own."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", COSTMODEL, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout
    lines = [line for line in result.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["cost", "--help"],
        ["list"],
        ["cost", "cbam", "--shape", "1x256x56x56"],
        ["cost", "sparse-attention", "--shape", "1x256x56x56", "--json"],
        ["compare", "se", "cbam", "non-local", "danet-pam", "danet-cam", "--shape", "1x512x28x28"],
        ["explain", "non-local", "--shape", "1x512x28x28", "--spelling", "methods"],
        ["check", "--help"],
        ["network", "resnet50", "--with", "cbam"],
        ["place", "se", "--network", "resnet50", "--at", "res5"],
        ["compare", "resnet50", "resnet50 with se", "--shape", "1x3x64x64"],
    ],
    ids=" ".join,
)
def test_answers_without_heavy_imports(arguments: list[str]) -> None:
    """Help, the list and costs at a shape need nothing but the command's own dependencies."""
    packages = imported(*arguments)
    assert "costmodel_cli" in packages
    assert packages & HEAVY == set()


FIGURES = [
    ["curves", "danet-pam", "danet-cam", "--at", "c=512"],
    ["map", "danet-pam", "danet-cam"],
    ["ratio", "danet-pam", "danet-cam"],
    ["terms", "cbam", "--at", "c=512"],
]


@pytest.mark.parametrize("arguments", FIGURES, ids=" ".join)
def test_figures_without_torch(arguments: list[str], tmp_path: Path) -> None:
    """A figure needs what counts it and what draws it."""
    assert imported("plot", *arguments, "-o", str(tmp_path / "a.png")) & HEAVY == {"matplotlib", "numpy", "sympy"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["formula", "se"],
        ["crossover", "danet-pam", "danet-cam", "--over", "p"],
        ["fit", "se", "--over", "c", "--limit", "5e9", "--at", "side=7"],
        ["claims", "cbam-spatial-map"],
        ["sweep", "se", "--grid", "c=64:128:64", "--at", "side=7", "-o", "{}/a.csv"],
        ["validate", "se"],
        ["plot", "--help"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_matplotlib_is_for_figures_alone(arguments: list[str], tmp_path: Path) -> None:
    """No other command imports it."""
    assert "matplotlib" not in imported(*(argument.format(tmp_path) for argument in arguments))


def test_checks_of_layers_take_sympy_alone(tmp_path: Path) -> None:
    """A statement that boxes decide needs formulas, and neither arrays nor torch."""
    (tmp_path / "budget.toml").write_text("check = ['macs(se) < macs(cbam) for side in 7..56']", encoding="utf-8")
    assert imported("check", str(tmp_path / "budget.toml")) & HEAVY == {"sympy"}


def test_completion_without_heavy_imports() -> None:
    """The shell completes a layer's name without a heavy import."""
    packages = imported(_COSTMODEL_COMPLETE="complete_bash", COMP_WORDS="costmodel cost cb", COMP_CWORD="2")
    assert "costmodel_cli" in packages
    assert packages & HEAVY == set()


def test_heavy_import_is_noticed() -> None:
    """A formula does import SymPy, which the look at the imports shows."""
    assert imported("formula", "se") & HEAVY == {"sympy"}
