"""What was proved of one layer with one choice of its flags and choices, and for which sizes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import nn

from costmodel.symbolic import Formula, derive, symbol
from costmodel.symbolic.domain import Domain
from costmodel.validate.cases import Case
from costmodel.validate.references import REFERENCES

SHAPES = ((13, 96, 23, 29), (5, 96, 3, 7, 13))
"""A map and a video at which modules are built: unequal sizes, and such that no two widths of a layer are equal."""


class Unproved(Exception):  # noqa: N818 (nothing went wrong: a sample is no proof)
    """A module cannot be held against its layer for all sizes at once; the message says why."""


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


def formula(case: Case, metric: str) -> tuple[Formula, Domain]:
    """The count of a case with no option open, and the sizes for which it is a polynomial."""
    options = {name: option.default for name, option in case.layer.options.items()} | case.options
    found = derive(case.layer, options, video=len(case.shape) == 5).formula(metric)
    return found, Domain([found.exact], sizes(case), found.conditions)


def reference(case: Case, **options: Any) -> nn.Module:
    """The reference of a case at its shape, in eval mode, on the device that is the default."""
    video = {"video": True} if len(case.shape) == 5 else {}
    return REFERENCES[case.layer.name](case.shape[1], **{**case.options, **options}, **video).eval()
