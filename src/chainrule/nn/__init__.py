"""Layers, losses and initialisers: the parts that models are made of."""

from chainrule.nn import init, losses
from chainrule.nn.config import from_config, to_config
from chainrule.nn.layers import (
    Flatten,
    Function,
    Identity,
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)
from chainrule.nn.leaves import Leaves, functional_call, swapped
from chainrule.nn.losses import binary_cross_entropy, cross_entropy, mse
from chainrule.nn.module import Module
from chainrule.nn.parameter import Buffer, Parameter
from chainrule.nn.summary import Summary

__all__ = [
    "Buffer",
    "Flatten",
    "Function",
    "Identity",
    "Leaves",
    "Linear",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Summary",
    "Tanh",
    "binary_cross_entropy",
    "cross_entropy",
    "from_config",
    "functional_call",
    "init",
    "losses",
    "mse",
    "swapped",
    "to_config",
]
