"""Random numbers: keys, and streams drawn from them. See `chainrule.rng` for the construction."""

from chainrule.ops.random import bernoulli, fold_in, normal, uniform
from chainrule.rng import bits, key, permutation, split

__all__ = ["bernoulli", "bits", "fold_in", "key", "normal", "permutation", "split", "uniform"]
