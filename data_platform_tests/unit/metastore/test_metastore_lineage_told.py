from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from data_platform.metastore.engine import Metastore
from data_platform.metastore.lineage_told import ToldEntry, telling

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


def told(metastore: Metastore, digest: str) -> ToldEntry | None:
    """Tells what is new of a subject; None where nothing is."""
    line = telling("dataset a", digest, metastore.lineage_told.all())
    if line is not None:
        metastore.lineage_told.record([replace(line, told_at=NOON)])
    return line


def test_what_was_told_is_no_news_and_a_return_to_it_is(metastore: Metastore) -> None:
    first, second = told(metastore, "one"), told(metastore, "two")
    assert told(metastore, "two") is None
    again = told(metastore, "one")
    assert first is not None
    assert second is not None
    assert again is not None
    assert len({first.state, second.state, again.state}) == 3


def test_what_has_to_be_told_again_has_the_name_that_it_had(metastore: Metastore) -> None:
    first = told(metastore, "one")
    metastore.lineage_told.tell_again()
    kept = metastore.lineage_told.of("dataset a")
    assert kept is not None
    assert not kept.is_told("one")
    assert told(metastore, "one") == first
    kept = metastore.lineage_told.of("dataset a")
    assert kept is not None
    assert kept.is_told("one")
    assert metastore.lineage_told.of("dataset b") is None
