"""chainrule, eager: the very step that `chainrule.fit` runs."""

from collections.abc import Callable

import numpy as np
from workloads import Workload

from chainrule import models, optim
from chainrule.nn import losses
from chainrule.train import TrainingStep

MODES = ("eager",)


def build(work: Workload, mode: str) -> Callable[[np.ndarray, np.ndarray], float]:
    model = models.by_name(
        "mlp",
        in_features=work.sizes[0],
        classes=work.sizes[-1],
        hidden=work.sizes[1:-1],
        activation=work.activation,
    )
    names = list(model.initialize(0).state_dict())
    model.load_state_dict(dict(zip(names, work.weights(), strict=True)))
    optimizer = optim.by_name(work.optimizer, lr=work.lr)
    training = TrainingStep(model, losses.by_name("cross_entropy"), optimizer)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            return training([(x, y)], work.lr)[0]

    return step
