"""Modules that nobody here wrote: those of pytorchcv have our parameters and our counts, by operator.

Where one of them runs another operator than our reference does, the oracles see that operator; each such place is named
here with its reason, and everything is compared all the same.
"""

from collections.abc import Mapping, Set
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import torch
from pytorchcv.models.bamresnet import BamBlock
from pytorchcv.models.cbamresnet import CbamBlock, ChannelGate, SpatialGate
from pytorchcv.models.common.att import SEBlock
from pytorchcv.models.danet import ChaAttBlock, DANetHead, PosAttBlock
from torch import nn

from costmodel import Ledger, ledger
from costmodel.validate.oracles import ORACLES, Reading

NONE: Mapping[str, Any] = MappingProxyType({})

# The maximum over channels by x.max(dim=1), which fvcore takes for free, for our reference's amax, which it reports.
MAX = frozenset({"aten::amax"})
# A gate spread over the map by expand_as before it multiplies: a view, but none of those that fvcore takes for free.
EXPANDED = frozenset({"aten::expand_as"})


class Match(NamedTuple):
    """A module of theirs, the layer of ours with the options that make it the same, and where operators differ."""

    module: nn.Module
    layer: str
    options: Mapping[str, Any] = NONE
    renamed: Mapping[str, str] = NONE
    """Operators of ours that they run as others, with the same count."""
    unseen: Set[str] = frozenset()
    """Operators that fvcore reports of our reference and not of their module."""
    seen: Set[str] = frozenset()
    """Operators that fvcore reports of their module and not of our reference."""


# 37 channels are a multiple of nothing: theirs round down, as ours do.
SHAPE = (3, 37, 5, 7)
MATCHES = {
    "SEBlock of linear layers": Match(SEBlock(37, reduction=5, use_conv=False), "se", {"reduction": 5, "bias": True}),
    # 1×1 convolutions of the 1×1 map for the paper's linear layers: the same matrices.
    "SEBlock of convolutions": Match(
        SEBlock(37, reduction=5), "se", {"reduction": 5, "bias": True}, renamed={"linear": "conv", "mm": "convolution"}
    ),
    "ChannelGate": Match(ChannelGate(37), "cbam-channel", seen=EXPANDED),
    "SpatialGate": Match(SpatialGate(), "cbam-spatial", unseen=MAX),
    "CbamBlock": Match(CbamBlock(37), "cbam", unseen=MAX, seen=EXPANDED),
    "BamBlock": Match(BamBlock(37), "bam", seen=EXPANDED),
    "PosAttBlock": Match(PosAttBlock(37), "danet-pam"),
    "ChaAttBlock": Match(ChaAttBlock(), "danet-cam", unseen=MAX, seen=EXPANDED),
    # Its dropout does nothing in eval mode, and fvcore takes it for free.
    "DANetHead": Match(DANetHead(37, 7), "danet-head", {"classes": 7}, unseen=MAX, seen=EXPANDED),
}


def expected(oracle: str, ours: Ledger, match: Match) -> Reading:
    """Our reading, in the operators of their module."""
    reading = ORACLES[oracle].ours(ours)
    counts = ((match.renamed.get(operator, operator), count) for operator, count in reading.counts.items())
    if reading.uncounted is None:
        return Reading.of(counts)
    assert match.unseen <= reading.uncounted
    assert not match.seen & reading.uncounted
    return Reading.of(counts, reading.uncounted - match.unseen | match.seen)


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("name", MATCHES)
def test_counts(name: str, oracle: str) -> None:
    """Parameters, and counts by operator, are the same integers; so are the operators left uncounted."""
    match = MATCHES[name]
    theirs = ORACLES[oracle].theirs(match.module.eval(), torch.zeros(SHAPE))
    assert theirs.counts
    assert theirs == expected(oracle, ledger(match.layer, SHAPE, **match.options), match)


@pytest.mark.parametrize("name", MATCHES)
def test_outputs(name: str) -> None:
    """What comes out has the shape of our last row."""
    match = MATCHES[name]
    outputs = match.module.eval()(torch.zeros(SHAPE))
    last = ledger(match.layer, SHAPE, **match.options).rows[-1].output
    assert {tuple(output.shape) for output in (outputs if isinstance(outputs, tuple) else (outputs,))} == {last}
