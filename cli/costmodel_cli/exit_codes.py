"""What a command's exit status says."""

from enum import IntEnum

from costmodel.dimension import CostModelError


class Exit(IntEnum):
    """0 and 1 are answers; 2 and 3 are none."""

    HOLDS = 0
    """It was done, or checked and holds."""
    FAILS = 1
    """It was checked and does not hold."""
    BAD_INPUT = 2
    """The input is wrong."""
    UNCHECKED = 3
    """It could not be checked, which is never a pass."""


class Unchecked(CostModelError):  # noqa: N818 (it names a state, which is not an error of the input)
    """Something that checking needs is not here."""
