"""Models by name."""

from collections.abc import Mapping
from types import MappingProxyType

from chainrule.models.alexnet import AlexNet
from chainrule.models.catalogue import (
    activations,
    by_name,
    fitting,
    names,
    takes_pictures,
)
from chainrule.models.catalogue import listing as list
from chainrule.models.convolutional import cnn, deep, lenet
from chainrule.models.densenet import DenseBlock, DenseNet
from chainrule.models.gates import Xor, gate
from chainrule.models.googlenet import AuxiliaryHead, GoogLeNet, Inception
from chainrule.models.mobilenet import InvertedResidual, MobileNetV2
from chainrule.models.nin import nin
from chainrule.models.perceptrons import mlp, norms, perceptron
from chainrule.models.resnet import BasicBlock, Bottleneck, CifarResNet, ResNet
from chainrule.models.vgg import VGG
from chainrule.nn import Module

CLASSES: Mapping[str, type[Module]] = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (AlexNet, VGG, GoogLeNet, ResNet, CifarResNet, MobileNetV2, DenseNet)
    }
)
"""The architectures that are classes of their own; `nn.from_config` makes them from options."""

__all__ = [
    "CLASSES",
    "VGG",
    "AlexNet",
    "AuxiliaryHead",
    "BasicBlock",
    "Bottleneck",
    "CifarResNet",
    "DenseBlock",
    "DenseNet",
    "GoogLeNet",
    "Inception",
    "InvertedResidual",
    "MobileNetV2",
    "ResNet",
    "Xor",
    "activations",
    "by_name",
    "cnn",
    "deep",
    "fitting",
    "gate",
    "lenet",
    "list",
    "mlp",
    "names",
    "nin",
    "norms",
    "perceptron",
    "takes_pictures",
]
