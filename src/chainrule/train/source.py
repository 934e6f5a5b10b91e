"""Where the data of a run comes from: a name or a path, opened the same way every time."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from chainrule import data as datasets
from chainrule.data import Affine, Dataset
from chainrule.errors import OptionError, unknown
from chainrule.train.info import DataInfo

TOYS: Mapping[str, tuple[Callable[..., Dataset], str]] = MappingProxyType(
    {
        **{
            name: (partial(datasets.gate, name), f"the truth table of {name.upper()}")
            for name in ("and", "or", "nand", "xor")
        },
        "moons": (partial(datasets.moons, 1000), "two half circles that reach into each other"),
        "circles": (partial(datasets.circles, 1000), "a circle inside another"),
        "spirals": (partial(datasets.spirals, 1000), "two spirals wound into each other"),
        "blobs": (partial(datasets.blobs, 1000), "three round clouds"),
        "sine": (partial(datasets.sine, 1000), "a regression: y = sin x with noise"),
    }
)
"""Small data sets made from formulas: how each is made, and what it is."""


@dataclass(frozen=True)
class Source:
    """Where training data and test data come from: enough to open them again.

    Data sets by name have a test part, and so have some paths. Where there is none, a share of the
    samples is held out, chosen by the seed. Tables are standardised by their training part.

    Args:
        data: the name of a data set or a toy, or the path of a file or a folder.
        test: the path of the test part, where it lies elsewhere.
        hold_out: the share of the samples to test on, where there is no test part.
        seed: chooses the samples held out, and the noise of a toy.
        label: of a table, the column of labels: its name, or its place.
        target: of a table, what the labels are: "classes", "numbers" or "auto".

    Raises:
        OptionError: `hold_out` is not between 0 and 1.

    >>> train, test = Source("moons").open()
    >>> len(train), len(test)
    (800, 200)
    """

    data: str
    test: str | None = None
    hold_out: float = 0.2
    seed: int = 0
    label: str | int = -1
    target: str = "auto"

    def __post_init__(self) -> None:
        if not 0.0 < self.hold_out < 1.0:
            raise OptionError(
                f"hold_out is {self.hold_out!r}; expected a share of the samples, such as 0.2."
            )

    @classmethod
    def named(cls, name: str) -> "Source | None":
        """The data set or toy of that name, or None."""
        source = cls(name)
        return source if source.by_name else None

    def open(
        self, *, flatten: bool = True, cache: str | Path | None = None, progress: Any = None
    ) -> tuple[Dataset, Dataset]:
        """Open the data: (train, test).

        Args:
            flatten: whether pictures become rows of pixels.
            cache: the folder in which data sets are kept; the user's cache by default.
            progress: see `chainrule.data.load`.

        Raises:
            OptionError: neither a data set of that name nor a file.
            DataError: it cannot be read or downloaded.
        """
        train, test = self._parts(flatten, cache, progress)
        if self.test is not None:
            test = self._read(self.test, "train", flatten, train.classes)
        if test is None:
            train, test = train.split(self.hold_out, seed=self.seed)
        if not self.by_name and train.transform == Affine.identity():
            train = train.with_transform(datasets.standardize(train.x))
        return train, test.with_transform(train.transform)

    @property
    def by_name(self) -> bool:
        """Whether this is a data set or a toy, and not a path."""
        return self.data in TOYS or self.data in datasets.names()

    def _parts(
        self, flatten: bool, cache: str | Path | None, progress: Any
    ) -> tuple[Dataset, Dataset | None]:
        if self.data in TOYS:
            make, _ = TOYS[self.data]
            whole = make(seed=self.seed)
            # A truth table has no sample to spare.
            return whole, whole if len(whole) == 4 else None
        if self.data in datasets.names():
            return datasets.load(self.data, flatten=flatten, cache=cache, progress=progress)
        if not Path(self.data).exists():
            error = unknown("data set", self.data, [*datasets.names(), *TOYS])
            raise OptionError(f"{error} No file or folder has that name either.")
        train = self._read(self.data, "train", flatten)
        if "test" not in datasets.path_parts(self.data):
            return train, None
        return train, self._read(self.data, "test", flatten, train.classes)

    def _read(
        self, path: str, part: str, flatten: bool, classes: tuple[str, ...] | None = None
    ) -> Dataset:
        """Read a path; `classes` are those of the training part, where that was read before."""
        return datasets.open_path(
            path,
            part=part,
            classes=classes or (),
            flatten=flatten,
            label=self.label,
            target="numbers" if classes == () else self.target,
        )

    def open_like(
        self, info: DataInfo, *, cache: str | Path | None = None, progress: Any = None
    ) -> Dataset:
        """Open what there is to test on as a run reads it, numbered and scaled alike.

        That is the test part, or all of a path that has none.

        Args:
            info: what the run remembers of its training data.
            cache: as in `open`.
            progress: as in `open`.

        Raises:
            OptionError, DataError: as in `open`.
            ShapeError: samples of another shape than those trained on.
        """
        flatten = len(info.sample_shape) == 1
        if self.by_name or not Path(self.data).exists():
            _, data = self.open(flatten=flatten, cache=cache, progress=progress)
        else:
            part = "test" if "test" in datasets.path_parts(self.data) else "train"
            data = self._read(self.data, part, flatten, info.classes)
        info.check_shape(data.x.shape[1:])
        return data.with_transform(info.transform) if str(data.x.dtype) == info.dtype else data

    def to_json(self) -> dict[str, Any]:
        """The same, as JSON can hold it; paths become absolute, to be found from anywhere."""
        facts = asdict(self)
        if not self.by_name:
            facts["data"] = str(Path(self.data).resolve())
        if self.test is not None:
            facts["test"] = str(Path(self.test).resolve())
        return facts
