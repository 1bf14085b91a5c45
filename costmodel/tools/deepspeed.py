"""DeepSpeed's flops profiler: patched functions (``deepspeed/profiling/flops_profiler/profiler.py``)."""

from costmodel.tools.spelling import LINEAR
from costmodel.tools.tool import Rule, Tool, rules

_OUTPUT = Rule({"output element": 1})
PATCHED = (
    # What calflops patches alike.
    (("nn.ConvNd",), Rule({"MAC": 2, "bias added": 1})),
    ((*LINEAR, "torch.matmul"), Rule({"MAC": 2})),
    (("nn.BatchNormNd",), Rule({"output element": 2})),
    (("nn.BatchNormNd(affine=False)",), _OUTPUT),
    (("nn.LayerNorm", "nn.GroupNorm"), Rule({"output element": 5})),
    (("nn.LayerNorm(elementwise_affine=False)", "nn.GroupNorm(affine=False)"), Rule({"output element": 4})),
    (("nn.ReLU", "F.relu", "nn.Softmax", "F.softmax", "torch.mul", "torch.add"), _OUTPUT),
    (("F.relu6", "nn.SiLU", "F.silu"), _OUTPUT),
    (("nn.ReLU6",), Rule(note="it calls F.hardtanh, which is not patched, and not F.relu6, which is")),
    (("nn.AdaptiveAvgPool2d", "nn.AdaptiveAvgPool3d"), Rule({"input element": 1})),
    (("F.adaptive_avg_pool2d", "F.adaptive_avg_pool3d"), Rule({"input element": 1})),
    (("nn.AvgPoolNd", "F.avg_poolNd"), Rule({"input element": 1})),
    (("nn.AdaptiveMaxPoolNd", "F.adaptive_max_poolNd", "nn.MaxPoolNd", "F.max_poolNd"), Rule({"input element": 1})),
    (("*", "+"), Rule(note="torch.mul and torch.add are patched, the operators are not")),
)
RESIZING = ("nn.Upsample(nearest)", "nn.Upsample(bilinear)", "F.interpolate(nearest)", "F.interpolate(bilinear)")


def macs(flops: Tool) -> Tool:
    """The MACs that such a profiler reports beside its FLOPs: half of what it counts of products, and nothing else."""
    products = {call: rule for call, rule in flops.rules.items() if "MAC" in rule.weights}
    return flops._replace(
        name=f"{flops.name}-macs",
        unit="MACs",
        how="the MACs that it reports beside its FLOPs: convolutions, linear layers and the products that it patches",
        blind="it reports no MACs of it",
        rules={call: Rule({"MAC": 1}) for call in products}
        | {call: rule for call, rule in flops.rules.items() if rule.note and not rule.weights and rule.predicted},
    )


FLOPS = Tool(
    "deepspeed",
    package="deepspeed",
    version="0.19.8",
    unit="FLOPs",
    how="patches functions of F and torch, also @, inside which modules do their work; an element of the rest is 1",
    blind="no function that it patches",
    source="deepspeed/profiling/flops_profiler/profiler.py: _patch_functionals, _patch_tensor_methods",
    rules=rules(*PATCHED, (("torch.bmm", "@"), Rule({"MAC": 2})), (RESIZING, _OUTPUT)),
)
MACS = macs(FLOPS)
