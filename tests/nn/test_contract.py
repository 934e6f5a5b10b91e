"""What every layer keeps: shapes, dtypes, its state, gradients, and PyTorch's numbers."""

import pickle
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from chainrule import nn, ops, optim, rng


@dataclass(frozen=True)
class Case:
    """A layer, the inputs and outputs that it maps, and the layer of PyTorch that does the same."""

    make: Callable[[Any], nn.Module]
    into: tuple[int, ...]
    out: tuple[int, ...]
    twin: Callable[[Any], Any]


CASES = {
    "Linear": Case(
        lambda dtype: nn.Linear(4, 3, dtype=dtype), (5, 4), (5, 3), lambda t: t.nn.Linear(4, 3)
    ),
    "Linear without bias": Case(
        lambda dtype: nn.Linear(4, 3, bias=False, dtype=dtype),
        (5, 4),
        (5, 3),
        lambda t: t.nn.Linear(4, 3, bias=False),
    ),
    "Linear on sequences": Case(
        lambda dtype: nn.Linear(4, 3, dtype=dtype),
        (2, 5, 4),
        (2, 5, 3),
        lambda t: t.nn.Linear(4, 3),
    ),
    "Linear on one sample": Case(
        lambda dtype: nn.Linear(4, 3, dtype=dtype), (4,), (3,), lambda t: t.nn.Linear(4, 3)
    ),
    "Linear without bias on one sample": Case(
        lambda dtype: nn.Linear(4, 3, bias=False, dtype=dtype),
        (4,),
        (3,),
        lambda t: t.nn.Linear(4, 3, bias=False),
    ),
    "Flatten": Case(lambda dtype: nn.Flatten(), (5, 2, 3), (5, 6), lambda t: t.nn.Flatten()),
    "Flatten everything": Case(
        lambda dtype: nn.Flatten(start_axis=0), (5, 2, 3), (30,), lambda t: t.nn.Flatten(0)
    ),
    "Identity": Case(lambda dtype: nn.Identity(), (5, 4), (5, 4), lambda t: t.nn.Identity()),
    "ReLU": Case(lambda dtype: nn.ReLU(), (5, 4), (5, 4), lambda t: t.nn.ReLU()),
    "Sigmoid": Case(lambda dtype: nn.Sigmoid(), (5, 4), (5, 4), lambda t: t.nn.Sigmoid()),
    "Tanh": Case(lambda dtype: nn.Tanh(), (5, 4), (5, 4), lambda t: t.nn.Tanh()),
    "Softmax": Case(lambda dtype: nn.Softmax(), (5, 4), (5, 4), lambda t: t.nn.Softmax(-1)),
    "Softmax over rows": Case(
        lambda dtype: nn.Softmax(axis=0), (5, 4), (5, 4), lambda t: t.nn.Softmax(0)
    ),
    "Function": Case(
        lambda dtype: nn.Function(ops.softplus), (5, 4), (5, 4), lambda t: t.nn.Softplus()
    ),
    "Sequential": Case(
        lambda dtype: nn.Sequential(
            nn.Flatten(), nn.Linear(6, 5, dtype=dtype), nn.Tanh(), nn.Linear(5, 2, dtype=dtype)
        ),
        (3, 2, 3),
        (3, 2),
        lambda t: t.nn.Sequential(
            t.nn.Flatten(), t.nn.Linear(6, 5), t.nn.Tanh(), t.nn.Linear(5, 2)
        ),
    ),
}
ALL = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def numbers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return rng.normal(rng.key(seed), shape, np.float64)


def plain(output: Any) -> np.ndarray:
    """Layers without parameters give arrays for arrays, the others tensors."""
    return output.numpy() if hasattr(output, "numpy") else output


def loss_of(model: nn.Module, x: np.ndarray, out: tuple[int, ...]) -> Any:
    """A number that every element of the output moves, each by a weight of its own."""
    return ops.sum(ops.square(model(x) - numbers(out, 9)))


@ALL
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shape_and_dtype_of_the_output(case: Case, dtype: str) -> None:
    model = case.make(dtype)
    output = model(numbers(case.into).astype(dtype))
    assert output.shape == case.out
    assert output.dtype == dtype


@ALL
def test_integers_yield_to_the_parameters(case: Case) -> None:
    pixels = np.arange(np.prod(case.into), dtype=np.uint8).reshape(case.into)
    model = case.make("float64")
    if model.parameter_count:
        assert model(pixels).dtype == np.float64
        np.testing.assert_array_equal(plain(model(pixels)), plain(model(pixels.astype(float))))


@ALL
def test_other_floats_are_cast_to_the_parameters_dtype(case: Case) -> None:
    model = case.make("float32")
    if model.parameter_count:
        assert model(numbers(case.into)).dtype == np.float32


@ALL
def test_state_goes_to_another_model_and_comes_out_equal(case: Case) -> None:
    model = case.make("float32").initialize(3)
    other = case.make("float32")
    other.load_state_dict(model.state_dict())
    assert list(other.state_dict()) == list(model.state_dict())
    x = numbers(case.into)
    np.testing.assert_array_equal(plain(other(x)), plain(model(x)))


@ALL
def test_copies_and_pickles_are_equal_and_apart(case: Case) -> None:
    for model in (case.make("float32"), case.make("float32").initialize(3)):
        for other in (deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert repr(other) == repr(model)
            before = model.initialize(1).state_dict()
            other.initialize(2, redraw=True)
            for path, array in model.state_dict().items():
                np.testing.assert_array_equal(array, before[path])


@ALL
def test_gradient_is_the_numeric_one(case: Case) -> None:
    model = case.make(np.float64).initialize(5)
    leaves = nn.Leaves(model)
    x = numbers(case.into)
    start = [leaf.data for leaf in leaves.read()]
    directions = [numbers(array.shape, i) for i, array in enumerate(start, 1)]
    if start:
        loss_of(model, x, case.out).backward()
    slope = sum(
        float((parameter.grad.numpy() * direction).sum())
        for parameter, direction in zip(leaves.read(), directions, strict=True)
    )

    def moved(step: float) -> float:
        values = [a + step * d for a, d in zip(start, directions, strict=True)]
        with nn.swapped(model, dict(zip(leaves.paths, values, strict=True))):
            return float(loss_of(model, x, case.out))

    h = 1e-5
    assert slope == pytest.approx((moved(h) - moved(-h)) / (2 * h), rel=1e-6, abs=1e-9)


@ALL
def test_one_training_step_lowers_the_loss(case: Case) -> None:
    model = case.make(np.float64).initialize(5)
    if not model.parameter_count:
        return
    x = numbers(case.into)
    before = loss_of(model, x, case.out)
    before.backward()
    optim.Stepper(model, optim.SGD(lr=1e-3)).step()
    assert loss_of(model, x, case.out).item() < before.item()


@ALL
def test_weights_go_to_pytorch_and_back(case: Case, torch: Any) -> None:
    model, twin = case.make(np.float64).initialize(5), case.twin(torch).double()
    x = numbers(case.into)

    def outputs() -> tuple[np.ndarray, np.ndarray]:
        return plain(model(x)), twin(torch.from_numpy(x)).detach().numpy()

    ours = {path: torch.from_numpy(array) for path, array in model.state_dict().items()}
    twin.load_state_dict(ours)
    np.testing.assert_allclose(*outputs(), rtol=1e-12, atol=1e-14)

    for parameter in twin.parameters():
        torch.nn.init.normal_(parameter)
    model.load_state_dict(twin.state_dict())
    np.testing.assert_allclose(*outputs(), rtol=1e-12, atol=1e-14)
    for path, array in model.state_dict().items():
        np.testing.assert_array_equal(array, twin.state_dict()[path].numpy())


def test_parameters_of_pytorch_that_carry_a_gradient_are_taken(torch: Any) -> None:
    model, twin = nn.Linear(2, 3), torch.nn.Linear(2, 3)
    model.load_state_dict(dict(twin.named_parameters()))
    np.testing.assert_array_equal(model.weight.numpy(), twin.weight.detach().numpy())
