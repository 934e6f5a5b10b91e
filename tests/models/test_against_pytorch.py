"""The architectures beside PyTorch's: the same weights give the same outputs, losses and steps.

Nothing is equal to the last bit, for sums are taken in another order. What float32 allows is
measured and not guessed: the twin runs in float64 as well, and the distance of PyTorch's own
float32 from that is the yardstick. `SLACK` times it is allowed, for the kernels of two libraries
err alike and not equally.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models, optim, rng
from tests.models.order import orders

torch = pytest.importorskip("torch")
twins = pytest.importorskip("tests.models.twins")

SLACK = 8.0
FLOOR = 1e-6
"""Below a few units in the last place no kernel is better than another."""
_MANY = 1 << 18
"""Numbers of one array that are compared, about; VGG-16 has 103 million in its largest."""


def apart(found: Any, exact: Any) -> float:
    """The distance of an array from the exact one, over the size of that."""
    found, exact = np.asarray(found, np.float64), np.asarray(exact, np.float64)
    return float(np.linalg.norm(found - exact) / max(np.linalg.norm(exact), 1e-30))


def sampled(state: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Copies of all weights and buffers; of the largest, evenly spread numbers."""
    flat = {name: np.asarray(value).reshape(-1) for name, value in state.items()}
    return {name: array[:: 1 + array.size // _MANY].copy() for name, array in flat.items()}


def stepped(twin: Any, x: np.ndarray, y: np.ndarray, lr: float) -> tuple[Any, float, dict]:
    """The outputs of a twin, its loss in training, and its numbers after a step of SGD."""
    pictures, targets = torch.tensor(x, dtype=next(twin.parameters()).dtype), torch.tensor(y)
    with torch.no_grad():
        before = twin.eval()(pictures).numpy()
    optimizer = torch.optim.SGD(twin.parameters(), lr=lr)
    outputs = twin.train()(pictures)
    heads = outputs if isinstance(outputs, tuple) else (outputs,)
    losses = [torch.nn.functional.cross_entropy(head, targets) for head in heads]
    loss = losses[0] + 0.3 * sum(losses[1:])
    loss.backward()
    optimizer.step()
    return before, loss.item(), sampled(twin.state_dict())


def assert_as_close(
    found: Mapping[str, Any], single: Mapping[str, Any], exact: Mapping[str, Any]
) -> None:
    """Each array is as near to the exact one as float32 in PyTorch is, within SLACK."""
    for name, value in exact.items():
        own, theirs = apart(found[name], value), apart(single[name], value)
        assert own <= SLACK * theirs + FLOOR, f"{name}: {own:.1e} apart, PyTorch {theirs:.1e}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "make", "options"),
    [
        ("alexnet", lambda: twins.alexnet(), {"dropout": 0.0}),
        ("vgg16", lambda: twins.vgg(twins.VGG16), {"dropout": 0.0}),
        (
            "googlenet",
            lambda: twins.GoogLeNet(),
            {"dropout": 0.0, "dropout_aux": 0.0, "aux_logits": True},
        ),
        ("resnet50", lambda: twins.resnet50(), {}),
    ],
)
def test_the_nets_of_imagenet_give_and_learn_what_pytorch_s_do(
    name: str, make: Callable, options: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    twin, lr = make(), 0.01
    model = models.by_name(name, in_shape=(3, 224, 224), classes=1000, **options)
    model.load_state_dict(twin.state_dict())
    x, y = rng.normal(rng.key(0), (2, 3, 224, 224)), np.array([281, 7])
    exact = stepped(copy.deepcopy(twin).double(), x, y, lr)
    single = stepped(twin, x, y, lr)

    outputs = model.eval()(x).numpy()
    assert_as_close({"outputs": outputs}, {"outputs": single[0]}, {"outputs": exact[0]})
    samples = data.Dataset(x, y, classes=[str(number) for number in range(1000)])
    run = cr.fit(
        model,
        samples,
        epochs=1,
        batch_size=2,
        optimizer=optim.SGD(lr=lr),
        compile=False,
        show=False,
    )
    assert run.history[0]["loss"] == pytest.approx(exact[1], rel=1e-5)
    assert_as_close(sampled(model.state_dict()), single[2], exact[2])


@pytest.mark.parametrize(
    ("name", "make", "options"),
    [
        ("resnet18", lambda: twins.resnet18(), {}),
        ("resnet20", lambda: twins.resnet20(), {}),
        ("googlenet", lambda: twins.GoogLeNet(10), {"aux_logits": True}),
    ],
)
def test_pytorch_s_weights_fit_by_name(name: str, make: Callable, options: dict[str, Any]) -> None:
    x, twin = rng.normal(rng.key(0), (2, 3, 32, 32)), make().eval()
    model = models.by_name(name, in_shape=(3, 32, 32), classes=len(twin.fc.bias), **options)
    assert model.load_state_dict(twin.state_dict()) == ((), ())
    with torch.no_grad():
        expected = twin(torch.tensor(x)).numpy()
    assert apart(model.eval()(x).numpy(), expected) < 1e-5


def curve_of(twin: Any, batches: list, lr: float) -> np.ndarray:
    """The loss of a twin at each step of SGD with momentum."""
    optimizer = torch.optim.SGD(twin.train().parameters(), lr=lr, momentum=0.9)
    losses = []
    for x, y in batches:
        optimizer.zero_grad()
        outputs = twin(torch.tensor(x, dtype=twin.fc.weight.dtype))
        loss = torch.nn.functional.cross_entropy(outputs, torch.tensor(y))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


class Course(NamedTuple):
    """A twin in training, and where it came from: what ours has to do again."""

    state: dict[str, np.ndarray]
    samples: data.Dataset
    single: np.ndarray
    exact: np.ndarray


SIZE, EPOCHS, LR = 8, 10, 0.001
"""With a learning rate of 0.02 PyTorch's own curves in float32 and float64 part by a quarter."""


@pytest.fixture(scope="module")
def course() -> Course:
    """50 steps of ResNet-20 in PyTorch, in float32 and float64: the mean loss of each epoch."""
    torch.manual_seed(0)
    twin = twins.resnet20()
    state = {name: value.numpy().copy() for name, value in twin.state_dict().items()}
    y = np.arange(5 * SIZE) % 10
    x = rng.normal(rng.key(1), (10, 3, 32, 32))[y] + rng.normal(rng.key(2), (len(y), 3, 32, 32))
    rows = np.concatenate([order.reshape(-1, SIZE) for order in orders(len(x), EPOCHS, SIZE)])
    batches = [(x[batch], y[batch]) for batch in rows]
    curves = [curve_of(net, batches, LR) for net in (copy.deepcopy(twin).double(), twin)]
    exact, single = (curve.reshape(EPOCHS, -1).mean(axis=1) for curve in curves)
    return Course(state, data.Dataset(x, y), single, exact)


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True])
def test_resnet20_learns_along_pytorch_s_curve(compiled: bool, course: Course) -> None:
    """50 steps of SGD with momentum, in 10 epochs of 5 batches, for a compiled run tells the loss
    by epoch. Rounding grows from step to step: PyTorch's own curve departs from that in float64."""
    if compiled:
        pytest.importorskip("chainrule.compiler", reason="needs llvmlite")
    model = models.by_name("resnet20", in_shape=(3, 32, 32), classes=10)
    model.load_state_dict(course.state)
    run = cr.fit(
        model,
        course.samples,
        epochs=EPOCHS,
        batch_size=SIZE,
        optimizer=optim.Momentum(lr=LR),
        compile=compiled,
        show=False,
    )
    found = np.array([row["loss"] for row in run.history])
    assert course.exact[-1] < 0.6 * course.exact[0]
    yardstick = np.abs(course.single / course.exact - 1.0).max()
    assert yardstick < 1e-3
    assert np.abs(found / course.exact - 1.0).max() <= SLACK * yardstick + 1e-5
