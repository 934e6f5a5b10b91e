"""Batches of a data set, in an order that depends on a key and the epoch alone."""

from collections.abc import Iterator

import numpy as np

from chainrule import rng
from chainrule.data.dataset import Dataset
from chainrule.errors import OptionError


class Loader:
    """Cut a data set into batches, shuffled anew for each epoch.

    The order of an epoch is the permutation drawn from fold_in(key, epoch). So it is known from
    the key and the epoch alone, and a run can start again at any batch of any epoch.

    Args:
        dataset: what to cut.
        batch_size: samples in a batch; the last batch of an epoch has what is left.
        key: chooses the orders; not needed without shuffling.
        shuffle: whether to change the order at all.
        drop_last: leave out a last batch that is not full.

    Raises:
        OptionError: `batch_size` is not 1 or more, no batch would be left, or the key is missing.

    >>> data = Dataset(np.arange(5.0)[:, None], np.arange(5))
    >>> loader = Loader(data, 2, key=rng.key(0))
    >>> len(loader), [len(y) for x, y in loader.epoch(0)]
    (3, [2, 2, 1])
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        key: rng.Key | None = None,
        shuffle: bool = True,
        drop_last: bool = False,
    ) -> None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)):
            raise OptionError(f"batch_size is {batch_size!r}; expected an integer, such as 100")
        if batch_size < 1:
            raise OptionError(f"batch_size is {batch_size}; expected 1 or more")
        if drop_last and batch_size > len(dataset):
            raise OptionError(
                f"no batch is left: drop_last leaves out what does not fill a batch, and "
                f"{len(dataset)} samples do not fill one of {batch_size}. Use a batch_size up to "
                f"{len(dataset)}, or drop_last=False."
            )
        if shuffle and key is None:
            raise OptionError(
                "a shuffled loader needs a key: give key=chainrule.random.key(seed), or "
                "shuffle=False for the order of the data"
            )
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.key = None if key is None else rng.check_key(key)
        self.shuffle = shuffle
        self.drop_last = drop_last

    def __len__(self) -> int:
        """Batches in an epoch."""
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full + bool(rest and not self.drop_last)

    def order(self, number: int) -> np.ndarray:
        """The indices of an epoch's samples, in the order in which it takes them.

        Shape: (samples,), without those that `drop_last` leaves out.

        >>> data = Dataset(np.arange(5.0)[:, None], np.arange(5))
        >>> Loader(data, 2, shuffle=False, drop_last=True).order(0)
        array([0, 1, 2, 3])
        """
        count = len(self.dataset)
        if self.key is not None and self.shuffle:
            order = rng.permutation(rng.fold_in(self.key, number), count)
        else:
            order = np.arange(count)
        return order[: len(self) * self.batch_size]

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches `(x, y)` of an epoch, from batch `start` on.

        Raises:
            OptionError: there is no such epoch or batch.

        >>> data = Dataset(np.arange(5.0)[:, None], np.arange(5))
        >>> loader = Loader(data, 2, key=rng.key(0))
        >>> whole, resumed = list(loader.epoch(3)), list(loader.epoch(3, start=1))
        >>> bool((whole[1][0] == resumed[0][0]).all())
        True
        """
        if not 0 <= start <= len(self):
            raise OptionError(
                f"an epoch has {len(self)} batches, so it cannot start at batch {start}; expected "
                f"0 to {len(self)}"
            )
        order = self.order(number)
        size = self.batch_size
        return (
            self.dataset.batch(order[first : first + size])
            for first in range(start * size, len(order), size)
        )
