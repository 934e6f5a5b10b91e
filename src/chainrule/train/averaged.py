"""The model of averaged weights, with running statistics that belong to them."""

import copy
from collections.abc import Mapping

import numpy as np

from chainrule import nn
from chainrule.data import Dataset


def averaged_model(
    model: nn.Module, weights: Mapping[str, np.ndarray], data: Dataset | None, batch_size: int
) -> nn.Module:
    """A copy of a model with these weights, in evaluation mode.

    The running statistics of batch norms are those of other weights: they are measured anew on the
    data, as the plain average over its batches (Izmailov et al., 2018, section 3.2).
    """
    twin = copy.deepcopy(model).eval()
    twin.load_state_dict(weights, strict=False)
    norms = [module for _, module in twin.named_modules() if isinstance(module, nn.BatchNorm)]
    if not norms or data is None:
        return twin
    momenta = [norm.momentum for norm in norms]
    trained = [parameter for parameter in twin.parameters() if parameter.requires_grad]
    for parameter in trained:
        # So that nothing is recorded.
        parameter.requires_grad = False
    for norm in norms:
        norm.num_batches_tracked = np.zeros((), np.int64)
        norm.momentum = None
        norm.training = True
    for first in range(0, len(data), batch_size):
        rows = data.x[first : first + batch_size]
        # The variance of one sample says nothing.
        if len(rows) > 1 or first == 0:
            twin(data.transform(rows))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    for parameter in trained:
        parameter.requires_grad = True
    return twin.eval()
