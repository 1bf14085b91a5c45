"""What the tests of the command share: one terminal for all, the command in process, and the catalog as parameters."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import costmodel.layers  # noqa: F401  (registers the layers of the survey)
from costmodel.catalog import LAYERS, Layer, Option, spoken
from costmodel_cli.main import main

PROGRAM = "import sys; from costmodel_cli.main import main; sys.argv[0] = 'costmodel'; sys.exit(main())"


class Variant(NamedTuple):
    """A layer with at most one option away from its default."""

    layer: Layer
    options: dict[str, Any]

    @property
    def typed(self) -> list[str]:
        """The option as typed on the command line."""
        return [f"{spoken(name)}={str(value).lower()}" for name, value in self.options.items()]

    @property
    def flags(self) -> list[str]:
        """The option as -p takes it."""
        return [argument for pair in self.typed for argument in ("-p", pair)]

    def __str__(self) -> str:
        return " ".join([self.layer.name, *self.typed])


class Result(NamedTuple):
    """What a run of the command left behind."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Stdout as JSON, of a run that worked and had nothing to say on stderr."""
        assert (self.status, self.err) == (0, "")
        return json.loads(self.out)


def number_for(option: Option) -> int:
    """An integer that an option takes at the shapes used here."""
    # 1 is legal wherever there is a default; without one a width or stride of 32 is, and an odd kernel.
    return 1 if option.default is not None else 7 if option.name == "kernel" else 32


def variants(layer: Layer) -> list[Variant]:
    """The defaults, and every option of `layer` by itself with every other kind of value that it takes."""
    found = [Variant(layer, {})]
    for name, option in layer.options.items():
        others: list[Any] = [choice for choice in option.choices if choice != option.default]
        if isinstance(option.default, bool):
            others = [not option.default]
        elif not option.choices:
            others = [number_for(option)]
        found += [Variant(layer, {name: other}) for other in others]
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give tests that ask for `layer` or `variant` each one of the catalog."""
    if "layer" in metafunc.fixturenames:
        metafunc.parametrize("layer", LAYERS.values(), ids=list(LAYERS))
    if "variant" in metafunc.fixturenames:
        metafunc.parametrize("variant", [v for layer in LAYERS.values() for v in variants(layer)], ids=str)


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal 80 columns wide that asks for no colours, whatever the tests run in."""
    for name in ("FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "LINES", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["costmodel"])


@pytest.fixture
def number() -> Callable[[Option], int]:
    """An integer that an option takes at the shapes used here."""
    return number_for


@pytest.fixture
def costmodel_(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """The command in this process; a status through SystemExit counts as returned."""

    def run(*arguments: str) -> Result:
        try:
            status: Any = main(list(arguments))
        except SystemExit as leaving:
            status = leaving.code
        return Result(status, *capsys.readouterr())

    return run


@pytest.fixture
def refusal(costmodel_: Callable[..., Result]) -> Callable[..., str]:
    """The sentence with which the command refuses its arguments, held to the form of one."""

    def refused(*arguments: str) -> str:
        result = costmodel_(*arguments)
        assert (result.status, result.out) == (2, "")
        assert result.err.startswith("costmodel: ")
        assert result.err.count("\n") == 1
        assert len(result.err) < 500
        return result.err

    return refused


@pytest.fixture
def process() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """The command in a process of its own, for what only a process has: pipes, encodings, a shell around it."""

    def run(*arguments: str, **keywords: Any) -> subprocess.CompletedProcess[bytes]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_"))},
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            **keywords.pop("env", {}),
        }
        keywords = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **keywords}
        return subprocess.run([sys.executable, "-c", PROGRAM, *arguments], env=environment, check=False, **keywords)

    return run
