"""Costs of torch modules in closed form."""

import logging
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import sympy
import torch
from torch import nn
from torch.nn import functional

import costmodel.layers  # noqa: F401  (registers the layers of the survey)
from costmodel import LAYERS
from costmodel.dimension import CostModelError
from costmodel.symbolic import derive, parse, symbol
from costmodel.trace import Derived, derive_module, named, running
from costmodel.trace.run import Operation, trace
from costmodel.validate.references import REFERENCES

# What no reference leaves as it is: options that have no default are the number of channels, or a part of it.
OPEN: dict[str, dict[str, Any]] = {
    **{name: {"out": symbol("C")} for name in ("conv", "depthwise-separable", "linear")},
    "danet-head": {"inner": symbol("C") / 4},
    "eca": {"kernel": 3},  # of the 64 channels that it is made with
}
SPARSE = "sparse-attention"


def made_with(kind: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """What makes one from its arguments, of shapes alone."""

    def make(init: dict[str, Any]) -> nn.Module:
        with torch.device("meta"):
            return kind(**init)

    return make


def of(kind: Callable[..., nn.Module], init: dict[str, Any], *shape: int) -> Derived:
    return derive_module(made_with(kind), init, shape)


def of_reference(name: str, *shape: int, channels: int = 64) -> Derived:
    def make(init: dict[str, Any]) -> nn.Module:
        with torch.device("meta"):
            return REFERENCES[name](init["channels"])

    return derive_module(make, {"channels": channels}, shape)


def same(ours: Any, text: str) -> bool:
    return bool(sympy.expand(ours - parse(text)) == 0)


class Running(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):  # noqa: D102
        return self.function(x)


class Pinned(nn.Module):
    """Keeps its channels as a number, as real code does."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = channels // 2
        self.embed = nn.Conv2d(channels, self.inner, 1)

    def forward(self, x):  # noqa: D102
        n, _, height, width = x.shape
        tokens = self.embed(x).view(n, self.inner, height * width)
        return torch.bmm(tokens.transpose(1, 2), tokens)


class Odd(nn.Module):
    """Its width is rounded as those of MobileNet are, and no polynomial."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = max(8, int(channels * 0.7 + 4) // 8 * 8)
        self.reduce, self.expand = nn.Conv2d(channels, width, 1), nn.Conv2d(width, channels, 1)

    def forward(self, x):  # noqa: D102
        return self.expand(self.reduce(x))


class Deep(nn.Module):
    """Has more layers the more channels it has."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Conv2d(channels, channels, 1) for _ in range(channels // 16)))

    def forward(self, x):  # noqa: D102
        return self.layers(x)


class Positions(nn.Module):
    """Two of its arguments are alike, and only one is the number of channels."""

    def __init__(self, dim: int, side: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.zeros(1, dim, side, side))
        self.mix = nn.Conv2d(dim, dim, 1)

    def forward(self, x):  # noqa: D102
        return self.mix(x + self.embedding)


class Tied(nn.Module):
    """One layer under two names, and another that has its weight."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 1)
        self.again = self.first
        self.other = nn.Conv2d(channels, channels, 1)
        self.other.weight = self.first.weight

    def forward(self, x):  # noqa: D102
        return self.other(self.again(self.first(x)))


class Fused(nn.Module):
    """Attention as torch's own function."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project = nn.Linear(channels, 3 * channels)

    def forward(self, x):  # noqa: D102
        n, length, channels = x.shape
        query, key, value = self.project(x).view(n, length, 3, 4, channels // 4).permute(2, 0, 3, 1, 4)
        return functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(n, length, channels)


class SelfAttention(nn.Module):
    """`nn.MultiheadAttention` on itself."""

    def __init__(self, channels: int, *, weights: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(channels, 4, batch_first=True)
        self.weights = weights

    def forward(self, x):  # noqa: D102
        return self.attention(x, x, x, need_weights=self.weights)[0]


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize("name", [name for name in LAYERS if name != SPARSE])
def test_references(name: str) -> None:
    """What is derived of each is the formula of its layer, every metric and every kind of arithmetic."""
    layer = LAYERS[name]
    defaults = {option.name: option.default for option in layer.options.values() if option.default is not None}
    ours = derive(layer, defaults | OPEN.get(name, {}))
    derived = of_reference(name, 2, 64, 10, 14)
    assert not derived.uncounted
    for metric in ("params", "macs", "flops", "arithmetic"):
        assert sympy.expand(derived.costs.metric(metric) - ours.formula(metric).expression) == 0
    by_kind: dict[str, Any] = {}
    for row in ours.ledger.rows:
        for kind, count in row.arithmetic.items():
            by_kind[kind] = by_kind.get(kind, 0) + sympy.sympify(count)
    floors = {floor: floor.args[0] for count in by_kind.values() for floor in count.atoms(sympy.floor)}
    expected = {kind: sympy.expand(count.xreplace(floors)) for kind, count in by_kind.items() if count != 0}
    assert {kind: sympy.expand(count) for kind, count in derived.costs.arithmetic.items()} == expected
    # Of what has no weights of C the trace is for any C already.
    assert "C is a multiple of 64, as it was made" in derived.guards or "C ≥ 2" in derived.guards


@pytest.mark.usefixtures("uncovered")
def test_a_layer_that_lists_pairs() -> None:
    """What it lists is listed for one number of positions, which is said, and so is what nobody counts."""
    derived = of_reference(SPARSE, 2, 64, 5, 7)
    assert "H·W = 35" in derived.guards
    assert derived.uncounted == ["index_add"]


def test_pinned_channels() -> None:
    """Numbers that a module keeps are seen through by making it with others, which is said."""
    derived = of(Pinned, {"channels": 6}, 2, 6, 5, 7)
    assert same(derived.costs.metric("macs"), "N*C**2*H*W/2 + N*C*H**2*W**2/2")
    assert same(derived.costs.params, "C**2/2 + C/2")
    assert derived.method == (
        "traced over symbols; in C from channels = 6, 12, 18, 24, checked at 30, 36; the module keeps its channels as "
        "numbers, so its costs are interpolated"
    )
    assert derived.guards == ["H ≥ 2", "W ≥ 2", "C is a multiple of 6, as it was made"]
    assert [str(part.macs) for part in derived.costs.submodules] == ["C**2*H*N*W/2"]


def test_pinned_channels_that_nobody_varies() -> None:
    """Without an argument for them the numbers that they make are numbers."""
    derived = derive_module(lambda _: Pinned(6), {}, (2, 6, 5, 7))
    assert same(derived.costs.metric("macs"), "3*N*C*H*W + 3*N*H**2*W**2")


@pytest.mark.parametrize("kind", [Odd, Deep])
def test_widths_that_are_no_polynomial(kind) -> None:
    """They stay symbols, named after the layers that have them, with the values that they have."""
    derived = of(kind, {"channels": 50}, 2, 50, 5, 7)
    names = {"Odd": ("C_reduce", "C_expand"), "Deep": ("C_0", "C_1")}[kind.__name__]
    assert set(names) < set(derived.values)
    assert derived.method == "traced over symbols"
    assert derived.at_input(derived.exact.metric("macs")) == sum(
        2 * 5 * 7 * weight.numel() for weight in kind(50).parameters() if weight.dim() == 4
    )


def test_a_part_of_the_channels_arguments() -> None:
    """Where not all arguments that are the number of channels can be varied, one is that can."""
    derived = of(Positions, {"dim": 6, "side": 6}, 2, 6, 6, 6)
    assert same(derived.costs.metric("macs"), "36*N*C**2")
    assert "in C from dim = 6" in derived.method
    assert {"H = 6", "W = 6"} < set(derived.guards)


def test_one_sample() -> None:
    """A batch of one is a number of samples as any other."""
    one, three = (of(Pinned, {"channels": 6}, samples, 6, 5, 7) for samples in (1, 3))
    assert one.costs.metric("macs") == three.costs.metric("macs")
    assert one.at_input(one.exact.metric("macs")) * 3 == three.at_input(three.exact.metric("macs"))


def test_one_sample_only() -> None:
    """A module that takes no more is derived for one."""
    derived = derive_module(
        lambda _: Running(lambda x: x[0].view(x.shape[1:]) * 2 if len(x) == 1 else None), {}, (1, 5)
    )
    assert "N = 1" in derived.guards
    assert str(derived.costs.metric("arithmetic")) == "C"


def test_one_sample_for_itself() -> None:
    """So is one that does something else with several."""
    derived = derive_module(lambda _: Running(lambda x: x * 2 if len(x) == 1 else x * 2 + 1), {}, (1, 5))
    assert "N = 1" in derived.guards
    assert str(derived.costs.metric("arithmetic")) == "C"


def test_weights_of_several_layers() -> None:
    """They are learned once and used three times, and the module is left as it was."""
    module = Tied(6)
    derived = derive_module(lambda _: module, {}, (2, 6, 5, 7))
    assert same(derived.costs.metric("macs"), "3*N*C**2*H*W")
    assert derived.at_input(derived.exact.params) == sum(weight.numel() for weight in module.parameters()) == 48
    assert module.other.weight is module.first.weight is module.again.weight
    assert not module.first.weight.is_meta


@pytest.mark.usefixtures("uncovered")
def test_submodules_add_up() -> None:
    """The parts of a module that does nothing else are the whole, at every depth."""
    derived = of_reference("bam", 2, 64, 10, 14)
    parts = {part.path: part for part in derived.costs.submodules}
    top = [part for path, part in parts.items() if "." not in path]
    below = [part for path, part in parts.items() if path.startswith("spatial.")]
    assert [part.kind for part in top] == ["AdaptiveAvgPool2d", "Sequential", "Sequential"]
    assert sympy.expand(sum(part.macs for part in top) - derived.costs.metric("macs")) == 0
    assert sympy.expand(sum(part.params for part in top) - derived.costs.params) == 0
    assert sympy.expand(sum(part.macs for part in below) - parts["spatial"].macs) == 0


@pytest.mark.parametrize(
    "module, shape, macs",
    [
        (nn.Linear(5, 7), (2, 5), "N*C*C_weight"),
        (nn.Linear(5, 7), (2, 3, 5), "N*L*C*C_weight"),
        (nn.Conv3d(3, 5, 1), (2, 3, 5, 7, 11), "N*C*C_weight*T*H*W"),
    ],
)
def test_inputs_of_every_rank(module, shape, macs) -> None:
    """Vectors, tokens and videos."""
    assert same(derive_module(lambda _: module, {}, shape).costs.metric("macs"), macs)


def test_sequences_by_channels() -> None:
    """Of three sizes the second is the channels, if that is what the constructor was given."""
    derived = of(nn.Conv1d, {"in_channels": 6, "out_channels": 5, "kernel_size": 3}, 2, 6, 11)
    assert same(derived.costs.metric("macs"), "15*N*C*(L - 2)")
    assert derived.guards[0] == "L ≥ 3"


@pytest.mark.parametrize("rank", [1, 6])
def test_no_input(rank) -> None:
    """Two to five sizes are."""
    with pytest.raises(CostModelError, match="two to five"):
        derive_module(lambda _: nn.ReLU(), {}, (2,) * rank)


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize("weights", [False, True])
def test_attention_of_torch(weights) -> None:
    """Four projections and two products, whether or not torch would fuse them."""
    derived = of(lambda channels: SelfAttention(channels, weights=weights), {"channels": 8}, 2, 7, 8)
    assert same(derived.costs.metric("macs"), "4*N*L*C**2 + 2*N*L**2*C")
    assert not derived.uncounted


@pytest.mark.usefixtures("uncovered")
def test_fused_attention() -> None:
    """It is counted as what it computes."""
    derived = of(Fused, {"channels": 8}, 2, 7, 8)
    assert same(derived.costs.metric("macs"), "3*N*L*C**2 + 2*N*L**2*C")


@pytest.mark.usefixtures("uncovered")
def test_an_encoder_layer() -> None:
    """Not by the fast path that torch takes in eval mode, and that path is as allowed afterwards as before."""
    arguments = {"d_model": 8, "nhead": 2, "dim_feedforward": 11, "batch_first": True}
    derived = of(nn.TransformerEncoderLayer, arguments, 2, 7, 8)
    assert same(derived.costs.metric("macs"), "4*N*L*C**2 + 2*N*L**2*C + 22*N*L*C")
    assert not derived.uncounted
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize(
    "function, arithmetic",
    [
        (lambda x: functional.gelu(x, approximate="tanh"), "13*N*C*H*W"),
        (functional.gelu, "5*N*C*H*W"),
        (lambda x: functional.interpolate(x, scale_factor=2), "0"),
        (lambda x: functional.interpolate(x, size=(6, 9)), "0"),
        (lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear"), "36*N*C*H*W"),
        (lambda x: functional.interpolate(x, size=(6, 9), mode="bilinear", align_corners=True), "9*6*9*N*C"),
        (lambda x: functional.interpolate(x[0], scale_factor=2, mode="linear"), "6*C*H*W"),
        (lambda x: functional.interpolate(x[None], scale_factor=2, mode="trilinear"), "168*N*C*H*W"),
        (lambda x: x[:, :, : math.ceil(x.shape[2] / 4)] * 2, "N*C*W*(H + 3)/4"),
        (lambda x: x[:, :, : max(x.shape[2] - 2, 1)] * 2, "N*C*W*(H - 2)"),
        (lambda x: functional.fold(functional.unfold(x, 3, padding=1), x.shape[2:], 3, padding=1), "9*N*C*H*W"),
        (lambda x: functional.pad(x, (1, 2, 3, 4)).sum((1, 2, 3)), "N*C*(H + 7)*(W + 3) - N"),
        (lambda x: functional.pixel_shuffle(x.repeat(1, 4, 1, 1), 2), "0"),
        (lambda x: functional.dropout(x, training=False).roll(1, 2), "0"),
        (nn.Sequential(nn.Dropout(), nn.Dropout2d(), nn.AlphaDropout(), nn.FeatureAlphaDropout()).eval(), "0"),
        (lambda x: x.cumsum(1), "N*C*H*W - N*H*W"),
        (lambda x: x.argmax(1), "N*C*H*W - N*H*W"),
        (lambda x: torch.einsum("nchw,ndhw->ncd", x, x), "2*N*C**2*H*W"),
        (lambda x: functional.group_norm(x, 1), "5*N*C*H*W + 2*N"),
        (functional.instance_norm, "5*N*C*H*W + 2*N*C"),
        (lambda x: functional.rms_norm(x, x.shape[3:]), "3*N*C*H*W + 3*N*C*H"),
        (lambda x: torch.linalg.vector_norm(x, dim=1), "2*N*C*H*W"),
        (lambda x: x.std((2, 3)), "4*N*C*H*W + N*C"),
        (functional.elu, "4*N*C*H*W"),
        (lambda x: x + torch.arange(x.shape[3]), "N*C*H*W"),
        (lambda x: x * x.mean(), "2*N*C*H*W"),
    ],
)
def test_operators(function, arithmetic) -> None:
    """Operators by themselves, worked by hand, for all sizes."""
    derived = derive_module(lambda _: Running(function), {}, (2, 3, 5, 7))
    assert not derived.uncounted
    assert same(derived.costs.metric("arithmetic"), arithmetic)
    assert not [guard for guard in derived.guards if "= " in guard]


@pytest.mark.parametrize(
    "function, operator",
    [
        (torch.erfinv, "erfinv"),
        (functional.dropout, "native_dropout"),
        (lambda x: x.flatten(1).topk(3)[0], "topk"),
        (lambda x: functional.grid_sample(x, x[:, :2].permute(0, 2, 3, 1), align_corners=False), "grid_sampler_2d"),
    ],
)
def test_what_nobody_counts(function, operator) -> None:
    """An operator without a count is named, not taken for nothing."""
    derived = derive_module(lambda _: Running(lambda x: function(x * 2)), {}, (2, 3, 5, 7))
    assert derived.uncounted == [operator]
    assert derived.has_all_macs
    assert same(derived.costs.metric("arithmetic"), "N*C*H*W")


@pytest.mark.parametrize(
    "function, uncounted",
    [
        (lambda x: x.flatten(1) @ x[0].flatten(), ["mv"]),
        (lambda x: torch.complex(x, x).mul(2).real, ["complex", "mul", "view_as_real"]),
    ],
)
def test_what_may_multiply(function, uncounted) -> None:
    """Of an operator that nobody knows, and of complex numbers, no number of MACs is complete."""
    derived = derive_module(lambda _: Running(function), {}, (2, 3, 5, 7))
    assert (derived.uncounted, derived.has_all_macs) == (uncounted, False)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[:, :, : round(x.shape[2] * 0.3)] * 2,
        lambda x: x[:, :, : int(x.shape[2] * 0.3)] * 2,
        lambda x: x[:, :, : int(x.shape[2] ** 0.5)] * 2,
        lambda x: functional.interpolate(x, scale_factor=(1.7, 2)) * 2,
    ],
)
def test_sizes_computed_in_floats_that_round(function) -> None:
    """They have no formula: what they are computed from stays a number."""
    derived = derive_module(lambda _: Running(function), {}, (2, 3, 11, 7))
    assert "H = 11" in derived.guards
    assert derived.costs.metric("arithmetic").free_symbols == {symbol("N"), symbol("C"), symbol("W")}


def test_an_adaptive_pool() -> None:
    """To more than one element, of all sizes that these divide, or leave the rests of at the input."""
    divided = derive_module(lambda _: nn.AdaptiveAvgPool2d(3), {}, (2, 5, 9, 15))
    assert {"3 divides H", "3 divides W"} < set(divided.guards)
    assert same(divided.costs.metric("arithmetic"), "N*C*H*W")
    # Windows of 4, 5 and 4 rows, and of 5, 5 and 5 columns.
    derived = derive_module(lambda _: nn.AdaptiveAvgPool2d(3), {}, (2, 5, 11, 13))
    assert {"3 divides H - 2", "3 divides W - 1"} < set(derived.guards)
    assert same(derived.costs.metric("arithmetic"), "N*C*(H + 2)*(W + 2)")
    assert derived.at_input(derived.exact.metric("arithmetic")) == 2 * 5 * 13 * 15


def test_a_batch_of_one() -> None:
    """It is known to cost what the formula says, unless it runs otherwise."""

    def otherwise(x):
        return x * 2 if x.shape[0] > 1 else x

    assert "N ≥ 2" not in derive_module(lambda _: Running(lambda x: x * 2), {}, (2, 3, 5, 7)).guards
    derived = derive_module(lambda _: Running(otherwise), {}, (2, 3, 5, 7))
    assert "N ≥ 2" in derived.guards
    assert same(derived.costs.metric("arithmetic"), "N*C*H*W")


def test_however_sizes_divide() -> None:
    """Where it is asked, what rounds is said to hold for all maps, unless these divide in too many ways."""
    derived = derive_module(lambda _: nn.AdaptiveAvgPool2d(3), {}, (2, 5, 9, 15), exactly=True)
    assert [each.text for each in derived.exact_conditions] == ["C ≥ 2", "H ≥ 6", "W ≥ 6"]
    assert derive_module(lambda _: nn.AdaptiveAvgPool2d(3), {}, (2, 5, 9, 15)).exact_conditions is None
    assert derive_module(lambda _: nn.AdaptiveAvgPool2d(9), {}, (2, 5, 9, 18), exactly=True).exact_conditions is None


def test_a_stride_that_leaves_a_rest() -> None:
    """Of an odd map half of the positions are rounded up, and the formula says which maps are meant."""
    derived = of(lambda c: nn.Conv2d(c, c, 3, 2, 1, bias=False), {"c": 3}, 1, 3, 7, 10)
    assert same(derived.costs.metric("macs"), "9*N*C**2*(H + 1)/2*W/2")
    assert derived.guards == [
        "2 divides H - 1",
        "2 divides W",
        "H ≥ 5",
        "W ≥ 4",
        "C is a multiple of 3, as it was made",
    ]
    assert derived.at_input(derived.costs.metric("macs")) == 9 * 9 * 4 * 5


def test_an_argument_that_happens_to_be_the_channels() -> None:
    """A module that takes any number of channels was not made for one: its kernel is no width."""

    class Gate(nn.Module):
        def __init__(self, kernel: int) -> None:
            super().__init__()
            self.mix = nn.Conv2d(1, 1, kernel, padding=kernel // 2, bias=False)

        def forward(self, x):
            return self.mix(x.mean(1, keepdim=True))

    derived = of(Gate, {"kernel": 7}, 2, 7, 11, 13)
    assert same(derived.costs.metric("macs"), "49*N*H*W")
    assert derived.method == "traced over symbols"


def test_a_lazy_layer() -> None:
    """Its weights exist once it ran."""
    derived = of(nn.LazyLinear, {"out_features": 7}, 2, 3, 5)
    assert derived.at_input(derived.exact.params) == 5 * 7 + 7


def test_a_module_of_numbers() -> None:
    """One with weights on a device, and with tensors that are no parameters."""
    module = nn.Conv2d(3, 5, 1)
    module.scale = torch.ones(3, 1, 1)
    derived = derive_module(
        lambda _: nn.Sequential(module, Running(lambda x: x * module.scale.sum())), {}, (2, 3, 5, 7)
    )
    assert derived.at_input(derived.exact.params) == 20


def test_a_known_size_by_guards() -> None:
    """A window as large as the whole map leaves one size only, which is said as such."""
    derived = derive_module(
        lambda _: nn.Sequential(nn.Conv2d(3, 5, 1, stride=2), nn.AvgPool2d(3), nn.Flatten(), nn.Linear(5, 7)),
        {},
        (2, 3, 5, 5),
    )
    assert derived.at_input(derived.exact.metric("macs")) == 2 * (3 * 3 * 3 * 5 + 5 * 7)


@pytest.mark.parametrize(
    "function, sentence",
    [
        (lambda x: x.view(3, 5, 11), "Running does not run on 2x3x5x7: RuntimeError: shape"),
        (lambda _: 1 / 0, "Running does not run on 2x3x5x7: ZeroDivisionError: division by zero"),
        (lambda x: x * 2 if x.sum() > 0 else x, "Running does not run on 2x3x5x7 without data: what it computes"),
        (lambda x: x[x > 0], "Running does not run on 2x3x5x7 without data: what it computes"),
        (lambda x: x.nonzero() * 2, "Running does not run on 2x3x5x7 without data: what it computes"),
    ],
)
def test_what_does_not_run(function, sentence, caplog) -> None:
    """What a module raises is said in a line, whatever it is, and torch logs nothing of it."""
    with pytest.raises(CostModelError) as caught:
        derive_module(lambda _: Running(function), {}, (2, 3, 5, 7))
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def counted_twice(*arguments: Any, **keywords: Any) -> Any:
    """A trace in which every product has one MAC too many, as an error in the table of operators would have it."""
    found = trace(*arguments, **keywords)

    def wrong(operation: Operation) -> Operation:
        counts = operation.arithmetic or {}
        return operation._replace(arithmetic={k: v + 1 if k == "mac" else v for k, v in counts.items()})

    return found._replace(operations=[wrong(operation) for operation in found.operations])


def test_the_check_can_fail(monkeypatch) -> None:
    """A wrong count of an operator is refused, by what torch counts itself."""
    monkeypatch.setattr(named, "trace", counted_twice)
    monkeypatch.setattr(running, "trace", counted_twice)
    with pytest.raises(CostModelError, match="72 FLOPs at the input, where FlopCounterMode counts 70"):
        derive_module(lambda _: nn.Linear(5, 7, bias=False), {}, (1, 5))


def test_the_other_check_can_fail(monkeypatch) -> None:
    """So is a formula that is not what runs."""
    monkeypatch.setattr(named, "trace", counted_twice)
    with pytest.raises(CostModelError, match=r"the formulas give .* where .* runs"):
        derive_module(lambda _: nn.Linear(5, 7, bias=False), {}, (2, 5))


MEMORY = """
import resource, sys
import torch
import costmodel.trace
from costmodel.validate.references import REFERENCES
torch.func.functional_call(torch.nn.Linear(3, 5), {}, (torch.zeros(2, 3),))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
make = lambda init: REFERENCES["non-local"](init["channels"])
derived = costmodel.trace.derive_module(make, {"channels": 512}, (1, 512, 512, 512))
assert derived.at_input(derived.exact.metric("macs")) == 512**5 + 2 * 512**4
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory() -> None:
    """An affinity of 2³⁶ elements takes no memory: it has a shape, and no data."""
    result = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(result.stdout) * unit < 10**9
