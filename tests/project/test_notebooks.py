"""The notebooks hold source alone, and run from top to bottom."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))

# As Jupyter does, without Jupyter: the cells one after the other, and what the last line of each has to show.
RUN = """
import ast, json, sys
from pathlib import Path

scope = {"__name__": "__main__"}
for cell in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        body = ast.parse("".join(cell["source"])).body
        shown = [ast.Expression(body.pop().value)] if isinstance(body[-1], ast.Expr) else []
        exec(compile(ast.Module(body, []), cell["id"], "exec"), scope)
        for line in shown:
            value = eval(compile(line, cell["id"], "eval"), scope)
            repr(value)
            for form in ("html", "latex", "markdown", "png"):
                if shows := getattr(value, f"_repr_{form}_", None):
                    shows()
"""


def run(notebook: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the cells of a notebook in a process and a folder of their own."""
    command = [sys.executable, "-W", "error", "-c", RUN, str(notebook)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def written(path: Path, *sources: str) -> Path:
    """A notebook of code cells."""
    cells = [{"cell_type": "code", "id": f"cell-{n}", "source": [source]} for n, source in enumerate(sources)]
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return path


def test_there_are_some() -> None:
    """An empty folder would pass everything else."""
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_source_alone(path: Path) -> None:
    """No outputs and no counts are stored, and every line stands as Jupyter writes it, so that differences are read."""
    text = path.read_text(encoding="utf-8")
    notebook: dict[str, Any] = json.loads(text)
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)
    if importlib.util.find_spec("nbformat"):
        import nbformat

        nbformat.validate(notebook)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_starts_with_its_title(path: Path) -> None:
    """One title, and words before the first code."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    words = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    assert cells[0]["cell_type"] == "markdown"
    assert [text.startswith("# ") for text in words] == [True] + [False] * (len(words) - 1)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path, tmp_path: Path) -> None:
    """Every cell, without a warning, and without a file left behind."""
    result = run(path, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "cells, error",
    [
        (["numbers = [1]", "assert numbers == []"], "AssertionError"),
        (["1 / 0"], "ZeroDivisionError"),
        (["class Shown:\n    def _repr_html_(self):\n        raise KeyError\nShown()"], "KeyError"),
        (["import warnings\nwarnings.warn('old')"], "UserWarning"),
    ],
)
def test_running_can_fail(cells: list[str], error: str, tmp_path: Path) -> None:
    """By a statement, by the last line, by what it has to show, and by a warning."""
    result = run(written(tmp_path / "wrong.ipynb", *cells), tmp_path)
    assert result.returncode == 1
    assert error in result.stderr.splitlines()[-1]
