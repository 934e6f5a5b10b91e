"""The certificate: four modes agree where the rules are right, and a wrong rule is named."""

from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule import models
from chainrule.doctor import certify, check_rule
from chainrule.errors import DtypeError, OptionError
from chainrule.ops.table import OPS

KEY = cr.random.key(3)
X = cr.random.normal(KEY, shape=(3, 3), dtype="float64")
P = np.abs(X) + 0.5


def planted(name, **wrong):
    """A copy of a record, outside the table, with a mistake in its rule."""
    return replace(OPS[name], **wrong)


def _half(g, x, axis, keepdims):
    return 0.5 * OPS["sum"].transpose[0](g, x, axis, keepdims)


def _all_ones(g, out, x, axis, keepdims):
    return (np.ones(x.shape) * g,)


MISTAKES = {
    "tanh": (planted("tanh", partials=(lambda out, x: 1.0 + out * out,)), lambda f: f(X)),
    "exp": (planted("exp", partials=(lambda out, x: x,)), lambda f: f(X)),
    "multiply": (
        planted("multiply", partials=(lambda out, x, y: x, lambda out, x, y: y)),
        lambda f: f(X, P),
    ),
    "divide": (
        planted("divide", partials=(lambda out, x, y: 1.0 / y, lambda out, x, y: out / y)),
        lambda f: f(X, P),
    ),
    "matmul": (
        planted("matmul", transpose=(lambda g, x, y: g @ y, lambda g, x, y: x.T @ g)),
        lambda f: f(X, P),
    ),
    "sum": (planted("sum", transpose=(_half,)), lambda f: f(X)),
    "relu": (planted("relu", partials=(lambda out, x: x < 0,)), lambda f: f(X)),
    "power": (
        planted("power", partials=(lambda out, x, y: y * x**y, OPS["power"].partials[1])),
        lambda f: f(P, X),
    ),
    "max": (planted("max", vjp=_all_ones), lambda f: f(X)),
    "sigmoid": (planted("sigmoid", partials=(lambda out, x: out,)), lambda f: f(X)),
    "subtract": (planted("subtract", partials=(1.0, 1.0)), lambda f: f(X, P)),
    "linear": (
        planted("linear", jvp=lambda t, out, x, w, b: OPS["linear"](*t)),
        lambda f: f(X, P, X[0]),
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_planted_mistake_is_found_and_named(name):
    wrong, call = MISTAKES[name]
    arguments: list = []
    call(lambda *args: arguments.extend(args))
    certificate = certify(lambda *args: cr.sin(wrong(*map(cr.tanh, args)) * 0.3), *arguments)
    assert not certificate.agrees
    assert {fault.op for fault in certificate.faults} == {name}
    assert name in str(certificate)


@pytest.mark.parametrize("name", MISTAKES)
def test_the_right_rule_beside_it_is_not_accused(name):
    _, call = MISTAKES[name]
    arguments: list = []
    call(lambda *args: arguments.extend(args))
    right = OPS[name]
    certificate = certify(lambda *args: cr.sin(right(*map(cr.tanh, args)) * 0.3), *arguments)
    assert certificate.agrees, str(certificate)


def test_a_fault_says_which_argument_and_mode():
    wrong = planted("divide", partials=(lambda out, x, y: 1.0 / y, lambda out, x, y: out / y))
    found = check_rule(wrong, [X, P], {})
    assert {(argument, mode) for argument, mode, _ in found} == {(1, "reverse"), (1, "forward")}


def test_the_mnist_net_is_certified():
    model = models.by_name("mlp", in_features=784, classes=10, hidden=(25, 25))
    x = cr.random.uniform(KEY, shape=(3, 784))
    certificate = certify(model, x, np.array([1, 7, 3]), entries=8)
    assert certificate.agrees, str(certificate)
    assert [row.name for row in certificate.rows][:2] == ["0.weight", "0.bias"]
    assert certificate.ratio > 1000
    best = min(certificate.curve, key=lambda pair: pair[1])
    assert 1e-9 < best[0] < 1e-2
    assert best[1] < 1e-7


def test_all_entries_are_checked_on_request():
    certificate = certify(lambda x: (x**3).sum(), np.arange(1.0, 60.0), entries="all")
    assert certificate.rows[0].checked == 59
    assert {cost.measured for cost in certificate.costs[:3]} == {"in full"}


def test_costs_count_op_evaluations():
    certificate = certify(lambda x: cr.exp(x).sum(), np.ones(7))
    ops = {cost.mode: cost.ops for cost in certificate.costs}
    assert ops["numeric"] == 2 * 7 * 2


def test_the_certificate_is_data_too():
    result = certify(lambda x: cr.tanh(x), X).to_dict()
    assert result["agrees"] is True
    assert len(result["curve"]) == 12


def test_bad_input_is_refused():
    with pytest.raises(OptionError, match="entries is 0; expected a positive number or 'all'"):
        certify(lambda x: x.sum(), X, entries=0)
    with pytest.raises(DtypeError, match="no float argument"):
        certify(lambda x: x.sum(), np.array([1, 2]))
