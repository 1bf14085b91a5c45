"""torchinfo's mult-adds: the parameters of each leaf module, times its output (``torchinfo/layer_info.py``)."""

from costmodel.tools.spelling import LINEAR
from costmodel.tools.tool import Rule, Tool, rules

_ONCE = Rule({"parameter and sample": 1})

TOOL = Tool(
    "torchinfo",
    package="torchinfo",
    version="1.8.0",
    unit="MACs",
    how="multiplies parameters by outputs: what has no parameters costs nothing, and a bias is a weight",
    blind="it has no parameters called weight or bias",
    source="torchinfo/layer_info.py: LayerInfo.calculate_macs",
    rules=rules(
        (("nn.ConvNd",), Rule({"MAC": 1, "bias added": 1})),
        (("nn.Linear", "nn.BatchNormNd", "nn.LayerNorm", "nn.GroupNorm"), _ONCE),
        (LINEAR[1:], _ONCE._replace(note="once a sample, not once a position")),
    ),
)
