"""What a call that fails says: the layer, what it got, the mend, and the table down to it."""

from typing import Any

import numpy as np
import pytest

from chainrule import nn
from chainrule.errors import ChainruleError, DataError, DtypeError, ShapeError


def message_of(model: nn.Module, *inputs: Any, error: type = ShapeError) -> str:
    with pytest.raises(error) as caught:
        model(*inputs)
    return str(caught.value)


def test_the_layer_the_shapes_the_formula_the_edit_and_the_table() -> None:
    net = nn.Sequential(nn.Linear(784, 25), nn.ReLU(), nn.Linear(30, 10), nn.Softmax())
    assert message_of(net, np.zeros((100, 784))).splitlines() == [
        "layer '2', Linear(in_features=30, out_features=10, bias=True), got an input of shape "
        "(100, 25): x @ weight.T + bias with weight (10, 30) takes an input of shape (..., 30). "
        "nn.Linear(25, 10) would fit this input.",
        "",
        "layer  kind    output shape  parameters  initialiser",
        "-----  ------  ------------  ----------  ------------------------------------",
        "0      Linear  (100, 25)         19,625  weight kaiming_uniform, bias uniform",
        "1      ReLU    (100, 25)              0",
        "2      Linear  <-- here             310  weight kaiming_uniform, bias uniform",
    ]


@pytest.mark.parametrize(
    ("shape", "mend"),
    [
        ((100, 28, 28), "Put nn.Flatten() before it."),
        ((28, 28), "For one sample, reshape it to (1, 784)."),
        ((784, 100), "Transpose the input with .T."),
        ((100, 25), "nn.Linear(25, 10) would fit this input."),
        ((), "Give an array, not one number."),
    ],
)
@pytest.mark.parametrize("bias", [True, False])
def test_the_edit_that_mends_a_linear_layer(shape: tuple, mend: str, bias: bool) -> None:
    text = message_of(nn.Linear(784, 10, bias=bias), np.zeros(shape, np.float32))
    assert text.startswith("Linear(in_features=784")
    assert f"got an input of shape {shape}" in text
    assert text.endswith(mend)
    assert ("+ bias with" in text) == bias


def test_the_edits_do_mend() -> None:
    images, net = np.zeros((5, 28, 28)), nn.Linear(784, 10)
    assert nn.Sequential(nn.Flatten(), net)(images).shape == (5, 10)
    assert net(images[0].reshape(1, 784)).shape == (1, 10)


def test_flatten_without_a_batch_axis() -> None:
    text = message_of(nn.Sequential(nn.Flatten()), np.zeros(784))
    assert "layer '0', Flatten(start_axis=1), got an input of shape (784,)" in text
    assert "Is the batch axis missing? For one sample, write x[None]" in text


class Block(nn.Module):
    """A residual block that fails by itself where its path changes the width."""

    def __init__(self, width: int, out: int) -> None:
        self.inner = nn.Sequential(nn.Linear(width, 4), nn.Tanh(), nn.Linear(4, out))

    def forward(self, x: Any) -> Any:
        return x + self.inner(x)


def test_a_failing_part_deep_inside_has_its_whole_path() -> None:
    net = nn.Sequential(nn.Linear(3, 5), nn.Sequential(Block(5, 5), Block(6, 5)), nn.ReLU())
    text = message_of(net, np.zeros((2, 3)))
    assert text.startswith("layer '1.1.inner.0', Linear(in_features=6, out_features=4, bias=True)")
    assert text.count("would fit this input") == 1
    rows = text.split("\n")[4:]
    assert [row.split()[0] for row in rows] == [
        *("0", "1.0.inner.0", "1.0.inner.1", "1.0.inner.2", "1.1.inner.0")
    ]
    assert "<-- here" in rows[-1]


def test_a_part_that_fails_by_itself_stands_last() -> None:
    net = nn.Sequential(nn.Linear(3, 5), Block(5, 7))
    text = message_of(net, np.zeros((2, 3)))
    assert text.startswith("layer '1', Block, got an input of shape (2, 5): add: shapes")
    rows = text.split("\n")[4:]
    assert [row.split()[0] for row in rows] == ["0", "1.inner.0", "1.inner.1", "1.inner.2", "1"]
    assert rows[-1].split()[1:] == ["Block", "<--", "here", "0"]


def test_several_inputs_are_all_told() -> None:
    class Sum(nn.Module):
        def forward(self, x: Any, y: Any) -> Any:
            return nn.mse(x, y)

    assert message_of(Sum(), np.zeros((2, 1)), np.zeros(2)).startswith(
        "Sum() got inputs of shapes (2, 1), (2,): mse: the output has shape (2, 1)"
    )


def test_other_errors_of_ours_are_located_and_keep_their_class() -> None:
    net = nn.Sequential(nn.Identity(), lambda x: nn.cross_entropy(x, np.array([9])))
    text = message_of(net, np.zeros((1, 3)), error=DataError)
    assert "layer '1'" in text
    assert "class id 9 in row 0" in text
    net = nn.Sequential(lambda x: nn.cross_entropy(x, np.array([0.5])))
    assert "float64; expected integers" in message_of(net, np.zeros((1, 3)), error=DtypeError)


def test_errors_of_others_pass_unchanged() -> None:
    def broken(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError) as caught:
        nn.Sequential(broken)(np.zeros(3))
    assert caught.value.args == ("mine",)


def test_a_failing_call_leaves_the_model_as_it_was() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            self.calls = 0
            self.seen = nn.Buffer(np.zeros(1, np.float32))
            self.layer = nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            self.calls += 1
            self.seen = self.seen + 1
            return self.layer(x)

    net = Counting()
    message_of(net, np.zeros((2, 4)))
    assert net.calls == 1
    np.testing.assert_array_equal(net.seen.numpy(), [1.0])
    assert "forward" not in vars(net)
    assert "forward" not in vars(net.layer)
    assert net(np.zeros((2, 3))).shape == (2, 2)


def test_inputs_that_are_no_numbers() -> None:
    with pytest.raises(ChainruleError, match="expected numbers"):
        nn.Linear(2, 2)(["a", "b"])
