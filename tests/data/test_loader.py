"""Batches: every sample once an epoch, in an order known from key and epoch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import rng
from chainrule.data import Affine, Dataset, Loader
from chainrule.errors import DtypeError, OptionError


def numbered(count: int) -> Dataset:
    """Samples whose feature, halved by the transform, and id are their row."""
    rows = np.arange(count)
    return Dataset(2 * rows[:, None], rows, transform=Affine(0.5))


def rows_of(batches) -> list[list[int]]:
    made = [(x[:, 0].astype(int).tolist(), y.tolist()) for x, y in batches]
    assert all(x == y for x, y in made)
    return [x for x, _ in made]


@given(count=st.integers(1, 40), size=st.integers(1, 50), number=st.integers(0, 2**40))
def test_every_sample_comes_once_in_the_order_of_the_permutation(count, size, number) -> None:
    key = rng.key(5)
    loader = Loader(numbered(count), size, key=key)
    batches = rows_of(loader.epoch(number))
    expected = rng.permutation(rng.fold_in(key, number), count).tolist()
    assert [row for batch in batches for row in batch] == expected
    assert loader.order(number).tolist() == expected
    assert len(batches) == len(loader)
    assert all(len(batch) == size for batch in batches[:-1])


@given(count=st.integers(5, 40), size=st.integers(1, 5), start=st.integers(0, 50))
def test_an_epoch_starts_again_in_the_middle(count: int, size: int, start: int) -> None:
    loader = Loader(numbered(count), size, key=rng.key(5))
    start %= len(loader) + 1
    assert rows_of(loader.epoch(2, start=start)) == rows_of(loader.epoch(2))[start:]


def test_epochs_differ() -> None:
    loader = Loader(numbered(20), 20, key=rng.key(0))
    assert rows_of(loader.epoch(0)) != rows_of(loader.epoch(1))


def test_without_shuffling_the_order_is_that_of_the_data() -> None:
    loader = Loader(numbered(5), 2, shuffle=False)
    assert rows_of(loader.epoch(3)) == [[0, 1], [2, 3], [4]]


def test_the_last_batch_may_be_dropped() -> None:
    loader = Loader(numbered(5), 2, shuffle=False, drop_last=True)
    assert len(loader) == 2
    assert rows_of(loader.epoch(0)) == [[0, 1], [2, 3]]
    assert loader.order(0).tolist() == [0, 1, 2, 3]


def test_batches_are_float32_and_int64() -> None:
    x, y = next(iter(Loader(numbered(5), 2, key=rng.key(0)).epoch(0)))
    assert (x.dtype, y.dtype) == (np.float32, np.int64)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": 0}, OptionError, "batch_size is 0; expected 1 or more"),
        ({"batch_size": 2.0}, OptionError, "batch_size is 2.0; expected an integer"),
        ({"batch_size": True}, OptionError, "expected an integer"),
        ({"batch_size": 6, "drop_last": True}, OptionError, "5 samples do not fill one of 6"),
        ({"batch_size": 2, "key": None}, OptionError, "needs a key.*shuffle=False"),
        ({"batch_size": 2, "key": 7}, DtypeError, "expected a random key"),
    ],
)
def test_options_that_make_no_sense(options, error, message: str) -> None:
    with pytest.raises(error, match=message):
        Loader(numbered(5), **{"key": rng.key(0), **options})


@pytest.mark.parametrize("start", [-1, 4])
def test_an_epoch_cannot_start_outside(start: int) -> None:
    loader = Loader(numbered(5), 2, key=rng.key(0))
    with pytest.raises(OptionError, match=f"cannot start at batch {start}; expected 0 to 3"):
        loader.epoch(0, start=start)
    with pytest.raises(OptionError, match="fold_in needs a number from 0 to"):
        loader.epoch(-1)
