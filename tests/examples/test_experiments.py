"""The experiments in examples/, in their quick form: each is held to what it claims to show."""

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROGRAMS = [path for path in sorted(EXAMPLES.glob("*.py")) if path.stem != "experiment"]
NAMES = [path.stem for path in PROGRAMS if "[--quick]" in path.read_text(encoding="utf-8")]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch):
    """Gives an experiment's module by name; they import `experiment` from their own folder."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module


@pytest.fixture
def quick(program: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Runs an experiment as its command line would, and gives its numbers."""
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")

    def run(name: str) -> Any:
        numbers = program(name).main([str(tmp_path), "--quick"])
        first, second, figure = capsys.readouterr().out.splitlines()
        assert first.endswith(".")
        assert second.endswith(".")
        path = tmp_path / f"{name}.png"
        assert figure == f"figure: {path}"
        assert list(tmp_path.iterdir()) == [path]
        with image.open(path) as picture:
            assert min(picture.size) > 200
            assert len(picture.convert("RGB").getcolors(1 << 20)) > 20
        return numbers

    return run


def test_learning_rates(quick: Any) -> None:
    ways = quick("learning_rates")
    assert ways[1.0][:5] == [2.0, -14.0, 98.0, -686.0, 4802.0]
    assert ways[0.25] == [2.0, -2.0] * 5 + [2.0]
    assert ways[0.24][:3] == pytest.approx([2.0, -1.84, 1.6928])
    assert ways[0.1][:3] == pytest.approx([2.0, 0.4, 0.08])
    assert abs(ways[0.1][-1]) < 1e-6 < abs(ways[0.24][-1]) < 1


def test_trajectories(quick: Any) -> None:
    ways = quick("trajectories")
    values = {name: {what: w.values[-1] for what, w in of.items()} for name, of in ways.items()}
    assert min(values["bowl"], key=values["bowl"].get) == "AdaGrad"
    assert values["bowl"]["SGD"] > 1e6 * values["bowl"]["AdaGrad"]
    slow = min(values["Rosenbrock"]["SGD"], values["Rosenbrock"]["AdaGrad"])
    assert max(values["Rosenbrock"]["momentum"], values["Rosenbrock"]["Adam"]) < 1e-3 * slow
    across = np.diff(ways["bowl"]["SGD"].points[:, 1])
    assert (across[1:] * across[:-1] < 0).all()


def test_xor(quick: Any) -> None:
    numbers = quick("xor")
    assert not numbers.lesson.converged
    assert numbers.lesson.common == (0.5, 0.5)
    assert numbers.gates.tolist() == [0.0, 1.0, 1.0, 0.0]
    assert numbers.learnt[1] == 0.0
    assert 0.0 < numbers.learnt[2] < 1.0
    assert numbers.learnt[8] == 1.0


def test_linear_collapse(quick: Any) -> None:
    numbers = quick("linear_collapse")
    assert numbers.difference < 1e-5
    deep, one, curved = numbers.accuracies()
    assert deep == one < 0.7
    assert curved > 0.97


def test_universal_approximation(quick: Any) -> None:
    fits = quick("universal_approximation")
    usual = [fit.usual for fit in fits.values()]
    assert usual == sorted(usual, reverse=True)
    assert fits[16].largest < 0.1 * fits[1].largest


def test_bias_variance(quick: Any) -> None:
    parts = quick("bias_variance")
    line, best, wide = parts.values()
    assert line.bias > 3 * line.variance
    assert wide.variance > 2 * wide.bias
    assert best.error < min(line.error, wide.error)
    for part in parts.values():
        assert part.bias + part.variance + part.noise == pytest.approx(part.error, rel=0.15)
        assert part.noise == pytest.approx(0.3**2, rel=0.2)


def test_initializations(quick: Any) -> None:
    numbers = quick("initializations")
    spread = {key: layers[-1].std() for key, layers in numbers.layers.items()}
    assert np.mean(np.abs(numbers.layers["tanh", "std 1"][-1]) > 0.99) > 0.7
    assert spread["tanh", "std 0.01"] < 1e-4
    assert 0.2 < spread["tanh", "Xavier"] < 0.6
    assert spread["relu", "He"] > 4 * spread["relu", "Xavier"]
    assert spread["relu", "He"] == pytest.approx(numbers.layers["relu", "He"][0].std(), rel=0.5)
    assert numbers.apart["zeros"] < 1e-4
    assert numbers.apart["xavier_normal"] > 0.5


def test_vanishing_gradients(quick: Any) -> None:
    numbers = quick("vanishing_gradients")
    assert numbers.share("sigmoid", 10) < 1e-4
    assert numbers.share("sigmoid", 2) > 1e-2
    assert numbers.share("tanh", 10) > 0.1
    assert numbers.share("relu", 10) > 0.1


def test_gradient_check(quick: Any) -> None:
    """Evaluations are counted; seconds depend on the machine."""
    numbers = quick("gradient_check")
    for comparison in numbers.comparisons:
        assert comparison.apart < 1e-8
        assert comparison.evaluations >= 2 * comparison.parameters
    errors = np.array(numbers.curve.errors)
    best = errors.argmin()
    assert 1e-8 < numbers.curve.steps[best] < 1e-4
    assert min(errors[0], errors[-1]) > 1e3 * errors[best]


def test_loss_surfaces(quick: Any, program: Any) -> None:
    squared, entropy = quick("loss_surfaces").values()
    assert entropy.slope_at_start > 20 * squared.slope_at_start
    assert squared.dented > 0.5
    assert entropy.dented == 0.0
    accuracy = program("loss_surfaces").accuracy
    assert accuracy(entropy.way[-1]) > 0.9
    assert accuracy(squared.way[-1]) < 0.7


def test_batch_norm(quick: Any) -> None:
    numbers = quick("batch_norm")
    for scale in (0.3, 0.01):
        assert numbers["with", scale][-1] > numbers["without", scale][-1] + 0.1
    assert numbers["with", 0.01][-1] > 0.9
    assert numbers["without", 0.01][-1] < 0.2


def test_batch_size(quick: Any) -> None:
    small, middle, large = quick("batch_size").values()
    assert small.accuracies[0] > middle.accuracies[0] > large.accuracies[0] + 0.2
    assert small.spread > middle.spread > large.spread
    # The noise falls with the root of the batch: from 10 to 1000 it would be a tenth.
    assert 4 < small.spread / large.spread < 25


def test_overfitting(quick: Any) -> None:
    numbers = quick("overfitting")
    for outcomes in numbers.values():
        plain = outcomes["no remedy"]
        assert plain.known == 1.0
        assert plain.accuracy < 0.82
        assert outcomes["early stopping"].known < 1.0
        for name in ("L2", "weight decay", "max-norm", "noise", "mixup", "label smoothing"):
            assert outcomes[name].loss < 0.95 * plain.loss, name
    few, more = (outcomes["no remedy"] for outcomes in numbers.values())
    assert more.accuracy > few.accuracy + 0.05


def test_optimizer_comparison(quick: Any) -> None:
    numbers = quick("optimizer_comparison")
    assert numbers.best("Adam").losses[0] < numbers.best("SGD").losses[0]
    assert min(numbers.best(name).accuracy for name in numbers.courses) > 0.85
    assert numbers.between < numbers.within


def test_why_depth(quick: Any) -> None:
    numbers = quick("why_depth")
    one, two, large, three = (
        numbers[name] for name in ("one 5x5", "two 3x3", "one 7x7", "three 3x3")
    )
    # n convolutions of k x k from 16 to 16 channels: n 16 (16 k^2 + 1).
    assert [one.parameters, two.parameters] == [16 * (16 * 25 + 1), 2 * 16 * (16 * 9 + 1)]
    assert [large.parameters, three.parameters] == [16 * (16 * 49 + 1), 3 * 16 * (16 * 9 + 1)]
    assert [one.sees, two.sees, large.sees, three.sees] == [5, 5, 7, 7]
    assert two.operations / one.operations == pytest.approx(18 / 25)
    assert three.operations / large.operations == pytest.approx(27 / 49)
    for few, many in ((two, one), (three, large)):
        assert few.accuracy > many.accuracy - 0.03
    assert min(stack.accuracy for stack in numbers.values()) > 0.7


def test_shortcuts(quick: Any) -> None:
    numbers = quick("shortcuts")
    plain = [numbers.ratio("without", depth) for depth in (8, 20, 32)]
    residual = [numbers.ratio("with shortcuts", depth) for depth in (8, 20, 32)]
    # It grows by a factor for each block without shortcuts, and slower and slower with them.
    assert plain[0] < plain[1] / 3 < plain[2] / 9
    assert residual[2] < 2.5 * residual[1]
    assert plain[2] > 8 * residual[2]


def test_random_search(quick: Any) -> None:
    pytest.importorskip("optuna")
    numbers = quick("random_search")
    assert numbers.wins > 0.7 * len(numbers.random)
    assert len({trial.parameters["lr"] for trial in numbers.grid.trials}) == 3
    assert len({trial.parameters["lr"] for trial in numbers.random[0].trials}) == 9
    penalties = [t.figure for t in numbers.grid.trials if t.parameters["lr"] == pytest.approx(0.1)]
    assert np.ptp(penalties) < 1e-3 * penalties[0]


def test_every_experiment_has_a_test_and_stands_in_the_documents() -> None:
    assert {f"test_{name}" for name in NAMES} <= set(globals())
    document = (EXAMPLES.parent / "docs" / "experiments.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"(../examples/{name}.py)" not in document] == []
    assert [name for name in NAMES if f"(images/{name}.png)" not in document] == []


def test_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / "learning_rates.py", "file"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "file cannot be the folder of the figure" in done.stderr


def test_without_matplotlib_the_finding_is_printed(
    program: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    program("learning_rates").main([str(tmp_path), "--quick"])
    printed = capsys.readouterr().out
    assert "2, -14, 98" in printed
    assert "chainrule[plot]" in printed
    assert not list(tmp_path.iterdir())
