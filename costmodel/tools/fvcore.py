"""fvcore's ``FlopCountAnalysis``: a jit trace, counted by operator (``fvcore/nn/flop_count.py``)."""

from costmodel.tools.spelling import LINEAR
from costmodel.tools.tool import Rule, Tool, rules

TOOL = Tool(
    "fvcore",
    package="fvcore",
    version="0.1.5.post20221221",
    unit="MACs",
    how="traces the operators that run; counts a bias as nothing, a norm and an average pool by rules of its own",
    blind="no handler; it warns, or passes over a list of operators in silence",
    source="fvcore/nn/flop_count.py: _DEFAULT_SUPPORTED_OPS",
    rules=rules(
        (("nn.ConvNd", *LINEAR, "torch.bmm", "torch.matmul", "@"), Rule({"MAC": 1})),
        (("nn.BatchNormNd",), Rule({"output element": 2})),
        (("nn.BatchNormNd(affine=False)",), Rule({"output element": 1})),
        (("nn.LayerNorm", "nn.GroupNorm"), Rule({"output element": 5})),
        (("nn.LayerNorm(elementwise_affine=False)", "nn.GroupNorm(affine=False)"), Rule({"output element": 4})),
        (("nn.AdaptiveAvgPool2d", "F.adaptive_avg_pool2d"), Rule({"input element": 1})),
        (("nn.Upsample(nearest)", "F.interpolate(nearest)"), Rule({"output element": 1})),
        (("nn.Upsample(bilinear)", "F.interpolate(bilinear)"), Rule({"output element": 4})),
        (("nn.ReLU", "F.relu", "x.relu", "torch.cat", "x.contiguous"), Rule(note="taken for free, in silence")),
    ),
)
