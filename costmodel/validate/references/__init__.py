"""A real torch module for every layer and option of the catalog, written from the papers.

They are the other side of every comparison, so nothing here imports a shape program, a `Tensor` of ours or a pair
count: only torch. A class takes ``(channels, **options)``, the options named, valued and defaulted as in the catalog
(and ``video=True`` for ``N×C×T×H×W`` where the layer takes it), and reads every other size from its tensors.

Written so that the oracles see the work: what multiplies is a convolution, ``nn.Linear`` or ``torch.bmm``, never ``@``
over broadcast dimensions, einsum or fused attention; global pools are modules; and no arithmetic is done on sizes,
which a trace would report as an operation of the layer.
"""

from costmodel.validate.references import (
    cbam,
    convolution,
    criss_cross,
    danet,
    dense_attention,
    eca,
    global_context,
    networks,
    non_local,
    shared_fc,
    sparse_attention,
    squeeze_excitation,
)
from costmodel.validate.references.registry import REFERENCES, reference

__all__ = [
    "REFERENCES",
    "cbam",
    "convolution",
    "criss_cross",
    "danet",
    "dense_attention",
    "eca",
    "global_context",
    "networks",
    "non_local",
    "reference",
    "shared_fc",
    "sparse_attention",
    "squeeze_excitation",
]
