from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from data_platform.connectors.file_drop import FileDrop
from data_platform.connectors.kinds import open_connector
from data_platform.connectors.protocol import Place
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName
from data_platform.errors import ConfigurationError


def entry(kind: str = "file_drop", **options: Any) -> ConnectorEntry:
    dataset = DatasetName.parse("raw.shop.orders")
    return ConnectorEntry(name="orders", kind=kind, dataset=dataset, options=options, path="connectors.yaml", line=7)


def connector(folder: Path, **options: Any) -> FileDrop:
    return FileDrop(entry(**{"path": "in/*.csv"} | options), Place(source=folder, spool=folder / "spool"))


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
