"""MNIST from the package, and the cache that it is unpacked into."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import data
from chainrule.data.cache import NAMES, is_stored, open_arrays, save_arrays

PUBLISHED = {
    "train-x": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-y": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "test-x": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "test-y": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
SMALL = {
    "train-x": np.arange(40, dtype=np.uint8).reshape(5, 8),
    "train-y": np.arange(5, dtype=np.uint8),
    "test-x": np.arange(16, dtype=np.uint8).reshape(2, 8),
    "test-y": np.arange(2, dtype=np.uint8),
}
FILES = (*(f"{name}.npy" for name in NAMES), "stamp.json")


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def same(first: data.Dataset, second: data.Dataset) -> bool:
    return np.array_equal(first.x, second.x) and np.array_equal(first.y, second.y)


def test_the_data_is_the_published_one(mnist_cache, tmp_path) -> None:
    sums = {}
    for part, made in zip(("train", "test"), data.mnist(cache=mnist_cache), strict=True):
        for kind, array in (("x", made.x.reshape(-1, 28, 28)), ("y", made.y.astype(np.uint8))):
            path = data.write_idx(tmp_path / "a.idx", array)
            sums[f"{part}-{kind}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    assert sums == PUBLISHED


def test_its_form(mnist_cache) -> None:
    train, test = data.mnist(cache=mnist_cache)
    assert (train.x.shape, test.x.shape) == ((60_000, 784), (10_000, 784))
    assert (train.x.dtype, train.y.dtype) == (np.uint8, np.int64)
    assert train.classes == tuple("0123456789")
    assert train.image_shape == (1, 28, 28)
    assert train.transform == data.Affine(1 / 255)
    assert test.y[:5].tolist() == [7, 2, 1, 0, 4]
    x, y = test[0]
    assert (x.dtype, x.shape, x.min(), x.max(), y) == (np.float32, (784,), 0.0, 1.0, 7)
    upright, _ = data.mnist(flatten=False, cache=mnist_cache)
    assert upright.x.shape == (60_000, 1, 28, 28)


def test_it_is_mapped_and_not_read(mnist_cache) -> None:
    train, _ = data.mnist(cache=mnist_cache)
    assert not train.x.flags.owndata
    assert not train.x.flags.writeable


def test_a_damaged_cache_is_rebuilt(mnist_cache, tmp_path) -> None:
    good = files_in(mnist_cache / "mnist")
    folder = tmp_path / "mnist"
    folder.mkdir()
    for name, content in good.items():
        (folder / name).write_bytes(content)
    flipped = bytearray(good["train-x.npy"])
    flipped[30_000_000] ^= 1
    (folder / "train-x.npy").write_bytes(flipped)
    made, _ = data.mnist(cache=tmp_path)
    assert same(made, data.mnist(cache=mnist_cache)[0])
    assert files_in(folder) == good


def test_a_cache_that_cannot_be_written_does_no_harm(mnist_cache, tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    made, _ = data.mnist(cache=tmp_path / "file")
    assert same(made, data.mnist(cache=mnist_cache)[0])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_no_home_does_no_harm(mnist_cache, monkeypatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    _, made = data.mnist()
    assert same(made, data.mnist(cache=mnist_cache)[1])
    assert data.describe()[0].cached is False


def test_processes_that_unpack_at_once(mnist_cache, tmp_path) -> None:
    code = (
        "import sys, zlib; from chainrule import data\n"
        "train, test = data.mnist(cache=sys.argv[1])\n"
        "print(zlib.crc32(train.x.data), zlib.crc32(test.x.data))"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = {process.communicate(timeout=60)[0] for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(told) == 1
    assert files_in(tmp_path / "mnist") == files_in(mnist_cache / "mnist")


@pytest.mark.parametrize(
    ("platform", "below"),
    [
        ("linux", ".cache"),
        ("darwin", "Library/Caches"),
        ("win32", "AppData/Local"),
    ],
)
def test_the_cache_is_where_the_system_has_it(monkeypatch, platform: str, below: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert data.cache_folder("kernels") == Path.home() / below / "chainrule" / "kernels"


def test_the_default_is_the_cache_folder(mnist_cache, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    folder = data.cache_folder("datasets")
    folder.parent.mkdir(parents=True)
    folder.symlink_to(mnist_cache, target_is_directory=True)
    stamp = folder / "mnist" / "stamp.json"
    before = stamp.stat().st_mtime_ns
    assert len(data.mnist()[0]) == 60_000
    assert data.describe()[0].cached is True
    assert stamp.stat().st_mtime_ns == before


@given(damage=st.data())
def test_any_flipped_bit_is_noticed(tmp_path_factory, damage) -> None:
    folder = tmp_path_factory.getbasetemp() / "flipped"
    if not folder.exists():
        save_arrays(folder, SMALL)
    path = folder / damage.draw(st.sampled_from(FILES))
    good = path.read_bytes()
    content = bytearray(good)
    place = damage.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << damage.draw(st.integers(0, 7))
    path.write_bytes(content)
    arrays = open_arrays(folder)
    path.write_bytes(good)
    # A bit of the stamp may turn a blank into another blank, which says the same.
    assert arrays is None or all(np.array_equal(arrays[name], SMALL[name]) for name in NAMES)
    if path.suffix == ".npy":
        assert arrays is None


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing_cut_or_too_long_is_noticed(tmp_path, name: str) -> None:
    save_arrays(tmp_path, SMALL)
    path = tmp_path / name
    content = path.read_bytes()
    assert is_stored(tmp_path)
    for damaged in (b"", content[:-1], content + b"\0", content[: len(content) // 2]):
        path.write_bytes(damaged)
        assert open_arrays(tmp_path) is None
        assert not is_stored(tmp_path)
    path.unlink()
    assert open_arrays(tmp_path) is None
    assert not is_stored(tmp_path)


@pytest.mark.parametrize("stamp", ["[]", "null", "3", "{}", '{"train-x": 3}', '{"train-x": {}}'])
def test_a_stamp_that_says_something_else(tmp_path, stamp: str) -> None:
    save_arrays(tmp_path, SMALL)
    (tmp_path / "stamp.json").write_text(stamp)
    assert open_arrays(tmp_path) is None
    assert not is_stored(tmp_path)


def test_arrays_in_any_order_come_back(tmp_path) -> None:
    arrays = {name: np.asfortranarray(array) for name, array in SMALL.items()}
    save_arrays(tmp_path, arrays)
    opened = open_arrays(tmp_path)
    assert opened is not None
    for name in NAMES:
        np.testing.assert_array_equal(opened[name], arrays[name])


def test_what_is_open_survives_a_rebuild(tmp_path) -> None:
    save_arrays(tmp_path, SMALL)
    arrays = open_arrays(tmp_path)
    assert arrays is not None
    save_arrays(tmp_path, {name: array[::-1] for name, array in SMALL.items()})
    np.testing.assert_array_equal(arrays["train-x"], SMALL["train-x"])


def test_opening_mnist_loads_nothing_that_is_for_the_network() -> None:
    code = (
        "import sys; from chainrule import data; data.load('mnist'); data.Loader; data.moons()\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    unwanted = {"urllib.request", "http", "ssl", "tarfile", "zipfile", "csv", "PIL", "tempfile"}
    assert unwanted.isdisjoint(done.stdout.split())
