"""The import contracts of pyproject.toml hold, and can fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint_imports(checkout: Path) -> subprocess.CompletedProcess[str]:
    sources = os.pathsep.join([str(checkout), str(checkout / "cli")])
    return subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-cache"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": sources},
        capture_output=True,
        text=True,
        check=False,
    )


def test_contracts_hold(checkout: Path) -> None:
    """Every contract is kept by the sources as they are."""
    result = lint_imports(checkout)
    assert result.returncode == 0, result.stdout
    assert " 0 broken." in result.stdout


@pytest.mark.parametrize(
    "module, planted, broken",
    [
        ("costmodel/dimension.py", "import costmodel.tensor", "run downward only"),
        ("costmodel/symbolic/formula.py", "import costmodel.sweep", "run downward only"),
        ("costmodel/symbolic/formula.py", "import costmodel_cli.main", "never the other way"),
        ("costmodel/tensor.py", "import rich", "the standard library only"),
        ("costmodel/conventions.py", "import sympy", "door to SymPy"),
        ("cli/costmodel_cli/render.py", "import numpy", "door to NumPy"),
        ("costmodel/sweep/grid.py", "import torch", "to torch and fvcore"),
        ("costmodel/sweep/grid.py", "import matplotlib", "door to matplotlib"),
        ("cli/costmodel_cli/plot.py", "from matplotlib.figure import Figure", "door to matplotlib"),
        ("costmodel/plots/terms.py", "import sympy", "door to SymPy"),
        ("costmodel/plots/terms.py", "import costmodel.claims", "run downward only"),
        ("costmodel/unplaced.py", "", "run downward only"),
    ],
)
def test_contracts_can_fail(checkout: Path, module: str, planted: str, broken: str) -> None:
    """An upward import, a second door to a heavy package and a module without a place each break a contract."""
    with (checkout / module).open("a") as source:
        source.write(f"\n{planted}\n")
    result = lint_imports(checkout)
    assert result.returncode == 1
    assert any(broken in line and " BROKEN" in line for line in result.stdout.splitlines()), result.stdout
