"""What each ATen operator computes, worked by hand at unequal primes, of the operator that torch really runs."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from costmodel.trace.operators import COUNTED, FREE, WITHOUT_MACS
from costmodel.trace.run import trace

MAP = (3, 5, 7, 11)  # 1155 elements, 231 of each channel
VIDEO = (3, 5, 2, 7, 11)  # 2310 elements


class Calls(nn.Module):
    """A module that is one function of its input."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        """What the function says."""
        return self.function(x)


def counted(target, shape, operator=None):
    """The arithmetic of the only operator that runs, or of `operator`, at `shape`, without zeros; None if unknown."""
    module = target if isinstance(target, nn.Module) else Calls(target)
    found = trace(module.to("meta").eval(), shape)
    [each] = [o for o in found.operations if o.operator == operator] if operator else found.operations
    if each.arithmetic is None:
        return each.operator, None
    counts = {kind: count.xreplace(found.values) for kind, count in each.arithmetic.items()}
    return each.operator, {kind: int(count) for kind, count in counts.items() if count}


def ones(*shape):
    return torch.ones(shape, device="meta")


EXAMPLES = [
    # 13 maps of 7×11 for each of 3 samples, each element of 5 channels × 3×3 taps.
    ("convolution", nn.Conv2d(5, 13, 3, padding=1, bias=False), MAP, {"mac": 3 * 13 * 77 * 45}),
    ("convolution", nn.Conv2d(5, 13, 3), MAP, {"mac": 3 * 13 * 5 * 9 * 45, "add": 3 * 13 * 5 * 9}),
    ("convolution", nn.Conv2d(6, 14, 3, 2, 1, groups=2), (3, 6, 7, 11), {"mac": 3 * 14 * 24 * 27, "add": 3 * 14 * 24}),
    # Transposed, each of 1155 input elements meets a filter of 13×3×3; the result is 9×13.
    ("convolution", nn.ConvTranspose2d(5, 13, 3), MAP, {"mac": 1155 * 117, "add": 3 * 13 * 9 * 13}),
    (
        "convolution",
        nn.ConvTranspose2d(6, 14, 3, groups=2, bias=False),
        (3, 6, 7, 11),
        {"mac": 3 * 6 * 77 * 7 * 9},
    ),
    ("mm", nn.Linear(5, 7, bias=False), (3, 5), {"mac": 105}),
    ("bmm", lambda x: torch.bmm(x, ones(3, 7, 11)), (3, 5, 7), {"mac": 3 * 5 * 7 * 11}),
    ("addmm", nn.Linear(5, 7), (3, 5), {"mac": 105, "add": 21}),
    (
        "addmm",
        lambda x: torch.addmm(ones(3, 7), x, ones(5, 7), alpha=2, beta=3),
        (3, 5),
        {"mac": 105, "add": 21, "mul": 42},
    ),
    ("baddbmm", lambda x: torch.baddbmm(ones(3, 5, 11), x, ones(3, 7, 11)), (3, 5, 7), {"mac": 1155, "add": 165}),
    ("native_batch_norm", nn.BatchNorm2d(5), MAP, {"mul": 1155, "add": 1155}),
    ("native_batch_norm", nn.BatchNorm2d(5, affine=False), MAP, {"mul": 1155, "add": 1155}),
    # 15 vectors of 77: 3·77 - 1 additions, 77 squares, 77 + 2 divisions and a root each.
    ("native_batch_norm", nn.InstanceNorm2d(5), MAP, {"add": 15 * 230, "mul": 1155, "div": 15 * 79, "sqrt": 15}),
    # 231 vectors of 5 channels; scale and shift are one more of each.
    ("native_layer_norm", nn.LayerNorm(11), MAP, {"add": 105 * 43, "mul": 2310, "div": 105 * 13, "sqrt": 105}),
    (
        "native_layer_norm",
        nn.LayerNorm(11, elementwise_affine=False),
        MAP,
        {"add": 105 * 32, "mul": 1155, "div": 105 * 13, "sqrt": 105},
    ),
    ("native_group_norm", nn.GroupNorm(5, 5), MAP, {"add": 15 * 307, "mul": 2310, "div": 15 * 79, "sqrt": 15}),
    (
        "native_group_norm",
        nn.GroupNorm(1, 5, affine=False),
        MAP,
        {"add": 3 * 1154, "mul": 1155, "div": 3 * 387, "sqrt": 3},
    ),
    ("relu", F.relu, (3, 5), {"cmp": 15}),
    ("abs", torch.abs, (3, 5), {"cmp": 15}),
    ("clamp_min", lambda x: torch.clamp_min(x, 0.5), (3, 5), {"cmp": 15}),
    ("maximum", lambda x: torch.maximum(x, ones(5)), (3, 5), {"cmp": 15}),
    ("minimum", lambda x: torch.minimum(x, ones(5)), (3, 5), {"cmp": 15}),
    ("threshold", lambda x: F.threshold(x, 0.5, 0.0), (3, 5), {"cmp": 15}),
    ("leaky_relu", F.leaky_relu, (3, 5), {"cmp": 15, "mul": 15}),
    ("hardtanh", F.relu6, (3, 5), {"cmp": 30}),
    ("clamp", lambda x: x.clamp(0, 1), (3, 5), {"cmp": 30}),
    ("clamp", lambda x: x.clamp(min=0), (3, 5), {"cmp": 15}),
    ("sigmoid", torch.sigmoid, (3, 5), {"exp": 15, "add": 15, "div": 15}),
    ("silu", F.silu, (3, 5), {"exp": 15, "add": 15, "div": 15, "mul": 15}),
    ("tanh", torch.tanh, (3, 5), {"exp": 15, "add": 30, "div": 15, "mul": 15}),
    ("hardsigmoid", F.hardsigmoid, (3, 5), {"add": 15, "cmp": 30, "div": 15}),
    ("hardswish", F.hardswish, (3, 5), {"add": 15, "cmp": 30, "div": 15, "mul": 15}),
    ("exp", torch.exp, (3, 5), {"exp": 15}),
    ("erf", torch.erf, (3, 5), {"erf": 15}),
    ("log", torch.log, (3, 5), {"log": 15}),
    ("log1p", torch.log1p, (3, 5), {"log": 15, "add": 15}),
    ("sin", torch.sin, (3, 5), {"sin": 15}),
    ("cos", torch.cos, (3, 5), {"cos": 15}),
    # e^x, 1 and its logarithm; scaled before and after.
    ("softplus", F.softplus, (3, 5), {"exp": 15, "add": 15, "log": 15}),
    ("softplus", nn.Softplus(2), (3, 5), {"exp": 15, "add": 15, "log": 15, "mul": 15, "div": 15}),
    ("mish", F.mish, (3, 5), {"exp": 30, "add": 45, "log": 15, "div": 15, "mul": 30}),
    # 3 vectors of 5: as a softmax, with a logarithm and 5 subtractions in place of the divisions.
    ("_log_softmax", lambda x: x.log_softmax(1), (3, 5), {"cmp": 12, "add": 42, "exp": 15, "log": 3}),
    ("logsumexp", lambda x: x.logsumexp(1), (3, 5), {"cmp": 12, "add": 30, "exp": 15, "log": 3}),
    ("sqrt", torch.sqrt, (3, 5), {"sqrt": 15}),
    ("rsqrt", torch.rsqrt, (3, 5), {"sqrt": 15, "div": 15}),
    ("add", lambda x: x + ones(5), (3, 5), {"add": 15}),
    ("add", lambda x: torch.add(x, ones(5), alpha=2), (3, 5), {"add": 15, "mul": 15}),
    ("sub", lambda x: x - ones(5), (3, 5), {"add": 15}),
    ("sub", lambda x: torch.sub(x, 1, alpha=2), (3, 5), {"add": 15, "mul": 15}),
    ("rsub", lambda x: 1 - x, (3, 5), {"add": 15}),
    ("rsub", lambda x: torch.rsub(x, 1, alpha=2), (3, 5), {"add": 15, "mul": 15}),
    ("mul", lambda x: x * 2, (3, 5), {"mul": 15}),
    ("div", lambda x: x / 2, (3, 5), {"div": 15}),
    ("reciprocal", torch.reciprocal, (3, 5), {"div": 15}),
    ("pow", lambda x: x**3, (3, 5), {"mul": 30}),
    ("pow", lambda x: x**0.3, (3, 5), None),
    # 3 vectors of 5: 4 comparisons, 5 subtractions and 4 additions, 5 exponentials, 5 divisions.
    ("_softmax", lambda x: x.softmax(1), (3, 5), {"cmp": 12, "add": 27, "exp": 15, "div": 15}),
    ("_softmax", lambda x: x.softmax(-2), (3, 5), {"cmp": 10, "add": 25, "exp": 15, "div": 15}),
    ("mean", lambda x: x.mean(1), MAP, {"add": 1155 - 231, "div": 231}),
    ("mean", nn.AdaptiveAvgPool2d(1), MAP, {"add": 1155 - 15, "div": 15}),
    # Three windows of 7 have 3 elements each, two of 11 have 6: they overlap.
    ("_adaptive_avg_pool2d", nn.AdaptiveAvgPool2d((3, 2)), MAP, {"add": 15 * 9 * 12 - 90, "div": 90}),
    ("_adaptive_avg_pool3d", nn.AdaptiveAvgPool3d((2, 1, 1)), VIDEO, {"add": 2310 - 30, "div": 30}),
    ("adaptive_max_pool2d", nn.AdaptiveMaxPool2d(1), MAP, {"cmp": 1140}),
    ("adaptive_max_pool2d", nn.AdaptiveMaxPool2d((3, 2)), MAP, {"cmp": 15 * 9 * 12 - 90}),
    ("adaptive_max_pool3d", nn.AdaptiveMaxPool3d(1), VIDEO, {"cmp": 2295}),
    ("sum", lambda x: x.sum(1), MAP, {"add": 924}),
    ("amax", lambda x: x.amax(1), MAP, {"cmp": 924}),
    ("amin", lambda x: x.amin(1), MAP, {"cmp": 924}),
    ("max", lambda x: x.max(1)[0], MAP, {"cmp": 924}),
    ("min", torch.min, MAP, {"cmp": 1154}),
    # 3×5 windows of 2×2; with padding 4×6, whose padded elements count.
    ("max_pool2d_with_indices", nn.MaxPool2d(2), MAP, {"cmp": 15 * 15 * 3}),
    ("max_pool2d_with_indices", nn.MaxPool2d(3, 2, 1), MAP, {"cmp": 15 * 24 * 8}),
    ("max_pool3d_with_indices", nn.MaxPool3d((1, 2, 2)), VIDEO, {"cmp": 15 * 30 * 3}),
    ("avg_pool2d", nn.AvgPool2d(3, 2, 1), MAP, {"add": 15 * 24 * 8, "div": 15 * 24}),
    ("avg_pool3d", nn.AvgPool3d(2), VIDEO, {"add": 15 * 15 * 7, "div": 15 * 15}),
    ("upsample_bilinear2d", nn.UpsamplingBilinear2d(scale_factor=2), MAP, {"mul": 4620 * 3, "add": 4620 * 6}),
    ("gelu", lambda x: F.gelu(x, approximate="tanh"), (3, 5), {"mul": 105, "add": 60, "exp": 15, "div": 15}),
    ("gelu", F.gelu, (3, 5), {"mul": 45, "add": 15, "erf": 15}),
    ("addcmul", lambda x: torch.addcmul(x, x, x), (3, 5), {"mul": 15, "add": 15}),
    ("addcmul", lambda x: torch.addcmul(x, x, x, value=2), (3, 5), {"mul": 30, "add": 15}),
    ("addcdiv", lambda x: torch.addcdiv(x, x, x), (3, 5), {"div": 15, "add": 15}),
    ("addcdiv", lambda x: torch.addcdiv(x, x, x, value=2), (3, 5), {"div": 15, "mul": 15, "add": 15}),
    ("lerp", lambda x: torch.lerp(x, x, 0.5), (3, 5), {"mul": 15, "add": 30}),
    ("prod", lambda x: x.prod(1), MAP, {"mul": 924}),
    # 3×5 windows of 2×3, each element of which is added where it belongs.
    ("col2im", lambda x: F.fold(x, (4, 7), (2, 3)), (3, 6, 15), {"add": 3 * 6 * 15}),
    ("scatter", lambda x: x.scatter(1, torch.zeros(3, 2, dtype=int, device="meta"), x), (3, 5), {}),
    (
        "scatter",
        lambda x: x.scatter(1, torch.zeros(3, 2, dtype=int, device="meta"), x, reduce="add"),
        (3, 5),
        None,
    ),
    # Of 21 elements 42, each a step from one neighbour to the other; of 2 frames three times as many steps and one.
    (
        "upsample_linear1d",
        lambda x: torch.ops.aten.upsample_linear1d(x, [14], False),
        (1, 3, 7),
        {"mul": 42, "add": 84},
    ),
    (
        "upsample_trilinear3d",
        lambda x: torch.ops.aten.upsample_trilinear3d(x, [4, 14, 22], False),
        VIDEO,
        {"mul": 18480 * 7, "add": 18480 * 14},
    ),
    ("native_dropout", lambda x: torch.ops.aten.native_dropout(x, 0.3, False)[0], (3, 5), {}),
    ("native_dropout", lambda x: torch.ops.aten.native_dropout(x, 0.3, True)[0], (3, 5), None),
    ("glu", lambda x: F.glu(x, 1), (3, 14), {"exp": 21, "add": 21, "div": 21, "mul": 21}),
    ("_prelu_kernel", nn.PReLU(), (3, 5), {"cmp": 15, "mul": 15}),
    ("elu", F.elu, (3, 5), {"cmp": 15, "exp": 15, "add": 15, "mul": 15}),
    ("celu", F.celu, (3, 5), {"cmp": 15, "exp": 15, "add": 15, "mul": 15, "div": 15}),
    # torch runs it as elu, whose factors are numbers.
    ("elu", F.selu, (3, 5), {"cmp": 15, "exp": 15, "add": 15, "mul": 15}),
    ("argmax", lambda x: x.argmax(1), MAP, {"cmp": 924}),
    ("argmin", lambda x: x.argmin(1), MAP, {"cmp": 924}),
    ("cumsum", lambda x: x.cumsum(1), MAP, {"add": 924}),
    # 231 vectors of 5: 4 + 5 + 4 additions, 5 squares, 2 divisions.
    ("var", lambda x: x.var(1), MAP, {"add": 231 * 13, "mul": 1155, "div": 462}),
    ("var_mean", lambda x: torch.var_mean(x, 1)[0], MAP, {"add": 231 * 13, "mul": 1155, "div": 462}),
    ("std", lambda x: x.std(1), MAP, {"add": 231 * 13, "mul": 1155, "div": 462, "sqrt": 231}),
    ("linalg_vector_norm", lambda x: x.norm(dim=1), MAP, {"mul": 1155, "add": 924, "sqrt": 231}),
    ("linalg_vector_norm", lambda x: torch.linalg.vector_norm(x, 1, 1), MAP, None),
    # A number that is compared is work; a position is not.
    ("gt", lambda x: x > 0, (3, 5), {"cmp": 15}),
    ("gt", lambda x: torch.arange(x.shape[1], device=x.device) > 2, (3, 5), {}),
    ("index_put", lambda x: x.index_put((torch.arange(2, device="meta"),), x[:2]), (3, 5), {}),
    (
        "index_put",
        lambda x: x.index_put((torch.arange(2, device="meta"),), x[:2], accumulate=True),
        (3, 5),
        {"add": 10},
    ),
]


@pytest.mark.parametrize(
    "operator, target, shape, expected", EXAMPLES, ids=[f"{i}-{each[0]}" for i, each in enumerate(EXAMPLES)]
)
def test_by_hand(operator, target, shape, expected) -> None:
    """The operator that torch runs is counted as by hand."""
    assert counted(target, shape, operator if "arange" in str(expected) or operator == "gt" else None) == (
        operator,
        expected,
    )


@pytest.mark.parametrize("comparison", ["eq", "ge", "gt", "le", "lt", "ne"])
def test_comparisons(comparison) -> None:
    """Comparing values is work, one comparison an element."""
    assert counted(lambda x: getattr(x, comparison)(0), (3, 5)) == (comparison, {"cmp": 15})


def test_attention_in_parts() -> None:
    """Over symbols attention runs as its parts: two scalings, a product, a softmax, a product."""
    traced = trace(Calls(lambda x: F.scaled_dot_product_attention(x, x, x)), MAP)
    total = {}
    for operation in traced.operations:
        for kind, count in operation.arithmetic.items():
            total[kind] = total.get(kind, 0) + int(count.xreplace(traced.values))
    pairs, queries = 15 * 7 * 7, 15 * 7
    softmax = {"cmp": pairs - queries, "add": 2 * pairs - queries, "exp": pairs, "div": pairs}
    assert total == {"mac": 2 * pairs * 11, "mul": 2 * 1155} | softmax


@pytest.mark.parametrize("masked", [False, True])
def test_fused_attention(masked) -> None:
    """On a CPU attention runs as one operator: both products, the scale, the softmax, and the mask that is added."""
    from torch.utils._python_dispatch import TorchDispatchMode

    from costmodel.trace.operators import Run
    from costmodel.trace.run import _plain

    ran = []

    class Log(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            name = function.overloadpacket.__name__
            if name in COUNTED:
                ran.append((name, COUNTED[name](Run(_plain(args), _plain(kwargs or {}), _plain(out[0])))))
            return out

    query, key = torch.zeros(3, 5, 7, 11), torch.zeros(3, 5, 13, 11)
    with torch.no_grad(), Log():
        F.scaled_dot_product_attention(query, key, key, attn_mask=torch.zeros(7, 13) if masked else None)
    pairs, queries = 15 * 7 * 13, 15 * 7
    expected = {"mac": pairs * 22, "mul": pairs, "cmp": pairs - queries, "exp": pairs, "div": pairs}
    additions = 2 * pairs - queries + masked * pairs
    assert ran == [("_scaled_dot_product_flash_attention_for_cpu", expected | {"add": additions})]


def test_root_mean_square_norm() -> None:
    """An RMS norm runs as its parts: squares, their mean, epsilon, 1/√ of it, and two factors an element."""
    traced = trace(nn.RMSNorm(11).to("meta"), MAP)
    total = {}
    for operation in traced.operations:
        for kind, count in operation.arithmetic.items():
            total[kind] = total.get(kind, 0) + int(count.xreplace(traced.values))
    assert total == {"mul": 3465, "add": 1155, "div": 210, "sqrt": 105}


FUSED = {
    # What runs elsewhere only: on a GPU, in an export, under autograd, or where it is called by name.
    *("_scaled_dot_product_flash_attention_for_cpu", "_safe_softmax", "_fused_rms_norm", "prelu", "selu"),
    *("_native_batch_norm_legit", "_native_batch_norm_legit_no_training"),
    *("alpha_dropout", "dropout", "feature_alpha_dropout", "feature_dropout"),
}


def test_every_counted_operator_has_an_example() -> None:
    """Nothing is counted that is not worked by hand here."""
    assert {operator for operator, *_ in EXAMPLES} | FUSED | {"eq", "ge", "le", "lt", "ne"} >= set(COUNTED)


def test_masks() -> None:
    """Making them is work, and joining them is none."""
    traced = trace(Calls(lambda x: (x > 0) & ~(x > 1) | (x < 2)).to("meta"), (3, 5))
    assert [operation.operator for operation in traced.operations] == ["gt", "gt", "lt"]


def test_complex_numbers() -> None:
    """A product of two is several of real numbers, and not counted as one."""
    traced = trace(Calls(lambda x: x * 1j).to("meta"), (3, 5))
    assert [operation.arithmetic for operation in traced.operations] == [None]


@pytest.mark.parametrize("name", sorted({*COUNTED, *FREE, *WITHOUT_MACS}))
def test_names(name) -> None:
    """Every name in the tables is an ATen operator of the torch that is installed."""
    assert hasattr(torch.ops.aten, name)


def test_no_name_in_both_tables() -> None:
    """What is counted is not free."""
    assert not FREE & {*COUNTED, *WITHOUT_MACS}
