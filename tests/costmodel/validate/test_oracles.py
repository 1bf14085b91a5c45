"""What the oracles count, how they are read, and the primitives that no layer uses."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from costmodel import CONVENTIONS, CostModelError, Ledger, Row, Tensor, ledger
from costmodel.validate.oracles import ORACLES, Reading, flop_counter, fvcore
from costmodel.validate.references import REFERENCES

SHAPE = (2, 6, 5, 7)  # 420 elements


class _Vectors(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``N×C×H×W`` as ``N×P×C`` through a module."""
        return self.inner(x.flatten(2).transpose(1, 2))


PRIMITIVES: dict[str, tuple[nn.Module, Callable[[Tensor], Tensor], int, int]] = {
    # A module, our operation, fvcore's count by hand, and the parameters.
    "batch norm": (nn.BatchNorm2d(6), lambda x: x.batch_norm(), 2 * 420, 12),
    "batch norm, plain": (nn.BatchNorm2d(6, affine=False), lambda x: x.batch_norm(affine=False), 420, 0),
    "layer norm": (_Vectors(nn.LayerNorm(6)), lambda x: x.flatten().T.layer_norm(), 5 * 420, 12),
    "layer norm, plain": (
        _Vectors(nn.LayerNorm(6, elementwise_affine=False)),
        lambda x: x.flatten().T.layer_norm(affine=False),
        4 * 420,
        0,
    ),
    "group norm": (nn.GroupNorm(3, 6), lambda x: x.group_norm(3), 5 * 420, 12),
    "group norm, plain": (nn.GroupNorm(3, 6, affine=False), lambda x: x.group_norm(3, affine=False), 4 * 420, 0),
    "nearest": (nn.UpsamplingNearest2d(scale_factor=3), lambda x: x.upsample(3, "nearest"), 9 * 420, 0),
    "bilinear": (nn.UpsamplingBilinear2d(scale_factor=3), lambda x: x.upsample(3, "bilinear"), 4 * 9 * 420, 0),
    "average pool": (nn.AdaptiveAvgPool2d(1), lambda x: x.global_avg_pool(), 420, 0),
}


@pytest.mark.parametrize("name", PRIMITIVES)
def test_primitives(name: str) -> None:
    """fvcore counts a module as our primitive does, and as worked by hand; so does torch its parameters."""
    module, program, count, params = PRIMITIVES[name]
    x = Tensor(SHAPE)
    program(x)
    theirs = ORACLES["fvcore"].theirs(module.eval(), torch.zeros(SHAPE))
    assert ORACLES["fvcore"].ours(x.ledger) == theirs
    assert (sum(theirs.counts.values()), theirs.uncounted) == (count, frozenset())
    torch_says = ORACLES["torch"].theirs(module, torch.zeros(SHAPE))
    assert ORACLES["torch"].ours(x.ledger) == torch_says == Reading({"params": params} if params else {})


def test_oracles_by_hand() -> None:
    """A convolution with bias, by all three: 11·6·9 weights and 11 biases, 594 macs at 2·35 positions."""
    module, x = nn.Conv2d(6, 11, 3, padding=1), torch.zeros(SHAPE)
    says = {name: oracle.theirs(module.eval(), x) for name, oracle in ORACLES.items()}
    assert says == {
        "torch": Reading({"params": 605}),
        "fvcore": Reading({"conv": 41580}, frozenset()),
        "FlopCounterMode": Reading({"convolution": 83160}),
    }


def test_shared_parameters_are_counted_once() -> None:
    """One linear layer that runs twice has the parameters of one."""
    linear = nn.Linear(3, 5)
    assert ORACLES["torch"].theirs(nn.ModuleList([linear, linear]), torch.zeros(1)).counts == {"params": 20}


def test_tables_are_complete() -> None:
    """Every operation that the convention fvcore knows has its entry in both tables, and they have no others."""
    operations = CONVENTIONS["fvcore"].operations
    assert operations is not None
    assert set(operations) == set(fvcore.TABLE) == set(flop_counter.TABLE)
    assert {kind for kind, weights in operations.items() if weights} == ORACLES["fvcore"].counted


@pytest.mark.parametrize("name", ["fvcore", "FlopCounterMode"])
def test_an_unknown_operation_is_an_error(name: str) -> None:
    """An operation without an entry is refused, not left out."""
    unknown = Ledger()
    unknown.rows.append(Row("fft", "fft", (), (1,), params=0, weights=0, arithmetic={"mac": 7}))
    with pytest.raises(CostModelError, match=f"the table of {name} says nothing about the operation 'fft'"):
        ORACLES[name].ours(unknown)


def test_fvcore_is_silent(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """What fvcore leaves uncounted is compared, not logged."""
    reading = ORACLES["fvcore"].theirs(REFERENCES["se"](32).eval(), torch.zeros(2, 32, 3, 5))
    assert reading.uncounted == {"aten::sigmoid", "aten::mul"}
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_meta_tensors_hold_nothing() -> None:
    """A non-local block at 1×512×512×512, whose affinity would be 275 GB, is counted on the meta device."""
    shape = (1, 512, 512, 512)
    with torch.device("meta"):
        module, x = REFERENCES["non-local"](512).eval(), torch.zeros(shape)
    theirs = ORACLES["FlopCounterMode"].theirs(module, x)
    assert theirs == ORACLES["FlopCounterMode"].ours(ledger("non-local", shape))
    # Two products over P² pairs of C/2 channels, 2 flops a mac.
    assert theirs.counts["bmm"] == 2 * 2 * (512 * 512) ** 2 * 256
