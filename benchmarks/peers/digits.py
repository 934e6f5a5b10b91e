"""neural-network-digits, a small NumPy program for MNIST: its network alone, and its trainer.

It knows no Adam, so it has its momentum and its falling learning rate. Its PNG files, its pictures
of the run and its distortion of the digits are left out.
"""

import math
from pathlib import Path

import numpy as np
from job import EPOCHS, W1, Mnist, orders
from nn_digits.neural_net.network import NeuralNetwork
from task import scaled


def whole(folder: Path) -> float:
    """Its network in the shortest loop around it: the batches are gathered from the bytes."""
    mnist = Mnist.load(folder)
    net = NeuralNetwork(W1.net.sizes)
    one_hot = np.eye(10, dtype=np.float32)[mnist.train_y]
    for epoch, order in enumerate(orders(np.random.default_rng(0), len(one_hot))):
        for rows in order:
            net.train_step(scaled(mnist.train_x[rows]), one_hot[rows], _rate(epoch), l2=0)
    return mnist.accuracy(net.predict(scaled(mnist.test_x)))


def trainer(folder: Path) -> float:
    """Its trainer, as its command line uses it: with a tenth of the data to validate on."""
    # It brings Pillow, which the network alone does without.
    from nn_digits.neural_net.training import Trainer

    mnist = Mnist.load(folder)
    photos = mnist.train_x.reshape(-1, 28, 28)
    used = Trainer(W1.net.sizes[1:-1], photos_and_digits=(photos, mnist.train_y))
    for epoch in range(EPOCHS):
        used.run_epoch(_rate(epoch), batch=W1.batch, rotation=0, shift=0)
    return mnist.accuracy(used.net.predict(scaled(mnist.test_x)))


def _rate(epoch: int) -> float:
    return 0.05 * 0.5 * (1 + math.cos(math.pi * epoch / EPOCHS))
