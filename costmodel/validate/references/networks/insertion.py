"""What stands at the places of a network where layers can be inserted."""

from collections.abc import Callable

from torch import nn

Insert = Callable[[str, int, str, int], nn.Module]
"""Of a stage, a block (0 where it has none), ``inner``, ``branch``, ``after`` or ``between``, and the channels."""


def nothing(_stage: str, _block: int, _where: str, _channels: int) -> nn.Module:
    """What stands where no layer is inserted."""
    return nn.Identity()
