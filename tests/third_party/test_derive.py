"""Backbones that nobody here wrote: what is derived of them is what they have, and what fvcore counts of them."""

import pytest
import torch
from pytorchcv.models.bamresnet import bam_resnet18
from pytorchcv.models.cbamresnet import cbam_resnet18
from pytorchcv.models.mobilenetv2 import mobilenetv2_w1
from pytorchcv.models.resnet import resnet50
from pytorchcv.models.seresnet import seresnet50
from pytorchcv.models.shufflenetv2 import shufflenetv2_w1

from costmodel.trace import derive_module
from costmodel.validate.oracles import ORACLES

# What fvcore calls what multiplies: an attention of these multiplies nothing but weights.
MULTIPLIES = ("conv", "linear", "addmm", "matmul", "bmm")
BACKBONES = {
    function.__name__: function
    for function in (resnet50, seresnet50, cbam_resnet18, bam_resnet18, mobilenetv2_w1, shufflenetv2_w1)
}
SHAPE = (1, 3, 224, 224)


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize("name", BACKBONES)
def test_backbones(name: str) -> None:
    """Parameters and MACs at the input are the same integers, and every operator that runs is counted."""
    module = BACKBONES[name]().eval()
    derived = derive_module(lambda _: module, {}, SHAPE)
    counts = ORACLES["fvcore"].theirs(module, torch.zeros(SHAPE)).counts
    assert derived.at_input(derived.exact.params) == sum(weight.numel() for weight in module.parameters())
    assert derived.at_input(derived.exact.metric("macs")) == sum(counts.get(operator, 0) for operator in MULTIPLIES)
    assert derived.uncounted == []
    assert {"C = 3"} <= set(derived.guards)
