"""The formulas of torch modules: what `costmodel.trace` derives, where it is here."""

import importlib
from collections.abc import Mapping
from typing import Any

from costmodel.dimension import CostModelError


class Undecided(CostModelError):  # noqa: N818 (it names a state, which is not an error of the input)
    """It could not be checked, which is never a pass."""


def derived(target: Any, init: Mapping[str, Any], **keywords: Any) -> Any:
    """Every metric of a torch module in N, C, H and W, with the sizes for which it is known: `trace.Formulas`.

    `target` is ``package.module:Name``, constructed with `init`, or a module; `keywords` may have the shape of its
    `input`. Its own code is run.

    Raises `Undecided` where there is nothing to derive it with, and `CostModelError` if it cannot be derived.
    """
    try:
        trace: Any = importlib.import_module("costmodel.trace")
    except ImportError as error:
        raise Undecided(f"derive needs torch: {error}") from None
    try:
        return trace.derive(target, init, **keywords)
    except trace.Uncounted as error:
        raise Undecided(str(error)) from None
