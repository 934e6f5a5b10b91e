"""scikit-learn's MLPClassifier: partial_fit for a step, fit for the whole job."""

import warnings
from pathlib import Path

import numpy as np
from job import EPOCHS, W1, Mnist
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from task import Runner, Task, Training, one_by_one, scaled, step_by_step, trained
from workloads import Workload


def train(task: Task) -> Runner:
    return trained(task, _training)


def predict(task: Task) -> Runner:
    model = _with_weights(task)
    # The cross-entropy is the same of log-probabilities as of logits.
    return one_by_one(task, model.predict_proba, to_logits=np.log)


def whole(folder: Path) -> float:
    mnist = Mnist.load(folder)
    model = _model(W1, max_iter=EPOCHS, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(scaled(mnist.train_x), mnist.train_y)
    return mnist.accuracy(model.predict_proba(scaled(mnist.test_x)))


def _model(work: Workload, **options: object) -> MLPClassifier:
    return MLPClassifier(
        hidden_layer_sizes=work.net.sizes[1:-1],
        activation={"relu": "relu", "sigmoid": "logistic"}[work.net.layers[1].name],
        solver=work.optimizer,
        alpha=0.0,
        batch_size=work.batch,
        learning_rate_init=work.lr,
        momentum=0.0,
        nesterovs_momentum=False,
        **options,
    )


def _training(task: Task) -> Training:
    model = _with_weights(task)
    return step_by_step(task, model.partial_fit, lambda: _weights(model))


def _with_weights(task: Task) -> MLPClassifier:
    """A model with the first weights that all share."""
    model = _model(task.work, shuffle=False)
    # The first call only builds the model: its weights are replaced, its moments forgotten.
    model.partial_fit(task.x[0], task.y[0], classes=np.arange(task.work.net.sizes[-1]))
    for layer, (weight, bias) in enumerate(task.layers(task.weights)):
        model.coefs_[layer][...] = weight.T
        model.intercepts_[layer][...] = bias
    if task.work.optimizer == "adam":
        model._optimizer.t = 0
        for moment in (*model._optimizer.ms, *model._optimizer.vs):
            moment[...] = 0
    return model


def _weights(model: MLPClassifier) -> list[np.ndarray]:
    pairs = zip(model.coefs_, model.intercepts_, strict=True)
    return [array for weight, bias in pairs for array in (weight.T, bias)]
