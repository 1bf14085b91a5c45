"""The references by the name of the layer or network that each is held against."""

from collections.abc import Callable
from typing import TypeVar

from torch import nn

Builder = TypeVar("Builder", bound=Callable[..., nn.Module])

REFERENCES: dict[str, Callable[..., nn.Module]] = {}


def reference(name: str) -> Callable[[Builder], Builder]:
    """Register a module class, or a function that makes a module, as the reference of what is called `name`."""

    def register(module: Builder) -> Builder:
        known = REFERENCES.get(name, module)
        # The same definition again, as when a cell of a notebook runs again, takes the place of the one before.
        if (known.__module__, known.__qualname__) != (module.__module__, module.__qualname__):
            raise ValueError(f"{name!r} has a reference already: {known.__name__}")
        REFERENCES[name] = module
        return module

    return register
