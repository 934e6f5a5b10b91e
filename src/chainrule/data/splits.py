"""Which samples are held out when a data set is split."""

import numpy as np

from chainrule import rng
from chainrule.errors import OptionError


def held_out_count(amount: float, samples: int) -> int:
    """How many samples a fraction or a count holds out; both parts keep at least one.

    Raises:
        OptionError: `amount` is neither a fraction between 0 and 1 nor a count below `samples`.

    >>> held_out_count(0.25, 10), held_out_count(3, 10)
    (2, 3)
    """
    whole = isinstance(amount, (int, np.integer)) and not isinstance(amount, bool)
    if whole and 0 < amount < samples:
        return int(amount)
    if isinstance(amount, (float, np.floating)) and 0.0 < amount < 1.0:
        count = round(samples * float(amount))
        if 0 < count < samples:
            return count
    raise OptionError(
        f"cannot hold out {amount!r} of {samples} samples; expected a fraction such as 0.1, or a "
        f"count from 1 to {samples - 1}, that leaves both parts at least one sample"
    )


def random_split(samples: int, count: int, key: rng.Key) -> tuple[np.ndarray, np.ndarray]:
    """Draw `count` samples to hold out; both parts keep the order of the data.

    >>> rest, held = random_split(5, 2, rng.key(0))
    >>> sorted([*rest.tolist(), *held.tolist()])
    [0, 1, 2, 3, 4]
    """
    return _parts(samples, rng.permutation(key, samples)[:count])


def stratified_split(ids: np.ndarray, count: int, key: rng.Key) -> tuple[np.ndarray, np.ndarray]:
    """Draw `count` samples to hold out, from each class in proportion to its size.

    Class c with n_c of the n samples gives count * n_c / n of them, rounded down; what is then
    missing to `count` comes from the classes with the largest remainders (Hamilton's method), so
    every class is within one sample of its share.

    >>> rest, held = stratified_split(np.array([0, 0, 0, 0, 1, 1]), 3, rng.key(0))
    >>> len(held), int((held >= 4).sum())
    (3, 1)
    """
    sizes = np.bincount(ids)
    shares, remainders = np.divmod(sizes * count, len(ids))
    short = count - int(shares.sum())
    shares[np.argsort(-remainders, kind="stable")[:short]] += 1
    by_class = np.split(np.argsort(ids, kind="stable"), np.cumsum(sizes)[:-1])
    chosen = [
        members[rng.permutation(rng.fold_in(key, number), len(members))[:share]]
        for number, (members, share) in enumerate(zip(by_class, shares, strict=True))
    ]
    return _parts(len(ids), np.concatenate(chosen))


def _parts(samples: int, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros(samples, np.bool_)
    mask[held] = True
    return np.flatnonzero(~mask), np.flatnonzero(mask)
