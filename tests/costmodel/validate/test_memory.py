"""What layers save, multiply and hold at most equals torch's, and where it would not, it is found."""

import json
from collections.abc import Callable

import pytest
import torch
from torch import nn

from costmodel import LAYERS, Layer, Tensor, find, memory
from costmodel.memory import autograd, liveness
from costmodel.memory.autograd import KEPT, NOTHING, Kept
from costmodel.validate import Unavailable
from costmodel.validate.memory import ORACLES, Storages, _lone, validate_memory
from costmodel.validate.references import REFERENCES

EQUAL = ["se", "cbam", "gc", "danet-pam", "danet-head", "resnet18", "vgg11"]
STEPS = ("", ", frozen weights", ", first layer")
SAVED, TRAINING, FLOPS = (
    {f"{quantity}{step}" for step in STEPS} for quantity in ("saved bytes", "training peak bytes", "training flops")
)
FLOPS |= {"checkpointed training flops"}
PEAKS = {"peak bytes", *TRAINING, "checkpointed peak bytes"}


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
        # A network has no layer before it by default.
        steps = {
            quantity for quantity in SAVED | FLOPS | PEAKS if name in LAYERS or not quantity.endswith("first layer")
        }
        # What joins, joins as torch does.
        assert quantities - {"copied bytes"} == steps
    assert {comparison.oracle for comparison in report.comparisons} == set(ORACLES)
    assert all(type(comparison.theirs) is int and comparison.theirs for comparison in report.comparisons)
    assert set(json.loads(report.to_json())["versions"]) == {"python", "costmodel", "torch"}


def test_what_is_saved_wrongly_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A softmax that keeps its input too, to the end of its own backward, when most is alive."""
    monkeypatch.setattr(autograd, "KEPT", {**KEPT, "softmax": Kept(inputs=(0,), output=True)})
    report = validate_memory(["danet-pam"])
    wrong = {failure.quantity: failure.ours - failure.theirs for failure in report.failures if len(failure.shape) == 4}
    # 3 maps of 77² weights, of 4 bytes.
    assert wrong == dict.fromkeys(SAVED | PEAKS - {"peak bytes"}, 3 * 77**2 * 4)


def test_a_forgotten_statistic_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch norm that saves nothing."""
    monkeypatch.setattr(autograd, "KEPT", {**KEPT, "batch_norm": NOTHING})
    wrong = {failure.quantity for failure in validate_memory(["cbam-spatial"]).failures}
    assert wrong == SAVED | PEAKS - {"peak bytes"}


def test_wrong_training_and_peak_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One multiply-accumulate and one byte too many."""
    training, greatest = memory.training_macs, liveness._greatest
    monkeypatch.setattr(memory, "training_macs", lambda *a, **b: training(*a, **b) + 1)
    monkeypatch.setattr(liveness, "_greatest", lambda counts: greatest(counts) + 1)
    differences = {failure.quantity: failure.ours - failure.theirs for failure in validate_memory(["se"]).failures}
    assert differences == dict.fromkeys(FLOPS, 2) | dict.fromkeys(PEAKS, 1)


@pytest.mark.parametrize("name", ["dense-attention", "linear", "shufflenet-v1", "tsm-resnet50"])
def test_layers_that_copy_equal_torch(name: str) -> None:
    """Tokens, heads, channels that are shuffled, frames that are shifted: forward, and what comes back."""
    report = validate_memory([name])
    assert [str(failure) for failure in report.failures] == []
    assert {comparison.quantity for comparison in report.comparisons} >= PEAKS - {"training peak bytes, first layer"}
    assert not any("copies" in sentence for sentence in report.not_covered)


@pytest.mark.parametrize(
    "copy, forgotten, peaks",
    [
        ("merge_heads", lambda x, _: x.reshape((x.n, x.shape[2], x.shape[1] * x.shape[3])), set()),
        # What is saved then is the input, which is there anyway.
        ("contiguous", lambda x, _: x, PEAKS - {"peak bytes"}),
    ],
)
def test_a_forgotten_copy_is_found(
    copy: str, forgotten: Callable[..., Tensor], peaks: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two of 3·40·77 elements, though nothing is held longer or shorter where heads are merged."""
    monkeypatch.setattr(Tensor, copy, forgotten)
    failures = validate_memory(["dense-attention"]).failures
    wrong = {failure.quantity: failure.ours - failure.theirs for failure in failures}
    assert wrong == dict.fromkeys({"copied bytes", *peaks} - {"training peak bytes, frozen weights"}, -4 * 3 * 40 * 77)


class Copying(nn.Module):
    """Takes a copy, which is not saved, since a relu keeps its output."""

    def __init__(self, _channels: int) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Do so."""
        return torch.relu(x.clone())


class Shuffled(nn.Module):
    """Channels of a larger map dealt out in 5 groups, before an operation that keeps nothing, and one that learns."""

    def __init__(self, _channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Do so."""
        y = nn.functional.interpolate(x, scale_factor=2)
        y = y.unflatten(1, (5, 8)).transpose(1, 2).reshape(y.shape)
        return self.gamma * y.mean(1, keepdim=True)


class Parts(Copying):
    """Two parts, each scaled by itself."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Do so."""
        a, b = torch.split(torch.sigmoid(x), [13, 27], 1)
        return torch.cat([b * 3, a], 1).mean(1, keepdim=True)


def shuffled(x: Tensor) -> Tensor:
    """`Shuffled`."""
    return x.upsample(2, "nearest").shuffle_channels(5).mean(1).scale("gamma")


def parts(x: Tensor) -> Tensor:
    """`Parts`."""
    a, b = x.sigmoid().split(13, 27, axis=1)
    return b.mul_scalar().concat(a).mean(1)


@pytest.mark.parametrize("program, module", [(shuffled, Shuffled), (parts, Parts)])
def test_gradients_that_are_copied(
    program: Callable[[Tensor], Tensor], module: type[nn.Module], probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of views that no view undoes equal torch's, and if they were not copied, that is found."""
    probe(program, module)
    report = validate_memory(["probe"])
    assert {comparison.quantity for comparison in report.comparisons} >= {"copied bytes", "training peak bytes"}
    assert [str(failure) for failure in report.failures] == []
    monkeypatch.setattr(Tensor, "_assembled", Tensor._view)
    assert "training peak bytes" in {failure.quantity for failure in validate_memory(["probe"]).failures}


def test_copies_are_no_pass() -> None:
    """A map that is copied to be reshaped is compared by nobody, and what is multiplied with it still is."""
    report = validate_memory(["criss-cross"])
    assert {comparison.quantity for comparison in report.comparisons} == FLOPS
    assert report.failed == 0
    for quantities, operators in ((SAVED, "cat, clone"), (PEAKS, "cat, clone, index")):
        for quantity in quantities:
            sentence = f"{quantity} of criss-cross (2 cases, {operators}): the reference copies what is a view to us"
            assert sentence in report.not_covered


def test_a_copy_that_is_not_saved_excuses_the_peaks_only(probe: Probe) -> None:
    """And nothing that is multiplied on either side is no evidence."""
    probe(lambda x: x.relu(), Copying)
    report = validate_memory(["probe"])
    assert [(comparison.quantity, comparison.equal) for comparison in report.comparisons] == [("saved bytes", True)]
    assert "peak bytes of probe (clone): the reference copies what is a view to us" in report.not_covered
    assert "training flops of probe: the oracle counts nothing there, which is no evidence" in report.not_covered


def test_joining_is_a_copy_where_nothing_is_joined(probe: Probe) -> None:
    """A concatenation that the layer has is compared; one that it takes for a view is not."""

    class Joining(Copying):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([x, x], 1).sigmoid()

    probe(lambda x: x.concat(x, name="join").sigmoid(), Joining)
    report = validate_memory(["probe"])
    assert {comparison.quantity for comparison in report.comparisons} == {"saved bytes", "copied bytes"} | PEAKS - {
        f"training peak bytes{step}" for step in STEPS[1:]
    }

    class Shifting(Copying):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.cat([x[:, 1:], x[:, :1]], 1)
            return y * y

    def program(x: Tensor) -> Tensor:
        return x.mul(x)

    probe(program, Shifting)
    report = validate_memory(["probe"])
    assert report.comparisons == []
    assert "saved bytes of probe (cat): the reference copies what is a view to us" in report.not_covered


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


def test_storages_by_hand() -> None:
    """70 elements, their exponentials, and the sums of 5: the exponentials are gone before the last."""
    with Storages(nn.Identity()) as storages:
        x = torch.zeros(2, 5, 7)
        y = x.exp().transpose(1, 2).sum((0, 1)).view(1, 5).exp()
    assert (storages.most, y.shape) == (4 * (70 + 70 + 5), (1, 5))


def test_a_variable_that_outlives_its_use_is_seen(probe: Probe) -> None:
    """As what frees after the last use does not, it holds one more map during the last operation."""

    class Holding(Copying):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.relu(x)
            z = torch.sigmoid(y)
            return torch.relu(z)

    class LettingGo(Copying):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(torch.sigmoid(torch.relu(x)))

    def difference(module: type[nn.Module]) -> int:
        probe(lambda x: x.relu("a").sigmoid("b").relu("c"), module)
        (found,) = (one for one in validate_memory(["probe"]).comparisons if one.quantity == "peak bytes")
        assert isinstance(found.ours, int)
        assert isinstance(found.theirs, int)
        return found.theirs - found.ours

    assert difference(Holding) == 4 * 3 * 40 * 77
    assert difference(LettingGo) == 0


def test_weights_and_what_they_are_viewed_as_are_not_counted() -> None:
    """Only the output of 6 elements is, and the input of 10."""
    module = nn.Linear(5, 3, bias=False)
    with torch.no_grad(), Storages(module) as storages:
        module(torch.zeros(2, 5))
    assert storages.most == 4 * (10 + 6)


class Noted(torch.autograd.Function):
    """Gives its input; its backward notes an address."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, addresses: list[int]) -> torch.Tensor:
        """A copy."""
        ctx.addresses = addresses
        return x.clone()


class Marked(Noted):
    """Gives as gradient a new tensor, whose address it notes."""

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Twice the gradient."""
        made = gradient * 2
        ctx.addresses.append(made.data_ptr())
        return made, None


class Arrived(Noted):
    """Notes the address of the gradient that arrives."""

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        """The gradient."""
        ctx.addresses.append(gradient.data_ptr())
        return gradient, None


def test_gradients_that_meet_are_added_in_place_as_without_the_tracker() -> None:
    """Autograd does so by itself; with a mode it does not, and the tracker does it instead."""

    def is_in_place() -> bool:
        made: list[int] = []
        arrived: list[int] = []
        x = Arrived.apply(torch.zeros(3, 5, requires_grad=True), arrived)
        end = Marked.apply(x, made) + Marked.apply(x, made)
        torch.autograd.backward(end, torch.ones(3, 5))
        assert len(made) == 2
        return arrived == made[:1]

    assert is_in_place()
    for lone, expected in ((None, False), (_lone(), True)):
        with Storages(nn.Identity(), lone) as storages:
            storages.backward = True
            assert is_in_place() is expected


def test_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What its allocator was asked for is held against the peak, also of what copies, and a byte too many is found."""
    monkeypatch.setattr("costmodel.validate.memory.chosen_device", lambda _: ("cuda", {"type": "cuda"}))
    monkeypatch.setattr(nn.Module, "to", lambda module, _: module)
    asked = iter(more + memory.peak(find("linear").run((3, 40, 7, 11), {})).bytes for more in (0, 1, 0, 1))
    monkeypatch.setattr("costmodel.validate.memory._asked_of_gpu", lambda *_: (next(asked), 2**20))
    report = validate_memory(["linear"])
    held = [one.theirs - one.ours for one in report.comparisons if one.oracle == "requested_bytes"]
    assert held[:2] == [0, 1]
    assert len(report.failures) >= 1
    assert any("max_memory_allocated of linear" in sentence for sentence in report.not_covered)


def test_a_gpu_that_is_not_there_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked for cannot be checked."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(Unavailable, match="finds no GPU here"):
        validate_memory(["se"], "cuda")
