"""Layers, losses and initialisers: the parts that models are made of."""

from chainrule.nn import catalogue, functions, init, losses
from chainrule.nn.activations import (
    ELU,
    GELU,
    SELU,
    DyT,
    Hardsigmoid,
    Hardtanh,
    LeakyReLU,
    LogSoftmax,
    Maxout,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Step,
    Swish,
    Tanh,
)
from chainrule.nn.config import from_config, to_config
from chainrule.nn.layers import Flatten, Function, Identity, Linear, Sequential
from chainrule.nn.leaves import Leaves, functional_call, swapped
from chainrule.nn.losses import binary_cross_entropy, cross_entropy, mse
from chainrule.nn.module import Module
from chainrule.nn.parameter import Buffer, Parameter
from chainrule.nn.summary import Summary

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Buffer",
    "DyT",
    "Flatten",
    "Function",
    "Hardsigmoid",
    "Hardtanh",
    "Identity",
    "LeakyReLU",
    "Leaves",
    "Linear",
    "LogSoftmax",
    "Maxout",
    "Module",
    "PReLU",
    "Parameter",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Step",
    "Summary",
    "Swish",
    "Tanh",
    "binary_cross_entropy",
    "catalogue",
    "cross_entropy",
    "from_config",
    "functional_call",
    "functions",
    "init",
    "losses",
    "mse",
    "swapped",
    "to_config",
]
