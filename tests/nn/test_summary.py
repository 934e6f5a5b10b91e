"""The table of a model's layers."""

from typing import Any

import numpy as np
import pytest

from chainrule import nn, ops
from chainrule.errors import ShapeError


def test_the_table() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 25), nn.ReLU(), nn.Linear(25, 10, bias=False))
    assert str(net.summary((28, 28))).splitlines() == [
        "layer  kind     output shape  parameters  initialiser",
        "-----  -------  ------------  ----------  ------------------------------------",
        "0      Flatten  (N, 784)               0",
        "1      Linear   (N, 25)           19,625  weight kaiming_uniform, bias uniform",
        "2      ReLU     (N, 25)                0",
        "3      Linear   (N, 10)              250  weight kaiming_uniform",
        "19,875 parameters, 79.5 kB; outputs of all layers, 3.38 kB a sample",
    ]


def test_the_inputs_shape_is_read_off_the_first_linear_layer() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh())
    assert str(net.summary()) == str(net.summary((4,)))
    assert [row.shape for row in nn.Sequential(nn.ReLU()).summary().rows] == ["?"]


def test_initialisers_are_named_as_they_were_chosen() -> None:
    net = nn.Linear(4, 3, weight_init="he_normal", bias_init="constant(0.5)")
    assert net.summary().rows[0].initialiser == "weight kaiming_normal, bias constant(0.5)"
    net.weight = nn.Parameter.from_array(np.ones((3, 4), np.float32))
    assert net.summary().rows[0].initialiser == "weight given, bias constant(0.5)"


def test_nothing_is_drawn_or_changed() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    before = [dict(vars(module)) for _, module in net.named_modules()]
    net.summary()
    assert not any(parameter.drawn for parameter in net.parameters())
    assert [dict(vars(module)) for _, module in net.named_modules()] == before


def test_a_shape_that_does_not_fit_says_where() -> None:
    with pytest.raises(ShapeError, match=r"layer '1', Linear.*got an input of shape \(1, 3\)"):
        nn.Sequential(nn.Linear(4, 3), nn.Linear(5, 2)).summary((4,))
    rows = nn.Sequential(nn.Linear(4, 3), nn.Linear(5, 2)).summary().rows
    assert [row.shape for row in rows] == ["(N, 3)", "?"]


class Twins(nn.Module):
    """Two outputs, a parameter of its own, and a part that both paths share."""

    def __init__(self) -> None:
        self.scale = nn.Parameter((1,), "ones")
        self.layer = nn.Linear(4, 3)
        self.again = self.layer

    def forward(self, x: Any) -> Any:
        y = self.layer(x) * self.scale
        return y, ops.sum(self.again(x), axis=1)


def test_modules_with_several_outputs_and_shared_parts() -> None:
    summary = Twins().summary((4,))
    cells = [(row.path, row.shape, row.parameters) for row in summary.rows]
    assert cells == [("", "(N, 3), (N,)", 1), ("layer", "(N, 3)", 15)]
    assert summary.parameters == 16
    assert "(itself)" in str(summary)


def test_notebooks_get_a_table_with_escaped_text() -> None:
    class Held(nn.Module):
        def __init__(self) -> None:
            self.parts = {"<b>": nn.Linear(4, 3)}

        def forward(self, x: Any) -> Any:
            return self.parts["<b>"](x)

    markup = Held().summary()._repr_html_()
    assert markup.startswith("<table><tr><th>layer</th>")
    assert "<td>(N, 3)</td>" in markup
    assert "<td>parts.&lt;b&gt;</td>" in markup
    assert "15 parameters" in markup
