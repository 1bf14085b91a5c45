"""The references by the name of the layer that each is held against."""

from collections.abc import Callable
from typing import TypeVar

from torch import nn

Module = TypeVar("Module", bound=type[nn.Module])

REFERENCES: dict[str, type[nn.Module]] = {}


def reference(name: str) -> Callable[[Module], Module]:
    """Register a module class as the reference of the layer called `name`."""

    def register(module: Module) -> Module:
        if name in REFERENCES:
            raise ValueError(f"{name!r} has a reference already: {REFERENCES[name].__name__}")
        REFERENCES[name] = module
        return module

    return register
