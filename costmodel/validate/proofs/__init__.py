"""Proofs for all sizes at once: over symbols, and on lattices where an oracle takes none.

case ─┬─ ledger over symbols ──────────────────┬─ difference expands to 0 on a domain → certificate
      └─ reference traced over symbols ────────┘
"""

from costmodel.validate.proofs.certificate import Certificate
from costmodel.validate.proofs.run import Proofs, prove

__all__ = ["Certificate", "Proofs", "prove"]
