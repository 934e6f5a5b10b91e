"""The figures: what their panels hold, what they are called, and files whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, vis
from chainrule.errors import (
    DataError,
    DtypeError,
    MissingExtraError,
    OptionError,
    RunError,
    ShapeError,
)

pytest.importorskip("matplotlib")


def panels_of(figure: Any) -> list:
    """The panels that show something, without colour bars."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>" and axes.axison]


def title_of(figure: Any) -> str:
    return figure.get_suptitle().replace("\n", " ")


def test_filters_before_and_after_have_one_scale(digits: Any, picture_of: Callable) -> None:
    figure = vis.filters(digits, before=vis.initial_weights(digits))
    assert title_of(figure) == "filters of layer 0 (Conv2d), 6 of 5x5"
    before, after = panels_of(figure)
    assert (before.get_title(), after.get_title()) == ("before training", "after training")
    assert before.images[0].get_clim() == after.images[0].get_clim()
    low, high = after.images[0].get_clim()
    assert -low == high >= np.abs(digits.model[0].weight.numpy()).max()
    board = picture_of(after)
    assert board.shape == (2 * 6 - 1, 3 * 6 - 1)
    weight = digits.model[0].weight.numpy()
    np.testing.assert_allclose(board[6:11, 12:17], weight[5, 0])
    np.testing.assert_allclose(
        picture_of(before)[:5, :5], vis.initial_weights(digits)["0.weight"][0, 0]
    )
    assert np.ma.getmaskarray(after.images[0].get_array())[5].all()


def test_filters_of_deep_and_of_coloured_layers(picture_of: Callable) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(), nn.Conv2d(4, 20, 3)).initialize(0)
    (colours,) = panels_of(vis.filters(net))
    shown = picture_of(colours)
    assert shown.shape == (11, 11, 3)
    first = net[0].weight.numpy()[0]
    expected = 0.5 + first.transpose(1, 2, 0) / (2 * np.abs(first).max())
    np.testing.assert_allclose(shown[:5, :5], expected, atol=1e-6)
    figure = vis.filters(net, "2")
    assert "a row a unit (12 of 20), a column a channel (4 of 4)" in title_of(figure)
    assert picture_of(panels_of(figure)[0]).shape == (12 * 4 - 1, 4 * 4 - 1)


def test_filters_of_a_perceptron_are_pictures(rows: Any, picture_of: Callable) -> None:
    figure = vis.filters(rows)
    assert title_of(figure) == "filters of layer 0 (Linear), 12 of 28x28"
    assert picture_of(panels_of(figure)[0]).shape == (3 * 29 - 1, 4 * 29 - 1)


def test_maps_show_the_image_and_each_layer(digits: Any, picture_of: Callable) -> None:
    sample = digits.validation.x[0]
    image, *layers = panels_of(vis.maps(digits, sample))
    np.testing.assert_allclose(picture_of(image), sample[0] / 255, atol=1e-6)
    assert [axes.get_title() for axes in layers] == [
        "0 (Conv2d): 6 of 12x12",
        "1 (ReLU): 6 of 12x12",
        "2 (MaxPool2d): 6 of 6x6",
        "4 (Linear): 10 units",
    ]
    _, one = panels_of(vis.maps(digits, sample, "1"))
    np.testing.assert_allclose(
        picture_of(one)[:12, 13:25], vis.feature_maps(digits, sample, "1")[1], atol=1e-6
    )


def test_patches_are_a_row_for_each_unit(digits: Any, picture_of: Callable) -> None:
    figure = vis.patches(digits, layer="0", units=(2, 5), count=3)
    panels = panels_of(figure)
    assert len(panels) == 6
    assert [panels[0].get_ylabel(), panels[3].get_ylabel()] == ["unit 2", "unit 5"]
    found = vis.strongest_patches(digits, None, "0", (2, 5), 3)
    for axes, patch in zip(panels, [*found[0], *found[1]], strict=True):
        np.testing.assert_allclose(picture_of(axes), patch.pixels[0], atol=1e-6)
    assert "it sees 5x5" in title_of(figure)


@pytest.mark.parametrize("kind", ["saliency", "integrated", "occlusion", "gradcam"])
def test_what_speaks_for_a_class(digits: Any, picture_of: Callable, kind: str) -> None:
    sample = digits.validation.x[0]
    numbers = {
        "saliency": lambda: np.abs(vis.input_gradient(digits, sample, 7)).max(axis=0),
        "integrated": lambda: vis.integrated_gradients(digits, sample, 7).sum(axis=0),
        "occlusion": lambda: vis.occlusion_map(digits, sample, 7),
        "gradcam": lambda: vis.grad_cam(digits, sample, 7),
    }
    figure = getattr(vis, kind)(digits, sample, 7)
    image, heat, *_ = panels_of(figure)
    assert image.get_title() == "image"
    np.testing.assert_allclose(picture_of(image), sample[0] / 255, atol=1e-6)
    np.testing.assert_allclose(picture_of(heat), numbers[kind]())
    assert "'7'" in title_of(figure)
    low, high = heat.images[0].get_clim()
    assert low == (-high if kind in ("integrated", "occlusion") else 0)


def test_an_occlusion_map_lies_where_its_squares_lay(digits: Any) -> None:
    figure = vis.occlusion(digits, digits.validation.x[0], size=6, stride=2)
    left, right, bottom, top = panels_of(figure)[1].images[0].get_extent()
    # The first square covers pixels 0 to 5, whose middle is 2.5, and stands for 2 pixels.
    assert (left, top) == (1.5, 1.5)
    assert (right, bottom) == (25.5, 25.5)


def test_ideal_images(digits: Any, picture_of: Callable) -> None:
    figure = vis.maximise(digits, units=(1, 8), ascent=vis.Ascent(steps=3))
    one, eight = panels_of(figure)
    images, values = vis.maximising_images(digits, units=(1, 8), ascent=vis.Ascent(steps=3))
    np.testing.assert_allclose(picture_of(eight), images[1, 0], atol=1e-6)
    assert one.get_title() == f"1: {values[0]:.3g}"
    assert len(panels_of(vis.maximise(digits, ascent=vis.Ascent(steps=1)))) == 10


def test_an_embedding_has_a_dot_for_each_sample(digits: Any) -> None:
    figure = vis.embedding(digits, samples=50)
    (axes,) = panels_of(figure)
    data = digits.validation[np.linspace(0, 299, 50).astype(int)]
    places, shares = vis.principal_components(vis.layer_outputs(digits, data, "3"))
    np.testing.assert_allclose(axes.collections[0].get_offsets(), places)
    assert np.array_equal(axes.collections[0].get_array(), data.y)
    assert axes.get_xlabel() == f"component 1, {shares[0]:.0%} of variance"
    assert axes.get_title() == "50 samples as layer 3 (Flatten) sees them"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list("0123456789")


def test_the_confusion_matrix(digits: Any) -> None:
    (axes,) = panels_of(vis.confusion(digits))
    counts = digits.evaluate(digits.validation).confusion
    shown = axes.images[0].get_array()
    expected = 100 * counts / counts.sum(axis=1, keepdims=True)
    off = ~np.eye(10, dtype=bool)
    np.testing.assert_allclose(shown[off], expected[off])
    assert np.ma.getmaskarray(shown).diagonal().all()
    written = {text.get_position()[::-1]: int(text.get_text()) for text in axes.texts}
    assert written == {place: count for place, count in np.ndenumerate(counts) if count}
    assert f"{np.trace(counts) / 300:.2%}" in axes.get_title()


def test_mistakes_are_shown_with_what_they_are(digits: Any, picture_of: Callable) -> None:
    figure = vis.mistakes(digits, count=3)
    assert title_of(figure) == "the 3 worst mistakes of 300 samples"
    for axes, mistake in zip(panels_of(figure), vis.worst_mistakes(digits, count=3), strict=True):
        expected = digits.validation.x[mistake.sample, 0] / 255
        np.testing.assert_allclose(picture_of(axes), expected, atol=1e-6)
        assert axes.get_title().startswith(f"{mistake.truth}, taken for {mistake.taken_for}\n")


def test_the_loss_surface(rows: Any) -> None:
    line, plane = panels_of(vis.surface(rows, points=3, samples=20))
    places, losses = vis.loss_line(rows, samples=20)
    np.testing.assert_allclose(line.lines[0].get_xydata(), np.stack([places, losses], axis=1))
    assert plane.get_title() == "around the trained weights (+)"
    assert plane.lines[0].get_xydata().tolist() == [[0.0, 0.0]]


def test_without_first_weights_the_plane_is_drawn_alone() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            return self.layer(x)

    run = cr.fit(Own(), cr.data.moons(30), epochs=1, show=False)
    assert len(panels_of(vis.surface(run, points=2))) == 1
    with pytest.raises(RunError, match="class of your own"):
        vis.loss_line(run)


@pytest.mark.parametrize("largest", [0.0, 1e30])
def test_a_plane_that_is_flat_and_one_that_is_not_finite(largest: float) -> None:
    data = cr.data.moons(20)
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)).initialize(0)
    model.load_state_dict({k: largest * v for k, v in model.state_dict().items()})
    run = cr.fit(model, data, epochs=0, show=False)
    _, plane = panels_of(vis.surface(run, points=3))
    assert plane.get_title() == "around the trained weights (+)"


def test_learning_curves(rows: Any) -> None:
    loss, accuracy = panels_of(vis.curves(rows))
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss", "accuracy")
    assert loss.lines[0].get_ydata().tolist() == [row["loss"] for row in rows.history]


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_files_are_what_their_endings_say(digits: Any, tmp_path: Path, ending: str) -> None:
    vis.filters(digits, path=tmp_path / f"filters.{ending}")
    begin = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert (tmp_path / f"filters.{ending}").read_bytes().startswith(begin)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_cannot_be_written_leaves_nothing(digits: Any, tmp_path: Path) -> None:
    (tmp_path / "kept.png").write_text("old")
    with pytest.raises(OptionError, match=r"by its ending 'gif'. .*Known: png, svg, pdf"):
        vis.filters(digits, path=tmp_path / "filters.gif")
    with pytest.raises(OptionError, match="there is no folder"):
        vis.filters(digits, path=tmp_path / "nowhere" / "filters.png")
    with pytest.raises(OptionError, match="unknown layer '7'"):
        vis.filters(digits, "7", path=tmp_path / "kept.png")
    assert [path.name for path in tmp_path.iterdir()] == ["kept.png"]
    assert (tmp_path / "kept.png").read_text() == "old"


REFUSED = [
    (lambda d, r: vis.filters(d, "2"), OptionError, "MaxPool2d, which has no filters.*such as '0'"),
    (lambda d, r: vis.filters(d, before=r), ShapeError, r"before they had \(12, 1, 28, 28\)"),
    (lambda d, r: vis.maps(d, np.zeros((3, 3))), ShapeError, r"samples have shape \(3, 3\)"),
    (lambda d, r: vis.maps(d, np.full((28, 28), np.nan)), DataError, "NaN or infinity"),
    (lambda d, r: vis.maps(d, np.full((28, 28), "a")), DtypeError, "expected numbers"),
    (lambda d, r: vis.maps(d.model, np.zeros((28, 28, 3))), ShapeError, "seem to stand last"),
    (lambda d, r: vis.maps(d.model, np.zeros(10)), ShapeError, "expected one picture"),
    (lambda d, r: vis.maps("run", np.zeros(10)), DtypeError, "expected a model or a run.*a str"),
    (lambda d, r: vis.saliency(d, d.data.x[0], 10), OptionError, "target is 10; expected 0 to 9"),
    (lambda d, r: vis.saliency(d, d.data.x[0], "7"), OptionError, "target is '7'; expected the"),
    (lambda d, r: vis.saliency(d, d.data.x[0], noise=-1), OptionError, "noise is -1; expected"),
    (lambda d, r: vis.integrated(d, d.data.x[0], steps=0), OptionError, "steps is 0; expected"),
    (lambda d, r: vis.occlusion(d, d.data.x[0], size=29), OptionError, "size is 29, .* 28x28"),
    (lambda d, r: vis.gradcam(r, r.data.x[0]), OptionError, "needs a convolution.*vis.saliency"),
    (lambda d, r: vis.gradcam(d, d.data.x[0], layer="4"), OptionError, "Grad-CAM needs maps.*4"),
    (lambda d, r: vis.maximise(d, units=[10]), OptionError, "unit is 10, .*expected 0 to 9"),
    (lambda d, r: vis.maximise(d.model), OptionError, "shape of the model's images is not known"),
    (lambda d, r: vis.Ascent(rate=-1), OptionError, "rate is -1"),
    (lambda d, r: vis.embedding(d, method="umap"), OptionError, "unknown method 'umap'"),
    (lambda d, r: vis.confusion(d.model), DtypeError, "expected a run, .*a Sequential"),
    (lambda d, r: vis.surface(d.model), DtypeError, "expected a run, .*a Sequential"),
    (lambda d, r: vis.surface(d, points=1), OptionError, "points is 1; expected"),
]


@pytest.mark.parametrize(("ask", "kind", "message"), REFUSED)
def test_what_is_refused(
    digits: Any, rows: Any, ask: Callable, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=f"(?s){message}"):
        ask(digits, rows)


def test_a_net_without_mistakes_and_one_without_classes() -> None:
    run = cr.fit(cr.models.mlp(1, 1), cr.data.sine(20), epochs=0, show=False)
    with pytest.raises(OptionError, match="only a classifier has mistakes"):
        vis.mistakes(run)
    images = np.zeros((4, 1, 4, 4), np.uint8)
    data = cr.data.image_dataset(images, [0, 0, 0, 0])
    sure = nn.Sequential(nn.Linear(16, 2))
    sure[0].bias = nn.Parameter.from_array(np.float32([9, 0]))
    data = cr.data.Dataset(data.x, data.y, classes=("a", "b"), image_shape=(1, 4, 4))
    with pytest.raises(DataError, match="makes no mistake on the 4 samples"):
        vis.mistakes(cr.fit(sure, data, epochs=0, show=False))


@pytest.mark.parametrize(
    ("module", "extra"),
    [("matplotlib.figure", "plot"), ("sklearn.manifold", "learn"), ("threadpoolctl", "learn")],
)
def test_a_missing_extra_is_named(digits: Any, monkeypatch: Any, module: str, extra: str) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'chainrule\[{extra}\]'"):
        vis.embedding(digits, method="tsne", samples=20)
