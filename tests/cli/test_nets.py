"""Nets and their regularisation chosen on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import chainrule as cr


def test_every_part_of_a_net_arrives(call: Callable, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = "--epochs 2 --hidden 6 --activation leaky_relu(0.2) --init he_normal --norm batch "
    options += "--dropout 0.25 --l1 0.001 --l2 0.01 --max-norm 3 --mixup 0.2 --quiet"
    assert call("train", "moons", *options.split(), "--out", out).status == 0
    config = json.loads((out / "config.json").read_text())
    steps = {step["class"]: step for step in config["model"]["steps"]}
    assert list(steps) == ["Linear", "BatchNorm", "LeakyReLU", "Dropout"]
    assert steps["LeakyReLU"]["slope"] == 0.2
    assert steps["Dropout"]["p"] == 0.25
    assert steps["Linear"]["weight_init"] == "kaiming_normal"
    settings = config["settings"]
    assert [settings[name] for name in ("l1", "l2", "max_norm", "mixup")] == [0.001, 0.01, 3, 0.2]
    run = cr.load_run(out)
    assert run.history[-1]["penalty"] == pytest.approx(run.penalty())
    # What was trained with noise is used and certified without.
    assert call("certify", out, "--samples", 4).status == 0
    assert call("evaluate", out).last_line == call("evaluate", out).last_line
    assert "BatchNorm" in call("summary", out).out
    resumed = call("resume", out, "--epochs", 3, "--quiet")
    assert resumed.status == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--activation", "gleu"], "unknown activation 'gleu'. Did you mean 'gelu'"),
        (["--activation", "relu(2)"], "It takes no options"),
        (["--init", "he_norml"], "unknown initialiser 'he_norml'. Did you mean 'kaiming_normal'"),
        (["--norm", "bach"], "unknown norm 'bach'. Did you mean 'batch'"),
        (["--dropout", "1"], "Dropout: p is 1.0; expected a number 0 or more and below 1"),
        (["--model", "perceptron", "--norm", "batch"], "unknown option of perceptron 'norm'"),
        (["--loss", "huber(delta=-1)"], "huber: delta is -1; expected a number above 0"),
    ],
)
def test_what_a_net_cannot_be_is_said_before_training(
    options: list, message: str, call: Callable, tmp_path: Path
) -> None:
    result = call("train", "moons", *options, "--quiet", "--out", tmp_path / "run")
    assert result.status == 2
    assert message in result.error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", ["--l1", "--l2", "--max-norm", "--mixup", "--dropout"])
def test_mistyped_numbers_are_refused(option: str, call: Callable) -> None:
    result = call("train", "moons", f"{option}=-1")
    assert result.status == 2
    assert "expected a number" in result.error


def test_norms_and_initialisers_are_listed(call: Callable) -> None:
    document = call("models", "--json").document
    assert document["norms"] == ["batch", "layer", "rms"]
    assert "orthogonal" in document["initialisers"]
    assert "gelu" in document["activations"]
    assert "huber" in document["losses"]


def test_convolutional_nets_train_on_pictures(call: Callable, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pictures, out = tmp_path / "pictures", tmp_path / "run"
    for kind, level in (("dark", 40), ("light", 220)):
        (pictures / kind).mkdir(parents=True)
        for i in range(10):
            image.new("L", (18, 16), level + i).save(pictures / kind / f"{i}.png")
    options = ["--model", "lenet", "--activation", "tanh", "--epochs", 6, "--batch-size", 4]
    result = call("train", pictures, *options, "--out", out, "--quiet")
    assert result.last_line == "test accuracy 1.0000"
    run = cr.load_run(out)
    assert run.info.sample_shape == (1, 16, 18)
    assert "3.png: light" in call("predict", out, pictures / "light" / "3.png").out
    assert "Conv2d" in call("summary", out).out
    assert call("evaluate", out).status == 0
    assert call("resume", out, "--epochs", 7, "--quiet").status == 0
    searched = call("sweep", pictures, "--model", "cnn|mlp", "--method", "grid", "--epochs", 2)
    assert searched.status == 0, searched.error


def test_rows_of_numbers_are_no_pictures(call: Callable) -> None:
    result = call("train", "moons", "--model", "lenet")
    assert result.status == 1
    assert "lenet: samples have shape (2,); expected pictures" in result.error
