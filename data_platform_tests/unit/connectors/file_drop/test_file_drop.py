from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data_platform.clock import ManualClock
from data_platform.connectors.file_drop.connector import FileDrop
from data_platform.connectors.kinds import open_connector
from data_platform.connectors.protocol import Place
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName
from data_platform.errors import ConfigurationError, SourceUnavailable

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


def entry(kind: str = "file_drop", **options: Any) -> ConnectorEntry:
    dataset = DatasetName.parse("raw.shop.orders")
    return ConnectorEntry(name="orders", kind=kind, dataset=dataset, options=options, path="connectors.yaml", line=7)


def connector(folder: Path, **options: Any) -> FileDrop:
    clock = ManualClock(NOW)
    return FileDrop(entry(**{"path": "in/*.csv"} | options), Place(source=folder, spool=folder / "spool", clock=clock))


def write(folder: Path, **files: str) -> None:
    (folder / "in").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "in" / f"{name}.csv").write_text(text)


def names(
    drop: FileDrop, known: Mapping[str, str] | None = None, position: Mapping[str, Any] | None = None
) -> list[str]:
    seen = {(name, hashlib.sha256(text.encode()).hexdigest()) for name, text in (known or {}).items()}
    poll = drop.poll(position or {}, lambda name, sha256: (name, sha256) in seen)
    return [delivery.name for delivery in poll.deliveries] if poll else []


def test_a_poll_offers_what_is_not_known_by_name_and_content_in_the_order_of_names(tmp_path: Path) -> None:
    write(tmp_path, b="2", a="1", c="3")
    assert names(connector(tmp_path), {"a.csv": "1", "b.csv": "another"}) == ["b.csv", "c.csv"]


def test_digests_are_those_of_the_bytes_with_and_without_the_cache(tmp_path: Path) -> None:
    write(tmp_path, a="1")
    for _ in range(2):
        poll = connector(tmp_path).poll({}, lambda *_: False)
        assert poll is not None
        assert [(d.sha256, d.size_bytes) for d in poll.deliveries] == [(hashlib.sha256(b"1").hexdigest(), 1)]
    write(tmp_path, a="2")
    poll = connector(tmp_path).poll({}, lambda *_: False)
    assert poll is not None
    assert poll.deliveries[0].sha256 == hashlib.sha256(b"2").hexdigest()


def test_the_position_counts_deliveries(tmp_path: Path) -> None:
    write(tmp_path, a="1", b="2")
    poll = connector(tmp_path).poll({"deliveries": 3}, lambda *_: False)
    assert poll is not None
    assert poll.position_to == {"deliveries": 5}


@pytest.mark.parametrize(
    ("limit", "taken"), [(1, ["a.csv"]), (20, ["a.csv", "b.csv"]), (30, ["a.csv", "b.csv", "c.csv"])]
)
def test_a_poll_stops_before_the_file_that_would_pass_the_limit(tmp_path: Path, limit: int, taken: list[str]) -> None:
    write(tmp_path, a="x" * 10, b="x" * 10, c="x" * 10)
    assert names(connector(tmp_path, max_batch_bytes=limit)) == taken


def test_peeking_reads_nothing_and_falls_silent_once_a_file_is_known(tmp_path: Path) -> None:
    write(tmp_path, a="1")
    drop = connector(tmp_path)
    assert len(drop.peek({}, lambda *_: True)) == 1  # never read, so nobody can know it
    drop.poll({}, lambda *_: False)
    assert connector(tmp_path).peek({}, lambda *_: True) == ()


def test_an_unknown_kind_or_option_is_a_fault_of_the_file_that_names_it(tmp_path: Path) -> None:
    place = Place(source=tmp_path, spool=tmp_path)
    with pytest.raises(ConfigurationError, match="kafkaesque"):
        open_connector(entry("kafkaesque"), place)
    with pytest.raises(ConfigurationError, match=r"connectors.yaml:7.*path"):
        open_connector(entry(), place)


def test_a_folder_that_is_not_there_is_said_to_be_missing_and_an_empty_one_is_not(tmp_path: Path) -> None:
    drop = connector(tmp_path)
    for look in (drop.poll, drop.peek):
        with pytest.raises(SourceUnavailable, match=r"in does not exist.*create the folder"):
            look({}, lambda *_: False)
    (tmp_path / "in").mkdir()
    assert drop.poll({}, lambda *_: False) is None
    assert drop.peek({}, lambda *_: False) == ()


def test_a_file_is_left_alone_until_it_has_settled(tmp_path: Path) -> None:
    write(tmp_path, a="old", b="still being written")
    for name, age_seconds in (("a", 60), ("b", 59)):
        changed = NOW.timestamp() - age_seconds
        os.utime(tmp_path / "in" / f"{name}.csv", (changed, changed))
    drop = connector(tmp_path, settle_seconds=60)
    assert [mark.split("/")[0] for mark in drop.peek({}, lambda *_: False)] == ["a.csv"]
    poll = drop.poll({}, lambda *_: False)
    assert poll is not None
    assert [delivery.name for delivery in poll.deliveries] == ["a.csv"]
    assert names(connector(tmp_path)) == ["a.csv", "b.csv"]


def test_what_is_known_already_takes_no_room_in_a_batch(tmp_path: Path) -> None:
    write(tmp_path, a="1", b="x" * 100, c="2")
    known = {"b.csv": "x" * 100}
    assert names(connector(tmp_path), known) == ["a.csv", "c.csv"]
    assert names(connector(tmp_path, max_batch_bytes=20), known) == ["a.csv", "c.csv"]


def test_a_name_that_is_no_utf_8_is_taken_under_a_name_that_can_be_stored(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "in" / os.fsdecode(b"\xff.csv")).write_text("1")
    for _ in range(2):
        assert names(connector(tmp_path)) == ["\\xff.csv"]


@pytest.mark.parametrize("path", ["s3://", "s3://bucket", "s3://bucket/", "s3://*/a.csv", "s3://bucket//a.csv"])
def test_a_path_on_s3_names_a_bucket_and_files_in_it(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigurationError, match=r"s3://bucket/prefix"):
        connector(tmp_path, path=path)


def test_access_to_a_bucket_makes_no_sense_for_a_folder(tmp_path: Path) -> None:
    access = {"access_key_id": "ann", "secret_access_key": {"env": "SECRET"}}
    with pytest.raises(ConfigurationError, match="leave out s3"):
        connector(tmp_path, s3=access)
    assert connector(tmp_path, path="s3://bucket/*.csv", s3=access).credential is not None
