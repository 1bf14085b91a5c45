"""The references by the name of the layer that each is held against."""

from collections.abc import Callable
from typing import TypeVar

from torch import nn

Module = TypeVar("Module", bound=type[nn.Module])

REFERENCES: dict[str, type[nn.Module]] = {}


def reference(name: str) -> Callable[[Module], Module]:
    """Register a module class as the reference of the layer called `name`."""

    def register(module: Module) -> Module:
        known = REFERENCES.get(name, module)
        # The same definition again, as when a cell of a notebook runs again, takes the place of the one before.
        if (known.__module__, known.__qualname__) != (module.__module__, module.__qualname__):
            raise ValueError(f"{name!r} has a reference already: {known.__name__}")
        REFERENCES[name] = module
        return module

    return register
