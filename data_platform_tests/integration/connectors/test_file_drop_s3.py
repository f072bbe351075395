"""`file_drop` below a prefix of a bucket: what is taken, what is not, and what happens when objects change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_platform.clock import ManualClock
from data_platform.connectors.file_drop.connector import FileDrop
from data_platform.connectors.protocol import Delivery, Place, Poll
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName
from data_platform.errors import ConfigurationError, SourceRefused, SourceUnavailable
from data_platform.lakehouse import s3_files, s3_inbox
from data_platform.lakehouse.credentials import StoreCredentials
from data_platform_tests.integration.connectors.s3_buckets import Bucket, S3Server
from data_platform_tests.integration.lakehouse.faulty_s3 import Fault, FaultyS3, faulty_s3


class Drop:
    """The connector in ever new processes, and what has been landed of it."""

    def __init__(self, bucket: Bucket, folder: Path, credentials: StoreCredentials) -> None:
        self.bucket, self.folder, self.credentials = bucket, folder, credentials
        self.clock = ManualClock(datetime.now(UTC))
        self.landed: set[tuple[str, str]] = set()
        self.pattern = "in/*.csv"

    def connector(self, **options: Any) -> FileDrop:
        options = {"path": f"s3://{self.bucket.name}/{self.pattern}", **options}
        dataset = DatasetName.parse("raw.shop.orders")
        entry = ConnectorEntry(name="orders", kind="file_drop", dataset=dataset, options=options, path="c.yaml", line=1)
        place = Place(
            source=self.folder, spool=self.folder / "spool", clock=self.clock, store_credentials=self.credentials
        )
        return FileDrop(entry, place)

    def is_known(self, name: str, sha256: str) -> bool:
        return (name, sha256) in self.landed

    def poll(self, **options: Any) -> Poll | None:
        return self.connector(**options).poll({}, self.is_known)

    def take(self, **options: Any) -> list[str]:
        """Names and texts of a poll, which is then landed as the loop does."""
        poll = self.poll(**options)
        return [self._land(delivery) for delivery in poll.deliveries] if poll else []

    def marks(self) -> tuple[str, ...]:
        return self.connector().peek({}, self.is_known)

    @property
    def spooled(self) -> list[Path]:
        return list((self.folder / "spool").rglob("*.part"))

    def _land(self, delivery: Delivery) -> str:
        data = delivery.path.read_bytes()
        assert delivery.is_spooled
        assert (delivery.sha256, delivery.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
        delivery.path.unlink()
        self.landed.add((delivery.name, delivery.sha256))
        return f"{delivery.name}={data.decode()}"


@pytest.fixture
def drop(s3_drop_server: S3Server, tmp_path: Path) -> Drop:
    return Drop(s3_drop_server.bucket(), tmp_path, s3_drop_server.credentials)


@pytest.fixture
def faulty(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    monkeypatch.setattr(s3_files, "_ATTEMPTS", 3)
    with faulty_s3(drop.credentials) as (proxy, drop.credentials):
        yield proxy


def test_new_objects_are_taken_once_by_name_and_only_those_that_match(drop: Drop) -> None:
    for key in ("in/b.csv", "in/a.csv", "in/a.txt", "in/deep/c.csv", "other/d.csv", "in.csv", "in/"):
        drop.bucket.put(key, b"1")
    assert drop.take() == ["a.csv=1", "b.csv=1"]
    assert drop.take() == []
    assert drop.marks() == ()
    drop.bucket.put("in/0.csv", b"2")  # comes later and sorts before all the others
    assert len(drop.marks()) == 1
    assert drop.take() == ["0.csv=2"]
    assert drop.spooled == []


def test_two_stars_go_down_into_folders(drop: Drop) -> None:
    for key in ("in/a.csv", "in/x/b.csv", "in/x/y/c.csv", "in/x/c.txt"):
        drop.bucket.put(key, b"1")
    drop.pattern = "in/**/*.csv"
    assert drop.take() == ["a.csv=1", "x/b.csv=1", "x/y/c.csv=1"]
    drop.pattern = "in/x/*/*.csv"
    assert drop.take() == ["y/c.csv=1"]  # names begin where the wildcards do


def test_a_renamed_object_is_offered_under_its_new_name_with_the_same_digest(drop: Drop) -> None:
    drop.bucket.put("in/a.csv", b"1")
    drop.take()
    drop.bucket.rename("in/a.csv", "in/z.csv")
    assert drop.take() == ["z.csv=1"]  # the loop tells by the digest that it landed it before
    assert len({sha256 for _, sha256 in drop.landed}) == 1


def test_an_object_that_was_uploaded_again_is_read_again_and_taken_if_its_bytes_are_new(drop: Drop) -> None:
    drop.bucket.put("in/a.csv", b"1")
    drop.take()
    drop.bucket.put("in/a.csv", b"1")
    assert drop.take() == []
    assert drop.spooled == []
    drop.bucket.put("in/a.csv", b"2")
    assert drop.take() == ["a.csv=2"]


def test_a_new_version_of_a_versioned_object_is_taken_and_an_old_one_is_not(drop: Drop) -> None:
    drop.bucket.keep_versions()
    drop.bucket.put("in/a.csv", b"1")
    drop.bucket.put("in/a.csv", b"2")
    assert drop.take() == ["a.csv=2"]
    drop.bucket.put("in/a.csv", b"2")
    assert drop.take() == []
    drop.bucket.put("in/a.csv", b"1")
    assert drop.take() == ["a.csv=1"]
    drop.bucket.delete("in/a.csv")
    assert drop.take() == []


def test_without_the_cache_everything_is_read_again_and_nothing_is_taken_again(drop: Drop, faulty: FaultyS3) -> None:
    drop.bucket.put("in/a.csv", b"1")
    drop.take()
    seen = _reads(faulty)
    assert drop.take() == []
    assert seen == []
    (cache,) = (drop.folder / "spool" / "file_drop").iterdir()
    cache.unlink()
    assert len(drop.marks()) == 1
    assert drop.take() == []
    assert len(seen) == 1
    assert drop.spooled == []


def test_a_listing_that_lacks_an_object_today_gets_it_tomorrow(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "cab":
        drop.bucket.put(f"in/{name}.csv", b"1")
    complete = s3_inbox.S3Inbox.objects

    def scattered(inbox: s3_inbox.S3Inbox) -> list[s3_inbox.ForeignObject]:
        return [found for found in reversed(complete(inbox)) if not found.path.endswith("b.csv")]

    monkeypatch.setattr(s3_inbox.S3Inbox, "objects", scattered)
    assert drop.take() == ["a.csv=1", "c.csv=1"]
    monkeypatch.undo()
    assert drop.take() == ["b.csv=1"]


def test_an_object_replaced_while_it_is_read_is_taken_whole_in_its_new_version(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_inbox, "_READ_BYTES", 4)
    drop.bucket.put("in/a.csv", b"old, old, old")
    read = s3_inbox.S3Inbox.read
    meanwhile = [b"new, new, new"]

    def interrupted(inbox: s3_inbox.S3Inbox, found: s3_inbox.ForeignObject) -> Iterator[bytes]:
        for piece in read(inbox, found):
            yield piece
            if meanwhile:
                drop.bucket.put("in/a.csv", meanwhile.pop())

    monkeypatch.setattr(s3_inbox.S3Inbox, "read", interrupted)
    assert drop.take() == ["a.csv=new, new, new"]
    assert drop.spooled == []


def test_an_object_that_never_stands_still_or_is_gone_keeps_nobody_waiting(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_inbox, "_READ_BYTES", 4)
    for name in "abc":
        drop.bucket.put(f"in/{name}.csv", b"0 first")
    read, changes = s3_inbox.S3Inbox.read, iter(range(1, 100))

    def restless(inbox: s3_inbox.S3Inbox, found: s3_inbox.ForeignObject) -> Iterator[bytes]:
        for piece in read(inbox, found):
            yield piece
            if found.path.endswith("a.csv"):
                drop.bucket.put("in/a.csv", b"%d again" % next(changes))
                drop.bucket.delete("in/b.csv")

    monkeypatch.setattr(s3_inbox.S3Inbox, "read", restless)
    assert drop.take() == ["c.csv=0 first"]
    monkeypatch.undo()
    assert drop.take() == ["a.csv=3 again"]
    assert drop.spooled == []


def test_large_and_empty_objects_come_whole(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_inbox, "_READ_BYTES", 1000)
    drop.bucket.put("in/large.csv", b"x" * 12_345)
    drop.bucket.put("in/empty.csv", b"")
    assert drop.take() == ["empty.csv=", f"large.csv={'x' * 12_345}"]


def test_a_batch_stops_before_the_object_that_would_pass_its_limit(drop: Drop) -> None:
    for name in "abc":
        drop.bucket.put(f"in/{name}.csv", b"x" * 10)
    assert len(drop.take(max_batch_bytes=20)) == 2
    assert drop.spooled == []
    assert len(drop.take(max_batch_bytes=20)) == 1


def test_an_object_is_left_alone_until_it_has_settled(drop: Drop) -> None:
    drop.bucket.put("in/a.csv", b"1")
    assert drop.take(settle_seconds=60) == []
    drop.clock.advance(timedelta(seconds=61))
    assert drop.take(settle_seconds=60) == ["a.csv=1"]


def test_cut_and_refused_answers_are_asked_again(drop: Drop, faulty: FaultyS3) -> None:
    drop.bucket.put("in/a.csv", b"x" * 100)
    for fault in (Fault.CUT, Fault.ERROR, Fault.SLOW_DOWN, Fault.LOST):
        drop.landed.clear()
        (drop.folder / "spool" / "file_drop" / "orders.json").unlink(missing_ok=True)
        faulty.once(fault, "GET", "in/a.csv")
        assert drop.take() == [f"a.csv={'x' * 100}"]
    assert faulty.faults == 4


def test_a_store_that_is_away_is_unavailable_and_leaves_no_spool_file(drop: Drop, faulty: FaultyS3) -> None:
    drop.bucket.put("in/a.csv", b"1")
    drop.bucket.put("in/b.csv", b"2")
    faulty.rule = lambda _, path: Fault.ERROR if path.endswith("b.csv") else None
    with pytest.raises(SourceUnavailable, match=r"http://127\.0\.0\.1:\d+ does not answer.*check that the endpoint"):
        drop.poll()
    assert drop.spooled == []
    faulty.rule = None
    assert drop.take() == ["a.csv=1", "b.csv=2"]


def test_a_refused_credential_and_a_missing_bucket_are_told_apart(drop: Drop, faulty: FaultyS3) -> None:
    faulty.rule = lambda *_: Fault.REFUSED
    with pytest.raises(SourceRefused, match="did not take the credentials"):
        drop.poll()
    faulty.rule = None
    drop.bucket.name = "nobodys-bucket"
    with pytest.raises(ConfigurationError, match="no bucket nobodys-bucket"):
        drop.poll()


def test_a_secret_of_its_own_is_read_where_the_entry_says_and_again_when_it_changed(drop: Drop) -> None:
    secret = drop.folder / "secret"
    secret.write_text("first")
    drop.bucket.put("in/a.csv", b"1")
    access = {
        "access_key_id": "ann",
        "secret_access_key": {"file": str(secret)},
        "endpoint_url": drop.credentials.endpoint_url,
        "allow_http": True,
    }
    drop.credentials = StoreCredentials(endpoint_url="http://127.0.0.1:1")
    assert drop.take(s3=access) == ["a.csv=1"]
    connector = drop.connector(s3=access)
    assert connector.credential is not None
    assert connector.credential.value() == "first"
    secret.write_text("second")
    assert connector.credential.renew()
    assert "second" not in repr(connector.credential)


def _reads(faulty: FaultyS3) -> list[str]:
    """Every object that is read from now on."""
    seen: list[str] = []

    def rule(method: str, path: str) -> None:
        if method == "GET" and path.endswith(".csv"):
            seen.append(path)

    faulty.rule = rule
    return seen
