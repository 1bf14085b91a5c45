"""calflops: patched functions, after DeepSpeed (``calflops/pytorch_ops.py``)."""

from costmodel.tools.deepspeed import PATCHED, RESIZING, macs
from costmodel.tools.tool import Rule, Tool, rules

FLOPS = Tool(
    "calflops",
    package="calflops",
    version="0.3.2",
    unit="FLOPs",
    how="patches functions of F and torch, but of the products torch.matmul alone; an element of the rest is 1",
    blind="no function that it patches",
    source="calflops/pytorch_ops.py: _patch_functionals, _patch_tensor_methods",
    rules=rules(
        *PATCHED,
        (("torch.bmm",), Rule(note="its patch is commented out; torch.matmul is patched")),
        (("@",), Rule(note="torch.matmul is patched, the operator is not")),
        (RESIZING, Rule({"input element": 1}, note="the factor is worked out and dropped")),
    ),
)
MACS = macs(FLOPS)
