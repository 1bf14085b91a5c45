"""Whole networks, one file per family. Importing this package puts them into the catalog."""

from costmodel.networks import resnet

__all__ = ["resnet"]
