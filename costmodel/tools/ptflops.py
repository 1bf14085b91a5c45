"""ptflops: hooks on modules and patched functions, or the aten operators that are dispatched.

The first backend divides what its hooks saw by the batch size and adds what its patched functions saw undivided, so
that a batch of more than one sample mixes both. A module that calls a patched function is counted by both.
"""

from costmodel.tools.spelling import LINEAR
from costmodel.tools.tool import Rule, Tool, rules

_TWICE = "by the hook on the module, and again by the patched function that the module calls"
_POOL = Rule({"input element": 1})
_POOL_TWICE = Rule({"input element": 1}, {"input element": 1}, note=_TWICE)

PYTORCH = Tool(
    "ptflops-pytorch",
    package="ptflops",
    version="0.7.5",
    unit="MACs",
    how="hooks modules (a bias counts) and patches functions of F and torch; a module that calls one counts twice",
    blind="neither a module that it hooks nor a function that it patches",
    source="ptflops/pytorch_ops.py: MODULES_MAPPING, FUNCTIONAL_MAPPING, TENSOR_OPS_MAPPING",
    rules=rules(
        (("nn.ConvNd", *LINEAR), Rule(averaged={"MAC": 1, "bias added": 1})),
        (("nn.BatchNormNd", "nn.GroupNorm"), Rule(averaged={"output element": 2})),
        (
            # Its hook asks for `affine`, which a layer norm calls `elementwise_affine`.
            (
                "nn.BatchNormNd(affine=False)",
                "nn.GroupNorm(affine=False)",
                "nn.LayerNorm",
                "nn.LayerNorm(elementwise_affine=False)",
            ),
            Rule(averaged={"output element": 1}),
        ),
        (("torch.bmm", "torch.matmul"), Rule({"MAC": 1})),
        (("@",), Rule(note="torch.matmul is patched, the operator is not")),
        (("nn.ReLU",), Rule({"output element": 1}, {"output element": 1}, note=_TWICE)),
        (("nn.ReLU6",), Rule(averaged={"output element": 1})),
        (("F.relu", "F.relu6", "F.silu", "F.softmax", "torch.mul", "torch.add"), Rule({"output element": 1})),
        (("nn.SiLU",), Rule({"output element": 1}, note="the patched F.silu that it calls")),
        (("nn.Softmax",), Rule({"output element": 1}, note="the patched F.softmax that it calls")),
        (("*", "+"), Rule(note="torch.mul and torch.add are patched, the operators are not")),
        (("nn.AdaptiveAvgPool2d", "nn.AdaptiveAvgPool3d", "nn.AdaptiveMaxPoolNd", "nn.MaxPoolNd"), _POOL_TWICE),
        (("nn.AvgPoolNd",), _POOL_TWICE),
        (("F.avg_poolNd",), _POOL),
        (("F.adaptive_avg_pool2d", "F.adaptive_avg_pool3d", "F.adaptive_max_poolNd", "F.max_poolNd"), _POOL),
        (("F.interpolate(nearest)", "F.interpolate(bilinear)"), Rule({"output element": 1})),
        (
            ("nn.Upsample(nearest)", "nn.Upsample(bilinear)"),
            Rule(note="it counts the first sample, divides that by the batch and rounds down", predicted=False),
        ),
    ),
)

ATEN = Tool(
    "ptflops-aten",
    package="ptflops",
    version="0.7.5",
    unit="MACs",
    how="watches the aten operators below every spelling: convolutions and products, and the bias inside one",
    blind="not among its six aten operators",
    source="ptflops/aten_ops.py: ATEN_OPS_MAPPING",
    rules=rules(
        (("nn.ConvNd", "nn.Linear"), Rule({"MAC": 1, "bias added": 1})),
        (("nn.Linear of tokens", "torch.bmm", "torch.matmul", "@"), Rule({"MAC": 1})),
        (
            ("nn.Linear of tokens with bias",),
            Rule(
                note="its bias counts if torch adds it inside addmm, by the input's layout in memory", predicted=False
            ),
        ),
    ),
)
