"""Assertions on formulas and budgets, kept true in CI.

    a TOML file: statement + domain ── parsed, never run ── proved over the domain, or evaluated at every point of it

A statement compares two expressions of costs and sizes, ``macs(cbam) <= 0.01 * macs(conv)``. Sizes that are given
values take each of them, and widths round there as real ones do. Sizes that are given none stay open: what is compared
are closed forms, in which every division is exact.
"""

from costmodel.checks.book import Check, load
from costmodel.checks.derived import Undecided
from costmodel.checks.verdict import Finding, check

__all__ = ["Check", "Finding", "Undecided", "check", "load"]
