"""The queue without Dagster's daemon, and Dagster's own watch over a project whose files get faults while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from data_platform.cli.lookout import look_into_queue
from data_platform.metastore.component_beats import QUEUE, ComponentBeat
from data_platform.orchestration.instance import open_instance
from data_platform.orchestration.location import load_location
from data_platform.orchestration.watch import watch
from data_platform_tests.kit import Kit

ORDERS = dg.AssetKey(["raw", "shop", "orders"])


@dg.asset(key=ORDERS)
def orders() -> None: ...


WORK = dg.Definitions(assets=[orders]).resolve_implicit_global_asset_job_def()


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    made = Kit(tmp_path)
    made.raw("orders", ["id int required key"])
    made.clock.moment = datetime.now(UTC)  # Dagster stamps runs with the machine's clock
    yield made
    made.close()


def used_dagster(kit: Kit) -> str:
    """A run that waits in an instance of which a sensor was turned on at some time; its id."""
    with open_instance(kit.platform.settings) as instance:
        created = instance.create_run_for_job(WORK, status=dg.DagsterRunStatus.NOT_STARTED, asset_selection={ORDERS})
    folder = kit.folder / "dagster" / "schedules"
    folder.mkdir(exist_ok=True)
    (folder / "schedules.db").touch()
    return created.run_id


def waiting(kit: Kit) -> list[str]:
    return [entry.run_id for entry in kit.platform.metastore.operations.queued_runs.waiting()]


def test_the_queue_is_looked_into_while_no_daemon_does_and_only_then(kit: Kit) -> None:
    run_id = used_dagster(kit)
    assert look_into_queue(kit.platform, every_seconds=15)
    assert waiting(kit) == [run_id]
    assert not look_into_queue(kit.platform, every_seconds=15)
    kit.clock.advance(timedelta(seconds=14))
    beat = ComponentBeat(component=QUEUE, instance="daemon:1", beat_at=kit.clock.now(), expected_every_seconds=15)
    kit.platform.metastore.operations.component_beats.beat(beat)
    kit.clock.advance(timedelta(seconds=14))
    assert not look_into_queue(kit.platform, every_seconds=15)
    kit.clock.advance(timedelta(seconds=1))
    assert look_into_queue(kit.platform, every_seconds=15)


def test_where_dagster_was_never_used_nothing_is_looked_into_and_nothing_fails(kit: Kit) -> None:
    assert not look_into_queue(kit.platform, every_seconds=15)
    assert kit.platform.metastore.operations.component_beats.of(QUEUE) is None
    assert not (kit.folder / "dagster").exists()


def test_dagsters_watch_goes_on_when_a_file_gets_a_fault_and_opens_a_ticket(kit: Kit) -> None:
    look = watch(load_location(kit.platform.settings))
    (kit.folder / "domains" / "shop" / "raw" / "orders.odcs.yaml").write_text("kind: [")
    with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance=instance) as context:
        for _ in range(2):
            assert isinstance(look(context), dg.SkipReason)
    store = kit.platform.metastore.operations
    beat = store.component_beats.of("watch")
    assert beat is not None
    assert beat.detail == ""
    pending = [(one.alert, one.subject) for one in store.symptoms.apart()]
    assert ("metadata_gap", "files:raw.shop.orders") in pending
