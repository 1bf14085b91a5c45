"""The layers of the survey, one file per family. Importing this package puts them into the catalog."""

from costmodel.layers import (
    cbam,
    convolution,
    danet,
    dense_attention,
    non_local,
    shared_fc,
    sparse_attention,
    squeeze_excitation,
)

__all__ = [
    "cbam",
    "convolution",
    "danet",
    "dense_attention",
    "non_local",
    "shared_fc",
    "sparse_attention",
    "squeeze_excitation",
]
