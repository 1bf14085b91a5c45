"""The built wheel, in an environment that holds it and what it declares, with the sources out of reach."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

MARKS = ("__init__.py", "py.typed")


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def build(checkout: Path, folder: Path) -> Path:
    result = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, checkout, cwd=folder)
    assert result.returncode == 0, result.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


def declared(wheel: Distribution) -> dict[str, Distribution]:
    """What `wheel` requires without extras, and what that requires, from the environment of the tests."""
    found: dict[str, Distribution] = {}
    todo = [wheel]
    while todo:
        for requirement in map(Requirement, todo.pop().requires or []):
            if requirement.name not in found and (
                requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            ):
                found[requirement.name] = distribution(requirement.name)
                todo.append(found[requirement.name])
    return found


def install(wheel: Path, folder: Path) -> Path:
    """Install `wheel` and what it declares, linked from here so that no index is asked; return the command."""
    venv.create(folder, symlinks=True, with_pip=False)
    python = folder / "bin" / "python"
    result = run(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", "--quiet", wheel),
        cwd=folder,
    )
    assert result.returncode == 0, result.stderr
    (site,) = folder.glob("lib/*/site-packages")
    (installed,) = Distribution.discover(name="attention-costmodel", path=[str(site)])
    for dependency in declared(installed).values():
        for entry in {file.parts[0] for file in dependency.files or []} - {"..", "__pycache__"}:
            (site / entry).symlink_to(Path(str(dependency.locate_file(entry))))
    return folder / "bin" / "costmodel"


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build(root, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def costmodel(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command that the wheel installs."""
    return install(wheel, tmp_path_factory.mktemp("installed"))


def test_wheel_holds_both_packages_and_nothing_else(wheel: Path, root: Path) -> None:
    """The wheel has every module of both packages, says that both are typed, carries the licence, and no more."""
    expected = {
        str(path.relative_to(source))
        for source, package in ((root, "costmodel"), (root / "cli", "costmodel_cli"))
        for path in (source / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    # Without an __init__.py a package is a namespace, which whatever else has its name becomes part of.
    assert {f"{package}/{file}" for package in ("costmodel", "costmodel_cli") for file in MARKS} <= expected
    held = set(zipfile.ZipFile(wheel).namelist())
    information = {name for name in held if ".dist-info/" in name}
    assert held - information == expected
    assert any(name.endswith("/licenses/LICENSE") for name in information)


def test_installed_command_gives_its_version(costmodel: Path, wheel: Path, tmp_path: Path) -> None:
    """The installed command gives the version that the wheel has."""
    result = run(costmodel, "--version", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, f"costmodel {wheel.name.split('-')[1]}\n")


def test_installed_command_counts(costmodel: Path, tmp_path: Path) -> None:
    """The installed command counts SE's 2·512²/16 weights."""
    result = run(costmodel, "cost", "se", "--shape", "1x512x28x28", "--json", cwd=tmp_path)
    assert json.loads(result.stdout)["params"] == 32768, result.stderr


def test_installed_command_needs_no_more_than_it_declares(costmodel: Path, tmp_path: Path) -> None:
    """Every command but validate runs on the base dependencies, and validate says what it lacks."""
    for arguments in (["list"], ["compare", "cbam", "--shape", "1x512x28x28"], ["formula", "non-local"]):
        assert run(costmodel, *arguments, cwd=tmp_path).returncode == 0
    result = run(costmodel, "validate", "se", cwd=tmp_path)
    assert result.returncode == 3
    assert "pip install torch fvcore" in result.stderr


@pytest.mark.parametrize(
    "left_out, arguments, missing",
    [
        (', "cli/costmodel_cli"', ["--version"], "costmodel_cli"),
        ('"sympy>=1.12", ', ["formula", "se"], "sympy"),
    ],
)
def test_what_is_left_out_is_missed(
    left_out: str, arguments: list[str], missing: str, checkout: Path, tmp_path: Path
) -> None:
    """Without a package or a declared dependency the installed command fails: nothing comes from elsewhere."""
    settings = (checkout / "pyproject.toml").read_text()
    assert left_out in settings
    (checkout / "pyproject.toml").write_text(settings.replace(left_out, ""))
    command = install(build(checkout, tmp_path), tmp_path / "installed")
    result = run(command, *arguments, cwd=tmp_path)
    assert result.returncode != 0
    assert f"No module named '{missing}'" in result.stderr
