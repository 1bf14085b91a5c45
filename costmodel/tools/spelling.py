"""How the operations of a ledger are written in torch: three spellings of the same mathematics.

``modules``: whatever can be a module is one, products are ``torch.bmm``, the rest operators. ``functions``: as
``torch.nn.functional`` and ``torch`` name them. ``methods``: methods of tensors and operators. Layers with weights are
modules in all three, since their weights have to live somewhere.
"""

from collections.abc import Mapping

from costmodel.dimension import CostModelError, abbreviate, elements
from costmodel.ledger import Row

SPELLINGS: Mapping[str, str] = {
    "modules": "nn.ReLU, nn.Softmax, nn.AdaptiveAvgPool2d, torch.bmm, *, +",
    "functions": "F.relu, F.softmax, F.adaptive_avg_pool2d, torch.matmul, torch.mul",
    "methods": "x.relu(), x.softmax(-1), x.mean((2, 3)), @, *, +",
}

CALLS: Mapping[str, tuple[str, str, str]] = {
    # Operation: as a module, a function, a method.
    "conv": ("nn.ConvNd",) * 3,
    "linear": ("nn.Linear",) * 3,
    "batch_norm": ("nn.BatchNormNd",) * 3,
    "batch_norm_plain": ("nn.BatchNormNd(affine=False)",) * 3,
    "layer_norm": ("nn.LayerNorm",) * 3,
    "layer_norm_plain": ("nn.LayerNorm(elementwise_affine=False)",) * 3,
    "group_norm": ("nn.GroupNorm",) * 3,
    "group_norm_plain": ("nn.GroupNorm(affine=False)",) * 3,
    "matmul": ("torch.bmm", "torch.matmul", "@"),
    "sampled_matmul": ("torch.bmm", "torch.matmul", "@"),
    "sparse_matmul": ("torch.bmm", "torch.matmul", "@"),
    "relu": ("nn.ReLU", "F.relu", "x.relu"),
    # These are no methods of tensors.
    "relu6": ("nn.ReLU6", "F.relu6", "F.relu6"),
    "silu": ("nn.SiLU", "F.silu", "F.silu"),
    "hard_sigmoid": ("nn.Hardsigmoid", "F.hardsigmoid", "F.hardsigmoid"),
    "hard_swish": ("nn.Hardswish", "F.hardswish", "F.hardswish"),
    "sigmoid": ("nn.Sigmoid", "torch.sigmoid", "x.sigmoid"),
    "softmax": ("nn.Softmax", "F.softmax", "x.softmax"),
    "add": ("+", "torch.add", "+"),
    "sub": ("-", "torch.sub", "-"),
    "mul": ("*", "torch.mul", "*"),
    "div": ("/", "torch.div", "/"),
    "scale": ("*", "torch.mul", "*"),
    "adaptive_avg_pool2d": ("nn.AdaptiveAvgPool2d", "F.adaptive_avg_pool2d", "x.mean"),
    "adaptive_avg_pool3d": ("nn.AdaptiveAvgPool3d", "F.adaptive_avg_pool3d", "x.mean"),
    "adaptive_max_pool": ("nn.AdaptiveMaxPoolNd", "F.adaptive_max_poolNd", "x.amax"),
    "avg_pool": ("nn.AvgPoolNd", "F.avg_poolNd", "F.avg_poolNd"),
    "max_pool": ("nn.MaxPoolNd", "F.max_poolNd", "F.max_poolNd"),
    # No module takes a mean or a maximum over channels.
    "mean": ("x.mean", "torch.mean", "x.mean"),
    "max": ("x.amax", "torch.amax", "x.amax"),
    "upsample_nearest": ("nn.Upsample(nearest)", "F.interpolate(nearest)", "F.interpolate(nearest)"),
    "upsample_bilinear": ("nn.Upsample(bilinear)", "F.interpolate(bilinear)", "F.interpolate(bilinear)"),
    "concat": ("torch.cat",) * 3,
    "pad": ("F.pad",) * 3,
    "copy": ("x.contiguous",) * 3,
}

# Families of calls that a tool treats alike.
LINEAR = ("nn.Linear", "nn.Linear of tokens", "nn.Linear of tokens with bias")
SPARSE_SOFTMAX = ("nn.Softmax of pairs", "F.softmax of pairs")


def spelled(row: Row, spelling: str) -> str:
    """The call that a row is in a spelling.

    Two calls are told apart by what they are given: a linear layer of tokens ``N×P×C`` from one of vectors ``N×C``,
    and a softmax over listed pairs, for which torch has none, from one over whole rows.
    """
    if spelling not in SPELLINGS:
        raise CostModelError(f"a spelling is one of {', '.join(SPELLINGS)}, not {abbreviate(spelling)}")
    if row.kind not in CALLS:
        raise CostModelError(f"no spelling in torch is known for the operation {row.kind!r}")
    call = CALLS[row.kind][tuple(SPELLINGS).index(spelling)]
    if row.kind == "linear" and len(row.output) > 2:
        return f"{call} of tokens with bias" if "add" in row.arithmetic else f"{call} of tokens"
    if row.kind == "softmax" and row.written - row.arithmetic["cmp"] != elements(row.output[:-1]):
        return f"{call} of pairs"
    return call
