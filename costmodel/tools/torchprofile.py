"""torchprofile: a jit trace, counted by operator (``torchprofile/handlers.py``)."""

from costmodel.tools.spelling import LINEAR
from costmodel.tools.tool import Rule, Tool, rules

_OUTPUT = Rule({"output element": 1})

TOOL = Tool(
    "torchprofile",
    package="torchprofile",
    version="0.1.0",
    unit="MACs",
    how="traces the operators that run; a multiplication is a MAC, an addition and a bias are nothing",
    blind="listed as free, or without a handler",
    source="torchprofile/handlers.py: HANDLER_MAP",
    rules=rules(
        (("nn.ConvNd", *LINEAR, "torch.bmm", "torch.matmul", "@"), Rule({"MAC": 1})),
        (("*", "torch.mul"), _OUTPUT),
        (("nn.BatchNormNd", "nn.LayerNorm", "nn.GroupNorm"), _OUTPUT),
        (("nn.AdaptiveAvgPool2d", "nn.AdaptiveAvgPool3d"), _OUTPUT),
        (("nn.AvgPoolNd", "F.avg_poolNd"), _OUTPUT),
        (("F.adaptive_avg_pool2d", "F.adaptive_avg_pool3d", "x.mean", "torch.mean"), _OUTPUT),
        (("nn.Upsample(bilinear)", "F.interpolate(bilinear)"), Rule({"output element": 4})),
    ),
)
