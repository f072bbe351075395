"""The disk is full while records are spooled, landed and committed: it is said so, and nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from data_platform.connectors.liveness import State
from data_platform.connectors.source_log import LandingLog
from data_platform.errors import RetryableError
from data_platform_tests.integration.connectors.kafka_broker import KafkaBroker
from data_platform_tests.integration.connectors.rigs import FileDropRig, KafkaRig, RestPullRig, Rig
from data_platform_tests.integration.connectors.small_disk import SmallDisk, small_disk
from data_platform_tests.integration.connectors.test_kept_log import standing

# A Kafka group is joined anew after each failure, which takes seconds: its ladder is climbed in the campaign.
LADDERS = ("file_drop", "rest_pull", pytest.param("kafka", marks=pytest.mark.campaign))
Disk = Callable[[str], SmallDisk]


@pytest.fixture
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    if request.param == "kafka":
        broker: KafkaBroker = request.getfixturevalue("kafka_broker")
        found: Rig = KafkaRig(tmp_path, broker)
    else:
        found = {"file_drop": FileDropRig, "rest_pull": RestPullRig}[request.param](tmp_path)
    yield found
    found.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mounts a small disk at a folder of the home."""
    with ExitStack() as mounted:
        yield lambda name: mounted.enter_context(small_disk(tmp_path / "home" / name))


def fails(rig: Rig) -> bool:
    """Whether there was too little space; then it is said so, once and clearly, and the heartbeat has the reason."""
    try:
        rig.kit.ingest("items")
    except RetryableError as error:
        told = str(error)
    else:
        return False
    assert told.startswith("connector items: no space is left on the disk")
    found = standing(rig.kit)
    assert (found.diagnosis.state, found.diagnosis.detail) == (State.FAILED, told)
    return True


def landed(rig: Rig) -> int:
    return LandingLog(rig.kit.platform.store, "shop", "items").last_number("items")


def committed(rig: Rig) -> int:
    return rig.kit.head("raw.items").transaction("items") or 0


def require_equal(rig: Rig) -> None:
    assert sorted(rig.arrived()) == sorted(rig.held())
    batches = rig.kit.platform.metastore.batches.of("raw.shop.items")
    assert [batch.batch_id for batch in batches if batch.residual] == []
    assert sum(batch.raw_rows for batch in batches) == len(rig.kit.rows("raw.items"))
    assert [path.name for path in (rig.folder / "home" / "spool").rglob("*.part")] == []


@pytest.mark.parametrize("rig", ["kafka", "rest_pull"], indirect=True)
def test_a_disk_that_fills_while_records_are_spooled_loses_and_doubles_nothing(rig: Rig, disk: Disk) -> None:
    spool = disk("spool")
    rig.open()
    rig.send(range(1, 11))
    spool.leave(0)
    assert fails(rig)
    assert landed(rig) == 0
    assert [path.name for path in spool.folder.rglob("*.part")] == []
    spool.free()
    assert not fails(rig)
    require_equal(rig)


@pytest.mark.parametrize("rig", LADDERS, indirect=True)
def test_a_disk_that_fills_at_any_moment_of_landing_and_committing_loses_and_doubles_nothing(
    rig: Rig, disk: Disk
) -> None:
    store = disk("store")
    rig.open()
    rig.send(range(1, 11))
    assert not fails(rig)
    rig.send(range(11, 21))
    pages, ends = 0, set()
    while True:  # a page more each time, until a whole batch has room
        store.leave(pages)
        if not fails(rig):
            break
        ends.add((landed(rig), committed(rig)))
        assert sorted(rig.arrived()) == sorted(set(rig.arrived()))
        pages += 1
        assert pages < 100
    assert ends >= {(1, 1), (2, 1)}  # it ended before the manifest, and between manifest and commit
    store.free()
    require_equal(rig)
    rig.send(range(21, 24))
    assert not fails(rig)
    require_equal(rig)
