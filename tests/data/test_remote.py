"""Data sets by name, in their published forms, from a mirror on this machine."""

import dataclasses
import gzip
import hashlib
import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest

from chainrule import data
from chainrule.data.catalogue import ENTRIES, Entry, RemoteFile, find_entry
from chainrule.errors import DataError, OptionError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (10, 28, 28), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (12, 3, 32, 32), dtype=np.uint8)
TRAIN, TEST = slice(0, 7), slice(7, 10)


def packed_idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes())


def with_files(entry: Entry, contents: list[bytes]) -> Entry:
    """The entry as it would be if its files were these."""
    files = tuple(
        RemoteFile(file.name, len(content), hashlib.sha256(content).hexdigest())
        for file, content in zip(entry.files, contents, strict=True)
    )
    return dataclasses.replace(entry, files=files)


def idx_contents(images: np.ndarray, labels: np.ndarray) -> list[bytes]:
    parts = (images[TRAIN], labels[TRAIN], images[TEST], labels[TEST])
    return [packed_idx(part) for part in parts]


def emnist_content(split: str, images: np.ndarray, labels: np.ndarray) -> list[bytes]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        for part, rows in (("train", TRAIN), ("test", TEST)):
            lying = images[rows].swapaxes(1, 2)
            out.writestr(f"gzip/emnist-{split}-{part}-images-idx3-ubyte.gz", packed_idx(lying))
            names = packed_idx(labels[rows])
            out.writestr(f"gzip/emnist-{split}-{part}-labels-idx1-ubyte.gz", names)
    return [archive.getvalue()]


def cifar_content(images: np.ndarray, labels: np.ndarray, cut: int = 0) -> list[bytes]:
    rows = np.concatenate([labels[:, None], images.reshape(len(images), -1)], axis=1)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as out:
        names = [f"data_batch_{number}" for number in (2, 1, 3, 4, 5)] + ["test_batch"]
        for name in names:
            place = 5 if name == "test_batch" else int(name[-1]) - 1
            content = rows[2 * place : 2 * place + 2].tobytes()[cut:]
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            member.size = len(content)
            out.addfile(member, io.BytesIO(content))
        readme = tarfile.TarInfo("cifar-10-batches-bin/readme.html")
        out.addfile(readme, io.BytesIO(b""))
    return [archive.getvalue()]


@pytest.fixture
def offered(server, tmp_path):
    """Put the files of an entry on the server, and open it from there."""

    def open_it(name: str, contents: list[bytes], **options) -> tuple[data.Dataset, data.Dataset]:
        entry = with_files(find_entry(name), contents)
        server.files = {file.name: c for file, c in zip(entry.files, contents, strict=True)}
        return data.open_entry(entry, cache=tmp_path, mirrors=[server.url], **options)

    return open_it


@pytest.mark.parametrize("name", ["fashion-mnist", "kmnist"])
def test_relatives_of_mnist(offered, server, tmp_path, name: str) -> None:
    labels = np.arange(10, dtype=np.uint8)
    train, test = offered(name, idx_contents(GREY, labels))
    np.testing.assert_array_equal(train.x, GREY[TRAIN].reshape(7, 784))
    np.testing.assert_array_equal(test.x, GREY[TEST].reshape(3, 784))
    np.testing.assert_array_equal(test.y, labels[TEST])
    assert (train.name, test.name) == (name, f"{name} test")
    assert train.classes == find_entry(name).classes
    assert train.image_shape == (1, 28, 28)
    assert train.transform == data.Affine(1 / 255)
    asked = len(server.asked)
    again, _ = offered(name, idx_contents(GREY, labels), flatten=False)
    np.testing.assert_array_equal(again.x, GREY[TRAIN, None])
    assert len(server.asked) == asked == 4


def test_a_damaged_cache_is_mended_without_the_network(offered, server, tmp_path) -> None:
    contents = idx_contents(GREY, np.arange(10, dtype=np.uint8))
    offered("kmnist", contents)
    (tmp_path / "kmnist" / "train-x.npy").write_bytes(b"")
    train, _ = offered("kmnist", contents)
    np.testing.assert_array_equal(train.x, GREY[TRAIN].reshape(7, 784))
    assert len(server.asked) == 4


def test_emnist_is_put_upright(offered) -> None:
    labels = np.arange(37, 47, dtype=np.uint8)
    train, test = offered("emnist-balanced", emnist_content("balanced", GREY, labels))
    np.testing.assert_array_equal(train.x, GREY[TRAIN].reshape(7, 784))
    assert [train.classes[i] for i in [*train.y, *test.y]] == list("bdefghnqrt")


def test_letters_start_at_one(offered) -> None:
    labels = np.array([1, 2, 3, 4, 5, 6, 7, 24, 25, 26], np.uint8)
    train, test = offered("emnist-letters", emnist_content("letters", GREY, labels))
    assert "".join(train.classes[i] for i in [*train.y, *test.y]) == "abcdefgxyz"


def test_two_splits_share_one_archive(server, tmp_path) -> None:
    labels = np.zeros(10, np.uint8)
    contents = emnist_content("digits", GREY, labels)
    first = with_files(find_entry("emnist-digits"), contents)
    server.files["gzip.zip"] = contents[0]
    data.open_entry(first, cache=tmp_path, mirrors=[server.url])
    second = dataclasses.replace(first, name="emnist-mnist")
    with pytest.raises(DataError, match="no item named 'gzip/emnist-mnist-train-images"):
        data.open_entry(second, cache=tmp_path, mirrors=[server.url])
    assert len(server.asked) == 1


def test_cifar_has_planes_of_colour(offered) -> None:
    labels = np.arange(12, dtype=np.uint8) % 10
    train, test = offered("cifar-10", cifar_content(COLOUR, labels), flatten=False)
    np.testing.assert_array_equal(train.x, COLOUR[:10])
    np.testing.assert_array_equal(test.x, COLOUR[10:])
    np.testing.assert_array_equal(train.y, labels[:10])
    assert train.classes[test.y[0]] == "airplane"
    flat, _ = offered("cifar-10", cifar_content(COLOUR, labels))
    assert flat.x.shape == (10, 3072)


@pytest.mark.parametrize(
    ("name", "contents", "message"),
    [
        ("kmnist", idx_contents(GREY[:, :20], np.zeros(10, np.uint8)), r"shape \(1, 20, 28\)"),
        ("kmnist", idx_contents(GREY, np.zeros((10, 1), np.uint8)), r"labels of shape \(7, 1\)"),
        ("kmnist", idx_contents(GREY, np.full(10, 10, np.uint8)), "expected class ids from 0 to 9"),
        ("kmnist", [b"no gzip"] * 4, "is damaged"),
        ("emnist-digits", [b"no zip"], "File is not a zip file"),
        ("emnist-letters", emnist_content("letters", GREY, np.zeros(10, np.uint8)), "class ids"),
        ("cifar-10", [gzip.compress(b"no tar")], "cannot read .* in the form 'cifar'"),
        ("cifar-10", cifar_content(COLOUR, COLOUR[:, 0, 0, 0], cut=1), r"30725 bytes; .* 3073"),
    ],
)
def test_files_that_are_not_what_they_should_be(offered, name, contents, message: str) -> None:
    with pytest.raises(DataError, match=message):
        offered(name, contents)


def test_the_checksum_is_looked_at_before_the_file_is_read(server, tmp_path) -> None:
    contents = idx_contents(GREY, np.arange(10, dtype=np.uint8))
    entry = with_files(find_entry("kmnist"), contents)
    server.files = {file.name: contents[0] for file in entry.files}
    with pytest.raises(DataError, match="expected"):
        data.open_entry(entry, cache=tmp_path, mirrors=[server.url])
    assert not (tmp_path / "kmnist").exists()


def test_a_cache_that_cannot_be_written(server, tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cache='/another/folder'"):
        data.load("kmnist", cache=tmp_path / "file", mirrors=[server.url])


def test_load_asks_the_mirrors_that_it_is_given(server, tmp_path) -> None:
    with pytest.raises(DataError, match=f"{server.url}gzip.zip: HTTP status 404"):
        data.load("emnist-byclass", cache=tmp_path, mirrors=[server.url])
    with pytest.raises(OptionError, match="is no address"):
        data.load("kmnist", cache=tmp_path, mirrors=["here"])


def test_load_tells_its_progress(offered) -> None:
    told = []
    contents = idx_contents(GREY, np.arange(10, dtype=np.uint8))
    offered("kmnist", contents, progress=lambda *told_now: told.append(told_now))
    assert [name for name, done, total in told if done == total] == [
        file.name for file in find_entry("kmnist").files
    ]


def test_unknown_names_are_told_the_nearest() -> None:
    with pytest.raises(OptionError, match=r"set 'fashion_mnist'. Did you mean 'fashion-mnist'"):
        data.load("fashion_mnist")


def test_the_bundled_one_has_a_name_too(mnist_cache) -> None:
    train, test = data.load("mnist", cache=mnist_cache, flatten=False)
    assert train.x.shape == (60_000, 1, 28, 28)
    assert test.name == "mnist test"


def test_the_list_of_data_sets(offered, tmp_path) -> None:
    offered("kmnist", idx_contents(GREY, np.arange(10, dtype=np.uint8)))
    rows = {row.name: row for row in data.describe(tmp_path)}
    assert tuple(rows) == data.names()
    assert rows["kmnist"].cached
    assert not rows["mnist"].cached
    assert rows["mnist"].download_bytes == 0
    cifar = rows["cifar-10"]
    assert (cifar.train, cifar.test, cifar.classes) == (50_000, 10_000, 10)
    assert (cifar.image_shape, cifar.download_bytes) == ((3, 32, 32), 170_052_171)
    assert dataclasses.asdict(cifar)["licence"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_table_is_in_order(entry: Entry) -> None:
    assert len(set(entry.classes)) == len(entry.classes)
    for file in entry.files:
        assert len(bytes.fromhex(file.sha256)) == 32
        assert file.size > 0
    assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in entry.mirrors)
    assert entry.home.startswith("https://")


def test_the_classes_of_emnist() -> None:
    counts = {name: len(find_entry(f"emnist-{name}").classes) for name in ("balanced", "byclass")}
    assert counts == {"balanced": 47, "byclass": 62}
    assert "".join(find_entry("emnist-byclass").classes)[9:12] == "9AB"
    assert "".join(find_entry("emnist-bymerge").classes)[35:] == "Zabdefghnqrt"
