"""What every layer keeps: shapes, dtypes, its state, gradients, and PyTorch's numbers."""

import json
import pickle
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, ops, optim, rng


@dataclass(frozen=True)
class Case:
    """A layer, the inputs and outputs that it maps, and the layer of PyTorch that does the same."""

    make: Callable[[Any], nn.Module]
    into: tuple[int, ...]
    out: tuple[int, ...]
    twin: Callable[[Any], Any] | None = None


def same(make: Callable[[Any], nn.Module], twin: Any = None, into: Any = (5, 4)) -> Case:
    """A layer whose output has its input's shape."""
    return Case(make, into, into, twin)


IMAGES = (5, 4, 3, 2)
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
    "Function": same(lambda dtype: nn.Function(ops.softplus), lambda t: t.nn.Softplus()),
    "Identity": same(lambda dtype: nn.Identity(), lambda t: t.nn.Identity()),
    "Step": same(lambda dtype: nn.Step(0.5)),
    "ReLU": same(lambda dtype: nn.ReLU(), lambda t: t.nn.ReLU()),
    "Sigmoid": same(lambda dtype: nn.Sigmoid(), lambda t: t.nn.Sigmoid()),
    "Tanh": same(lambda dtype: nn.Tanh(), lambda t: t.nn.Tanh()),
    "Hardsigmoid": same(lambda dtype: nn.Hardsigmoid(1 / 6), lambda t: t.nn.Hardsigmoid()),
    "Hardtanh": same(lambda dtype: nn.Hardtanh(), lambda t: t.nn.Hardtanh()),
    "LeakyReLU": same(lambda dtype: nn.LeakyReLU(0.2), lambda t: t.nn.LeakyReLU(0.2)),
    "PReLU": same(lambda dtype: nn.PReLU(dtype=dtype), lambda t: t.nn.PReLU()),
    "PReLU by channel": same(
        lambda dtype: nn.PReLU(4, dtype=dtype), lambda t: t.nn.PReLU(4), IMAGES
    ),
    "ELU": same(lambda dtype: nn.ELU(0.5), lambda t: t.nn.ELU(0.5)),
    "SELU": same(lambda dtype: nn.SELU(), lambda t: t.nn.SELU()),
    "Softplus": same(lambda dtype: nn.Softplus(2.0), lambda t: t.nn.Softplus(2.0)),
    "SiLU": same(lambda dtype: nn.SiLU(), lambda t: t.nn.SiLU()),
    "Swish": same(lambda dtype: nn.Swish(dtype=dtype)),
    "Swish by channel": same(lambda dtype: nn.Swish(4, dtype=dtype), into=IMAGES),
    "GELU": same(lambda dtype: nn.GELU(), lambda t: t.nn.GELU()),
    "GELU by tanh": same(lambda dtype: nn.GELU("tanh"), lambda t: t.nn.GELU("tanh")),
    "GELU by sigmoid": same(lambda dtype: nn.GELU("sigmoid")),
    "DyT": same(lambda dtype: nn.DyT(4, dtype=dtype)),
    "Maxout": Case(lambda dtype: nn.Maxout(4, 3, 5, dtype=dtype), (5, 4), (5, 3)),
    "Softmax": same(lambda dtype: nn.Softmax(), lambda t: t.nn.Softmax(-1)),
    "Softmax over rows": same(lambda dtype: nn.Softmax(axis=0), lambda t: t.nn.Softmax(0)),
    "LogSoftmax": same(lambda dtype: nn.LogSoftmax(), lambda t: t.nn.LogSoftmax(-1)),
    "BatchNorm": same(lambda dtype: nn.BatchNorm(4, dtype=dtype), lambda t: t.nn.BatchNorm1d(4)),
    "BatchNorm of sequences": same(
        lambda dtype: nn.BatchNorm(4, dtype=dtype), lambda t: t.nn.BatchNorm1d(4), (5, 4, 3)
    ),
    "BatchNorm of images": same(
        lambda dtype: nn.BatchNorm(4, momentum=None, dtype=dtype),
        lambda t: t.nn.BatchNorm2d(4, momentum=None),
        IMAGES,
    ),
    "BatchNorm in evaluation": same(
        lambda dtype: nn.BatchNorm(4, dtype=dtype).eval(),
        lambda t: t.nn.BatchNorm2d(4).eval(),
        IMAGES,
    ),
    "LayerNorm": same(lambda dtype: nn.LayerNorm(4, dtype=dtype), lambda t: t.nn.LayerNorm(4)),
    "LayerNorm over images": same(
        lambda dtype: nn.LayerNorm((4, 3, 2), dtype=dtype),
        lambda t: t.nn.LayerNorm((4, 3, 2)),
        IMAGES,
    ),
    "InstanceNorm": same(
        lambda dtype: nn.InstanceNorm(4, affine=True, dtype=dtype),
        lambda t: t.nn.InstanceNorm2d(4, affine=True),
        IMAGES,
    ),
    "GroupNorm": same(
        lambda dtype: nn.GroupNorm(2, 4, dtype=dtype), lambda t: t.nn.GroupNorm(2, 4), IMAGES
    ),
    "RMSNorm": same(lambda dtype: nn.RMSNorm(4, dtype=dtype), lambda t: t.nn.RMSNorm(4, eps=1e-6)),
    "Conv1d": Case(
        lambda dtype: nn.Conv1d(3, 4, 3, stride=2, padding=1, dtype=dtype),
        (5, 3, 6),
        (5, 4, 3),
        lambda t: t.nn.Conv1d(3, 4, 3, stride=2, padding=1),
    ),
    "Conv2d": Case(
        lambda dtype: nn.Conv2d(4, 2, 2, dtype=dtype),
        IMAGES,
        (5, 2, 2, 1),
        lambda t: t.nn.Conv2d(4, 2, 2),
    ),
    "Conv2d in groups, dilated, same": Case(
        lambda dtype: nn.Conv2d(
            4, 6, (2, 3), padding="same", dilation=(2, 1), groups=2, bias=False, dtype=dtype
        ),
        IMAGES,
        (5, 6, 3, 2),
        lambda t: t.nn.Conv2d(4, 6, (2, 3), padding="same", dilation=(2, 1), groups=2, bias=False),
    ),
    "Conv3d": Case(
        lambda dtype: nn.Conv3d(1, 2, (1, 2, 2), padding="valid", dtype=dtype),
        (2, 1, 2, 3, 3),
        (2, 2, 2, 2, 2),
        lambda t: t.nn.Conv3d(1, 2, (1, 2, 2), padding="valid"),
    ),
    "ConvTranspose2d": Case(
        lambda dtype: nn.ConvTranspose2d(
            4, 6, 3, stride=2, padding=1, output_padding=(1, 0), groups=2, dtype=dtype
        ),
        IMAGES,
        (5, 6, 6, 3),
        lambda t: t.nn.ConvTranspose2d(
            4, 6, 3, stride=2, padding=1, output_padding=(1, 0), groups=2
        ),
    ),
    "MaxPool1d": Case(
        lambda dtype: nn.MaxPool1d(2), (5, 4, 5), (5, 4, 2), lambda t: t.nn.MaxPool1d(2)
    ),
    "MaxPool2d": Case(
        lambda dtype: nn.MaxPool2d((2, 3), stride=1, padding=1),
        (5, 4, 3, 4),
        (5, 4, 4, 4),
        lambda t: t.nn.MaxPool2d((2, 3), stride=1, padding=1),
    ),
    "AvgPool1d": Case(
        lambda dtype: nn.AvgPool1d(3, 2, 1), (5, 4, 5), (5, 4, 3), lambda t: t.nn.AvgPool1d(3, 2, 1)
    ),
    "AvgPool2d": Case(
        lambda dtype: nn.AvgPool2d(2, 1, 1, count_include_pad=False),
        IMAGES,
        (5, 4, 4, 3),
        lambda t: t.nn.AvgPool2d(2, 1, 1, count_include_pad=False),
    ),
    "AdaptiveAvgPool2d": Case(
        lambda dtype: nn.AdaptiveAvgPool2d((2, 1)),
        IMAGES,
        (5, 4, 2, 1),
        lambda t: t.nn.AdaptiveAvgPool2d((2, 1)),
    ),
    "GlobalAvgPool": Case(
        lambda dtype: nn.GlobalAvgPool(),
        IMAGES,
        (5, 4),
        lambda t: t.nn.Sequential(t.nn.AdaptiveAvgPool2d(1), t.nn.Flatten()),
    ),
    "Sequential of a small convolutional net": Case(
        lambda dtype: nn.Sequential(
            nn.Conv2d(4, 3, 3, padding=1, dtype=dtype),
            nn.ReLU(),
            nn.MaxPool2d((3, 1)),
            nn.Flatten(),
            nn.Linear(6, 2, dtype=dtype),
        ),
        IMAGES,
        (5, 2),
        lambda t: t.nn.Sequential(
            t.nn.Conv2d(4, 3, 3, padding=1),
            t.nn.ReLU(),
            t.nn.MaxPool2d((3, 1)),
            t.nn.Flatten(),
            t.nn.Linear(6, 2),
        ),
    ),
    "Dropout in evaluation": same(lambda dtype: nn.Dropout(0.3).eval(), lambda t: t.nn.Identity()),
    "Dropout": same(lambda dtype: nn.Dropout(0.3)),
    "classic Dropout": same(lambda dtype: nn.Dropout(0.3, "classic")),
    "GaussianNoise": same(lambda dtype: nn.GaussianNoise(0.3)),
    "McCullochPitts": Case(
        lambda dtype: nn.McCullochPitts([1, 1, 1, -2], 0.5, dtype), (5, 4), (5,)
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
    "Sequential with norms and dropout": Case(
        lambda dtype: nn.Sequential(
            nn.Linear(4, 6, dtype=dtype),
            nn.BatchNorm(6, dtype=dtype),
            nn.PReLU(dtype=dtype),
            nn.Dropout(0.2),
            nn.Linear(6, 2, dtype=dtype),
        ),
        (5, 4),
        (5, 2),
    ),
}
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
