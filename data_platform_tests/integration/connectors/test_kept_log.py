"""What a source keeps for a consumer is seen from outside, above all while that consumer is stopped."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from data_platform.cli.main import run
from data_platform.connectors.heartbeat_map import Standing, heartbeat_map
from data_platform.connectors.liveness import State
from data_platform.metastore.heartbeats import MaintenanceWindow
from data_platform.orchestration.heartbeats import evaluation
from data_platform_tests.integration.connectors.cdc_shop import TABLE, cdc_shop
from data_platform_tests.integration.connectors.postgres_server import PostgresServer, started_postgres
from data_platform_tests.kit import Kit

LIMIT = 1_000_000


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that these tests set otherwise."""
    with started_postgres() as server:
        yield server


@pytest.fixture
def dbname(own_server: PostgresServer) -> Iterator[str]:
    name = own_server.new_database()
    own_server.execute(name, TABLE, "CREATE TABLE fill (v text)")
    yield name
    own_server.execute(
        name, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()"
    )


@pytest.fixture
def kit(tmp_path: Path, own_server: PostgresServer, dbname: str) -> Iterator[Kit]:
    one = cdc_shop(tmp_path, own_server, dbname, max_retained_wal_bytes=LIMIT)
    one.raw("files", ("id int",))
    one.drop("files/a.csv", "id\n1\n")
    yield one
    one.close()


def standing(kit: Kit, name: str = "items") -> Standing:
    platform = kit.platform
    entries = [entry for domain in platform.project.domains for entry in domain.connectors]
    found = heartbeat_map(entries, platform.metastore, kit.clock.now(), place=platform.ingester.place)
    return next(one for one in found if one.entry.name == name)


def fill(server: PostgresServer, dbname: str, *after: str) -> None:
    """Three megabytes of log, none of it of the table that is read."""
    server.execute(dbname, "INSERT INTO fill SELECT repeat('x', 1000) FROM generate_series(1, 3000)", *after)


def test_a_source_without_a_slot_keeps_nothing(kit: Kit) -> None:
    found = standing(kit)
    assert found.diagnosis.state is State.NEVER_RUN
    assert found.asked is not None
    assert (found.asked.kept, found.asked.error, str(found.asked)) == (None, "", "")
    assert standing(kit, "files").asked is None


def test_a_stopped_consumer_that_fills_the_disk_of_its_source_is_hoarding(
    kit: Kit, own_server: PostgresServer, dbname: str
) -> None:
    kit.ingest("items")
    before = standing(kit)
    assert before.asked is not None
    assert before.asked.kept is not None
    assert not before.asked.kept.is_active
    assert not before.asked.kept.is_too_much
    assert before.diagnosis.state is State.RESTING

    fill(own_server, dbname)
    (wanted,) = own_server.rows(
        dbname, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint FROM pg_replication_slots"
    )
    kit.clock.advance(timedelta(minutes=10))  # the consumer is missing too; the disk comes first
    found = standing(kit)
    assert found.diagnosis.state is State.HOARDING
    assert not found.diagnosis.is_healthy
    assert "data_platform_items" in found.diagnosis.detail
    assert "the connector itself is dead" in found.diagnosis.detail
    assert found.asked is not None
    assert found.asked.kept is not None
    assert LIMIT < wanted[0] <= (found.asked.kept.retained_bytes or 0)
    assert found.asked.kept.server_limit_bytes is None

    event = evaluation(kit.platform.project.dataset(found.entry.dataset), [found])
    assert not event.passed
    assert "items is hoarding: " in str(event.description)

    own_server.execute(dbname, "CHECKPOINT")  # only at such a place can a slot begin again
    until = time.monotonic() + 60
    while standing(kit).diagnosis.state is not State.RESTING:  # catching up lets the source forget
        assert time.monotonic() < until
        own_server.execute(dbname, "INSERT INTO fill VALUES ('x')", "CHECKPOINT")
        kit.ingest("items")


def test_a_planned_silence_excuses_no_hoarding(kit: Kit, own_server: PostgresServer, dbname: str) -> None:
    kit.ingest("items")
    now = kit.clock.now()
    kit.platform.metastore.maintenance.declare(
        MaintenanceWindow(
            dataset="", source="", starts_at=now, ends_at=now + timedelta(hours=1), who="ann", reason="new version"
        )
    )
    kit.clock.advance(timedelta(minutes=10))
    assert standing(kit).diagnosis.state is State.MAINTENANCE
    fill(own_server, dbname)
    assert standing(kit).diagnosis.state is State.HOARDING


def test_a_slot_that_a_consumer_reads_is_active(kit: Kit) -> None:
    with kit.platform.ingester.open(kit.entry("items")) as ingestion:
        ingestion.step(kit.run())
        ingestion.step(kit.run())
        asked = standing(kit).asked
        assert asked is not None
        assert asked.kept is not None
        assert asked.kept.is_active


def test_the_limit_of_the_source_is_shown_and_log_that_it_gave_up_is_a_failure(
    kit: Kit, own_server: PostgresServer, dbname: str
) -> None:
    kit.ingest("items")
    own_server.execute(dbname, "ALTER SYSTEM SET max_slot_wal_keep_size = '2MB'", "SELECT pg_reload_conf()")
    try:
        for _ in range(20):
            fill(own_server, dbname, "CHECKPOINT")
            if own_server.rows(dbname, "SELECT FROM pg_replication_slots WHERE wal_status = 'lost'"):
                break
        found = standing(kit)
    finally:
        own_server.execute(dbname, "ALTER SYSTEM RESET max_slot_wal_keep_size", "SELECT pg_reload_conf()")
    assert found.asked is not None
    assert found.asked.kept is not None
    assert found.asked.kept.is_lost
    assert found.asked.kept.server_limit_bytes == 2 << 20
    assert found.diagnosis.state is State.FAILED
    assert "replay from snapshot" in found.diagnosis.detail


@pytest.mark.parametrize("fault", ["nobody listens", "it never answers", "the password is gone"])
def test_a_source_that_cannot_be_asked_is_told_as_not_known_and_hides_no_other(kit: Kit, fault: str) -> None:
    kit.ingest("items")
    kit.ingest("files")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if fault == "it never answers":
            silent.listen()
        if fault == "the password is gone":
            (kit.folder / "password").unlink()
        else:
            kit.connectors["items"]["port"] = silent.getsockname()[1]
            kit.raw("files", ("id int",))  # writes the entries anew
        found = standing(kit)
    assert found.asked is not None
    assert found.asked.kept is None
    assert str(found.asked).startswith("not known: ")
    assert found.diagnosis.state is State.RESTING
    assert standing(kit, "files").diagnosis.state is State.RESTING


def test_the_commands_show_what_the_source_keeps(
    kit: Kit,
    own_server: PostgresServer,
    dbname: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(kit.folder / "password", kit.folder / "source" / "password")
    kit.ingest("items")
    kit.close()
    fill(own_server, dbname)
    for name in ("home", "domains", "source"):
        monkeypatch.setenv(f"DATA_PLATFORM_{name.upper()}", str(kit.folder / name))
    monkeypatch.setenv("DATA_PLATFORM_THREADS", "2")
    capsys.readouterr()
    assert run(["ingest", "status", "--json"]) == 1
    shown = {each["source"]: each for each in json.loads(capsys.readouterr().out)}
    assert shown["items"]["state"] == "hoarding"
    kept = shown["items"]["source_keeps"]
    assert kept["retained_bytes"] > kept["limit_bytes"] == LIMIT
    assert (kept["is_active"], kept["slot"]) == (False, "data_platform_items")
    assert shown["files"]["source_keeps"] is None

    assert run(["ingest", "status"]) == 1
    assert "given up never" in capsys.readouterr().out

    assert run(["ingest", "metrics"]) == 0
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(capsys.readouterr().out)
        for sample in family.samples
        if sample.labels.get("source") == "items" and "source_log" in sample.name
    }
    assert samples.pop("data_platform_ingest_source_log_kept_bytes") > LIMIT
    assert samples == {
        "data_platform_ingest_source_log_known": 1,
        "data_platform_ingest_source_log_limit_bytes": LIMIT,
        "data_platform_ingest_source_log_active": 0,
        "data_platform_ingest_source_log_lost": 0,
    }
