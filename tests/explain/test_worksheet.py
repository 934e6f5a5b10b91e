"""Worksheets, grading, and the comparison of one's own gradients."""

import json

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import DataError, DtypeError, OptionError
from tests.explain.nets import mlp, numbers

SAMPLES = 5
RATE = 0.1


@pytest.fixture(scope="module")
def sheet() -> cr.explain.Worksheet:
    model = mlp((3, 4), nn.ReLU, (4, 4), nn.Sigmoid, (4, 3))(np.float64).initialize(2)
    y = np.array([0, 1, 2, 0, 1])
    return cr.worksheet(model, numbers(SAMPLES, 3), y, optimizer=optim.SGD(lr=RATE))


@pytest.fixture(scope="module")
def right(sheet: cr.explain.Worksheet) -> dict[str, np.ndarray]:
    """The right answers, and the parameters before the step."""
    return {s.key: np.asarray(s.value, np.float64) for s in sheet.key}


def shares(z: np.ndarray, axis: int) -> np.ndarray:
    powers = np.exp(z)
    return powers / powers.sum(axis=axis, keepdims=True)


PLANTED = {
    "bias": lambda v: ("z1", v["W1"] @ v["X"]),
    "transposed_weight": lambda v: ("z2", v["W2"].T @ v["h1"] + v["b2"][:, None]),
    "activation": lambda v: ("h1", v["z1"]),
    "softmax_axis": lambda v: ("p", shares(v["z3"], axis=1)),
    "softmax_sum": lambda v: ("p", np.exp(v["s"])),
    "sum_for_mean": lambda v: ("dL/dz3", v["p"] - v["y"]),
    "mean_for_sum": lambda v: ("dL/db3", v["dL/dz3"].mean(axis=1)),
    "mask": lambda v: ("dL/dz1", v["dL/dh1"]),
    "slope_alone": lambda v: ("dL/dz1", (v["z1"] > 0).astype(float)),
    "value_for_slope": lambda v: ("dL/dz2", v["dL/dh2"] * v["h2"]),
    "weight_for_slope": lambda v: ("dL/dW2", v["W2"]),
    "transposed": lambda v: ("dL/dW2", v["dL/dW2"].T),
    "new_weight": lambda v: ("dL/dh2", v["W3'"].T @ v["dL/dz3"]),
    "sign": lambda v: ("dL/dh1", -v["dL/dh1"]),
    "twice": lambda v: ("dL/dW3", 2 * v["dL/dW3"]),
    "no_rate": lambda v: ("W1'", v["W1"] - v["dL/dW1"]),
    "added": lambda v: ("W2'", v["W2"] + RATE * v["dL/dW2"]),
    "unmoved": lambda v: ("b1'", v["b1"]),
    "only_step": lambda v: ("W3'", RATE * v["dL/dW3"]),
    "shape": lambda v: ("z1", v["z1"][:-1]),
    "unknown": lambda v: ("z1", v["z1"] + np.eye(4, SAMPLES) * 0.3),
}


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_named(sheet, right, mistake: str) -> None:
    key, answer = PLANTED[mistake](right)
    grade = sheet.grade({key: answer})
    assert not grade.right
    assert grade.first is not None
    assert (grade.first.key, grade.first.mistake) == (key, mistake)
    for lang in ("en", "zh"):
        assert len(grade.text(lang=lang).splitlines()) >= 2


def test_the_right_solution_passes(sheet, right) -> None:
    grade = sheet.grade({key: right[key] for key in sheet.blanks})
    assert grade.right
    assert f"{len(sheet.blanks)} of {len(sheet.blanks)} right" in grade.text()


def test_samples_as_rows_pass_too(sheet, right) -> None:
    samples = [key for key in sheet.blanks if right[key].shape[-1:] == (SAMPLES,)]
    assert len(samples) > 8
    assert sheet.grade({key: right[key].T for key in samples}).right


def test_weights_as_in_by_out_pass_too(sheet, right) -> None:
    assert sheet.grade({f"dL/dW{i}": right[f"dL/dW{i}"].T for i in (1, 2, 3)}).right


def test_rounded_answers_pass(sheet, right) -> None:
    largest = np.abs(right["dL/dW1"]).max()
    assert sheet.grade({"dL/dW1": np.round(right["dL/dW1"] / largest, 5) * largest}).right


def test_an_error_that_is_carried_on_is_told_from_a_new_one(sheet, right) -> None:
    z1 = right["W1"] @ right["X"]
    grade = sheet.grade({"z1": z1, "h1": np.maximum(z1, 0)})
    assert [finding.mistake for finding in grade.findings] == ["bias", "carried"]
    assert [finding.right for finding in grade.findings] == [False, True]


def test_answers_are_judged_in_the_order_of_the_computation(sheet, right) -> None:
    grade = sheet.grade({"dL/dz1": -right["dL/dz1"], "z1": -right["z1"]})
    assert grade.first is not None
    assert grade.first.key == "z1"


def test_the_page_has_blanks_and_does_not_tell(sheet, right) -> None:
    page = sheet.page
    assert "______" in str(sheet)
    assert f"{right['z1'][0, 0]:.5g}" in sheet.key.text()
    for form in (page.text(), page.markdown(), page.latex(), page.html()):
        assert f"{right['z1'][0, 0]:.4f}"[:6] not in form
    values = json.loads(page.json())["sections"]
    given = [s for section in values for s in section["statements"] if s["key"] == "z1"]
    assert given[0]["value"] is None


def test_bad_answers_are_refused(sheet) -> None:
    with pytest.raises(OptionError, match="unknown statement 'z9'"):
        sheet.grade({"z9": [1.0]})
    with pytest.raises(DataError, match="no answers"):
        sheet.grade({})
    with pytest.raises(DtypeError):
        sheet.grade({"z1": np.array(["a"])})


def test_own_gradients_are_compared_by_parameter() -> None:
    model = mlp((3, 4), nn.ReLU, (4, 3))(np.float64).initialize(3)
    x, y = numbers(6, 3), np.array([0, 1, 2, 2, 1, 0])
    nn.cross_entropy(model(x), y).backward()
    mine = {path: leaf.grad.numpy() for path, leaf in model.named_parameters()}
    assert cr.compare(model, (x, y), mine).right
    grade = cr.compare(model, (x, y), {**mine, "2.weight": mine["2.weight"] * 6})
    assert grade.first is not None
    assert (grade.first.key, grade.first.mistake) == ("2.weight", "sum_for_mean")
