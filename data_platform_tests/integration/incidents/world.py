"""Writes the facts of an episode into a metastore, as the parts of the platform would: what the table says, and of
everything it does not name the background that its head describes. Nothing here knows incidents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from data_platform.connectors.liveness import Facts, diagnose
from data_platform.connectors.options import Expectations
from data_platform.metastore.batches import BatchEntry, FileEntry
from data_platform.metastore.breakers import BreakerEntry
from data_platform.metastore.catalog_findings import FindingEntry
from data_platform.metastore.component_beats import ComponentBeat
from data_platform.metastore.database import Transaction
from data_platform.metastore.engine import Metastore
from data_platform.metastore.heartbeats import Heartbeat, MaintenanceWindow
from data_platform.metastore.incident_tables import BreakerState
from data_platform.metastore.lineage_sinks import SinkEntry
from data_platform.metastore.objective_tables import ObjectiveState, SlotOutcome
from data_platform.metastore.objectives import ObjectiveEntry
from data_platform.metastore.partitions import PartitionEntry
from data_platform.metastore.queued_runs import QueuedRunEntry
from data_platform.metastore.repository import Repeat
from data_platform.metastore.run_slots import RunSlotEntry
from data_platform.metastore.runs import RunEntry
from data_platform.metastore.security_events import SecurityEvent
from data_platform.metastore.sli_values import SLI_VALUES, SliValueEntry
from data_platform.metastore.suppressions import SuppressionEntry
from data_platform.metastore.tables import FileOutcome, PartitionState, Phase, RunState
from data_platform.observability.kept_log import KeptLog
from data_platform.observability.standings import ConnectorStanding
from data_platform_tests.integration.incidents.episodes import Episode, Step
from data_platform_tests.integration.incidents.estate import Connector, Estate

STREAMS = ("postgres_cdc", "kafka", "http_push")
_BEATING = ("dagster_daemon", "sensor:ingest")
_EVERY = 30.0  # seconds between two beats of a component
_SOURCE_SAYS = ("source", "manifest", "forecast")  # the first that spoke is believed


@dataclass(slots=True)
class _Source:
    """A connector at work; `rows` a minute while it runs."""

    dataset: str
    connector: Connector
    started_at: datetime
    beat_at: datetime
    progressed_at: datetime
    event_time: datetime
    phase: Phase = Phase.RUNNING
    rows: int = 500
    backlog: int = 0
    error: str = ""
    is_silent: bool = False
    brings_batches: bool = True
    is_at_work: bool = False  # a batch kind that takes long
    ended_at: datetime | None = None
    kept: KeptLog | None = None
    rejected: list[str] = field(default_factory=list)
    batches: int = 0
    batch_at: datetime | None = None
    beat: Heartbeat | None = None
    brought: list[tuple[datetime, int]] = field(default_factory=list)

    @property
    def is_stream(self) -> bool:
        return self.connector.kind in STREAMS


@dataclass
class World:
    """One episode's world."""

    estate: Estate
    episode: Episode
    store: Metastore
    now: datetime = field(init=False)
    free_disk: float = 0.6
    _sources: dict[str, _Source] = field(default_factory=dict)
    _runs: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)
    _published: dict[str, datetime] = field(default_factory=dict)
    _silent_parts: set[str] = field(default_factory=set)
    _schedules_stopped_at: datetime | None = None
    _judged: set[tuple[str, datetime]] = field(default_factory=set)
    _objectives: dict[str, tuple[datetime, Mapping[str, Any]]] = field(default_factory=dict)
    _queue: dict[str, tuple[datetime, Mapping[str, Any], tuple[str, ...]]] = field(default_factory=dict)
    _counts: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = field(default_factory=dict)
    _repeated: list[tuple[datetime, Step]] = field(default_factory=list)
    _beats: list[Heartbeat] = field(default_factory=list)
    _said: dict[tuple[str, str, str], SliValueEntry] = field(default_factory=dict)
    _number: int = 0

    def __post_init__(self) -> None:
        self.now = self.estate.starts_at
        self.datasets = self.estate.with_families(self.episode.families)
        for name, dataset in self.datasets.items():
            if dataset.connector is not None:
                begun = self.now - timedelta(hours=2)
                self._sources[name] = _Source(name, dataset.connector, begun, self.now, self.now, self.now)

    # ── the background ───────────────────────────────────────────────────────────────────────────────────────────

    def go_to(self, now: datetime) -> None:
        """Writes what has happened everywhere until now."""
        before, self.now = self.now, now
        with self.store.transaction() as tx:
            for at, step in [one for one in self._repeated if one[0] <= now]:
                self._repeated.remove((at, step))
                self._apply(step, at, tx)
            for source in self._sources.values():
                self._work(source, before, tx)
            self.store.heartbeats._upsert(self._beats, repeat=Repeat(only_if=("beat_at",)), tx=tx)
            self._beats.clear()
            parts = [
                ComponentBeat(component=part, instance="h:1", beat_at=now, expected_every_seconds=_EVERY)
                for part in _BEATING
                if part not in self._silent_parts
            ]
            self.store.operations.component_beats._upsert(parts, repeat=Repeat(only_if=("beat_at",)), tx=tx)
            self.store.operations.run_slots.record(list(self._slots()), tx=tx)
            self._write_values([*self._said.values(), *self._freshness()], tx)
            self._said.clear()
            self.store.operations.objectives.record(list(self._burning()), tx=tx)
            self.store.operations.queued_runs.record(list(self._waiting()), tx=tx)

    def _work(self, source: _Source, before: datetime, tx: Transaction) -> None:
        if source.is_stream or source.is_at_work:
            self._stream(source, tx)
        elif source.phase is Phase.ENDED or source.phase is Phase.RUNNING:
            self._batch_kind(source, before, tx)

    def _stream(self, source: _Source, tx: Transaction) -> None:
        if source.is_silent or source.phase is not Phase.RUNNING:
            return
        source.beat_at = self.now
        if source.rows:
            source.progressed_at = self.now
            if source.brings_batches:
                source.event_time = self.now
                self._batch(source, self.now, tx, rows=source.rows)
        self._beat(source, tx)

    def _batch_kind(self, source: _Source, before: datetime, tx: Transaction) -> None:
        """It reports at each multiple of what is expected of it, counted from the start."""
        every = source.connector.expect_every
        if source.is_silent or every is None or self._schedules_stopped_at is not None:
            return
        turns = int((self.now - self.estate.starts_at) / every)
        due = self.estate.starts_at + turns * every
        if source.ended_at is not None and due <= source.ended_at:
            return
        source.phase, source.ended_at, source.beat_at, source.progressed_at = Phase.ENDED, due, due, due
        source.event_time = due
        if source.brings_batches:
            self._batch(source, due, tx, rows=300)
        self._beat(source, tx)

    def _beat(self, source: _Source, tx: Transaction) -> None:
        every = source.connector.expect_every
        expected = source.ended_at + every if source.ended_at and every and not source.is_stream else source.ended_at
        beat = Heartbeat(
            dataset=source.dataset,
            source=source.connector.source,
            kind=source.connector.kind,
            instance="h:1",
            phase=source.phase,
            started_at=source.started_at,
            beat_at=source.beat_at,
            progressed_at=source.progressed_at,
            turned_at=source.beat_at,
            position={"at": source.progressed_at.isoformat()},
            ended_at=source.ended_at,
            rows=source.rows,
            last_event_time=source.event_time,
            backlog=source.backlog,
            next_expected_at=expected,
            error=source.error,
        )
        source.beat = beat
        self._beats.append(beat)

    def _batch(
        self,
        source: _Source,
        at: datetime,
        tx: Transaction,
        *,
        rows: int,
        rejected: int = 0,
        file: FileEntry | None = None,
    ) -> None:
        if file is None and source.connector.expect_every is None and not rejected:
            return  # nobody counts the batches of a source from which nothing is expected
        if file is None and source.batch_at is not None and at - source.batch_at < timedelta(minutes=1) and rows == 500:
            return
        source.batches, source.batch_at = source.batches + 1, at
        source.brought.append((at, rows))
        batch = BatchEntry(
            dataset=source.dataset,
            source=source.connector.source,
            number=source.batches,
            batch_id=f"{source.connector.source}/{source.batches}",
            manifest_sha256="0",
            received_at=at,
            contract_version="1.0.0",
            source_rows=rows,
            raw_rows=rows - rejected,
            rejected_rows=rejected,
            raw_version=source.batches,
            rejected_version=0,
            recorded_at=at,
        )
        self.store.batches.record(batch, files=[file] if file else (), tx=tx)

    def _slots(self) -> Iterator[RunSlotEntry]:
        """Periods count from midnight UTC, are half open, and are judged when they end."""
        for name, dataset in self.datasets.items():
            stops = [self._runs[name][0][0]] if name in self._runs else []
            stops += [self._schedules_stopped_at] if self._schedules_stopped_at else []
            if dataset.frequency is None or not stops:
                continue  # a good run in each period
            midnight = datetime.combine(self.now.date(), time(), UTC)
            ends_at = midnight + dataset.frequency * int((self.now - midnight) / dataset.frequency)
            starts_at = ends_at - dataset.frequency
            is_background = starts_at < min(stops)  # at the beginning of each period, before others took over
            begun = [at for at, _ in self._runs.get(name, ()) if starts_at <= at < ends_at]
            if ends_at <= min(stops) or is_background or begun or (name, ends_at) in self._judged:
                continue
            self._judged.add((name, ends_at))
            yield RunSlotEntry(
                dataset=name,
                due_at=ends_at,
                judged_at=self.now,
                outcome=SlotOutcome.MISSED,
                run_id=None,
                partitions_due=1,
                partitions_met=0,
                detail="nothing ran",
            )

    def _freshness(self) -> Iterator[SliValueEntry]:
        times: dict[str, datetime] = {}
        for name, dataset in self.datasets.items():
            if dataset.connector is not None:
                times[name] = self._sources[name].event_time
            else:
                times[name] = self._published.get(name) or min(times[one] for one in dataset.inputs)
            age = (self.now - times[name]).total_seconds()
            if age > dataset.latency.total_seconds() or name in self._published:
                yield self._value("freshness", name, age, evidence={"allowed_seconds": dataset.latency.total_seconds()})

    def _burning(self) -> Iterator[ObjectiveEntry]:
        for name, (since, facts) in self._objectives.items():
            subject = facts["subject"]
            yield ObjectiveEntry(
                objective=name,
                sli=name.split(".")[0],
                subject=subject,
                domain=self.datasets[subject].domain if subject in self.datasets else subject,
                owner="",
                is_critical=facts["is_critical"],
                target=0.99,
                window_seconds=2592000,
                state=ObjectiveState.MET,
                ratio=1.0,
                budget_left=1.0,
                burn={key.removeprefix("burn_"): value for key, value in facts.items() if key.startswith("burn_")},
                since=since,
                evaluated_at=self.now,
            )

    def _waiting(self) -> Iterator[QueuedRunEntry]:
        for key, (enqueued_at, facts, datasets) in self._queue.items():
            for one in range(facts.get("count", 1)):
                yield QueuedRunEntry(
                    run_id=f"{key}-{one}",
                    job=facts["job"],
                    lane=facts["lane"],
                    datasets={"names": list(datasets)},
                    enqueued_at=enqueued_at,
                    started_at=None if facts["waiting_minutes"] else self.now,
                    reason=facts["reason"],
                    sampled_at=self.now,
                )

    # ── what the table says ──────────────────────────────────────────────────────────────────────────────────────

    def happen(self, step: Step, at: datetime) -> None:
        """Writes one fact, as of its own time."""
        times, every = step.facts.get("count", 1), step.facts.get("every_minutes")
        if every:
            self._repeated += [(at + timedelta(minutes=every * turn), step) for turn in range(1, times)]
        with self.store.transaction() as tx:
            self._apply(step, at, tx)
            self.store.heartbeats._upsert(self._beats, repeat=Repeat(only_if=("beat_at",)), tx=tx)
            self._beats.clear()

    def _apply(self, step: Step, at: datetime, tx: Transaction) -> None:
        apply = getattr(self, f"_note_{step.kind}", None)
        if apply is not None:  # `ack`, `resolve`, `clock` and `quiet` are about the watch, not about the world
            apply(step, at, tx)

    def _note_run(self, step: Step, at: datetime, tx: Transaction) -> None:
        facts = step.facts
        state = RunState(facts["outcome"])
        entries = []
        for name in step.datasets:
            self._number += 1
            running = next((r for r in reversed(self._runs.get(name, [])) if r[1].startswith("running")), None)
            run_id = running[1] if running and state is not RunState.RUNNING else f"{state}-{self._number}"
            started_at = running[0] if running and state is not RunState.RUNNING else at
            if running and state is not RunState.RUNNING:
                self._runs[name].remove(running)
                self._runs[name].append((started_at, f"over-{self._number}"))
            else:
                self._runs.setdefault(name, []).append((started_at, run_id))
            is_over = state is not RunState.RUNNING
            entries.append(
                RunEntry(
                    run_id=run_id,
                    dataset=name,
                    started_at=started_at,
                    ended_at=at if is_over else None,
                    state=state,
                    code_version=facts.get("code_version", "e5a7d03"),
                    contract_version="1.0.0",
                    error=facts.get("error", ""),
                )
            )
            if state is RunState.SUCCEEDED and self.datasets[name].connector is None:
                published = [day for day, word in facts.get("partitions", {}).items() if word == "published"]
                is_new = not published or max(published) >= "2026-03-19"
                self._published[name] = at if is_new else self._published.get(name, self.estate.starts_at)
            for partition, word in facts.get("partitions", {}).items():
                self._partition(name, partition, PartitionState(word), at, tx)
        self.store.runs.record(entries, tx=tx)

    def _partition(self, name: str, partition: str, state: PartitionState, at: datetime, tx: Transaction) -> None:
        self._number += 1
        good = state is PartitionState.PUBLISHED
        line = PartitionEntry(
            dataset=name,
            partition=partition,
            raw_dataset=name.replace("curated", "raw"),
            raw_version=1,
            table_version=self._number,
            run_id=f"p{self._number}",
            state=state,
            raw_rows=100,
            curated=100 if good else 0,
            pending=0 if good else 100,
            recorded_at=at,
        )
        self.store.partitions.record([line], tx=tx)

    def _note_ledger(self, step: Step, at: datetime, tx: Transaction) -> None:
        self._number += 1
        line = PartitionEntry(
            dataset=step.datasets[0],
            partition="2026-03-19",
            raw_dataset="raw",
            raw_version=1,
            table_version=self._number,
            run_id=f"p{self._number}",
            state=PartitionState.PUBLISHED,
            raw_rows=1000 + step.facts["residual"],
            curated=1000,
            recorded_at=at,
        )
        self.store.partitions.record([line], tx=tx)

    def _note_heartbeat(self, step: Step, at: datetime, tx: Transaction) -> None:
        source, facts = self._sources[step.datasets[0]], step.facts
        was_off = source.is_silent or source.phase is not Phase.RUNNING
        source.is_silent = bool(facts.get("silent"))
        source.phase = Phase(facts.get("phase", source.phase))
        source.rows = facts.get("rows", source.rows)
        source.backlog = facts.get("backlog", 0)
        source.error = facts.get("error", "")
        source.beat_at = at
        if source.phase is Phase.RUNNING:
            source.ended_at, source.is_at_work = None, True
            source.started_at = at if was_off and not source.is_silent else source.started_at
            source.brings_batches = source.rows > 0  # rows that move land, with events of now
        else:
            source.ended_at, source.is_silent, source.is_at_work = at, True, False  # one last beat
        if source.rows:
            source.progressed_at = at
        self._beat(source, tx)

    def _note_cursor_frozen(self, step: Step, at: datetime, tx: Transaction) -> None:
        source = self._sources[step.datasets[0]]
        source.backlog, source.rows, source.brings_batches = step.facts["backlog"], 0, False
        source.progressed_at = source.beat_at = at
        self._beat(source, tx)

    def _note_batch(self, step: Step, at: datetime, tx: Transaction) -> None:
        source, facts = self._sources[step.datasets[0]], step.facts
        source.event_time = at - timedelta(minutes=facts["newest_event_time_minutes_ago"])
        source.brings_batches = False
        self._batch(source, at, tx, rows=facts["source_rows"], rejected=facts["rejected_rows"])

    def _note_file_rejected(self, step: Step, at: datetime, tx: Transaction) -> None:
        source = self._sources[step.datasets[0]]
        file = FileEntry(
            dataset=source.dataset,
            batch_id=f"{source.connector.source}/{source.batches + 1}",
            position=0,
            name=f"f{source.batches}",
            sha256="0",
            outcome=FileOutcome.REJECTED,
            reason=step.facts["reason"],
            source_rows=None,
        )
        source.rejected.append(file.name)
        self._batch(source, at, tx, rows=1, rejected=1, file=file)

    def _note_file_read(self, step: Step, at: datetime, tx: Transaction) -> None:
        """Every file of the source that could not be read comes again, and can be."""
        source = self._sources[step.datasets[0]]
        for name in source.rejected:
            file = FileEntry(
                dataset=source.dataset,
                batch_id=f"{source.connector.source}/{source.batches + 1}",
                position=0,
                name=name,
                sha256="1",
                outcome=FileOutcome.READ,
                source_rows=20,
                raw_rows=20,
            )
            self._batch(source, at, tx, rows=20, file=file)

    def _note_kept_log(self, step: Step, at: datetime, tx: Transaction) -> None:
        facts = step.facts
        self._sources[step.datasets[0]].kept = KeptLog(
            slot="s",
            retained_bytes=facts["kept_bytes"],
            limit_bytes=facts["limit_bytes"],
            server_limit_bytes=None,
            status="extended",
            is_active=False,
        )

    def _note_maintenance(self, step: Step, at: datetime, tx: Transaction) -> None:
        window = MaintenanceWindow(
            dataset=step.datasets[0],
            source="",
            starts_at=at,
            ends_at=at + timedelta(minutes=step.facts["minutes"]),
            who="sam",
            reason="a restart",
        )
        self.store.maintenance.declare(window, tx=tx)

    def _note_suppression(self, step: Step, at: datetime, tx: Transaction) -> None:
        facts = step.facts
        entry = SuppressionEntry(
            ticket=facts["ticket"],
            scope=facts["scope"],
            starts_at=at,
            expires_at=at + timedelta(minutes=facts["minutes"]),
            who=facts["who"],
            reason="planned",
        )
        self.store.operations.suppressions.declare(entry, tx=tx)

    def _note_security(self, step: Step, at: datetime, tx: Transaction) -> None:
        self.store.operations.security_events.append(SecurityEvent(at=at, **step.facts), tx=tx)

    def _note_finding(self, step: Step, at: datetime, tx: Transaction) -> None:
        entry = FindingEntry(
            name=step.facts["table"],
            kind="delta",
            place=step.facts["table"],
            dataset_namespace="data_platform",
            dataset_name=step.facts["table"],
            standing=step.facts["standing"],
            differences=(),
            fingerprint=step.facts["standing"],
            version=1,
            rows=1,
            size_bytes=1,
            first_seen_at=at,
            changed_at=at,
            last_seen_at=at,
        )
        self.store.catalog.findings.put([entry], tx=tx)

    def _note_schema_change(self, step: Step, at: datetime, tx: Transaction) -> None:
        good = step.facts["verdict"] == "compatible"
        value = self._value(
            "schema_compatibility", step.datasets[0], float(good), at=at, bad=float(not good), evidence=step.facts
        )
        self._said[value.sli, value.subject, value.partition] = value

    def _note_source_count(self, step: Step, at: datetime, tx: Transaction) -> None:
        facts, name = step.facts, step.datasets[0]
        if facts["partition"] >= f"{at:%Y-%m-%d}":
            return  # a day is judged when it is over
        said = self._counts.setdefault((name, facts["partition"]), {})
        said[facts["provenance"]] = facts
        best = next(said[word] for word in _SOURCE_SAYS if word in said)
        share = min(best["arrived"], best["expected"]) / best["expected"] if best["expected"] else 1.0
        value = self._value("completeness", name, share, at=at, partition=best["partition"], said_by=best["provenance"])
        self._said[value.sli, value.subject, value.partition] = value

    def _note_queue(self, step: Step, at: datetime, tx: Transaction) -> None:
        enqueued_at = at - timedelta(minutes=step.facts["waiting_minutes"])
        before = self._queue.get(step.facts["job"])
        if before is not None:
            enqueued_at = before[0]
        self._queue[step.facts["job"]] = (enqueued_at, step.facts, step.datasets)

    def _note_outbox(self, step: Step, at: datetime, tx: Transaction) -> None:
        failing = step.facts["failing_minutes"]
        since = at - timedelta(minutes=failing) if failing else None
        entry = SinkEntry(sink="http://marquez:5000", failing_since=since, error="no answer" if failing else "")
        self.store.lineage_sinks._upsert([entry], repeat=Repeat(), tx=tx)

    def _note_disk(self, step: Step, at: datetime, tx: Transaction) -> None:
        self.free_disk = step.facts["free_fraction"]

    def _note_breaker(self, step: Step, at: datetime, tx: Transaction) -> None:
        state = BreakerState(step.facts["state"])
        entry = BreakerEntry(name=step.facts["name"], state=state, failures=5, changed_at=at, error="no answer")
        self.store.operations.breakers.put(entry, tx=tx)

    def _note_beat_stops(self, step: Step, at: datetime, tx: Transaction) -> None:
        self._silent_parts.add(step.facts["component"])

    def _note_beat_returns(self, step: Step, at: datetime, tx: Transaction) -> None:
        self._silent_parts.discard(step.facts["component"])

    def _note_schedules_stop(self, step: Step, at: datetime, tx: Transaction) -> None:
        self._schedules_stopped_at = at

    def _note_objective(self, step: Step, at: datetime, tx: Transaction) -> None:
        self._objectives[step.facts["objective"]] = (at, step.facts)

    # ── what other parts of the platform are asked ───────────────────────────────────────────────────────────────

    @property
    def is_watched(self) -> bool:
        """Whether the watch has its turns."""
        return "watch" not in self._silent_parts

    def standings(self) -> list[ConnectorStanding]:
        """As the connectors' own diagnosis says, from what was written."""
        windows = self.store.maintenance.windows(ending_after=self.now - timedelta(minutes=1))
        return [self._standing(source, windows) for source in self._sources.values()]

    def _standing(self, source: _Source, windows: tuple[MaintenanceWindow, ...]) -> ConnectorStanding:
        every, name, beat = source.connector.expect_every, source.connector.source, source.beat
        recent = None
        if every is not None:
            recent = sum(rows for at, rows in source.brought if at >= self.now - every)
        facts = Facts(
            beat=beat,
            recent_rows=recent,
            is_stream=source.is_stream,
            windows=[window for window in windows if window.dataset in ("", source.dataset)],
            kept=source.kept,
        )
        found = diagnose(facts, Expectations(expect_every=every), self.now)
        return ConnectorStanding(
            dataset=source.dataset,
            source=name,
            state=found.state.value,
            detail=found.detail,
            is_healthy=found.is_healthy,
            beat_at=beat.beat_at if beat else None,
            expected_by=beat.next_expected_at if beat else None,
            backlog=beat.backlog if beat else None,
        )

    def _value(
        self,
        sli: str,
        subject: str,
        value: float,
        *,
        at: datetime | None = None,
        partition: str = "",
        bad: float = 0.0,
        said_by: str = "facts",
        evidence: Mapping[str, Any] | None = None,
    ) -> SliValueEntry:
        return SliValueEntry(
            sli=sli,
            subject=subject,
            partition=partition,
            measured_at=at or self.now,
            value=value,
            good=1.0 - bad,
            bad=bad,
            provenance=said_by,
            evidence=evidence or {},
        )

    def _write_values(self, values: list[SliValueEntry], tx: Transaction) -> None:
        every = tuple(column.name for column in SLI_VALUES.columns)
        self.store.operations.sli_values._upsert(values, repeat=Repeat(keep=every), tx=tx)
