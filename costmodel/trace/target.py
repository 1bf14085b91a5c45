"""Modules by name: ``package.module:Name`` or ``path/file.py:Name``. Loading one runs its code, as Python would."""

import ast
import contextlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from costmodel.catalog import nearest
from costmodel.dimension import CostModelError, abbreviate

LONGEST = 160
"""The most characters of what somebody else's code raised that are said."""


def load(target: str, init: Mapping[str, Any]) -> nn.Module:
    """What `target`, a class or a function that returns a module, makes of the arguments in `init`, in eval mode.

    It is made on the meta device, which holds shapes and no data, if it can be.

    Raises `CostModelError` if there is no such thing, or if it raises.
    """
    made = _named(target)
    if isinstance(made, nn.Module):
        if init:
            raise CostModelError(f"{target} is a module already and takes no arguments, such as {next(iter(init))}")
        return _evaluating(made, target)
    if not callable(made):
        raise CostModelError(f"{target} is neither a module nor makes one")
    module = _made(made, init, target)
    if not isinstance(module, nn.Module):
        raise CostModelError(f"{target} makes {type(module).__name__}, which is no torch.nn.Module")
    return _evaluating(module, target)


def first_integer(target: str) -> dict[str, int]:
    """The first argument of `target` that is an integer unless it is given, with that integer.

    None if there is none, and if one before it must be given, which is likelier to be what a module is made for.

    Raises `CostModelError` if there is no such thing.
    """
    made = _named(target)
    with contextlib.suppress(TypeError, ValueError):
        for argument in inspect.signature(made).parameters.values() if not isinstance(made, nn.Module) else ():
            if type(argument.default) is int:
                return {argument.name: argument.default}
            if argument.default is argument.empty and argument.kind not in (
                argument.VAR_POSITIONAL,
                argument.VAR_KEYWORD,
            ):
                break
    return {}


def _named(target: str) -> Any:
    """What a target names."""
    place, _, name = target.rpartition(":")
    if not (place and name) or ".py:" in place:
        raise CostModelError(f"a module is named package.module:Name or path/file.py:Name, not {abbreviate(target)}")
    return _attribute(_imported(place), name, target)


def _evaluating(module: nn.Module, target: str) -> nn.Module:
    try:
        return module.eval()
    except (Exception, SystemExit) as error:  # noqa: BLE001 (it is the user's code: whatever it raises is said)
        raise CostModelError(f"{target} cannot be set to evaluate: {said(error)}") from None


def _made(factory: Any, init: Mapping[str, Any], target: str) -> Any:
    # What cannot be made of shapes alone can be of numbers.
    with contextlib.suppress(Exception, SystemExit), torch.device("meta"):
        return factory(**init)
    try:
        return factory(**init)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (it is the user's code: whatever it raises is said)
        given = ", ".join(f"{name}={value!r}" for name, value in init.items())
        raise CostModelError(f"{target} cannot be made with {given or 'no arguments'}: {said(error)}") from None


def said(error: BaseException) -> str:
    """What an error says, in a line that a terminal only shows."""
    kind, line = type(error).__name__, str(error).strip().partition("\n")[0]
    line = "".join(letter if letter.isprintable() else " " for letter in line)
    return f"{kind}: {line[:LONGEST]}{'…' if len(line) > LONGEST else ''}" if line else kind


def _imported(place: str) -> ModuleType:
    path = Path(place)
    if place.endswith(".py") and not path.is_file():
        raise CostModelError(f"there is no file {abbreviate(place)}")
    try:
        return _of_file(path.resolve()) if place.endswith(".py") else _of_package(place)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (it is the user's code: whatever it raises is said)
        raise CostModelError(f"{abbreviate(place)} cannot be imported: {said(error)}") from None


def _of_package(name: str) -> ModuleType:
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` has it: what lies in this folder can be imported
    return importlib.import_module(name)


def _of_file(path: Path) -> ModuleType:
    """The module in a file, run once; under its path, since its name may be another module's."""
    name = str(path)
    if name in sys.modules:
        return sys.modules[name]
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # what lies beside it can be imported
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _attribute(module: ModuleType, name: str, target: str) -> Any:
    found: Any = module
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except Exception:  # noqa: BLE001 (a module may look its names up by code of its own)
            known = [each for each in dir(found) if not each.startswith("_")]
            raise CostModelError(f"{target}: there is no {abbreviate(part)}{nearest(part, known)}") from None
    return found


def arguments(pairs: Iterable[str]) -> dict[str, Any]:
    """``channels=64`` → ``{"channels": 64}``; a value is a literal of Python, and a word alone is a text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip()
        if not (name.isidentifier() and equals):
            raise CostModelError(f"an argument is written name=value, such as channels=64, not {abbreviate(pair)}")
        if name in found:
            raise CostModelError(f"the argument {abbreviate(name)} is given twice")
        found[name] = _literal(text.strip(), name)
    return found


def _literal(text: str, name: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        if text.isidentifier():
            return text
        raise CostModelError(f"{name} must be a literal of Python, not {abbreviate(text)}") from None
