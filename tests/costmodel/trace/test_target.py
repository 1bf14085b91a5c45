"""Modules by name, and what is typed as their arguments."""

import pytest
import torch
from torch import nn

from costmodel.dimension import CostModelError
from costmodel.trace import arguments, load
from costmodel.trace.target import LONGEST, first_integer, said

CODE = '''
import torch
from beside import WIDTH
from torch import nn

ONCE = []


class Block(nn.Module):
    def __init__(self, channels, act="relu"):
        super().__init__()
        ONCE.append(channels)
        self.layer = nn.Conv2d(channels, WIDTH, 1)


class Measured(nn.Module):
    """Needs numbers while it is made."""

    def __init__(self):
        super().__init__()
        self.rates = [rate.item() for rate in torch.linspace(0, 1, 3)]
        self.layer = nn.Linear(5, 7)


class Outer:
    Inner = Block


def factory(channels):
    return nn.Sequential(Block(channels))


def dictionary():
    return {}


def leaves():
    raise SystemExit(0)


class Empty(nn.Module):
    """Never begins."""

    def __init__(self):
        pass


class Sized(nn.Module):
    def __init__(self, act="relu", biased=True, channels=13):
        super().__init__()


instance = nn.Dropout()
number = 3
'''


@pytest.fixture
def file(tmp_path):
    """A file of modules, and one beside it that it imports."""
    (tmp_path / "beside.py").write_text("WIDTH = 11\n")
    path = tmp_path / "types.py"  # a name that the standard library has
    path.write_text(CODE)
    return path


def test_a_class_in_a_file(file) -> None:
    """It is made of shapes alone, in eval mode, and its file may be called like any other module."""
    module = load(f"{file}:Block", {"channels": 7})
    assert {tuple(weight.shape) for weight in module.parameters()} == {(11, 7, 1, 1), (11,)}
    assert all(weight.is_meta for weight in module.parameters())
    assert not module.training
    import types

    assert types.__file__ != str(file)


def test_a_file_runs_once(file) -> None:
    """Two constructions are two of one class."""
    first, second = (load(f"{file}:Block", {"channels": channels}) for channels in (3, 5))
    assert type(first) is type(second)


@pytest.mark.parametrize("name, kind", [("factory", "Sequential"), ("Outer.Inner", "Block")])
def test_what_makes_a_module(file, name, kind) -> None:
    """A function that returns one, and a class in a class."""
    assert type(load(f"{file}:{name}", {"channels": 5})).__name__ == kind


def test_a_module(file) -> None:
    """What is a module already is taken as it is, in eval mode."""
    assert not load(f"{file}:instance", {}).training


def test_a_module_takes_no_arguments(file) -> None:
    """None are passed over in silence."""
    with pytest.raises(CostModelError, match="takes no arguments, such as channels"):
        load(f"{file}:instance", {"channels": 5})


def test_first_integer(file) -> None:
    """Of a class the first argument that is an integer unless it is given."""
    assert first_integer(f"{file}:Sized") == {"channels": 13}
    assert first_integer(f"{file}:Block") == first_integer(f"{file}:instance") == {}


def test_what_needs_numbers(file) -> None:
    """A constructor that fails on shapes alone is given numbers."""
    module = load(f"{file}:Measured", {})
    assert module.rates == [0, 0.5, 1]
    assert not module.layer.weight.is_meta


def test_a_package() -> None:
    """A module of a package is imported."""
    assert isinstance(load("torch.nn:Linear", {"in_features": 3, "out_features": 5}), nn.Linear)


def test_this_folder(tmp_path, monkeypatch) -> None:
    """A package in the folder where the command runs is found, as by `python -m`."""
    (tmp_path / "in_this_folder.py").write_text("from torch.nn import ReLU as Here\n")
    monkeypatch.chdir(tmp_path)
    assert isinstance(load("in_this_folder:Here", {}), nn.ReLU)


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("Blok", "did you mean 'Block'?"),
        ("Outer.Innr", "did you mean 'Inner'?"),
        ("number", "neither a module nor makes one"),
        ("dictionary", "makes dict, which is no torch.nn.Module"),
        ("Block", "cannot be made with no arguments: TypeError"),
        ("leaves", "cannot be made with no arguments: SystemExit"),
        ("Empty", "cannot be set to evaluate: AttributeError"),
    ],
)
def test_what_is_no_module(file, name, sentence) -> None:
    """Each is said in one sentence."""
    with pytest.raises(CostModelError) as caught:
        load(f"{file}:{name}", {})
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "target, sentence",
    [
        ("torch.nn", "package.module:Name or path/file.py:Name"),
        ("torch.nn:", "package.module:Name or path/file.py:Name"),
        ("no/such.py:Block:channels=64", "package.module:Name or path/file.py:Name"),
        ("no/such.py:Block", "there is no file"),
        ("no.such:Block", "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_what_is_not_there(target, sentence) -> None:
    """Neither a target without a name nor one that is nowhere."""
    with pytest.raises(CostModelError, match=sentence):
        load(target, {})


@pytest.mark.parametrize(
    "code, sentence", [("1 / 0", "ZeroDivisionError"), ("raise SystemExit(0)", "SystemExit"), ("def", "SyntaxError")]
)
def test_a_file_that_raises(tmp_path, code, sentence) -> None:
    """Whatever a file raises while it is imported is said, also when it would end the program."""
    path = tmp_path / "raises.py"
    path.write_text(code)
    for _ in range(2):
        with pytest.raises(CostModelError, match=f"cannot be imported: {sentence}"):
            load(f"{path}:Block", {})


@pytest.mark.parametrize(
    "text, value",
    [
        ("64", 64),
        ("-1.5", -1.5),
        ("True", True),
        ("None", None),
        ("[3, 4]", [3, 4]),
        ("'avg'", "avg"),
        ("relu", "relu"),
        ("1e9", 1e9),
    ],
)
def test_arguments(text, value) -> None:
    """Literals of Python, and a word for a text."""
    assert arguments([f"x={text}"]) == {"x": value}


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "lambda: 0",
        "f'{1}'",
        "[x for x in (1,)]",
        "9**9**9",
        "os.system",
        "{[]: 1}",
        "(" * 999,
        "",
        "a b",
    ],
)
def test_nothing_is_evaluated(text) -> None:
    """What is no literal is refused."""
    with pytest.raises(CostModelError, match="x must be a literal of Python"):
        arguments([f"x={text}"])


@pytest.mark.parametrize("pairs", [["x"], ["=3"], ["a.b=3"], ["x=1", "x=2"]])
def test_what_is_no_argument(pairs) -> None:
    """A name, once, and a value."""
    with pytest.raises(CostModelError, match=r"name=value|twice"):
        arguments(pairs)


def test_said() -> None:
    """The first line of an error, and not all of a long one."""
    assert said(ValueError("one\ntwo")) == "ValueError: one"
    assert said(ValueError("\x1b[31mred")) == "ValueError:  [31mred"
    assert said(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert len(said(ValueError("x" * 999))) == len("ValueError: ") + LONGEST + 1


def test_on_meta_only_while_made() -> None:
    """What is made afterwards is made where it was before."""
    load("torch.nn:Linear", {"in_features": 3, "out_features": 5})
    assert torch.zeros(1).device.type == "cpu"
