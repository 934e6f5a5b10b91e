"""Downloads from mirrors that break off, lie, or are gone."""

import hashlib
import shutil
import threading
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from chainrule.data.catalogue import RemoteFile
from chainrule.data.download import fetch
from chainrule.errors import DataError, OptionError

CONTENT = np.random.default_rng(0).bytes(3_000_000)
FILE = RemoteFile("set.bin", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
NAME = FILE.name


@pytest.fixture
def full(server):
    """A server that has the right file."""
    server.files[NAME] = CONTENT
    return server


def assert_fetched(path: Path) -> None:
    assert path.read_bytes() == CONTENT
    assert {entry.name for entry in path.parent.iterdir()} == {NAME, f"{NAME}.lock"}


def test_a_file_is_fetched_once(full, tmp_path) -> None:
    told = []
    path = fetch(FILE, tmp_path / "new" / "folder", [full.url], progress=lambda *a: told.append(a))
    assert path == tmp_path / "new" / "folder" / NAME
    assert_fetched(path)
    assert {(name, total) for name, _, total in told} == {(NAME, len(CONTENT))}
    counts = [done for _, done, _ in told]
    assert counts == sorted(counts)
    assert counts[-1] == len(CONTENT)
    fetch(FILE, path.parent, [full.url])
    assert full.asked == [(NAME, None)]


def test_a_broken_connection_is_taken_up_where_it_broke(full, tmp_path) -> None:
    full.cuts = [1_000_000, 500_000]
    told = []
    assert_fetched(fetch(FILE, tmp_path, [full.url], progress=lambda *a: told.append(a[1])))
    assert full.asked == [(NAME, None), (NAME, "bytes=1000000-"), (NAME, "bytes=1500000-")]
    assert told == sorted(told)


def test_a_later_process_takes_up_what_an_earlier_one_left(full, tmp_path) -> None:
    full.cuts = [700_000, 0]
    with pytest.raises(DataError, match=r"the connection closed after 700000 of 3000000 bytes"):
        fetch(FILE, tmp_path, [full.url])
    assert not (tmp_path / NAME).exists()
    assert (tmp_path / f"{NAME}.part").stat().st_size == 700_000
    assert_fetched(fetch(FILE, tmp_path, [full.url]))
    assert full.asked[-1] == (NAME, "bytes=700000-")


def test_another_mirror_takes_up_what_one_left(full, dead_url, tmp_path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:123])
    assert_fetched(fetch(FILE, tmp_path, [dead_url, full.url]))
    assert full.asked == [(NAME, "bytes=123-")]


def test_a_server_without_ranges_starts_again(full, tmp_path) -> None:
    full.knows_ranges = False
    full.cuts = [1_000_000]
    assert_fetched(fetch(FILE, tmp_path, [full.url]))


def test_a_server_that_does_not_say_the_length(full, tmp_path) -> None:
    full.says_length = False
    full.cuts = [1_000_000]
    assert_fetched(fetch(FILE, tmp_path, [full.url]))


def test_a_rest_that_is_already_whole_is_only_checked(full, tmp_path) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT)
    assert_fetched(fetch(FILE, tmp_path, [full.url]))
    assert full.asked == []


@pytest.mark.parametrize("rest", [b"\0" * 1000, b"\0" * len(CONTENT), b"\0" * (len(CONTENT) + 9)])
def test_a_rest_that_is_wrong_is_thrown_away(full, tmp_path, rest: bytes) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(rest)
    assert_fetched(fetch(FILE, tmp_path, [full.url]))
    assert full.asked[-1] == (NAME, None)


def test_a_damaged_file_in_place_is_fetched_again(full, tmp_path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT[:-1] + b"\0")
    assert_fetched(fetch(FILE, tmp_path, [full.url]))


def test_a_corrupted_file_is_never_put_into_place(server, tmp_path) -> None:
    server.files[NAME] = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    with pytest.raises(DataError, match=f"its sha256 is [0-9a-f]+, expected {FILE.sha256}"):
        fetch(FILE, tmp_path, [server.url])
    assert not (tmp_path / NAME).exists()
    assert not (tmp_path / f"{NAME}.part").exists()
    assert len(server.asked) == 1


def test_a_page_in_place_of_the_file_is_turned_away_unread(server, tmp_path) -> None:
    server.files[NAME] = b"<html>we have moved</html>"
    with pytest.raises(DataError, match="the server offers 26 bytes; expected 3000000"):
        fetch(FILE, tmp_path, [server.url])


def test_the_second_mirror_is_asked_when_the_first_is_gone(full, dead_url, tmp_path) -> None:
    assert_fetched(fetch(FILE, tmp_path, [dead_url, full.url + "elsewhere/", full.url]))


def test_every_failure_is_told(server, dead_url, tmp_path) -> None:
    with pytest.raises(DataError) as caught:
        fetch(FILE, tmp_path, [dead_url, server.url])
    message = str(caught.value)
    assert "none of 2 mirrors gave it" in message
    assert f"{dead_url}{NAME}: " in message
    assert "refused" in message
    assert f"{server.url}{NAME}: HTTP status 404 (Not Found)" in message
    assert f"put the file at {tmp_path / NAME} yourself" in message


def test_a_silent_server_is_given_up(full, tmp_path) -> None:
    waiting = threading.Event()
    full.files = _Slow(waiting)
    try:
        with pytest.raises(DataError, match="timed out"):
            fetch(FILE, tmp_path, [full.url], timeout=0.1)
    finally:
        waiting.set()


class _Slow(dict):
    """Files that come when it is too late."""

    def __init__(self, waiting: threading.Event) -> None:
        super().__init__()
        self.waiting = waiting

    def __contains__(self, name: object) -> bool:
        self.waiting.wait(10)
        return False


def test_a_folder_as_a_mirror(tmp_path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / NAME).write_bytes(CONTENT)
    assert_fetched(fetch(FILE, tmp_path / "cache", [(tmp_path / "mirror").as_uri()]))


@pytest.mark.parametrize("mirrors", [[], "http://one.address/", ["ftp://x/"], ["/a/folder"]])
def test_mirrors_that_are_none(tmp_path, mirrors) -> None:
    with pytest.raises(OptionError, match="expected"):
        fetch(FILE, tmp_path, mirrors)


def test_an_address_that_is_none(tmp_path) -> None:
    with pytest.raises(DataError, match="none of 2 mirrors gave it"):
        fetch(FILE, tmp_path, ["http://[half/", "http://a b/"])


def test_a_folder_that_cannot_be_made(full, tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot write the folder .*cache='/another/folder'"):
        fetch(FILE, tmp_path / "file" / "x", [full.url])


def test_a_disk_that_is_too_small_is_seen_before(full, tmp_path, monkeypatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10, 9, 1_000_000))
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:500_000])
    with pytest.raises(DataError, match=r"has 1 MB free, and the download needs 2 MB more"):
        fetch(FILE, tmp_path, [full.url])
    assert full.asked == []


def test_an_interruption_keeps_what_has_come(full, tmp_path) -> None:
    def stop(name: str, done: int, total: int) -> None:
        if done > 1_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(FILE, tmp_path, [full.url], progress=stop)
    kept = (tmp_path / f"{NAME}.part").read_bytes()
    assert len(kept) > 1_000_000
    assert kept == CONTENT[: len(kept)]
    assert_fetched(fetch(FILE, tmp_path, [full.url]))


def test_two_at_once_download_once(full, tmp_path) -> None:
    pytest.importorskip("fcntl")
    threads = [threading.Thread(target=fetch, args=(FILE, tmp_path, [full.url])) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_fetched(tmp_path / NAME)
    assert len(full.asked) == 1
