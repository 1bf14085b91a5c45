"""What an attention module costs, as an exact formula.

>>> from costmodel import ledger, totals
>>> totals(ledger("se", (1, 512, 28, 28), reduction=16))["macs"]
32768
"""

import costmodel.layers  # noqa: F401  (puts the layers of the survey into the catalog)
from costmodel.catalog import LAYERS, Headline, Layer, find, layer, ledger
from costmodel.conventions import CONVENTIONS, Convention
from costmodel.dimension import CostModelError, width
from costmodel.ledger import Ledger, Row
from costmodel.metrics import METRICS, totals
from costmodel.tensor import Tensor

__version__ = "0.1.0"

__all__ = [
    "CONVENTIONS",
    "LAYERS",
    "METRICS",
    "Convention",
    "CostModelError",
    "Headline",
    "Layer",
    "Ledger",
    "Row",
    "Tensor",
    "find",
    "layer",
    "ledger",
    "totals",
    "width",
]
