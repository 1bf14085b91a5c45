"""Sentences of papers as propositions about costs, checked.

    a TOML file: claim = sentence + source + statements ── parsed and solved ── verdict beside the recorded one

A statement compares two expressions of sizes and of costs, such as ``macs("danet-pam") < macs("danet-cam")``. It
holds, it fails, or it holds under a condition on one size, which is found and not guessed. Costs are in closed form,
with every division exact.
"""

from costmodel.claims.book import Claim, Statement, load, survey
from costmodel.claims.verdict import Finding, check

__all__ = ["Claim", "Finding", "Statement", "check", "load", "survey"]
