"""Matt Mazur's worked example of backpropagation, to the last digit that the text prints."""

import numpy as np
import pytest

from chainrule import nn, optim

INPUTS, TARGETS = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])


@pytest.fixture
def model() -> nn.Sequential:
    layers = []
    for weight, bias in (([0.15, 0.20, 0.25, 0.30], 0.35), ([0.40, 0.45, 0.50, 0.55], 0.60)):
        layer = nn.Linear(2, 2, dtype=np.float64)
        layer.weight.assign(np.reshape(weight, (2, 2)))
        layer.bias = nn.Buffer(np.array([bias, bias]))
        layers += [layer, nn.Sigmoid()]
    return nn.Sequential(*layers)


def error_of(model: nn.Module):
    return 0.5 * nn.mse(model(INPUTS), TARGETS, reduction="sum")


def test_the_error_before_and_after_one_update(model: nn.Sequential) -> None:
    stepper = optim.Stepper(model, optim.SGD(lr=0.5))
    error = error_of(model)
    assert round(error.item(), 9) == 0.298371109
    error.backward()
    assert round(model[2].weight.grad.numpy()[0, 0], 9) == 0.082167041
    stepper.step()
    # The text rounds on its way, so its weights are right to eight digits.
    after = [[0.35891648, 0.408666186], [0.511301270, 0.561370121]]
    np.testing.assert_allclose(model[2].weight.numpy(), after, atol=6e-10)
    after = [[0.149780716, 0.19956143], [0.24975114, 0.29950229]]
    np.testing.assert_allclose(model[0].weight.numpy(), after, atol=6e-9)
    assert round(error_of(model).item(), 9) == 0.291027774


def test_the_outputs_after_ten_thousand_updates(model: nn.Sequential) -> None:
    stepper = optim.Stepper(model, optim.SGD(lr=0.5))
    for _ in range(10_000):
        error_of(model).backward()
        stepper.step()
    np.testing.assert_array_equal(
        model(INPUTS).numpy().round(8), np.array([[0.01591362, 0.98406427]])
    )
    for layer in (model[0], model[2]):
        assert isinstance(layer.bias, nn.Buffer)
    np.testing.assert_array_equal(model[0].bias.numpy(), [0.35, 0.35])
