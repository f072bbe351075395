from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from data_platform.metastore.lineage_sinks import SinkEntry
from data_platform.metastore.repository import Repeat
from data_platform_tests.kit import Kit

KEPT = "file:///dev/null"
GONE = "http://127.0.0.1:9"


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    one = Kit(tmp_path, settings={"lineage": KEPT})
    one.raw("orders", ["id string key"])
    yield one
    one.close()


def alerts_while(kit: Kit, sink: str) -> list[str]:
    """The alerts of a turn while one sink has failed for an hour."""
    failing = SinkEntry(sink=sink, failing_since=kit.clock.now() - timedelta(hours=1), attempts=9, error="no answer")
    with kit.platform.metastore.transaction() as tx:
        kit.platform.metastore.lineage_sinks._upsert([failing], repeat=Repeat(), tx=tx)
    kit.platform.watch.tick()
    return [one.alert for one in kit.platform.metastore.operations.incidents.recent()]


def test_a_sink_of_the_settings_that_takes_nothing_opens_a_ticket(kit: Kit) -> None:
    assert "lineage_stuck" in alerts_while(kit, KEPT)


def test_a_sink_that_the_settings_no_longer_name_troubles_nobody(kit: Kit) -> None:
    assert "lineage_stuck" not in alerts_while(kit, GONE)
