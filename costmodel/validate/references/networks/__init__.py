"""Real torch modules of whole networks, one file per family."""

from costmodel.validate.references.networks import (
    cifar,
    danet,
    deeplabv3,
    efficientnet,
    fcn,
    lraspp,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
    resnet,
    shufflenet,
    vgg,
    video,
)

__all__ = [
    "cifar",
    "danet",
    "deeplabv3",
    "efficientnet",
    "fcn",
    "lraspp",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3",
    "resnet",
    "shufflenet",
    "vgg",
    "video",
]
