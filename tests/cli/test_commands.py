"""train, resume, evaluate, summary, datasets, models: what they print and what they keep."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Flowers of two kinds, which one feature tells apart."""
    path = tmp_path / "flowers.csv"
    rows = [f"{i % 13},{1000 * (i % 2) + i % 7},{('rose', 'tulip')[i % 2]}" for i in range(120)]
    path.write_text("width,height,kind\n" + "\n".join(rows))
    return path


def test_training_ends_with_the_test_accuracy(program: Callable, tmp_path: Path) -> None:
    result = program("train", "mnist", "--hidden", "16", "--epochs", 1, "--out", tmp_path / "run")
    assert result.status == 0
    match = re.fullmatch(r"test accuracy (0\.\d{4})\n", result.out)
    assert match
    run = cr.load_run(tmp_path / "run")
    assert f"{run.evaluate(cr.data.mnist()[1]).accuracy:.4f}" == match[1]
    assert float(match[1]) > 0.85
    lines = result.error.splitlines()
    assert lines[0].startswith("mnist: 60,000 samples to train on, 10,000 to test on; mlp with")
    assert re.match(r"epoch 1/1  loss \S+  accuracy \S+  val loss \S+  val accuracy", lines[1])
    assert (
        lines[-1] == f"kept in {tmp_path / 'run'}; now try: chainrule predict {tmp_path}/run IMAGE"
    )


def test_without_out_nothing_is_kept_and_it_says_so(call, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("train", "moons", "--epochs", 1)
    assert result.status == 0
    assert re.fullmatch(r"test accuracy \d\.\d{4}\n", result.out)
    assert "nothing is kept; " in result.error
    assert "--out DIR" in result.error
    assert list(tmp_path.iterdir()) == []


def test_quiet_says_the_answer_alone(call: Callable) -> None:
    result = call("train", "moons", "--epochs", 1, "--quiet")
    assert re.fullmatch(r"test accuracy \d\.\d{4}\n", result.out)
    assert result.error == ""


def test_every_option_arrives(call: Callable, tmp_path: Path) -> None:
    options = "--model mlp --hidden 7,5 --activation tanh --optimizer momentum --lr 0.05"
    options += " --batch-size 64 --epochs 2 --seed 9 --weight-decay 0.001 --clip-norm 2"
    options += " --loss cross_entropy --patience 3 --checkpoint-seconds 5 --quiet"
    out = tmp_path / "run"
    assert call("train", "moons", *options.split(), "--out", out).status == 0
    config = json.loads((out / "config.json").read_text())
    assert [step["class"] for step in config["model"]["steps"]] == [
        *("Linear", "Tanh", "Linear", "Tanh", "Linear")
    ]
    assert [step.get("out_features") for step in config["model"]["steps"][::2]] == [7, 5, 2]
    assert config["loss"] == "cross_entropy"
    assert config["optimizer"]["name"] == "momentum"
    assert config["optimizer"]["options"]["lr"] == 0.05
    assert config["optimizer"]["options"]["weight_decay"] == 0.001
    settings = config["settings"]
    assert settings["epochs"] == 2
    assert settings["batch_size"] == 64
    assert settings["seed"] == 9
    assert settings["clip_norm"] == 2.0
    assert settings["checkpoint_seconds"] == 5.0
    assert settings["source"]["data"] == "moons"
    direct = cr.fit(
        cr.models.by_name("mlp", in_features=2, classes=2, hidden=(7, 5), activation="tanh"),
        cr.train.Source("moons", seed=9).open()[0],
        optimizer=cr.optim.Momentum(lr=0.05, weight_decay=0.001),
        batch_size=64,
        epochs=2,
        seed=9,
        clip_norm=2.0,
        show=False,
    )
    for path, weight in cr.load_run(out).model.state_dict().items():
        np.testing.assert_array_equal(weight, direct.model.state_dict()[path])


def test_one_seed_gives_one_answer(call: Callable) -> None:
    answers = [
        call("train", "spirals", "--epochs", 3, "--seed", seed, "--json", "--quiet").document
        for seed in (1, 1, 2)
    ]
    assert answers[0]["test"] == answers[1]["test"]
    assert answers[0]["test"] != answers[2]["test"]


def test_training_as_json(call: Callable, tmp_path: Path) -> None:
    result = call("train", "moons", "--epochs", 2, "--json", "--out", tmp_path / "run")
    document = result.document
    assert document["epochs"] == 2
    assert document["folder"] == str(tmp_path / "run")
    assert [row["epoch"] for row in document["history"]] == [1, 2]
    assert 0 <= document["test"]["accuracy"] <= 1
    assert document["test"]["confusion"]


def test_early_stopping(call: Callable) -> None:
    result = call("train", "moons", "--epochs", 50, "--lr", 0.000000001, "--patience", 2, "--json")
    document = result.document
    assert document["epochs"] < 50
    assert document["stopped"] == "val_loss has not improved for 2 epochs"


def test_a_table_by_its_path(call: Callable, table: Path) -> None:
    result = call("train", table, "--epochs", 30, "--lr", 0.05, "--quiet")
    assert result.last_line == "test accuracy 1.0000"


def test_a_regression_ends_with_its_loss(call: Callable, table: Path) -> None:
    result = call("train", table, "--label", "height", "--target", "numbers", "--quiet")
    assert result.status == 1
    assert "column 'kind' holds 'rose'; expected a number" in result.error
    result = call("train", "sine", "--epochs", 1, "--quiet")
    assert re.fullmatch(r"test loss \d+\.\d{4}\n", result.out)


def test_a_folder_of_pictures(call: Callable, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for kind, level in (("dark", 40), ("light", 220)):
        (tmp_path / "pictures" / kind).mkdir(parents=True)
        for i in range(10):
            image.new("L", (8, 8), level + i).save(tmp_path / "pictures" / kind / f"{i}.png")
    result = call("train", tmp_path / "pictures", "--epochs", 30, "--lr", 0.01, "--quiet")
    assert result.last_line == "test accuracy 1.0000"


def test_other_losses(call: Callable) -> None:
    for loss in ("mse", "binary_cross_entropy", "bce"):
        result = call("train", "moons", "--epochs", 40, "--lr", 0.02, "--loss", loss, "--quiet")
        assert float(result.out.split()[-1]) > 0.8


def test_resume_to_more_epochs_equals_the_longer_run(call: Callable, tmp_path: Path) -> None:
    short, long = tmp_path / "short", tmp_path / "long"
    whole = call("train", "moons", "--epochs", 4, "--out", long, "--patience", 9, "--quiet")
    call("train", "moons", "--epochs", 2, "--out", short, "--patience", 9, "--quiet")
    result = call("resume", short, "--epochs", 4, "--quiet")
    assert (result.status, result.out) == (0, whole.out)
    for path, weight in cr.load_run(long).model.state_dict().items():
        np.testing.assert_array_equal(weight, cr.load_run(short).model.state_dict()[path])


def test_resume_of_a_finished_run_says_how_good_it_is(call: Callable, toy: Path) -> None:
    before = {path.name: path.read_bytes() for path in toy.iterdir() if path.suffix != ".npz"}
    result = call("resume", toy)
    assert result.status == 0
    assert result.last_line.startswith("test accuracy ")
    assert {p.name: p.read_bytes() for p in toy.iterdir() if p.suffix != ".npz"} == before


def test_a_table_is_found_again_from_another_folder(call, table, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    call("train", table.name, "--epochs", 1, "--out", "run", "--quiet")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert call("resume", "../run", "--epochs", 2, "--quiet").status == 0
    assert call("evaluate", "../run").status == 0
    table.unlink()
    result = call("evaluate", "../run")
    assert result.status == 2
    assert "flowers.csv" in result.error


def test_evaluate_shows_the_table_of_classes(call: Callable, trained: Path) -> None:
    result = call("evaluate", trained)
    assert result.status == 0
    first = result.out.splitlines()[0]
    match = re.fullmatch(
        r"mnist test: accuracy (\d\.\d{4}), loss \d\.\d{4} on 10,000 samples", first
    )
    assert match
    document = call("evaluate", trained, "--json").document
    assert f"{document['accuracy']:.4f}" == match[1]
    assert sum(map(sum, document["confusion"])) == 10_000
    assert len(document["precision"]) == len(document["recall"]) == len(document["f1"]) == 10


def test_evaluate_on_the_best_weights_and_on_other_data(call, toy, tmp_path) -> None:
    assert call("evaluate", toy, "--which", "best").status == 0
    (tmp_path / "points.csv").write_text("0.9,0.1,0\n1.0,-0.4,1\n")
    document = call("evaluate", toy, "--data", tmp_path / "points.csv", "--json").document
    assert (document["data"], document["samples"]) == ("points", 2)


def test_summary_shows_layers_settings_and_history(call: Callable, trained: Path) -> None:
    result = call("summary", trained)
    assert result.status == 0
    for part in ("Linear", "(N, 64)", "50,240", "kaiming_uniform", "adam (lr 0.003", "mnist"):
        assert part in result.out
    assert "3 of 3 epochs, 1,800 steps" in result.out
    document = call("summary", trained, "--json").document
    assert document["parameters"] == 784 * 64 + 64 + 64 * 10 + 10
    assert len(document["history"]) == 3


def test_datasets_are_listed(call: Callable) -> None:
    result = call("datasets")
    assert re.search(r"^mnist +60,000 +10,000 +1x28x28 +10 +here", result.out, re.MULTILINE)
    assert "xor" in result.out
    document = call("datasets", "--json").document
    names = [row["name"] for row in document["datasets"]]
    assert names == list(cr.data.names())
    assert list(document["toys"]) == list(cr.train.TOYS)


def test_models_are_listed(call: Callable) -> None:
    result = call("models")
    for name in ("mlp", "relu", "cross_entropy", "adam"):
        assert name in result.out
    assert call("models", "--json").document["optimizers"] == list(cr.optim.names())


def test_the_cache_is_where_the_environment_says(call, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    document = call("datasets", "--json").document
    assert [row["cached"] for row in document["datasets"] if row["name"] == "mnist"] == [False]
    assert call("train", "mnist", "--epochs", 0, "--quiet").status == 0
    assert (tmp_path / "cache" / "mnist").is_dir()
    monkeypatch.delenv("CHAINRULE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert call("train", "mnist", "--epochs", 0, "--quiet").status == 0
    assert (tmp_path / "xdg" / "chainrule" / "datasets" / "mnist").is_dir()


def test_main_serves_programs_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"]
