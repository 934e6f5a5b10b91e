"""Pictures of digits, as people have them."""

import contextlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main

image = pytest.importorskip("PIL.Image")
operations = pytest.importorskip("PIL.ImageOps")

SAMPLES = range(24)


def enlarged(digit):
    return digit.resize((280, 280), image.Resampling.BICUBIC)


def inverted(digit):
    return operations.invert(enlarged(digit))


def coloured(digit):
    return operations.colorize(enlarged(digit), black=(250, 240, 200), white=(20, 30, 140))


def shifted(digit):
    page = image.new("L", (400, 400), 0)
    page.paste(enlarged(digit), (110, 15))
    return page


def with_margin(digit):
    return operations.expand(inverted(digit), border=150, fill=255)


def tall(digit):
    page = image.new("RGB", (300, 700), (235, 235, 225))
    ink = enlarged(digit)
    page.paste((130, 20, 20), (10, 350), ink)
    return page


MADE = (enlarged, inverted, coloured, shifted, with_margin, tall)
ENDINGS = (".png", ".jpg")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Pictures made from the first test digits, each in one of the ways."""
    _, test = cr.data.mnist()
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for i in SAMPLES:
        digit = image.fromarray(np.asarray(test.x[i]).reshape(28, 28))
        make = MADE[i % len(MADE)]
        path = folder / f"{i}-{make.__name__}{ENDINGS[i // len(MADE) % 2]}"
        make(digit).save(path, quality=90)
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def answers(trained: Path, pictures: list[Path]) -> list[dict[str, Any]]:
    """What the command says of all pictures."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        assert main(["predict", str(trained), *map(str, pictures), "--json"]) == 0
    return json.loads(text.getvalue())


def test_pictures_are_told_as_well_as_the_digits_they_are_made_of(
    answers, trained, pictures
) -> None:
    _, test = cr.data.mnist()
    truth = test.y[: len(SAMPLES)]
    originals = int((cr.load_run(trained).predict(test[: len(SAMPLES)]) == truth).sum())
    assert [entry["file"] for entry in answers] == [str(path) for path in pictures]
    found = sum(entry["prediction"] == str(y) for entry, y in zip(answers, truth, strict=True))
    assert found >= originals - 1
    assert originals >= 22


def test_one_picture_is_shown_with_bars(call: Callable, trained: Path, pictures) -> None:
    result = call("predict", trained, pictures[0])
    assert result.status == 0
    lines = result.out.splitlines()
    match = re.fullmatch(re.escape(f"{pictures[0]}: 7  (") + r"(\d\.\d{3})\)", lines[0])
    assert match
    assert len(lines) == 11
    bars = [re.fullmatch(r"  (\d)  (\d\.\d{3})(  #+)?", line) for line in lines[1:]]
    assert [bar[1] for bar in bars if bar] == list("0123456789")
    shares = [float(bar[2]) for bar in bars if bar]
    assert sum(shares) == pytest.approx(1.0, abs=0.01)
    assert shares[7] == float(match[1]) == max(shares)
    assert lines[8].count("#") == max(line.count("#") for line in lines)


def test_many_pictures_take_a_line_each(call: Callable, trained: Path, pictures) -> None:
    result = call("predict", trained, *pictures[:5])
    lines = result.out.splitlines()
    assert len(lines) == 5
    for path, line in zip(pictures[:5], lines, strict=True):
        assert re.match(re.escape(f"{path}: ") + r"\d  \(\d\.\d{3}\)", line)


def test_unsure_is_said(call: Callable, trained: Path, tmp_path: Path) -> None:
    # Two digits on one another: the net must doubt one of them.
    _, test = cr.data.mnist()
    run = cr.load_run(trained)
    rows = [(a, b) for a in range(14) for b in range(a) if test.y[a] != test.y[b]]
    mixed = [np.maximum(test.x[a], test.x[b]) for a, b in rows]
    shares = np.array(
        [run.predict_proba(cr.data.to_digit(x.reshape(28, 28)).reshape(1, 784))[0] for x in mixed]
    )
    path = tmp_path / "both.png"
    image.fromarray(mixed[int(shares.max(axis=1).argmin())].reshape(28, 28)).save(path)
    result = call("predict", trained, path)
    match = re.search(r"unsure: it may be (\d) \(0\.\d{3}\) or (\d) \(0\.\d{3}\)", result.out)
    assert match
    entry = call("predict", trained, path, "--json").document[0]
    assert entry["unsure"]
    assert entry["probability"] == max(entry["probabilities"].values()) < 0.6
    ranked = sorted(entry["probabilities"], key=entry["probabilities"].get, reverse=True)
    assert [match[1], match[2]] == ranked[1:3]


def test_the_sure_are_not_warned_of(answers) -> None:
    for entry in answers:
        assert entry["unsure"] == (entry["probability"] < 0.6)
    assert sum(entry["unsure"] for entry in answers) < 4


def test_bad_pictures_do_not_keep_the_good_from_their_answer(call, trained, pictures, tmp_path):
    (tmp_path / "words.png").write_text("hello")
    whole = pictures[6].read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    image.new("L", (60, 60), 255).save(tmp_path / "blank.png")
    bad = [tmp_path / name for name in ("words.png", "half.jpg", "blank.png", "missing.png")]
    result = call("predict", trained, *bad[:2], pictures[0], *bad[2:])
    assert result.status == 1
    assert result.out.startswith(f"{pictures[0]}: 7  (")
    errors = result.error.splitlines()
    assert len(errors) == 4
    for path, line in zip(bad, errors, strict=True):
        assert line.startswith("chainrule: error: ")
        assert path.name in line
    assert "cannot identify image file" in errors[0]
    assert "truncated" in errors[1]
    assert "nothing is drawn" in errors[2]
    assert "No such file" in errors[3]
    document = call("predict", trained, *bad, "--json").document
    assert [set(entry) for entry in document] == [{"file", "error"}] * 4


def test_a_run_of_numbers_has_no_use_for_pictures(call, toy, pictures) -> None:
    result = call("predict", toy, pictures[0])
    assert result.status == 2
    assert "are no pictures" in result.error


def test_names_that_are_no_text(program: Callable, trained: Path, pictures, tmp_path) -> None:
    odd = tmp_path / "digit \udcff\u4e03.png"
    odd.write_bytes(pictures[0].read_bytes())
    result = program("predict", trained, odd)
    assert result.status == 0
    assert "\\udcff\u4e03.png: 7  (" in result.out
