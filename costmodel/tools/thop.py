"""thop (pytorch-OpCounter): hooks on modules, nothing else (``thop/profile.py``, ``thop/vision/``)."""

from costmodel.tools.spelling import LINEAR
from costmodel.tools.tool import Rule, Tool, rules

TOOL = Tool(
    "thop",
    package="thop",
    version="0.1.1.post2209072238",
    unit="MACs",
    how="hooks modules by their type and sees nothing else: no product of activations, no function, no bias",
    blind="no module that it hooks",
    source="thop/profile.py: register_hooks",
    rules=rules(
        (("nn.ConvNd", *LINEAR), Rule({"MAC": 1})),
        (("nn.BatchNormNd", "nn.LayerNorm"), Rule({"output element": 4}, note="2 for the norm, doubled if affine")),
        (
            ("nn.BatchNormNd(affine=False)", "nn.LayerNorm(elementwise_affine=False)"),
            Rule({"output element": 2}),
        ),
        (("nn.Softmax",), Rule({"output element": 3, "vector": -1})),
        (("nn.AdaptiveAvgPool2d", "nn.AdaptiveAvgPool3d"), Rule({"input element": 1, "output element": 1})),
        (("nn.AvgPoolNd", "nn.Upsample(nearest)"), Rule({"output element": 1})),
        (("nn.Upsample(bilinear)",), Rule({"output element": 11})),
        (("nn.ReLU", "nn.MaxPoolNd", "nn.AdaptiveMaxPoolNd"), Rule(note="hooked, as zero")),
    ),
)
