"""What every layer keeps: shapes, dtypes, its state, gradients, and PyTorch's numbers."""

import json
import pickle
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, ops, optim, rng
from tests.nn.cases import LAYERS, Case
from tests.nn.picture_cases import PICTURES

CASES = {**LAYERS, **PICTURES}
ALL = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
TWINS = pytest.mark.parametrize(
    "case", [case for case in CASES.values() if case.twin], ids=[n for n in CASES if CASES[n].twin]
)


def numbers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return rng.normal(rng.key(seed), shape, np.float64)


def plain(output: Any) -> np.ndarray:
    """Layers without parameters give arrays for arrays, the others tensors."""
    return output.numpy() if hasattr(output, "numpy") else output


def call(model: nn.Module, x: Any) -> Any:
    """The model's output; what is random in it draws from one key."""
    with nn.keyed(model, rng.key(3)):
        return model(x)


def loss_of(model: nn.Module, x: Any, out: tuple[int, ...]) -> Any:
    """A number that every element of the output moves, each by a weight of its own."""
    return ops.sum(ops.square(call(model, x) - numbers(out, 9)))


@ALL
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shape_and_dtype_of_the_output(case: Case, dtype: str) -> None:
    model = case.make(dtype)
    output = call(model, numbers(case.into).astype(dtype))
    assert output.shape == case.out
    assert output.dtype == dtype


@ALL
def test_integers_yield_to_the_parameters(case: Case) -> None:
    pixels = np.arange(np.prod(case.into), dtype=np.uint8).reshape(case.into)
    model = case.make("float64")
    if model.parameter_count:
        assert call(model, pixels).dtype == np.float64
        floats = plain(call(model, pixels.astype(float)))
        np.testing.assert_array_equal(plain(call(model, pixels)), floats)


@ALL
def test_other_floats_are_cast_to_the_parameters_dtype(case: Case) -> None:
    model = case.make("float32")
    if model.parameter_count:
        assert call(model, numbers(case.into)).dtype == np.float32


@ALL
def test_state_goes_to_another_model_and_comes_out_equal(case: Case) -> None:
    model = case.make("float32").initialize(3)
    other = case.make("float32")
    other.load_state_dict(model.state_dict())
    assert list(other.state_dict()) == list(model.state_dict())
    x = numbers(case.into)
    np.testing.assert_array_equal(plain(call(other, x)), plain(call(model, x)))


@ALL
def test_copies_and_pickles_are_equal_and_apart(case: Case) -> None:
    for model in (case.make("float32"), case.make("float32").initialize(3)):
        for other in (deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert repr(other) == repr(model)
            before = model.initialize(1).state_dict()
            call(other.initialize(2, redraw=True), numbers(case.into))
            for path, array in model.state_dict().items():
                np.testing.assert_array_equal(array, before[path])


@ALL
def test_gradient_is_the_numeric_one(case: Case) -> None:
    model = case.make(np.float64).initialize(5)
    leaves = nn.Leaves(model, (nn.Parameter,))
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


def looked_at(model: nn.Module, out: tuple[int, ...]) -> Callable:
    """Output, derivative by the input, and buffers after it, from leaves, an input and a key."""
    weights = numbers(out, 9)

    def look(leaves: dict, x: Any, key: Any) -> tuple:
        def loss(x: Any) -> Any:
            y = model(x)
            return ops.sum(y * weights.astype(y.dtype))

        with nn.swapped(model, leaves) as found, nn.keyed(model, key):
            slope = cr.grad(loss)(x)
            return model(x), slope, dict(zip(found.paths, found.read(), strict=True))

    return look


@ALL
def test_in_a_trace_it_gives_the_same_and_so_do_its_buffers(case: Case) -> None:
    model = case.make(np.float64).initialize(5)
    x, leaves, key = numbers(case.into), model.state_dict(), rng.key(3)
    look = looked_at(model, case.out)
    eager, graph = look(leaves, x, key), cr.trace(look)(leaves, x, key)
    traced = cr.interpret(graph, leaves, x, key)
    for one, other in zip(*(cr.tree.flatten(result)[0] for result in (eager, traced)), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(plain(eager[0]), plain(call(model, x)))


@ALL
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_compiled_it_gives_the_same_up_to_rounding(case: Case, dtype: str) -> None:
    compiler = pytest.importorskip("chainrule.compiler", reason="needs llvmlite")
    model = case.make(dtype).initialize(5)
    arguments = model.state_dict(), numbers(case.into).astype(dtype), rng.key(3)
    look = looked_at(model, case.out)
    results = look(*arguments), compiler.compile(look)(*arguments)
    bound = 2e-5 if dtype == "float32" else 1e-12
    for one, other in zip(*(cr.tree.flatten(result)[0] for result in results), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(other, one, rtol=bound, atol=bound)


@ALL
def test_a_description_makes_an_equal_layer(case: Case) -> None:
    model = case.make("float64")
    config = nn.to_config(model)
    assert config is not None
    again = nn.from_config(json.loads(json.dumps(config)))
    assert repr(again) == repr(model)
    again.load_state_dict(model.initialize(2).state_dict())
    again.training = model.training
    x = numbers(case.into)
    np.testing.assert_array_equal(plain(call(again, x)), plain(call(model, x)))


@ALL
def test_summary_knows_its_shape(case: Case) -> None:
    if len(case.out) > 1 and case.out[0] == case.into[0]:
        rows = case.make("float32").summary(case.into[1:]).rows
        assert str(("N", *case.out[1:])).replace("'", "") in [row.shape for row in rows]


@TWINS
def test_weights_go_to_pytorch_and_back(case: Case, torch: Any) -> None:
    model, twin = case.make(np.float64).initialize(5), case.twin(torch).double()
    x = numbers(case.into)

    def outputs() -> tuple[np.ndarray, np.ndarray]:
        return plain(call(model, x)), twin(torch.from_numpy(x)).detach().numpy()

    ours = {path: torch.from_numpy(array) for path, array in model.state_dict().items()}
    twin.load_state_dict(ours)
    np.testing.assert_allclose(*outputs(), rtol=1e-12, atol=1e-14)

    for parameter in twin.parameters():
        torch.nn.init.normal_(parameter)
    model.load_state_dict(twin.state_dict())
    np.testing.assert_allclose(*outputs(), rtol=1e-12, atol=1e-14)
    for path, array in model.state_dict().items():
        np.testing.assert_allclose(array, twin.state_dict()[path].numpy(), rtol=1e-12)


def test_parameters_of_pytorch_that_carry_a_gradient_are_taken(torch: Any) -> None:
    model, twin = nn.Linear(2, 3), torch.nn.Linear(2, 3)
    model.load_state_dict(dict(twin.named_parameters()))
    np.testing.assert_array_equal(model.weight.numpy(), twin.weight.detach().numpy())
