"""From ledger to formula: a layer run on symbols. The only door to SymPy.

A layer divides widths and sizes with ``//``, as real modules do, so a run on symbols counts exactly, with
floors, whatever the sizes. The closed form that a person recognises is its *divisible* reading: every ``⌊a/b⌋``
becomes ``a/b``, and the condition that b divides a is kept beside it.
"""

from costmodel.symbolic.derivation import LETTERS, SIZES, Derivation, derive
from costmodel.symbolic.formula import Formula
from costmodel.symbolic.notation import (
    Term,
    expression,
    expression_latex,
    expression_python,
    expression_text,
    parse,
    parse_relation,
    placed,
    symbol,
    terms,
)

__all__ = [
    "LETTERS",
    "SIZES",
    "Derivation",
    "Formula",
    "Term",
    "derive",
    "expression",
    "expression_latex",
    "expression_python",
    "expression_text",
    "parse",
    "parse_relation",
    "placed",
    "symbol",
    "terms",
]
