"""`chainrule show`: each picture becomes a file, and what cannot be drawn leaves none."""

from collections.abc import Callable
from pathlib import Path

import pytest

import chainrule as cr
from tests.cli.test_errors import content, failed

pytest.importorskip("matplotlib")

PICTURES = {
    "filters": "",
    "maps": "--sample 3",
    "patches": "--units 0,3 --count 2",
    "occlusion": "--size 6 --stride 4",
    "saliency": "--noise 0.1 --samples 3",
    "integrated": "--target 2 --steps 5",
    "gradcam": "--layer 2",
    "maximise": "--units 4",
    "embedding": "--samples 30 --layer 1",
    "confusion": "--json",
    "mistakes": "--count 4",
    "surface": "--points 2 --samples 10 --seed 5",
    "curves": "",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small convolutional net on MNIST."""
    train, test = cr.data.load("mnist", flatten=False)
    model = cr.nn.Sequential(
        cr.nn.Conv2d(1, 4, 5, stride=3),
        cr.nn.ReLU(),
        cr.nn.MaxPool2d(2),
        cr.nn.Flatten(),
        cr.nn.Linear(64, 10),
    )
    folder = tmp_path_factory.mktemp("runs") / "mnist"
    cr.fit(model, train[:600], validation=test[:100], epochs=1, out=folder, show=False)
    return folder


@pytest.mark.parametrize("picture", PICTURES)
def test_each_picture_becomes_a_file(
    picture: str, call: Callable, folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "my picture.png"
    before = content(folder)
    result = call("show", folder, picture, *PICTURES[picture].split(), "--out", target)
    assert result.status == 0, result.error
    if "--json" in PICTURES[picture]:
        assert result.document == {"picture": picture, "file": str(target)}
    else:
        assert result.out == f"drawn in '{target}'\n"
    assert target.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [target]
    assert content(folder) == before


@pytest.mark.parametrize("picture", PICTURES)
def test_each_picture_has_help_that_says_what_one_sees(picture: str, call: Callable) -> None:
    listed = call("show", "--help").out
    assert f"\n    {picture}" in listed
    result = call("show", "DIR", picture, "--help")
    assert result.status == 0
    assert result.out.startswith(f"usage: chainrule show DIR {picture} ")
    sees = result.out.split("\n\n")[1]
    assert len(sees.split()) > 10
    for option in PICTURES[picture].split():
        if option.startswith("--"):
            assert option in result.out


def test_by_default_it_lies_in_the_run_folder(call: Callable, folder: Path) -> None:
    result = call("show", folder, "filters")
    assert result.out == f"drawn in {folder / 'filters.png'}\n"
    assert (folder / "filters.png").exists()
    assert cr.load_run(folder).epoch == 1
    (folder / "filters.png").unlink()


def test_a_picture_of_ones_own(call: Callable, folder: Path, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    _, test = cr.data.mnist()
    image.fromarray(255 - test.x[0].reshape(28, 28)).save(tmp_path / "seven.png")
    out = tmp_path / "maps.svg"
    options = ("show", folder, "maps", "--image", tmp_path / "seven.png", "--out", out)
    assert call(*options).status == 0
    assert out.read_text().startswith("<?xml")
    failed(call(*options, "--sample", 1), "give --sample or --image, not both", status=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "the following arguments are required: PICTURE"),
        ("filter", "invalid choice: 'filter' (choose from"),
        ("gradcam --layr 3", "unknown option --layr. Did you mean '--layer'?"),
        ("gradcam --layer x", "unknown layer 'x'. Known: 0, 1, 2, 3, 4."),
        ("gradcam --layer 4", "Grad-CAM needs maps"),
        ("patches --units 0,x", "argument --units: 'x': expected an integer of 0 or more"),
        ("patches --units 4", "unit is 4, and layer '0' has 4; expected 0 to 3"),
        ("maps --sample 10000", "--sample is 10000, and 'mnist test' has 10,000 samples"),
        ("saliency --target 10", "target is 10; expected 0 to 9"),
        ("occlusion --size 99", "size is 99, and the image is 28x28"),
        ("embedding --method umap", "argument --method: invalid choice: 'umap'"),
        ("curves --out x.gif", "unknown format of x.gif, by its ending 'gif'"),
        ("curves --out nowhere/x.png", "nowhere/x.png cannot be written: there is no folder"),
    ],
)
def test_what_cannot_be_drawn(
    arguments: str,
    message: str,
    call: Callable,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = content(folder)
    result = call("show", folder, *arguments.split())
    assert result.status == 2
    assert message in result.error
    assert result.out == ""
    assert "Traceback" not in result.error
    assert content(folder) == before
    assert list(tmp_path.iterdir()) == []


def test_a_run_of_rows_and_one_without_pictures(call: Callable, toy: Path) -> None:
    failed(call("show", toy, "gradcam"), "expected one picture")
    assert call("show", toy, "embedding", "--layer", "1").status == 0
    assert call("show", toy, "filters").status == 0
    failed(call("show", toy.parent / "none", "curves"), "none")


def test_filters_without_those_before_training_say_so(call: Callable, tmp_path: Path) -> None:
    model = cr.nn.Sequential(cr.nn.Linear(2, 2))
    model[0].weight = cr.nn.Parameter.from_array([[1.0, 0.0], [0.0, 1.0]])
    cr.fit(model, cr.data.moons(20), epochs=1, out=tmp_path / "run", show=False)
    result = call("show", tmp_path / "run", "filters")
    assert result.status == 0
    assert "without the filters before training: " in result.error
