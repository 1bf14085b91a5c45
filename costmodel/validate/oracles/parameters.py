"""The parameters of a module: torch's own list, in which a shared one stands once."""

from torch import Tensor, nn

from costmodel.ledger import Ledger
from costmodel.validate.oracles.reading import Oracle, Reading


def ours(ledger: Ledger) -> Reading:
    """The ledger's parameters."""
    return Reading.of([("params", ledger.params())])


def theirs(module: nn.Module, _x: Tensor) -> Reading:
    """The elements of `module.parameters()`; buffers, such as running statistics, are none."""
    return Reading.of(("params", parameter.numel()) for parameter in module.parameters())


ORACLE = Oracle("torch", "the elements of module.parameters(), shared ones once", ours, theirs)
