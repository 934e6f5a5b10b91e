"""Data sets by name: the table of what there is, and where it comes from."""

import string
from dataclasses import dataclass

from chainrule.data.cache import dataset_folder, is_stored
from chainrule.errors import unknown
from chainrule.writing import StrPath


@dataclass(frozen=True)
class RemoteFile:
    """A file to download: its name below each mirror, its size in bytes, and its checksum."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Entry:
    """A data set that is downloaded.

    Args:
        name: what it is asked for by.
        samples: how many the training and the test part have.
        image_shape: (channels, height, width).
        classes: the names of the classes, in the order of their ids.
        form: how the files are laid out: "idx", "emnist" or "cifar".
        files: what to download.
        mirrors: addresses of folders that have the files, the best first.
        home: the page that describes the data.
        licence: under which terms it is published.
        archive: the folder of the downloads; sets with one archive share it.
        first_id: the smallest label in the files.
    """

    name: str
    samples: tuple[int, int]
    image_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    form: str
    files: tuple[RemoteFile, ...]
    mirrors: tuple[str, ...]
    home: str
    licence: str
    archive: str
    first_id: int = 0


@dataclass(frozen=True)
class Description:
    """A row of the list of data sets; `download_bytes` is 0 for what comes with the package."""

    name: str
    train: int
    test: int
    image_shape: tuple[int, ...]
    classes: int
    download_bytes: int
    home: str
    licence: str
    cached: bool


def _idx_files(*sizes_and_sums: tuple[int, str]) -> tuple[RemoteFile, ...]:
    """The four files of MNIST's relatives, in the order in which `remote` reads them."""
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return tuple(
        RemoteFile(f"{name}-ubyte.gz", size, sha256)
        for name, (size, sha256) in zip(names, sizes_and_sums, strict=True)
    )


def _emnist(split: str, samples: tuple[int, int], classes: str, first_id: int = 0) -> Entry:
    return Entry(
        name=f"emnist-{split}",
        samples=samples,
        image_shape=(1, 28, 28),
        classes=tuple(classes),
        form="emnist",
        files=(
            RemoteFile(
                "gzip.zip",
                561753746,
                "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
            ),
        ),
        mirrors=("https://biometrics.nist.gov/cs_links/EMNIST/",),
        home="https://www.nist.gov/itl/products-and-services/emnist-dataset",
        licence="none stated (made from NIST Special Database 19)",
        archive="emnist",
        first_id=first_id,
    )


# The 15 letters whose two forms look alike are one class each where the forms are merged.
_MERGED = string.digits + string.ascii_uppercase + "abdefghnqrt"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        name="fashion-mnist",
        samples=(60_000, 10_000),
        image_shape=(1, 28, 28),
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        form="idx",
        files=_idx_files(
            (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ),
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        ),
        home="https://github.com/zalandoresearch/fashion-mnist",
        licence="MIT",
        archive="fashion-mnist",
    ),
    Entry(
        name="kmnist",
        samples=(60_000, 10_000),
        image_shape=(1, 28, 28),
        classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        form="idx",
        files=_idx_files(
            (18165135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
            (29497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
            (3041136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
            (5120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
        ),
        mirrors=(
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/KMNIST/",
        ),
        home="https://github.com/rois-codh/kmnist",
        licence="CC BY-SA 4.0",
        archive="kmnist",
    ),
    _emnist("balanced", (112_800, 18_800), _MERGED),
    _emnist("letters", (124_800, 20_800), string.ascii_lowercase, first_id=1),
    _emnist("digits", (240_000, 40_000), string.digits),
    _emnist("mnist", (60_000, 10_000), string.digits),
    _emnist("byclass", (697_932, 116_323), string.digits + string.ascii_letters.swapcase()),
    _emnist("bymerge", (697_932, 116_323), _MERGED),
    Entry(
        name="cifar-10",
        samples=(50_000, 10_000),
        image_shape=(3, 32, 32),
        classes=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        form="cifar",
        files=(
            RemoteFile(
                "cifar-10-binary.tar.gz",
                170052171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
        mirrors=(
            "https://www.cs.toronto.edu/~kriz/",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        ),
        home="https://www.cs.toronto.edu/~kriz/cifar.html",
        licence="none stated (Krizhevsky, 2009)",
        archive="cifar-10",
    ),
)
"""The checksums and sizes are those that TensorFlow Datasets publishes for the same files."""


def names() -> tuple[str, ...]:
    """The names that `load` knows.

    >>> names()[:3]
    ('mnist', 'fashion-mnist', 'kmnist')
    """
    return ("mnist", *(entry.name for entry in ENTRIES))


def find_entry(name: str) -> Entry:
    """The entry of a data set that is downloaded.

    Raises:
        OptionError: the name is unknown.

    >>> find_entry("kmnist").samples
    (60000, 10000)
    """
    entry = next((entry for entry in ENTRIES if entry.name == name), None)
    if entry is None:
        raise unknown("data set", name, names())
    return entry


def describe(cache: StrPath | None = None) -> tuple[Description, ...]:
    """What there is, one row for each data set.

    >>> rows = describe()
    >>> rows[0].name, rows[0].train, rows[0].licence
    ('mnist', 60000, 'CC BY-SA 3.0')
    """
    bundled = Description(
        "mnist",
        60_000,
        10_000,
        (1, 28, 28),
        10,
        0,
        "http://yann.lecun.com/exdb/mnist/",
        "CC BY-SA 3.0",
        _is_cached("mnist", cache),
    )
    return (bundled, *(_describe(entry, cache) for entry in ENTRIES))


def _describe(entry: Entry, cache: StrPath | None) -> Description:
    return Description(
        entry.name,
        *entry.samples,
        entry.image_shape,
        len(entry.classes),
        sum(file.size for file in entry.files),
        entry.home,
        entry.licence,
        _is_cached(entry.name, cache),
    )


def _is_cached(name: str, cache: StrPath | None) -> bool:
    try:
        return is_stored(dataset_folder(cache) / name)
    except RuntimeError:
        return False
