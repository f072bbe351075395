from __future__ import annotations

import hashlib
import os
import stat
import threading
from io import BytesIO
from pathlib import Path

import pytest

from data_platform.errors import ConfigurationError, TamperedObject
from data_platform.lakehouse.object_keys import key_part
from data_platform.lakehouse.object_store import ObjectStore, open_store


def test_an_object_put_once_keeps_its_first_bytes(store: ObjectStore) -> None:
    assert store.put_if_absent("a/b.txt", b"first")
    assert not store.put_if_absent("a/b.txt", b"second")
    assert store.read("a/b.txt") == b"first"
    assert store.size("a/b.txt") == 5


def test_a_file_of_several_megabytes_is_put_whole_and_once(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(os.urandom(3 << 20) + b"end")
    assert store.put_if_absent("big.bin", source)
    assert not store.put_if_absent("big.bin", source)
    with store.open("big.bin") as file:
        file.seek(-3, os.SEEK_END)
        assert file.read() == b"end"
    assert store.read("big.bin") == source.read_bytes()


def test_of_many_writers_of_one_key_exactly_one_wins(store: ObjectStore) -> None:
    outcomes: list[tuple[bool, bytes]] = []

    def put(content: bytes) -> None:
        outcomes.append((store.put_if_absent("race", content), content))

    writers = [threading.Thread(target=put, args=(b"%d" % n,)) for n in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    winners = [content for won, content in outcomes if won]
    assert winners == [store.read("race")]


@pytest.mark.parametrize("kind", ["bytes", "path", "stream"])
def test_put_by_digest_names_the_object_by_the_bytes_it_stored(store: ObjectStore, tmp_path: Path, kind: str) -> None:
    content = b"x" * 100_000
    path = tmp_path / "in"
    path.write_bytes(content)
    data = {"bytes": content, "path": path, "stream": BytesIO(content)}[kind]
    receipt = store.put_by_digest(data, lambda sha256: f"objects/{sha256}")
    assert receipt.sha256 == hashlib.sha256(content).hexdigest()
    assert (receipt.size_bytes, receipt.created) == (100_000, True)
    assert store.read(receipt.key) == content
    assert not store.put_by_digest(content, lambda sha256: f"objects/{sha256}").created


def test_a_digest_whose_object_has_another_size_is_reported(store: ObjectStore) -> None:
    sha256 = hashlib.sha256(b"whole").hexdigest()
    store.put_if_absent(f"objects/{sha256}", b"cut")
    with pytest.raises(TamperedObject, match="3 bytes instead of 5"):
        store.put_by_digest(b"whole", lambda digest: f"objects/{digest}")


def test_listings_are_sorted_and_stay_inside_their_folder(store: ObjectStore) -> None:
    for key in ("a/2", "a/10", "a/b/1", "ab/1", "c"):
        store.put_if_absent(key, b"")
    assert store.list("a") == ["a/10", "a/2", "a/b/1"]
    assert store.list("") == ["a/10", "a/2", "a/b/1", "ab/1", "c"]
    assert store.folders("") == ["a", "ab"]
    assert store.folders("a") == ["b"]
    assert store.list("none") == []
    assert store.folders("none") == []


def test_replace_and_delete_change_what_is_there(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"from a file")
    store.replace("copy", b"1")
    store.replace("copy", tmp_path / "new")
    assert store.read("copy") == b"from a file"
    store.delete("copy")
    store.delete("copy")
    assert not store.exists("copy")
    with pytest.raises(FileNotFoundError):
        store.read("copy")
    with pytest.raises(FileNotFoundError):
        store.size("copy")


@pytest.mark.parametrize("name", ["a b", "ü%20", "x=y/z", "..", ".", "?versionId=1", "*[a]", "a\\b", "\x00", "日本"])
def test_odd_names_become_one_safe_part_of_a_key(store: ObjectStore, name: str) -> None:
    key = f"odd/{key_part(name)}"
    assert store.put_if_absent(key, name.encode())
    assert store.list("odd") == [key]
    assert store.read(key) == name.encode()


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a/../../x", "a//b", "", "a/./b", "a\\..\\b", "a\nb"])
def test_a_key_that_could_leave_the_root_is_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(ConfigurationError, match="object key"):
        store.put_if_absent(key, b"")


def test_local_objects_are_read_only_and_leave_no_temporary_file(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.put_if_absent("x", b"1")
    store.put_if_absent("x", b"2")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o444
    assert list((tmp_path / ".incoming").iterdir()) == []


def test_an_unknown_kind_of_store_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="s3://bucket/prefix"):
        open_store("ftp://host/x")
