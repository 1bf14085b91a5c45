"""torch's ``FlopCounterMode``: the aten operators that are dispatched (``torch/utils/flop_counter.py``)."""

from costmodel.tools.spelling import LINEAR
from costmodel.tools.tool import Rule, Tool, rules

TOOL = Tool(
    "FlopCounterMode",
    package="torch",
    version="2.13.0",
    unit="FLOPs",
    how="watches the aten operators below every spelling: convolutions and products, a MAC as 2, and nothing else",
    blind="not in its registry of convolutions and products",
    source="torch/utils/flop_counter.py: flop_registry",
    rules=rules((("nn.ConvNd", *LINEAR, "torch.bmm", "torch.matmul", "@"), Rule({"MAC": 2}))),
)
