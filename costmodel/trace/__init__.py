"""Torch modules run on shapes of symbols. The second door to torch.

module + shape → every operator that runs, with expressions for its sizes → arithmetic by kind → formula
"""

from costmodel.trace.costs import Costs, Part
from costmodel.trace.formula import Derived, derive_module
from costmodel.trace.guards import Condition
from costmodel.trace.run import Operation, Trace, trace
from costmodel.trace.subject import Formula, Formulas, Uncounted, as_subject, derive
from costmodel.trace.target import arguments, load

__all__ = [
    "Condition",
    "Costs",
    "Derived",
    "Formula",
    "Formulas",
    "Operation",
    "Part",
    "Trace",
    "Uncounted",
    "arguments",
    "as_subject",
    "derive",
    "derive_module",
    "load",
    "trace",
]
