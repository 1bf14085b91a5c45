"""The layers of the survey, one file per family. Importing this package puts them into the catalog."""

from costmodel.layers import (
    cbam,
    convolution,
    criss_cross,
    danet,
    dense_attention,
    eca,
    global_context,
    non_local,
    shared_fc,
    sparse_attention,
    squeeze_excitation,
)

__all__ = [
    "cbam",
    "convolution",
    "criss_cross",
    "danet",
    "dense_attention",
    "eca",
    "global_context",
    "non_local",
    "shared_fc",
    "sparse_attention",
    "squeeze_excitation",
]
