"""The standard suite: what every kind of connector has to stand, driven against its real source.

A new kind joins by a rig in `rigs`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_platform.connectors.source_log import SourceLog
from data_platform.errors import RetryableError, SourceRefused, SourceUnavailable
from data_platform.lakehouse.landing import LandingLog
from data_platform.lakehouse.table_ref import Zone
from data_platform.lakehouse.tables import Table
from data_platform.publication.recording import Recorder
from data_platform_tests.integration.connectors.rigs import KINDS, Rig, rigs
from data_platform_tests.kit import later


class Crash(BaseException):
    """The end of a process."""


@pytest.fixture(params=KINDS, ids=[kind.name or kind.kind for kind in KINDS])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    yield from rigs(request.param, tmp_path, request)


def drain(rig: Rig) -> int:
    """Ingests until the source has nothing more; how many batches that took."""
    taken = 0
    for _ in range(50):
        batches = rig.kit.ingest("items")
        taken += len(batches)
        if not batches:
            return taken
    raise AssertionError("the source never came to its end")


def restarted(rig: Rig) -> None:
    rig.kit.reopen()


def arrived_once(rig: Rig) -> None:
    """Raw holds exactly what the source holds, each record once, and every batch closes."""
    assert Counter(rig.arrived()) == Counter(rig.held())
    batches = rig.kit.platform.metastore.batches.of("raw.shop.items")
    assert sum(abs(batch.residual) for batch in batches) == 0


def test_all_that_the_source_holds_comes_once_and_in_order(rig: Rig) -> None:
    rig.open()
    rig.send(range(1, 41))
    drain(rig)
    arrived_once(rig)
    assert rig.arrived() == sorted(rig.arrived())


def test_an_empty_poll_leaves_no_batch(rig: Rig) -> None:
    rig.open()
    drain(rig)
    rig.send([1])
    drain(rig)
    before = rig.kit.platform.metastore.batches.of("raw.shop.items")
    for _ in range(3):
        assert rig.kit.ingest("items") == ()
    assert rig.kit.platform.metastore.batches.of("raw.shop.items") == before


def test_it_resumes_where_the_landing_log_ends_in_another_process(rig: Rig) -> None:
    rig.open()
    for first in (1, 11, 21):
        rig.send(range(first, first + 10))
        drain(rig)
        restarted(rig)
    arrived_once(rig)


def test_a_lost_metastore_changes_nothing(rig: Rig) -> None:
    rig.open()
    rig.send(range(1, 11))
    drain(rig)
    rig.kit.close()
    for file in (rig.folder / "home").glob("metastore.db*"):
        file.unlink()
    rig.send(range(11, 21))
    drain(rig)
    arrived_once(rig)


@pytest.mark.parametrize(
    ("owner", "method", "is_after"),
    [
        (LandingLog, "land", True),
        (LandingLog, "append", False),
        (LandingLog, "append", True),
        (SourceLog, "commit", False),
        (Table, "commit", True),  # rejected is committed, raw is not
        (Recorder, "record", False),  # raw is committed, the ledger is not
        (SourceLog, "commit", True),  # everything but the acknowledgement
    ],
    ids=["landed", "no manifest", "manifest", "nothing committed", "rejected", "unrecorded", "unacknowledged"],
)
def test_a_crash_at_any_step_loses_and_doubles_nothing(
    rig: Rig, owner: type, method: str, is_after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.open()
    rig.send(range(1, 6))
    drain(rig)
    rig.send(range(6, 16))
    original, crashed = getattr(owner, method), []

    def dies(self: Any, *arguments: Any, **named: Any) -> Any:
        done = original(self, *arguments, **named) if is_after or crashed else None
        if not crashed:
            crashed.append(True)
            raise Crash
        return done

    with monkeypatch.context() as patch:
        patch.setattr(owner, method, dies)
        with pytest.raises(Crash):
            drain(rig)
    restarted(rig)
    rig.send(range(16, 19))
    drain(rig)
    arrived_once(rig)


def test_what_a_source_says_that_it_holds_is_what_came_whatever_came_between(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    if rig.counted is None:
        pytest.skip(f"{rig.name or rig.kind} says nothing of what it holds here")
    rig.open(**rig.counted)
    rig.send(range(1, 6))
    drain(rig)
    rig.send(range(6, 16))
    rig.send_bad(16)
    commit = SourceLog.commit

    def dies(self: SourceLog, *arguments: Any) -> Any:
        commit(self, *arguments)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(SourceLog, "commit", dies)
        with pytest.raises(Crash):
            drain(rig)
    restarted(rig)
    rig.state(16)
    for _ in range(3):  # a stream is counted at one moment and compared when its changes are there
        rig.kit.ingest("items")
    later(rig.kit, seconds=15)
    values = [one for one in rig.kit.platform.slis.measure(rig.kit.clock.now()) if one.sli == "completeness"]
    assert {(one.value, one.bad, one.provenance == "forecast") for one in values} == {(1.0, 0.0, False)}
    assert sum(one.evidence["expected"] for one in values) == 16


def test_a_malformed_record_is_rejected_alone_and_counted(rig: Rig) -> None:
    rig.open()
    rig.send(range(1, 4))
    rig.send_bad(4)
    rig.send(range(5, 8))
    drain(rig)
    arrived_once(rig)
    assert len(rig.kit.rows("raw.items", Zone.REJECTED)) == 1


def test_a_field_that_the_contract_lacks_is_kept_under_evolve(rig: Rig) -> None:
    rig.open(schema_change="evolve")
    rig.send(range(1, 4))
    drain(rig)
    rig.send(range(4, 7), colour="red")
    drain(rig)
    arrived_once(rig)
    extra = {row["id"]: row["_extra"] for row in rig.kit.rows("raw.items") if rig.is_record(row)}
    assert all('"red"' in extra[number] for number in (4, 5, 6))


def test_a_field_that_the_contract_lacks_is_refused_under_freeze_and_nothing_else_is(rig: Rig) -> None:
    rig.open()
    rig.send(range(1, 4))
    drain(rig)
    rig.send(range(4, 7), colour="red")
    drain(rig)
    assert [number for number in rig.arrived() if number > 3] == []
    assert rig.kit.rows("raw.items", Zone.REJECTED) != []


def test_batches_stay_within_their_bound_and_all_of_them_come(rig: Rig) -> None:
    rig.open(max_batch_bytes=400)
    for first in range(1, 41, 4):
        rig.send(range(first, first + 4))
    assert drain(rig) > 3
    arrived_once(rig)
    objects = list((rig.folder / "home" / "store" / "landing" / "shop" / "items" / "objects").iterdir())
    assert max(file.stat().st_size for file in objects) < 4000


def test_a_source_that_is_away_is_said_to_be_and_goes_on_when_it_is_back(rig: Rig) -> None:
    if not rig.goes_down:
        pytest.skip(f"{rig.kind} has no server of its own")
    rig.open()
    rig.send(range(1, 6))
    drain(rig)
    rig.send(range(6, 11))
    rig.down()
    try:
        with pytest.raises(SourceUnavailable):
            drain(rig)
        beat = rig.kit.platform.metastore.heartbeats.of("raw.shop.items", source="items")
        assert beat is not None
        assert beat.phase == "failed"
    finally:
        rig.up()
    _until_back(rig)
    arrived_once(rig)


def test_a_credential_that_changes_is_read_again_without_anybody(rig: Rig) -> None:
    if not rig.has_credential:
        pytest.skip(f"{rig.kind} presents no credential")
    rig.open()
    rig.send(range(1, 6))
    with rig.kit.platform.ingester.open(rig.kit.entry("items")) as ingestion:
        run = rig.kit.run()
        while not ingestion.step(run).is_idle:
            pass
        rig.rotate()
        rig.send(range(6, 11))
        _steps_until_idle(ingestion, run)
    arrived_once(rig)


def test_a_revoked_credential_is_refused_and_never_shown(rig: Rig) -> None:
    if not rig.has_credential:
        pytest.skip(f"{rig.kind} presents no credential")
    rig.open()
    rig.send(range(1, 6))
    drain(rig)
    rig.revoke()
    restarted(rig)
    with pytest.raises(SourceRefused) as refused:
        drain(rig)
    secret = rig.secret.read_text()
    assert secret not in str(refused.value)
    beat = rig.kit.platform.metastore.heartbeats.of("raw.shop.items", source="items")
    assert beat is not None
    assert beat.phase == "refused"
    assert secret not in repr(beat)


def test_going_back_reads_everything_once_more_and_loses_nothing(rig: Rig) -> None:
    if rig.takes_back is None:
        pytest.skip(f"{rig.kind} cannot go back")
    rig.open()
    rig.send(range(1, 11))
    drain(rig)
    with rig.kit.platform.ingester.open(rig.kit.entry("items")) as ingestion:
        ingestion.go_back(rig.takes_back, rig.kit.run())
    drain(rig)
    assert Counter(rig.arrived()) == Counter(dict.fromkeys(rig.held(), 2))


def _until_back(rig: Rig) -> None:
    """Ingests again until the source answers; a client may take a moment to see that it is back."""
    for attempt in range(20):
        try:
            drain(rig)
        except RetryableError:
            if attempt == 19:
                raise
        else:
            return


def _steps_until_idle(ingestion: Any, run: Any) -> None:
    """Turns the loop as the collector does: what is in trouble is tried again."""
    for attempt in range(20):
        try:
            while not ingestion.step(run).is_idle:
                pass
        except SourceUnavailable:
            if attempt == 19:
                raise
        else:
            return
