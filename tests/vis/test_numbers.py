"""The numbers of the other pictures: filters, maps, ideal images, embeddings, mistakes, loss."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, vis
from chainrule.errors import DataError, OptionError, RunError


def test_filters_are_the_weights(digits: Any, rows: Any) -> None:
    assert np.array_equal(vis.filter_weights(digits), digits.model[0].weight.numpy())
    found = vis.filter_weights(rows)
    assert found.shape == (12, 1, 28, 28)
    assert np.array_equal(found.reshape(12, -1), rows.model[0].weight.numpy())
    assert vis.filter_weights(rows, "2").shape == (10, 1, 1, 12)
    colours = nn.Sequential(nn.Linear(3 * 32 * 32, 4))
    assert vis.filter_weights(colours).shape == (4, 3, 32, 32)


def test_the_first_weights_are_drawn_again_bit_for_bit() -> None:
    kept = {}

    class Keep(cr.train.Callback):
        def on_step(self, run: Any) -> None:
            if run.step == 0:
                kept.update(run.model.state_dict())

    _, test = cr.data.load("mnist", flatten=False)
    model = cr.models.lenet((1, 28, 28), 10, init="he_normal")
    before = nn.from_config(nn.to_config(model)).initialize(11).state_dict()
    run = cr.fit(model, test[:100], epochs=1, seed=11, show=False, callbacks=[Keep()])
    found = vis.initial_weights(run)
    assert found.keys() == run.model.state_dict().keys() == before.keys()
    for path, array in found.items():
        assert np.array_equal(array, before[path]), path
        assert not np.array_equal(array, run.model.state_dict()[path]), path


def test_first_weights_that_are_not_known(tmp_path: Path) -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            return self.layer(x)

    run = cr.fit(Own(), cr.data.gate("or"), epochs=0, show=False)
    with pytest.raises(RunError, match="class of your own"):
        vis.initial_weights(run)
    given = nn.Sequential(nn.Linear(2, 2))
    given[0].weight = nn.Parameter.from_array(np.eye(2, dtype=np.float32))
    run = cr.fit(given, cr.data.gate("or"), epochs=0, show=False)
    with pytest.raises(RunError, match=r"0.weight among them, were given as numbers"):
        vis.initial_weights(run)
    run.save(tmp_path / "run")
    with pytest.raises(RunError, match=r"first weights were given as numbers"):
        vis.initial_weights(cr.load_run(tmp_path / "run"))
    drawn = cr.fit(nn.Sequential(nn.Linear(2, 2)), cr.data.gate("or"), epochs=0, show=False)
    drawn.save(tmp_path / "drawn")
    loaded = vis.initial_weights(cr.load_run(tmp_path / "drawn"))
    assert all(np.array_equal(loaded[k], v) for k, v in vis.initial_weights(drawn).items())


def test_feature_maps_are_the_outputs(digits: Any) -> None:
    data = digits.validation
    outputs = nn.outputs_by_layer(digits.model.eval(), data.transform(data.x[2:3]))
    for path, array in outputs.items():
        np.testing.assert_allclose(vis.feature_maps(digits, data.x[2], path), array[0])
    for number, row in enumerate(vis.layer_outputs(digits, data[:5], "2")):
        np.testing.assert_allclose(
            row, vis.feature_maps(digits, data.x[number], "2").ravel(), rtol=1e-5
        )


def test_a_linear_unit_would_like_its_own_signs() -> None:
    net = nn.Sequential(nn.Linear(25, 3)).initialize(2)
    images, values = vis.maximising_images(
        net, units=(0, 2), ascent=vis.Ascent(steps=500, decay=0, blur=0)
    )
    weight, bias = net[0].weight.numpy(), net[0].bias.numpy()
    for image, value, unit in zip(images, values, (0, 2), strict=True):
        assert np.array_equal(image.ravel(), weight[unit] > 0)
        best = np.maximum(weight[unit], 0).sum() + bias[unit]
        assert value == pytest.approx(best, rel=1e-5)


def test_ascent_climbs_and_regularisers_make_plainer(digits: Any) -> None:
    start, low = vis.maximising_images(digits, units=[3], ascent=vis.Ascent(steps=0))
    free, high = vis.maximising_images(
        digits, units=[3], ascent=vis.Ascent(steps=60, decay=0, blur=0)
    )
    plain, middle = vis.maximising_images(digits, units=[3], ascent=vis.Ascent(steps=60))
    assert low[0] < middle[0] < high[0]

    def roughness(images: np.ndarray) -> float:
        return float(np.abs(np.diff(images, axis=-1)).mean() / images.std())

    assert roughness(plain) < 0.7 * roughness(free)
    assert min(free.min(), start.min()) >= 0
    assert max(free.max(), start.max()) <= 1
    assert digits.predict((plain[0] * 255).round().astype(np.uint8))[0] == 3


def test_what_a_map_would_like_and_a_black_image_of_standardized_pixels() -> None:
    _, test = cr.data.load("mnist", flatten=False)
    data = test[:200].with_transform(cr.data.standardize(test.x[:200], per_feature=False))
    model = nn.Sequential(nn.Conv2d(1, 3, 5), nn.ReLU(), nn.Flatten(), nn.Linear(1728, 10))
    run = cr.fit(model, data, epochs=0, show=False)
    images, values = vis.maximising_images(run, "0", (0, 1, 2), ascent=vis.Ascent(steps=20))
    assert images.shape == (3, 1, 28, 28)
    for image, value, unit in zip(images, values, range(3), strict=True):
        seen = data.transform(255 * image)
        assert nn.outputs_by_layer(run.model.eval(), seen[None])["0"][0, unit].mean() == (
            pytest.approx(value, rel=1e-3)
        )
    parts = vis.integrated_gradients(run, data.x[0], 4, steps=200)
    black = np.zeros((1, 28, 28), np.uint8)
    whole = run.outputs(data.x[0])[0, 4] - run.outputs(black)[0, 4]
    assert parts.sum() == pytest.approx(whole, rel=1e-2)
    assert np.all(parts[data.x[0] == 0] == 0)


@pytest.mark.parametrize("shape", [(60, 7), (5, 30)])
def test_principal_components_are_those_of_scikit_learn(shape: tuple[int, int]) -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    rows = cr.random.normal(cr.random.key(0), shape, np.float64) * np.arange(1, shape[1] + 1)
    places, shares = vis.principal_components(rows, 3)
    other = decomposition.PCA(3, svd_solver="full")
    expected = other.fit_transform(rows)
    np.testing.assert_allclose(shares, other.explained_variance_ratio_, rtol=1e-10)
    signs = np.sign((places * expected).sum(axis=0))
    np.testing.assert_allclose(places, expected * signs, atol=1e-10)
    again, _ = vis.principal_components(-rows, 3)
    np.testing.assert_allclose(np.abs(again), np.abs(places), atol=1e-10)


def test_t_sne_keeps_clusters_apart_and_repeats() -> None:
    pytest.importorskip("sklearn.manifold")
    noise = cr.random.normal(cr.random.key(1), (40, 60), np.float64)
    rows = noise + 30 * (np.arange(40) % 2)[:, None]
    places = vis.t_sne(rows, seed=3)
    assert places.shape == (40, 2)
    centres = np.stack([places[i::2].mean(axis=0) for i in range(2)])
    own = np.linalg.norm(places - centres[np.arange(40) % 2], axis=1)
    other = np.linalg.norm(places - centres[1 - np.arange(40) % 2], axis=1)
    assert np.all(own < other)
    assert np.array_equal(places, vis.t_sne(rows, seed=3))
    with pytest.raises(DataError, match="4 rows or more, got 3"):
        vis.t_sne(rows[:3])


def test_the_worst_mistakes(digits: Any) -> None:
    data = digits.validation
    shares = digits.predict_proba(data)
    wrong = [i for i in range(len(data)) if shares[i].argmax() != data.y[i]]
    assert len(wrong) > 5
    wrong.sort(key=lambda i: shares[i, data.y[i]])
    found = vis.worst_mistakes(digits, count=5)
    assert [mistake.sample for mistake in found] == wrong[:5]
    for mistake in found:
        assert mistake.truth == data.y[mistake.sample]
        assert mistake.taken_for == shares[mistake.sample].argmax()
        assert mistake.probability == pytest.approx(float(shares[mistake.sample].max()))
        assert mistake.truth_probability <= mistake.probability
    assert len(vis.worst_mistakes(digits, count=10_000)) == len(wrong)


def test_the_line_ends_at_the_nets(rows: Any) -> None:
    data = rows.validation[:50]
    places, losses = vis.loss_line(rows, data=data, points=4, reach=(0, 1.5))
    assert places.tolist() == [0.0, 0.5, 1.0, 1.5]
    first = cr.fit(cr.models.mlp(784, 10, hidden=(12,)), rows.data[:9], epochs=0, show=False)
    assert losses[0] == pytest.approx(first.evaluate(data).loss, rel=1e-5)
    assert losses[2] == pytest.approx(rows.evaluate(data).loss, rel=1e-5)
    other = vis.loss_line(rows, first.model, data=data, points=4, reach=(0, 1.5))[1]
    np.testing.assert_allclose(other, losses)
    with pytest.raises(OptionError, match=r"unknown parameter '0.weight'"):
        vis.loss_line(rows, {"3.weight": np.zeros(2)}, data=data)


def test_the_plane_is_the_loss_of_moved_weights(rows: Any) -> None:
    data = rows.validation[:50]
    state = rows.model.state_dict()
    places, losses = vis.loss_plane(rows, data=data, points=3, reach=0.5, seed=2)
    assert places.tolist() == [-0.5, 0.0, 0.5]
    assert losses[1, 1] == pytest.approx(rows.evaluate(data).loss, rel=1e-5)
    one, other = (vis.random_direction(state, seed) for seed in (4, 5))
    moved = cr.models.mlp(784, 10, hidden=(12,))
    moved.load_state_dict({k: v + 0.5 * one[k] - 0.5 * other[k] for k, v in state.items()})
    logits = moved(data.transform(data.x))
    assert losses[0, 2] == pytest.approx(float(nn.cross_entropy(logits, data.y)), rel=1e-4)
    assert all(np.array_equal(rows.model.state_dict()[k], v) for k, v in state.items())


def test_directions_have_the_lengths_of_the_filters() -> None:
    state = cr.models.lenet((1, 28, 28), 10).initialize(1).state_dict()
    found = vis.random_direction(state, 7)
    for path, array in state.items():
        lengths = [np.linalg.norm(unit) for unit in found[path]]
        if array.ndim == 1:
            assert np.all(found[path] == 0)
        else:
            np.testing.assert_allclose(lengths, [np.linalg.norm(u) for u in array], rtol=1e-5)
    assert not np.array_equal(found["0.weight"], vis.random_direction(state, 8)["0.weight"])


def test_averaged_weights_are_those_looked_at() -> None:
    data = cr.data.moons(60)
    averaging = cr.optim.EMA(cr.optim.Adam(lr=0.1), decay=0.9)
    model = cr.models.mlp(2, 2, hidden=(8,))
    run = cr.fit(model, data, epochs=3, batch_size=20, optimizer=averaging, show=False)
    _, losses = vis.loss_line(run, data=data, points=2, reach=(0, 1))
    assert losses[1] == pytest.approx(run.evaluate(data).loss, rel=1e-5)
    assert np.array_equal(vis.filter_weights(run)[:, 0, 0], run.averages["0.weight"])
    rows = vis.layer_outputs(run, data, "")
    np.testing.assert_allclose(rows, run.outputs(data), rtol=1e-4, atol=1e-5)
