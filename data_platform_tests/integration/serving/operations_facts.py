"""What the pages for those on call show in tests: a shop two hours later, with known trouble. Oracles are in the tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from data_platform.incidents.telling import NO_CHANNEL
from data_platform.metastore.component_beats import ComponentBeat
from data_platform.metastore.engine import Metastore
from data_platform.metastore.incident_events import IncidentEvent
from data_platform.metastore.incident_tables import IncidentSeverity, IncidentState
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.notifications import NotificationEntry
from data_platform.metastore.objective_samples import ObjectiveSample
from data_platform.metastore.objective_tables import ObjectiveState
from data_platform.metastore.objectives import ObjectiveEntry
from data_platform.metastore.partitions import PartitionEntry
from data_platform.metastore.queued_runs import QueuedRunEntry
from data_platform.metastore.run_meters import RunMeterEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.spans import SpanEntry
from data_platform.metastore.storage_meters import StorageMeterEntry
from data_platform.metastore.symptoms import SymptomEntry
from data_platform.metastore.tables import PartitionState, RunState
from data_platform_tests.kit import Kit

RUN = "11111111-2222-3333-4444-555555555555"
EVIL = "<script>alert('x')</script>"
TRACE = "a" * 32
# rows of the days from 2026-03-01 on, and how many hours after its end each was published
ROWS = ((10, 1), (10, 2), (40, 3), (10, 12), (5, 1))
OBJECTIVE = "freshness.served.shop.totals"
# (good, bad, unknown) of the last four days, the oldest first
DAYS = ((100.0, 0.0, 0.0), (80.0, 20.0, 0.0), (50.0, 0.0, 50.0), (90.0, 10.0, 0.0))


def in_trouble(kit: Kit) -> datetime:
    """Records the facts and gives the moment that they are true at."""
    kit.clock.advance(timedelta(hours=2))
    now, store = kit.clock.now(), kit.platform.metastore
    store.operations.component_beats.beat(
        ComponentBeat(
            component="watch", instance="host:1", beat_at=now - timedelta(seconds=10), expected_every_seconds=15
        )
    )
    _runs(store, now)
    _incidents(store, now)
    _objectives(store, now)
    _meters(store, now)
    _log(kit.platform.settings.home, now)
    return now


def _runs(store: Metastore, now: datetime) -> None:
    def run(dataset: str, minutes: int, run_id: str, state: RunState = RunState.FAILED) -> RunEntry:
        began = now - timedelta(minutes=minutes)
        error = f"SourceUnavailable: {EVIL}" if state is RunState.FAILED else ""
        return RunEntry(run_id=run_id, dataset=dataset, started_at=began, ended_at=began + timedelta(seconds=9),
                        state=state, error=error, seconds=9.0, code_version="1.1" if minutes < 10 else "1.0")  # fmt: skip

    store.runs.record([
        run("curated.shop.orders", 20, "first"), run("curated.shop.orders", 5, RUN),
        run("served.shop.totals", 40, "third"), run("served.shop.totals", 30, "fourth", RunState.SUCCEEDED),
        run("served.shop.days", 10, "fifth", RunState.BLOCKED),
    ])  # fmt: skip
    store.partitions.record(
        PartitionEntry(
            dataset="curated.shop.orders",
            partition=f"2026-03-{day:02}",
            raw_dataset="raw.shop.orders",
            raw_version=1,
            table_version=1,
            run_id=RUN,
            state=PartitionState.PUBLISHED,
            raw_rows=rows,
            curated=rows,
            recorded_at=datetime(2026, 3, day + 1, hours, tzinfo=UTC),
        )
        for day, (rows, hours) in enumerate(ROWS, 1)
    )
    spans = (("", "1", 0.0, 8.0, "ok"), ("1", "2", 2.0, 4.0, "error"), ("2", "3", 3.0, 1.0, "ok"))
    start = now - timedelta(minutes=5)
    store.operations.spans.record(
        SpanEntry(trace_id=TRACE, span_id=key * 16, parent_id=parent * 16, name=f"span {key}", run_id=RUN,
                  dataset="curated.shop.orders", started_at=start + timedelta(seconds=after),
                  ended_at=start + timedelta(seconds=after + took), status=status)
        for parent, key, after, took, status in spans
    )  # fmt: skip
    waiting = (("default", 10, "slot"), ("default", 4, "slot"), ("backfill", 30, "quota"))
    store.operations.queued_runs.record(
        QueuedRunEntry(run_id=f"q{n}", job="refresh", lane=lane, enqueued_at=now - timedelta(minutes=minutes),
                       started_at=None, reason=reason, sampled_at=now - timedelta(seconds=20))
        for n, (lane, minutes, reason) in enumerate(waiting)
    )  # fmt: skip


def _incidents(store: Metastore, now: datetime) -> None:
    opened = now - timedelta(minutes=21)
    store.operations.incidents.put([
        incident("lost", began_at=now - timedelta(minutes=22), detected_at=opened, alert="connector_lost",
                 cause="raw.shop.orders/orders", dataset="raw.shop.orders", severity=IncidentSeverity.PAGE,
                 notified_at=opened + timedelta(seconds=30)),
        incident("over", began_at=now - timedelta(hours=5), detected_at=now - timedelta(minutes=290),
                 acknowledged_at=now - timedelta(minutes=280), acknowledged_by="ann",
                 mitigated_at=now - timedelta(hours=4), resolved_at=now - timedelta(minutes=235),
                 state=IncidentState.RESOLVED, title=f"over {EVIL}"),
    ])  # fmt: skip

    def symptom(alert: str, subject: str, dataset: str, **evidence: object) -> SymptomEntry:
        return SymptomEntry(incident_id="lost", alert=alert, subject=subject, dataset=dataset, evidence=evidence,
                            severity=IncidentSeverity.PAGE, began_at=opened, first_seen=opened, last_seen=now)  # fmt: skip

    store.operations.symptoms.put([
        symptom("connector_lost", "raw.shop.orders/orders", "raw.shop.orders", state="dead"),
        symptom("run_failed", "curated.shop.orders", "curated.shop.orders", run_id=RUN, partition="2026-03-01",
                error=EVIL),
    ])  # fmt: skip
    store.operations.incident_events.append(
        [IncidentEvent(incident_id="lost", at=opened, who="", kind="opened", detail=f"by {EVIL}")]
    )
    store.operations.notifications.queue([
        NotificationEntry(incident_id="lost", kind="opened", channel="webhook", recipient="#shop", severity="page",
                          created_at=opened, attempts=1, delivered_at=opened + timedelta(seconds=30)),
        NotificationEntry(incident_id="lost", kind="escalated", channel="mail", recipient="platform", severity="page",
                          created_at=now, attempts=2, next_attempt_at=now, error="no answer"),
        NotificationEntry(incident_id="over", kind="opened", channel="", recipient="#shop", severity="ticket",
                          created_at=opened, error=NO_CHANNEL),
    ])  # fmt: skip


def incident(key: str, *, began_at: datetime, detected_at: datetime, **more: object) -> IncidentEntry:
    given: dict[str, object] = {
        "cause": "served.shop.totals", "alert": "run_failed", "severity": IncidentSeverity.TICKET,
        "state": IncidentState.OPEN, "title": f"{key} is wrong", "dataset": "served.shop.totals", "domain": "shop",
        "owner": "Shop", "recipient": "#shop", "pressing_since": detected_at,
    }  # fmt: skip
    return IncidentEntry(incident_id=key, began_at=began_at, detected_at=detected_at, **given | more)  # type: ignore[arg-type]


def objective(key: str, now: datetime, **more: object) -> ObjectiveEntry:
    given: dict[str, object] = {
        "sli": "freshness", "subject": "served.shop.totals", "domain": "shop", "owner": "Shop", "is_critical": False,
        "target": 0.9, "window_seconds": 10 * 86_400, "state": ObjectiveState.MET, "ratio": 1.0, "budget_left": 1.0,
        "burn": {}, "detail": {"title": f"title {EVIL}"}, "since": now, "evaluated_at": now,
    }  # fmt: skip
    return ObjectiveEntry(objective=key, **given | more)  # type: ignore[arg-type]


def _objectives(store: Metastore, now: datetime) -> None:
    burn = {"5m": 15.0, "1h": 14.5, "30m": None, "6h": 1.0, "3d": 0.5}
    store.operations.objectives.record([
        objective(OBJECTIVE, now, state=ObjectiveState.BURNING, ratio=320 / 350, budget_left=1 - 30 / 35, burn=burn,
                  detail={"burning": "fast", "title": "at most 2 h behind"}),
        objective("completeness.raw.shop.orders", now, sli="completeness", subject="raw.shop.orders"),
        objective("connector_heartbeat.raw.shop.orders/orders", now, sli="connector_heartbeat",
                  subject="raw.shop.orders/orders", state=ObjectiveState.UNKNOWN, ratio=None, budget_left=None),
    ])  # fmt: skip
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    store.operations.objective_samples.add(
        ObjectiveSample(objective=OBJECTIVE, width_seconds=86_400, starts_at=midnight - timedelta(days=3 - n),
                        good=good, bad=bad, unknown=unknown)
        for n, (good, bad, unknown) in enumerate(DAYS)
    )  # fmt: skip


def _meters(store: Metastore, now: datetime) -> None:
    def used(dataset: str, cpu_hours: float, **tags: str) -> RunMeterEntry:
        return RunMeterEntry(run_id=RUN, dataset=dataset, metered_on=now.date(), started_at=now, ended_at=now,
                             owner="Shop", cost_centre="CC-1", tags=tags, cpu_seconds=3600 * cpu_hours,
                             logical_bytes_in=10**12)  # fmt: skip

    store.operations.run_meters.add([used("raw.shop.orders", 400, product="shop"), used("curated.shop.orders", 100)])
    store.operations.storage_meters.replace(now.date(), [
        StorageMeterEntry(place="raw/shop/orders", metered_on=now.date(), zone="raw", dataset="raw.shop.orders",
                          owner="Shop", cost_centre="CC-1", tags={"product": "shop"}, size_bytes=31 * 50 * 2**30,
                          files=1, metered_at=now),
    ])  # fmt: skip


def _log(home: Path, now: datetime) -> None:
    folder = home / "logs" / f"{now:%Y-%m-%d}"
    folder.mkdir(parents=True)
    lines = [
        {"time": now.isoformat(), "level": "info", "event": "run began", "run_id": RUN, "facts": {"rows": 7}},
        {"time": now.isoformat(), "level": "error", "event": EVIL, "run_id": RUN, "facts": {},
         "exception": {"type": "SourceUnavailable", "message": "gone"}},
    ]  # fmt: skip
    (folder / f"{RUN}.jsonl").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
