"""scikit-learn's MLPClassifier, one partial_fit a step."""

from collections.abc import Callable

import numpy as np
from sklearn.neural_network import MLPClassifier
from workloads import Workload

MODES = ("partial_fit",)


def build(work: Workload, mode: str) -> Callable[[np.ndarray, np.ndarray], float]:
    model = MLPClassifier(
        hidden_layer_sizes=work.sizes[1:-1],
        activation={"relu": "relu", "sigmoid": "logistic"}[work.activation],
        solver=work.optimizer,
        alpha=0.0,
        batch_size=work.batch,
        learning_rate_init=work.lr,
        momentum=0.0,
        nesterovs_momentum=False,
        shuffle=False,
    )
    arrays = work.weights()
    started = False

    def step(x: np.ndarray, y: np.ndarray) -> float:
        nonlocal started
        if not started:
            # The first call only builds the model; its weights then become the common ones.
            model.partial_fit(x, y, classes=np.arange(work.sizes[-1]))
            for layer in range(len(work.sizes) - 1):
                model.coefs_[layer][...] = arrays[2 * layer].T
                model.intercepts_[layer][...] = arrays[2 * layer + 1]
            if work.optimizer == "adam":
                model._optimizer.t = 0
                for moment in (*model._optimizer.ms, *model._optimizer.vs):
                    moment[...] = 0
            started = True
        model.partial_fit(x, y)
        return float(model.loss_)

    return step
