"""`chainrule train --augment`: kept with the run, taken up by resume, refused at the door."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from tests.cli.test_errors import failed

AUGMENT = "shift=1, rotate=10, cutout=2"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Pictures of two classes: a bright upper or a bright lower half."""
    draw = np.random.default_rng(1)
    y = np.arange(80) % 2
    x = draw.integers(0, 60, (80, 8, 8)).astype(np.uint8)
    x[y == 0, :4] += 150
    x[y == 1, 4:] += 150
    path = tmp_path / "halves.npz"
    np.savez(path, x=x, y=y)
    return path


def test_a_run_is_augmented_and_taken_up(call: Callable, small: Path, tmp_path: Path) -> None:
    weights = []
    for name, first in (("whole", 4), ("halted", 2)):
        out = tmp_path / name
        done = call("train", small, "--epochs", first, "--augment", AUGMENT, "--out", out)
        assert done.status == 0, done.error
        if first < 4:
            assert call("resume", out, "--epochs", 4).status == 0
        run = cr.load_run(out)
        assert run.settings.augment == cr.data.as_augmentation(AUGMENT)
        weights.append(run.model.state_dict())
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    facts = call("summary", tmp_path / "whole", "--json").document
    assert facts["settings"]["augment"]["name"] == "compose"


def test_a_wrong_word_is_met_before_anything_is_read(call: Callable, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = call("train", "no such data", "--augment", "rotat=10", "--out", out)
    failed(done, "unknown augmentation 'rotat'. Did you mean 'rotate'?", status=2)
    assert not out.exists()


def test_data_without_pictures(call: Callable, tmp_path: Path) -> None:
    done = call("train", "moons", "--augment", "rotate=10", "--out", tmp_path / "run")
    failed(done, "augmentation needs pictures, and a sample has shape (2,)")
    assert not (tmp_path / "run").exists()


def test_the_words_are_listed(call: Callable) -> None:
    assert "augmentations" in call("models").out
    named = json.loads(call("models", "--json").out)
    assert named["augmentations"] == list(cr.data.augmentation_names())
