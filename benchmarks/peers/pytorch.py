"""PyTorch, eager. Modes: how its optimizer runs, and whether its MKL may use AVX-512 on AMD."""

from collections.abc import Callable

import numpy as np
import torch
from workloads import Workload

MODES = ("plain", "foreach", "fused", "plain avx512", "foreach avx512", "fused avx512")


def build(work: Workload, mode: str) -> Callable[[np.ndarray, np.ndarray], float]:
    torch.set_num_threads(int(torch.get_num_threads()))
    activation = {"relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid}[work.activation]
    layers: list[torch.nn.Module] = []
    arrays = iter(work.weights())
    for inputs, outputs in zip(work.sizes, work.sizes[1:], strict=False):
        layer = torch.nn.Linear(inputs, outputs)
        layer.weight.data = torch.from_numpy(next(arrays).copy())
        layer.bias.data = torch.from_numpy(next(arrays).copy())
        layers += [layer, activation()]
    model = torch.nn.Sequential(*layers[:-1])
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[work.optimizer]
    how = mode.split(maxsplit=1)[0]
    options = {} if how == "plain" else {how: True}
    optimizer = kind(model.parameters(), lr=work.lr, **options)
    loss_function = torch.nn.functional.cross_entropy

    def step(x: np.ndarray, y: np.ndarray) -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_function(model(torch.from_numpy(x)), torch.from_numpy(y))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
