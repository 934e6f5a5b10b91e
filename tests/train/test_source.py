"""Data by its name or its path, opened for training and for testing."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DataError, OptionError, ShapeError
from chainrule.train import TOYS, Source


def test_a_data_set_by_name_has_its_own_test_part() -> None:
    train, test = Source("mnist").open()
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.x.shape == (60_000, 784)
    assert Source("mnist").open(flatten=False)[1].x.shape == (10_000, 1, 28, 28)


@pytest.mark.parametrize("name", TOYS)
def test_every_toy_opens_and_keeps_its_name(name: str) -> None:
    train, test = Source(name, seed=3).open()
    again, _ = Source(name, seed=3).open()
    assert train.name == name
    np.testing.assert_array_equal(train.x, again.x)
    assert len(test) in (4, 200)
    assert train.transform == test.transform == cr.data.Affine.identity()


def test_a_table_is_split_and_standardised_by_its_training_part(tmp_path) -> None:
    path = tmp_path / "table.csv"
    rows = [f"{i},{100 + 3 * (i % 11)},{'ab'[i % 2]}" for i in range(100)]
    path.write_text("\n".join(rows))
    train, test = Source(str(path), hold_out=0.25, seed=1).open()
    assert (len(train), len(test)) == (75, 25)
    assert train.classes == test.classes == ("a", "b")
    x, _ = train.batch(np.arange(75))
    np.testing.assert_allclose(x.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(x.std(axis=0), 1.0, atol=1e-5)
    assert test.transform == train.transform
    assert not set(train.x[:, 0]) & set(test.x[:, 0])
    other, _ = Source(str(path), hold_out=0.25, seed=2).open()
    assert not np.array_equal(other.x, train.x)


def test_a_test_part_elsewhere_is_numbered_alike(tmp_path) -> None:
    (tmp_path / "train.csv").write_text("1,2,ant\n3,4,bee\n5,7,cat\n")
    (tmp_path / "test.csv").write_text("1,2,cat\n3,4,bee\n")
    train, test = Source(str(tmp_path / "train.csv"), str(tmp_path / "test.csv")).open()
    assert train.classes == test.classes == ("ant", "bee", "cat")
    assert test.y.tolist() == [2, 1]
    assert test.transform == train.transform


def test_a_path_with_a_test_part_of_its_own(tmp_path) -> None:
    x, y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
    path = tmp_path / "arrays.npz"
    np.savez(path, x_train=x, y_train=y, x_test=x[:2], y_test=y[:2])
    train, test = Source(str(path)).open()
    assert (len(train), len(test)) == (6, 2)


def test_columns_and_targets_of_a_table_can_be_told(tmp_path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("price,rooms\n" + "\n".join(f"{i * 10},{i % 5}" for i in range(40)))
    train, _ = Source(str(path), label="price", target="numbers").open()
    assert train.classes == ()
    assert train.x.shape == (32, 1)
    train, _ = Source(str(path)).open()
    assert train.classes == ("0", "1", "2", "3", "4")


def test_unknown_names_and_shares_are_refused(tmp_path) -> None:
    with pytest.raises(OptionError, match=r"unknown data set 'mnits'. Did you mean 'mnist'\?"):
        Source("mnits").open()
    (tmp_path / "x.doc").write_text("hello")
    with pytest.raises(DataError, match="cannot tell what"):
        Source(str(tmp_path / "x.doc")).open()
    for share in (0.0, 1.0, -0.5, float("nan")):
        with pytest.raises(OptionError, match="hold_out is"):
            Source("mnist", hold_out=share)


def test_a_run_opens_other_data_as_its_own(fit, tmp_path) -> None:
    rows = [f"{i % 9},{i % 7},{'ab'[i % 2]}" for i in range(60)]
    (tmp_path / "table.csv").write_text("\n".join(rows))
    train, test = Source(str(tmp_path / "table.csv")).open()
    run = fit(model=cr.nn.Linear(2, 2), data=train, validation=test)
    (tmp_path / "more.csv").write_text("5,3,b\n1,2,b\n")
    more = run.open(str(tmp_path / "more.csv"))
    assert more.classes == ("a", "b")
    assert more.y.tolist() == [1, 1]
    assert more.transform == run.info.transform
    assert run.evaluate(more).samples == 2
    (tmp_path / "wide.csv").write_text("5,3,1,b\n1,2,1,a\n")
    with pytest.raises(ShapeError, match=r"shape \(3,\); the model was trained on .*\(2,\)"):
        run.open(str(tmp_path / "wide.csv"))
    with pytest.raises(OptionError, match=r"unknown data set 'moon'. Did you mean 'moons'"):
        run.open("moon")
    with pytest.raises(ShapeError, match=r"\(784,\)"):
        run.open("mnist")


def test_targets_that_happen_to_be_whole_numbers_stay_numbers(fit, tmp_path) -> None:
    rows = [f"{i / 3},{i % 5},{i / 7}" for i in range(40)]
    (tmp_path / "train.csv").write_text("a,b,c\n" + "\n".join(rows))
    (tmp_path / "test.csv").write_text("a,b,c\n1,2,3\n2,3,4\n")
    source = Source(str(tmp_path / "train.csv"), str(tmp_path / "test.csv"), label="a")
    train, test = source.open()
    assert (train.classes, test.classes) == ((), ())
    assert test.y.tolist() == [[1.0], [2.0]]
    run = fit(model=cr.nn.Linear(2, 1), data=train, validation=test, source=source)
    assert run.open(str(tmp_path / "test.csv")).y.tolist() == [[1.0], [2.0]]
