"""What layers save, multiply and hold at most equals torch's, and where it would not, it is found."""

import json
from collections.abc import Callable

import pytest
import torch
from torch import nn

from costmodel import LAYERS, Layer, Tensor, memory
from costmodel.memory import KEPT, NOTHING, Kept
from costmodel.validate.memory import ORACLES, Trace, validate_memory
from costmodel.validate.references import REFERENCES

EQUAL = ["se", "cbam", "gc", "danet-pam", "danet-head", "resnet18", "vgg11"]
SAVED, FROZEN = "saved bytes", "saved bytes, frozen weights"


Probe = Callable[[Callable[[Tensor], Tensor], type[nn.Module]], None]


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Probe:
    """Put a layer that runs a program, and its reference, under the name of `probe`."""

    def put(program: Callable[[Tensor], Tensor], module: type[nn.Module]) -> None:
        monkeypatch.setitem(LAYERS, "probe", Layer("probe", program, "", {}, video=False, headline=None))
        monkeypatch.setitem(REFERENCES, "probe", module)

    return put


def test_layers_and_networks_equal_torch() -> None:
    """Norms, pools of maxima, softmax, several outputs, an average over more than one place, a whole network."""
    report = validate_memory(EQUAL)
    assert [str(failure) for failure in report.failures] == []
    assert {comparison.layer for comparison in report.comparisons} == set(EQUAL)
    for name in EQUAL:
        quantities = {comparison.quantity for comparison in report.comparisons if comparison.layer == name}
        assert quantities == {SAVED, FROZEN, "training flops", "training flops, frozen weights", "peak bytes"}
    assert {comparison.oracle for comparison in report.comparisons} == set(ORACLES)
    assert all(type(comparison.theirs) is int and comparison.theirs for comparison in report.comparisons)
    assert set(json.loads(report.to_json())["versions"]) == {"python", "costmodel", "torch"}


def test_what_is_saved_wrongly_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A softmax that keeps its input too."""
    monkeypatch.setattr(memory, "KEPT", {**KEPT, "softmax": Kept(inputs=(0,), output=True)})
    report = validate_memory(["danet-pam"])
    wrong = {failure.quantity: failure.ours - failure.theirs for failure in report.failures if len(failure.shape) == 4}
    # 3 maps of 77² weights, of 4 bytes.
    assert wrong == {SAVED: 3 * 77**2 * 4, FROZEN: 3 * 77**2 * 4}


def test_a_forgotten_statistic_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch norm that saves nothing."""
    monkeypatch.setattr(memory, "KEPT", {**KEPT, "batch_norm": NOTHING})
    assert {failure.quantity for failure in validate_memory(["cbam-spatial"]).failures} == {SAVED, FROZEN}


def test_wrong_training_and_peak_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One multiply-accumulate and one byte too many."""
    training, peak = memory.training_macs, memory.peak
    monkeypatch.setattr(memory, "training_macs", lambda *a, **b: training(*a, **b) + 1)
    monkeypatch.setattr(memory, "peak", lambda ledger: peak(ledger)._replace(bytes=peak(ledger).bytes + 1))
    differences = {failure.quantity: failure.ours - failure.theirs for failure in validate_memory(["se"]).failures}
    assert differences == {"training flops": 2, "training flops, frozen weights": 2, "peak bytes": 1}


def test_copies_are_no_pass() -> None:
    """A map that is copied to be reshaped is compared by nobody, and what is multiplied with it still is."""
    report = validate_memory(["dense-attention"])
    assert {comparison.quantity for comparison in report.comparisons} == {
        "training flops",
        "training flops, frozen weights",
    }
    assert report.failed == 0
    for quantity in ("peak bytes", SAVED, FROZEN):
        sentence = f"{quantity} of dense-attention (4 cases, clone): the reference copies what is a view to us"
        assert sentence in report.not_covered


class Copying(nn.Module):
    """Takes a copy, which is not saved, since a relu keeps its output."""

    def __init__(self, _channels: int) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Do so."""
        return torch.relu(x.clone())


def test_a_copy_that_is_not_saved_excuses_the_peak_only(probe: Probe) -> None:
    """And nothing that is multiplied on either side is no evidence."""
    probe(lambda x: x.relu(), Copying)
    report = validate_memory(["probe"])
    assert [(comparison.quantity, comparison.equal) for comparison in report.comparisons] == [(SAVED, True)]
    assert "peak bytes of probe (clone): the reference copies what is a view to us" in report.not_covered
    assert "training flops of probe: the oracle counts nothing there, which is no evidence" in report.not_covered


def test_joining_is_a_copy_where_nothing_is_joined(probe: Probe) -> None:
    """A concatenation that the layer has is compared; one that it takes for a view is not."""

    class Joining(Copying):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([x, x], 1).sigmoid()

    probe(lambda x: x.concat(x, name="join").sigmoid(), Joining)
    assert {comparison.quantity for comparison in validate_memory(["probe"]).comparisons} == {SAVED, "peak bytes"}

    class Shifting(Copying):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.cat([x[:, 1:], x[:, :1]], 1)
            return y * y

    def program(x: Tensor) -> Tensor:
        return x.mul(x)

    probe(program, Shifting)
    report = validate_memory(["probe"])
    assert report.comparisons == []
    assert f"{SAVED} of probe (cat): the reference copies what is a view to us" in report.not_covered


def test_statistics_of_vectors_hold_memory_too(probe: Probe) -> None:
    """A layer norm by itself makes a mean and a deviation of each of 3 pictures beside its output."""

    class Norm(Copying):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.layer_norm(x, x.shape[1:])

    probe(lambda x: x.reshape((3, 40 * 77)).layer_norm(affine=False).reshape(x.shape), Norm)
    report = validate_memory(["probe"])
    (peak,) = (comparison for comparison in report.comparisons if comparison.quantity == "peak bytes")
    assert (peak.ours, peak.theirs) == (4 * (2 * 3 * 40 * 77 + 2 * 3),) * 2


def test_groups_are_no_pass() -> None:
    """What FlopCounterMode counts too much is not compared; without gradients of weights it is."""
    report = validate_memory(["depthwise-separable"])
    assert "training flops" not in {comparison.quantity for comparison in report.comparisons}
    assert "training flops, frozen weights" in {comparison.quantity for comparison in report.comparisons}
    assert any(
        sentence.startswith("training flops of depthwise-separable (2 cases): of a") for sentence in report.not_covered
    )
    assert report.failed == 0


def test_no_reference_is_no_pass(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is compared, and that is said."""
    probe(lambda x: x.relu(), Copying)
    monkeypatch.delitem(REFERENCES, "probe")
    report = validate_memory(["probe"])
    assert report.comparisons == []
    assert "everything of probe: it has no reference" in report.not_covered


def test_a_peak_by_hand() -> None:
    """70 elements, their exponentials, and the sums of 5: the exponentials are freed before the last."""
    x = torch.zeros(2, 5, 7)
    with Trace(x, nn.Identity()) as trace:
        y = x.exp().transpose(1, 2).sum((0, 1)).view(1, 5).exp()
    assert [step.operator for step in trace.steps] == ["exp", "sum", "exp"]
    assert trace.peak([y]) == 4 * (70 + 70 + 5)
