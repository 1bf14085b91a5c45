"""What was proved of one layer with one choice of its flags and choices, and for which sizes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from costmodel.symbolic import symbol
from costmodel.validate.cases import Case
from costmodel.validate.references import REFERENCES

SHAPES = ((13, 96, 23, 29), (5, 96, 3, 7, 13))
"""A map and a video at which modules are built: unequal sizes, and such that no two widths of a layer are equal."""


class Certificate(NamedTuple):
    """One comparison for all sizes."""

    layer: str
    options: Mapping[str, Any]
    """Flags and choices that are not the defaults."""
    video: bool
    oracle: str
    method: str
    """``symbolic``: over symbols; ``lattice``: at more sizes than a polynomial of its degree can agree at by chance;
    ``sampled``: not proved, and held at the sizes of `validate` only."""
    holds: bool
    """Whether all differences are 0."""
    compared: Mapping[str, Sequence[str]]
    """The operators compared, and of each the kinds of arithmetic, or what the oracle counts."""
    ignored: Sequence[str]
    """The operators that the oracle passes over."""
    domain: Sequence[str]
    """The sizes for which it is proved, a condition each."""
    reason: str
    """The first difference, or why nothing is proved."""

    @classmethod
    def sampled(cls, case: Case, oracle: str) -> "Certificate":
        """Nothing proved so far."""
        return cls(case.layer.name, case.options, len(case.shape) == 5, oracle, "sampled", False, {}, (), (), "")

    @property
    def proved(self) -> bool:
        """Whether it is proved that both sides are equal."""
        return self.holds and self.method != "sampled"

    @property
    def refuted(self) -> bool:
        """Whether they differ."""
        return not self.holds and self.method != "sampled"


def sizes(case: Case) -> list[Any]:
    """The symbols of the sizes of its input."""
    return [symbol(letter) for letter in ("NCTHW" if len(case.shape) == 5 else "NCHW")]


def reference(case: Case, **options: Any) -> nn.Module:
    """The reference of a case with all its weights, in eval mode, on the device that is the default."""
    video = {"video": True} if len(case.shape) == 5 else {}
    module = REFERENCES[case.layer.name](case.shape[1], **{**case.options, **options}, **video).eval()
    if any(map(is_lazy, module.parameters())):
        with torch.no_grad():
            module(torch.empty(case.shape))  # the weights of a lazy layer exist from the first run on
    return module
