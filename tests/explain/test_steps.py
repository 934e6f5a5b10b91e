"""Which step is explained: of a run, at any count, with a memory; one weight; what is refused."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import DataError, DtypeError, GradientError, OptionError, ShapeError
from tests.explain.nets import CASES, mlp


@pytest.fixture(scope="module")
def run() -> cr.Run:
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
    return cr.fit(model, cr.data.moons(40), epochs=3, batch_size=10, optimizer="adam", show=False)


def test_the_next_step_of_a_run_goes_on_from_its_memory(run: cr.Run) -> None:
    report = run.explain(7)
    assert report.right
    assert float(report["t"].value) == run.step + 1
    assert np.abs(report["m_(t-1)"].value).max() > 0
    np.testing.assert_array_equal(report["W1"].value, run.model[0].weight.numpy())


@pytest.mark.parametrize("step", [1, 6])
def test_an_earlier_step_has_the_weights_of_that_time(run: cr.Run, step: int) -> None:
    class Keep(cr.train.Callback):
        def on_step(self, run: cr.Run) -> None:
            if run.step + 1 == step:
                self.kept = run.model[0].weight.numpy().copy()

    keep = Keep()
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
    data = cr.data.moons(40)
    cr.fit(model, data, epochs=3, batch_size=10, optimizer="adam", callbacks=[keep], show=False)
    report = run.explain([0, 3], step=step)
    np.testing.assert_array_equal(report["W1"].value, keep.kept)
    assert report.right


def test_a_run_is_left_as_it_was(run: cr.Run) -> None:
    before = {name: value.copy() for name, value in run.stepper.arrays().items()}
    run.explain(0, step=2)
    run.explain(0)
    after = run.stepper.arrays()
    assert all(np.array_equal(value, after[name]) for name, value in before.items())


def test_samples_and_steps_outside_are_refused(run: cr.Run) -> None:
    with pytest.raises(OptionError, match=r"sample is 40, .* expected 0 to 39"):
        run.explain(40)
    with pytest.raises(OptionError, match="step is 99, and the run has 12 steps"):
        run.explain(0, step=99)
    with pytest.raises(OptionError, match="step is 0"):
        run.explain(0, step=0)


def test_a_memory_is_taken_up() -> None:
    case = CASES["three layers"]
    model = case.model(np.float64).initialize(1)
    adam, stepper = optim.Adam(), optim.Stepper(model, optim.Adam())
    for _ in range(4):
        nn.cross_entropy(model(case.x[None]), np.array([case.y])).backward()
        stepper.step()
    report = cr.explain(model, case.x, case.y, optimizer=adam, step=5, memory=dict(stepper.memory))
    nn.cross_entropy(model(case.x[None]), np.array([case.y])).backward()
    stepper.step()
    np.testing.assert_allclose(report["W2'"].value, model[2].weight.numpy(), rtol=1e-13)


@pytest.mark.parametrize("path", ["0.weight", "2.weight", "4.bias"])
def test_the_paths_of_a_weight_add_up_to_its_derivative(path: str) -> None:
    case = CASES["three layers"]
    layer = int(path[0]) // 2 + 1
    name = f"{'W' if 'weight' in path else 'b'}{layer}"
    slopes = case.explain()[f"dL/d{name}"].value
    place = np.unravel_index(np.abs(slopes).argmax(), slopes.shape)
    index = ",".join(map(str, place))
    report = case.explain(weight=f"{path}[{index}]")
    assert report.right
    whole = slopes[place]
    entry = report[f"dL/d{name}[{index}]"]
    assert float(entry.value) == pytest.approx(float(whole), rel=1e-12)
    assert f"{name}[{index}] → z{layer}" in " ".join(report.text().split())


def test_a_bias_of_the_last_layer_has_one_path() -> None:
    report = CASES["three layers"].explain(weight="4.bias[0]")
    paths = [s for s in report if s.key.startswith("(dL/db3[0])_")]
    assert len(paths) == 1
    assert str(paths[0]).count("·") == 1


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("0.weight", "expected a parameter's path and an index"),
        ("0.wieght[1,2]", "Did you mean '0.weight'"),
        ("0.weight[9,9]", r"has shape \(5, 6\)"),
        ("0.weight[1]", r"has shape \(5, 6\)"),
    ],
)
def test_a_weight_that_is_not_there_is_refused(weight: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        CASES["three layers"].explain(weight=weight)


MODEL = mlp((3, 2))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("net", [1.0], 1), {}, DtypeError, "got a str as the model"),
        ((nn.ReLU(), [1.0], 1), {}, GradientError, "no parameters to train"),
        ((MODEL(np.float32),), {}, OptionError, "needs a sample and its target"),
        ((MODEL(np.float32), [1.0, np.nan, 0.0], 1), {}, DataError, "x holds NaN"),
        ((MODEL(np.float32), np.ones((2, 3)), [1]), {}, ShapeError, r"\(2, 3\) and y \(1,\)"),
        ((MODEL(np.float32), np.ones((0, 3)), np.ones(0, int)), {}, ShapeError, r"\(0, 3\)"),
        ((MODEL(np.float32), np.ones(4), 1), {}, ShapeError, r"takes an input of shape"),
        ((MODEL(np.float32), np.ones(3), 5), {}, DataError, "class id 5"),
        ((MODEL(np.float32), ["a", "b", "c"], 1), {}, DtypeError, "expected numbers"),
        ((MODEL(np.float32), np.ones(3), 1), {"lang": "fr"}, OptionError, "unknown language 'fr'"),
        ((MODEL(np.float32), np.ones(3), 1), {"detail": "all"}, OptionError, "unknown detail"),
        ((MODEL(np.float32), np.ones(3), 1), {"step": 0}, OptionError, "step is 0"),
        ((MODEL(np.float32), np.ones(3), 1), {"colour": 1}, OptionError, "unknown option"),
        ((MODEL(np.float32), np.ones(3), 1), {"loss": "mes"}, OptionError, "Did you mean 'mse'"),
        ((MODEL(np.float32), np.ones(3), 1), {"memory": {"1": {}}}, OptionError, "parameter '1'"),
        (
            (MODEL(np.float32), np.ones(3), 1),
            {"memory": {"0.weight": {"m": 1.0}}},
            OptionError,
            r"holds \['m'\]; SGD keeps \[\]",
        ),
    ],
)
def test_bad_input_meets_a_clear_error(arguments, options, error, message) -> None:
    with pytest.raises(error, match=message):
        cr.explain(*arguments, **options)


def test_the_model_stays_as_it_was() -> None:
    case = CASES["a batch"]
    model = case.model(np.float32).initialize(4)
    before = model.state_dict()
    cr.explain(model, case.x, case.y, optimizer="adam")
    after = model.state_dict()
    assert all(np.array_equal(after[name], value) for name, value in before.items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_files_are_written_by_their_ending(tmp_path) -> None:
    report = CASES["one sample"].explain()
    heads = {"html": "<!DOCTYPE", "md": "# ", "tex": r"\documentclass", "json": "{", "txt": "One"}
    for ending, head in heads.items():
        path = report.save(tmp_path / f"report.{ending}")
        assert path.read_text(encoding="utf-8").startswith(head)
    with pytest.raises(OptionError, match=r"unknown form '\.pdf'"):
        report.save(tmp_path / "report.pdf")
    assert len(list(tmp_path.iterdir())) == len(heads)


def test_a_statement_is_asked_for_by_its_symbol() -> None:
    report = CASES["one sample"].explain()
    assert report["z1"].value.shape == (4, 1)
    with pytest.raises(OptionError, match=r"unknown statement 'z3'"):
        report["z3"]
    assert len(list(report)) == len(report)


@pytest.mark.parametrize(
    ("settings", "bound"),
    [({"clip_norm": 0.01}, 0.01), ({"clip_value": 1e-3}, None), ({"l2": 0.1}, None)],
)
def test_bounds_and_penalties_of_a_run_take_part(settings, bound) -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
    run = cr.fit(model, cr.data.moons(20), epochs=1, optimizer="sgd", show=False, **settings)
    report = run.explain([0, 1, 2])
    assert report.right
    if bound is not None:
        moves = [report[f"{n}'"].value - report[n].value for n in ("W1", "b1", "W2", "b2")]
        length = np.sqrt(sum(float((move**2).sum()) for move in moves))
        assert length <= run.optimizer.lr * bound * (1 + 1e-3)


def test_a_model_has_formulas_with_derivatives() -> None:
    model = mlp((3, 4), nn.ReLU, (4, 2))(np.float32)
    text = str(model.formulas())
    assert text.splitlines()[:3] == ["z1 = W1 x + b1", "h1 = max(0, z1)", "z2 = W2 h1 + b2"]
    assert "dL/dW1 = dL/dz1 x^T" in text
    assert r"\begin{align*}" in model.formulas().latex
    assert "<math" in model.formulas()._repr_html_()


def test_formulas_of_shared_weights_have_a_term_for_each_use() -> None:
    lines = str(CASES["shared weights"].model(np.float64).formulas()).splitlines()
    assert "dL/dW1 = (dL/dW1)_z2 + (dL/dW1)_z1" in lines
    assert "(dL/dW1)_z2 = dL/dz2 u1^T" in lines


def test_formulas_need_a_size_of_the_input() -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            self.weight = nn.Parameter.from_array([2.0, 3.0])

        def forward(self, x):
            return x * self.weight

    with pytest.raises(ShapeError, match=r"Give input_shape"):
        Scale().formulas()
    assert str(Scale().formulas((2,))).splitlines()[0].startswith("z1 = x ∘ ")
