"""Every layer of the catalog held against a real torch module: the only door to torch and fvcore.

    cases: layer + options + shape ─┬─ shape program ── ledger ── convention ─┐
                                    └─ reference module ── oracle ────────────┴─ comparison → report

Importing this package imports neither; `validate` does.
"""

from costmodel.validate.report import Comparison, Report
from costmodel.validate.run import Progress, Unavailable, require, validate

__all__ = ["Comparison", "Progress", "Report", "Unavailable", "require", "validate"]
