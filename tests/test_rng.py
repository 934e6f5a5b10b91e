"""Random streams: the words are Philox's, the numbers are spread as they say, keys differ."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import random
from chainrule.errors import DtypeError, OptionError, ShapeError
from tests.ops import references

SEEDS = [0, 1, 7, 2**63, 2**64 - 1]
COUNT = 100_000


@pytest.mark.parametrize("seed", SEEDS)
def test_words_are_those_of_numpys_philox_and_of_the_paper(seed):
    key = random.key(seed)
    words = random.bits(key, 50)
    np.testing.assert_array_equal(words, np.random.Philox(key=seed).random_raw(50))
    assert words.tolist() == references.words(key, 50)


def test_the_reference_makes_the_papers_known_answers():
    """Philox4x64-10, from the known-answer file of Random123, the authors' own library."""
    ones = 2**64 - 1
    assert references.philox(np.zeros(2, np.uint64), (0, 0, 0, 0)) == [
        *(0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B)
    ]
    assert references.philox(np.full(2, ones, np.uint64), (ones,) * 4) == [
        *(0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0)
    ]


def test_first_numbers_stay_what_they_are():
    """Runs of the past must be repeatable, so a change here is a change of every run."""
    key = random.key(0)
    words = [213000021201967259, 4455796210202625458, 2055444239878205049, 10411612076246414556]
    assert random.bits(key, 4).tolist() == words
    assert random.split(key).ravel().tolist() == words
    assert random.fold_in(key, 5).tolist() == [1259708334857433000, 8420987180582205070]
    assert random.permutation(key, 6).tolist() == [0, 2, 1, 5, 4, 3]
    wide, narrow = random.uniform(key, (2,), np.float64), random.uniform(key, (2,))
    assert wide.tolist() == [0.011546754286331562, 0.24154919656271812]
    assert narrow.tolist() == [0.034741878509521484, 0.011546730995178223]
    numbers = random.normal(key, (2,), np.float64)
    np.testing.assert_allclose(numbers, [0.1165565154909856, -0.6835324004378501], rtol=1e-14)


def test_a_stream_depends_on_key_and_place_alone():
    key = random.key(3)
    np.testing.assert_array_equal(random.bits(key, 1000)[:10], random.bits(key, 10))
    np.testing.assert_array_equal(random.uniform(key, (4, 5)).ravel(), random.uniform(key, (20,)))
    np.testing.assert_array_equal(random.uniform(key, (7,)), random.uniform(key, (9,))[:7])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_numbers_fill_the_interval_evenly(dtype):
    numbers = random.uniform(random.key(11), (COUNT,), dtype)
    assert numbers.dtype == dtype
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = np.histogram(numbers, bins=100, range=(0, 1))[0]
    chi_square = ((counts - COUNT / 100) ** 2 / (COUNT / 100)).sum()
    assert 60 < chi_square < 149  # 99 degrees of freedom: one seed in 1,000 lies outside
    steps = np.arange(1, COUNT + 1) / COUNT
    assert np.abs(np.sort(numbers) - steps).max() < 1.95 / math.sqrt(COUNT)  # Kolmogorov-Smirnov
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 4 / math.sqrt(COUNT)


def test_uniform_numbers_reach_neither_end_by_rounding():
    """The largest words must stay below 1 in float32, where 0.99999999 rounds up."""
    largest = (np.uint32(2**32 - 1) >> np.uint32(8)) * np.float32(2.0**-24)
    assert largest < 1
    assert (2**64 - 1 >> 11) * 2.0**-53 < 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_numbers_are_normal(dtype):
    numbers = random.normal(random.key(5), (COUNT,), dtype)
    assert numbers.dtype == dtype
    assert np.isfinite(numbers).all()
    bound = 4 / math.sqrt(COUNT)
    wide = numbers.astype(np.float64)
    assert abs(wide.mean()) < bound
    assert abs(wide.var() - 1) < bound * math.sqrt(2)
    assert abs((wide**3).mean()) < bound * math.sqrt(15)
    assert abs((wide**4).mean() - 3) < bound * math.sqrt(96)
    exact = (1 + cr.erf(np.sort(wide) / math.sqrt(2))) / 2
    assert np.abs(exact - np.arange(1, COUNT + 1) / COUNT).max() < 1.95 / math.sqrt(COUNT)


@pytest.mark.parametrize("count", [0, 1, 2, 1000, 60_000])
def test_a_permutation_holds_each_number_once(count):
    order = random.permutation(random.key(1), count)
    np.testing.assert_array_equal(np.sort(order), np.arange(count))
    if count >= 1000:
        assert abs(np.corrcoef(order, np.arange(count))[0, 1]) < 4 / math.sqrt(count)


def test_every_order_of_four_is_as_likely():
    counts: dict[tuple, int] = {}
    for key in random.split(random.key(0), 4800):
        order = tuple(random.permutation(key, 4).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 24
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 49.7  # 23 degrees: 0.1 %


def test_derived_keys_differ():
    parent = random.key(0)
    keys = [*random.split(parent, 500), *(random.fold_in(parent, i) for i in range(500)), parent]
    assert len({tuple(key.tolist()) for key in keys}) == 1001
    streams = {random.bits(key, 1).item() for key in keys}
    assert len(streams) == 1001
    assert random.fold_in(random.key(1), 5).tolist() != random.fold_in(parent, 5).tolist()


def test_bernoulli():
    drawn = random.bernoulli(random.key(2), 0.3, (COUNT,))
    assert drawn.dtype == np.bool_
    assert abs(drawn.mean() - 0.3) < 4 * math.sqrt(0.21 / COUNT)
    assert not random.bernoulli(random.key(2), 0.0, (1000,)).any()
    assert random.bernoulli(random.key(2), 1.0, (1000,)).all()
    with pytest.raises(OptionError, match=r"p is 1.5; expected a probability from 0 to 1"):
        random.bernoulli(random.key(2), 1.5, (3,))


def test_numbers_come_in_any_shape():
    key = random.key(0)
    assert random.uniform(key, ()).shape == ()
    assert random.uniform(key, 3).shape == (3,)
    assert random.normal(key, (0, 2)).shape == (0, 2)
    assert random.normal(key, [2, 3], dtype="float64").dtype == np.float64


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, "1", None, True])
def test_wrong_seeds_are_refused(seed):
    with pytest.raises(OptionError, match=r"seed is .*; expected an integer"):
        random.key(seed)


NO_KEYS = [7, None, np.zeros(2), np.zeros(3, np.uint64), [7, 0], np.array([7, 0])]


@pytest.mark.parametrize("wrong", NO_KEYS, ids=str)
def test_what_is_no_key_is_refused(wrong):
    drawers = (
        lambda: random.bits(wrong, 1),
        lambda: random.split(wrong),
        lambda: random.permutation(wrong, 3),
        lambda: random.uniform(wrong, (1,)),
        lambda: random.normal(wrong, (1,)),
        lambda: random.fold_in(wrong, 1),
    )
    for draw in drawers:
        with pytest.raises(DtypeError, match=r"expected a random key|cannot compute with a None"):
            draw()


def test_wrong_counts_numbers_and_dtypes_are_refused():
    key = random.key(0)
    for draw in (random.bits, random.split, random.permutation):
        with pytest.raises(OptionError, match="expected 0 or more"):
            draw(key, -1)
    for number in (-1, 2**64):
        with pytest.raises(OptionError, match=r"from 0 to 2\*\*64 - 1"):
            random.fold_in(key, number)
    with pytest.raises(DtypeError, match="expected one integer"):
        random.fold_in(key, 1.5)
    for draw in (random.uniform, random.normal):
        with pytest.raises(DtypeError, match="float32 or float64, not int32"):
            draw(key, (2,), dtype="int32")
        with pytest.raises(ShapeError, match=r"shape \(-1,\) has a size below 0"):
            draw(key, -1)


def test_large_numbers_have_keys_of_their_own() -> None:
    found = {tuple(random.fold_in(random.key(0), 2**64 - k)) for k in range(1, 20)}
    assert len(found) == 19
