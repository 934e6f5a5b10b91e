"""LeNet on a digit: windows, kernels and winners by their places, in both dtypes and languages."""

import itertools
import json
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, ops, optim
from tests.explain.nets import numbers


def lenet(dtype: type) -> nn.Sequential:
    """LeNet-5 with a max pooling and one of means."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2, dtype=dtype),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5, dtype=dtype),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120, dtype=dtype),
        nn.ReLU(),
        nn.Linear(120, 84, dtype=dtype),
        nn.ReLU(),
        nn.Linear(84, 10, dtype=dtype),
    ).initialize(1)


@pytest.fixture(scope="module")
def digit() -> tuple[np.ndarray, int]:
    train, _ = cr.data.mnist(flatten=False)
    x, y = train[0]
    return np.asarray(x).reshape(1, 28, 28), int(y)


@pytest.fixture(scope="module", params=[np.float32, np.float64], ids=["float32", "float64"])
def report(request: pytest.FixtureRequest, digit: tuple) -> cr.explain.Report:
    return cr.explain(lenet(request.param), *digit, optimizer=optim.Adam(lr=1e-3))


def test_every_number_of_lenet_is_right(report: cr.explain.Report) -> None:
    assert report.checks.failures == ()
    single = report["z1"].value.dtype == np.float32
    assert report.checks.recomputed < (1e-6 if single else 1e-12)
    assert report.checks.framework < (1e-6 if single else 1e-12)
    assert report.checks.numeric < 1e-6
    assert report.checks.derivatives >= 20


def test_lenet_is_told_layer_by_layer(report: cr.explain.Report) -> None:
    said = [str(statement) for statement in report]
    for formula in (
        *("z1 = conv(x, W1) + b1", "h1 = max(0, z1)", "pool_1 = max_(2×2) h1"),
        *("z2 = conv(pool_1, W2) + b2", "pool_2 = (Σ_(2×2) h2)/4", "z3 = W3 flat(pool_2) + b3"),
        *("dL/dW3 = dL/dz3 (flat(pool_2))^T", "dL/dh2 = dL/dpool_2 · 0.25"),
        *("dL/dpool_1 = conv^T(dL/dz2, W2)", "dL/dW2 = convweight_(5×5)(pool_1, dL/dz2)"),
        *("dL/dh1 = place_(2×2)(dL/dpool_1, h1)", "dL/db1 = Σ dL/dz1"),
    ):
        assert formula in said
    assert report["z3"].shapes == "120×1 = 120×400 · 400×1 + 120×1"


def test_derivatives_of_parameters_follow_at_once(report: cr.explain.Report) -> None:
    keys = [s.key for s in report if s.key.startswith("dL/d")]
    for number in (1, 2):
        after = keys[keys.index(f"dL/dz{number}") + 1 :][:2]
        assert set(after) == {f"dL/dW{number}", f"dL/db{number}"}


def test_the_place_that_is_worked_out_is_the_kernel_on_its_window(
    report: cr.explain.Report,
) -> None:
    worked = report["z1"].worked
    assert worked is not None
    kernel, row, column = map(int, worked.index.split(","))
    x, z = report["x"].value[0, 0], report["z1"].value[0]
    window = next(s for s in report if re.fullmatch(r"x\[\d+…\d+,\d+…\d+\]", s.key))
    box = [slice(max(0, i - 2), i + 3) for i in (row, column)]
    np.testing.assert_array_equal(window.value, x[tuple(box)])
    weights = report[f"W1[{kernel}]"].value
    np.testing.assert_array_equal(weights, report["W1"].value[kernel, 0])
    total = (np.pad(x, 2)[row : row + 5, column : column + 5].astype(float) * weights).sum()
    assert total + report["b1"].value[kernel] == pytest.approx(z[kernel, row, column], rel=1e-5)


def test_the_channel_that_is_shown_adds_most(report: cr.explain.Report) -> None:
    worked = report["z2"].worked
    assert worked is not None
    kernel, row, column = map(int, worked.index.split(","))
    inside = report["pool_1"].value[0, :, row : row + 5, column : column + 5]
    shares = np.abs((inside * report["W2"].value[kernel]).sum(axis=(1, 2)))
    channel = int(shares.argmax())
    assert f"W2[{kernel},{channel}]" in [s.key for s in report]


def test_the_winner_of_a_pooling_is_named(report: cr.explain.Report) -> None:
    worked = report["pool_1"].worked
    assert worked is not None
    entries = [float(n) for n in re.findall(r"\d+\.?\d*(?:e-?\d+)?", worked.expression)]
    assert len(entries) == 4
    assert max(entries) == float(worked.value)
    won = report["pool_1"].words[0].args["won"]
    place = tuple(map(int, won.split(",")))
    assert report["h1"].value[0][place] == pytest.approx(float(worked.value), rel=1e-5)


@pytest.mark.parametrize(("lang", "words"), [("en", "Every kernel slides"), ("zh", "每个核在输入")])
def test_all_forms_of_lenet_hold_in_both_languages(
    report: cr.explain.Report, lang: str, words: str
) -> None:
    assert words in " ".join(report.text(lang=lang).split())
    assert words in report.markdown(lang=lang)
    assert words in report.latex(lang=lang)
    document = json.loads(report.json(lang=lang))
    assert document["checks"]["right"] is True
    page = report.html(lang=lang)
    assert words in page
    assert len(page.encode()) < 1_000_000


def test_a_weight_of_a_kernel_is_followed(digit: tuple) -> None:
    report = cr.explain(lenet(np.float64), *digit, weight="3.weight[2,1,0,3]")
    assert report.checks.failures == ()
    paths = [s for s in report if s.key.startswith("(dL/dW2[2,1,0,3])_")]
    assert len(paths) == 5
    slope = report["dL/dW2[2,1,0,3]"]
    assert slope.value == pytest.approx(report["dL/dW2"].value[2, 1, 0, 3], rel=1e-9)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_batch_with_strides_groups_and_overlapping_windows(stride: int) -> None:
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=stride, dilation=2, groups=2, bias=False, dtype=np.float64),
        nn.AvgPool2d(2, 1, padding=1),
        nn.MaxPool2d(3, 1, padding=1),
        nn.Flatten(),
        nn.Linear(4 * (6 if stride == 1 else 4) ** 2, 3, dtype=np.float64),
    )
    report = cr.explain(model.initialize(1), numbers(2, 2, 9, 9), np.array([0, 2]))
    assert report.checks.failures == ()


def test_one_axis_and_a_convolution_without_a_layer() -> None:
    kernel = nn.Parameter.from_array(numbers(2, 1, 3))

    class Own(nn.Module):
        def __init__(self) -> None:
            self.kernel = kernel
            self.out = nn.Linear(8, 2, dtype=np.float64)

        def forward(self, x: cr.Tensor) -> cr.Tensor:
            return self.out(ops.conv(x, self.kernel).reshape((x.shape[0], 8)))

    report = cr.explain(Own(), numbers(1, 1, 6), np.array([1]))
    assert report.right
    assert "Every kernel slides" in report.text()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 100])
def test_the_perceptron_of_25_and_25_units(digit: tuple, dtype: type, count: int) -> None:
    x, y = digit
    sizes = (784, 25, 25, 10)
    layers = [nn.Linear(a, b, dtype=dtype) for a, b in itertools.pairwise(sizes)]
    model = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2]).initialize(1)
    slopes = {path: numbers(*p.shape).astype(dtype) for path, p in model.named_parameters()}
    memory = {path: {"m": 0.01 * g, "v": 1e-4 * g * g} for path, g in slopes.items()}
    kept = memory if count > 1 else {}
    report = cr.explain(
        model, x.reshape(784), y, optimizer="adam", step=count, memory=kept, lang="zh"
    )
    assert report.checks.failures == ()
    assert report.checks.recomputed < (1e-6 if dtype is np.float32 else 1e-12)
    assert len(report.html().encode()) < 1_000_000
