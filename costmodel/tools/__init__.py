"""Other people's counters as conventions: what each of them reports of a layer, and why, without having it installed.

Most of them count by spelling: a product written ``@``, a mean written ``x.mean`` or an activation that is no module
can be a count, another count, or nothing. A reading is therefore of a ledger and a spelling.
"""

from costmodel.tools import (
    calflops,
    deepspeed,
    flop_counter_mode,
    fvcore,
    ptflops,
    thop,
    torchinfo,
    torchprofile,
)
from costmodel.tools.spelling import CALLS, SPELLINGS, spelled
from costmodel.tools.tool import VERDICTS, Counted, Reading, Rule, Tool

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        fvcore.TOOL,
        flop_counter_mode.TOOL,
        ptflops.PYTORCH,
        ptflops.ATEN,
        thop.TOOL,
        torchinfo.TOOL,
        torchprofile.TOOL,
        calflops.FLOPS,
        calflops.MACS,
        deepspeed.FLOPS,
        deepspeed.MACS,
    )
}

__all__ = ["CALLS", "SPELLINGS", "TOOLS", "VERDICTS", "Counted", "Reading", "Rule", "Tool", "spelled"]
