"""The platform's own parts in Prometheus' terms: what waits, what is open, what beats, what is left."""

from __future__ import annotations

import platform as machine
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta

from data_platform.metastore.engine import Metastore
from data_platform.metastore.incident_tables import BreakerState
from data_platform.metastore.metric_facts import Used
from data_platform.observability.exposition import Family, Form, Kind


def _gauge(name: str, help_: str, labels: tuple[str, ...] = (), per: str = "") -> Family:
    return Family(name=name, kind=Kind.GAUGE, help=help_, labels=labels, per=per)


BUILD = _gauge("build_info", "1, with the versions of platform and Python.", ("python", "version"))
INCIDENTS = _gauge("incidents", "Incidents by severity and state.", ("severity", "state"), "severity and state")
SYMPTOMS = _gauge(
    "symptoms", "Symptoms that have not cleared, by alert and severity.", ("alert", "severity"), "alert and severity"
)
SECURITY = Family(
    name="security_events_total", kind=Kind.COUNTER, help="Security events.", labels=("kind",), per="kind of event"
)
QUEUED = _gauge("queue_runs", "Runs that wait, by lane and reason.", ("lane", "reason"), "lane and reason")
OLDEST = _gauge("queue_oldest_age_seconds", "How long the run waits that waits longest.", ("lane",), "lane")
UNSENT = _gauge("outbox_unsent_events", "Lineage events that a sink has before it.", ("sink",), "lineage sink")
UNSENT_AGE = _gauge("outbox_oldest_age_seconds", "How long the oldest of them waits.", ("sink",), "lineage sink")
FAILING = _gauge("outbox_failing_seconds", "Since when a sink refuses; 0 where it does not.", ("sink",), "lineage sink")
BREAKER = _gauge("breaker_open", "1 open, 0.5 half open, 0 closed.", ("breaker",), "circuit breaker")
BEAT = _gauge("component_beat_age_seconds", "Since a part of the platform beat.", ("component",), "component")
EXPECTED = _gauge(
    "component_beat_expected_seconds", "How often it should; 0 where it stopped on purpose.", ("component",),
    "component",
)  # fmt: skip
DISK = _gauge("disk_free_ratio", "Free space of the file system that holds a place.", ("place",), "place")
CPU = Family(
    name="run_cpu_seconds_total", kind=Kind.COUNTER, help="CPU time of runs that were metered.", labels=("owner",),
    per="owner",
)  # fmt: skip
WRITTEN = Family(
    name="run_written_bytes_total", kind=Kind.COUNTER, help="Bytes that runs wrote.", labels=("owner",), per="owner"
)
STORED = _gauge("stored_bytes", "Size of all tables by owner, on the newest day that was metered.", ("owner",), "owner")
FAMILIES = (BUILD, INCIDENTS, SYMPTOMS, SECURITY, QUEUED, OLDEST, UNSENT, UNSENT_AGE, FAILING, BREAKER,
            BEAT, EXPECTED, DISK, CPU, WRITTEN, STORED)  # fmt: skip
_BREAKERS = {BreakerState.OPEN: 1.0, BreakerState.HALF_OPEN: 0.5, BreakerState.CLOSED: 0.0}
_NOBODY = "none"
_SETTLING = timedelta(days=2)
_DIGITS = 6


class PlatformMetrics:
    """A collector.

    Attributes:
        disks: gives the free share of each place that must not fill up.
    """

    def __init__(
        self, metastore: Metastore, now: Callable[[], datetime], *, version: str,
        disks: Callable[[], Iterable[tuple[str, float]]],
    ) -> None:  # fmt: skip
        self._operations = metastore.operations
        self._now = now
        self._version = version
        self._disks = disks
        self._settled, self._settled_on = Used({}, {}), date.min  # days before that one are not read again
        self._used: dict[str, tuple[float, int]] = {}  # by owner, CPU seconds and bytes written, as they were told

    def collect(self, form: Form) -> Iterator[tuple[Family, Iterable[str]]]:  # noqa: ARG002  no exemplars here
        """Every family."""
        now = self._now()
        yield BUILD, [BUILD.line((machine.python_version(), self._version), 1)]
        yield from self._incidents()
        yield from self._waiting(now)
        yield from self._parts(now)
        yield from self._costs()

    def _incidents(self) -> Iterator[tuple[Family, Iterable[str]]]:
        facts = self._operations.metric_facts
        yield INCIDENTS, [INCIDENTS.line((str(severity), str(state)), n) for severity, state, n in facts.incidents()]
        yield SYMPTOMS, [SYMPTOMS.line((alert, str(severity)), n) for alert, severity, n in facts.symptoms()]
        yield SECURITY, [SECURITY.line((kind,), count) for kind, count in sorted(facts.security_events().items())]

    def _waiting(self, now: datetime) -> Iterator[tuple[Family, Iterable[str]]]:
        waiting = self._operations.queued_runs.waiting()
        lanes = Counter((run.lane, run.reason) for run in waiting)
        yield QUEUED, [QUEUED.line(key, count) for key, count in sorted(lanes.items())]
        oldest: dict[str, float] = {}
        for run in waiting:
            oldest[run.lane] = max(oldest.get(run.lane, 0.0), (now - run.enqueued_at).total_seconds())
        yield OLDEST, [OLDEST.line((lane,), age) for lane, age in sorted(oldest.items())]
        sinks = self._operations.metric_facts.sinks()
        unsent = {sink.sink: self._operations.metric_facts.unsent(after=sink.delivered_id) for sink in sinks}
        yield UNSENT, [UNSENT.line((sink,), count) for sink, (count, _) in unsent.items()]
        ages = {sink: (now - at).total_seconds() if at else 0.0 for sink, (_, at) in unsent.items()}
        yield UNSENT_AGE, [UNSENT_AGE.line((sink,), age) for sink, age in ages.items()]
        failing = {s.sink: (now - s.failing_since).total_seconds() if s.failing_since else 0.0 for s in sinks}
        yield FAILING, [FAILING.line((sink,), seconds) for sink, seconds in failing.items()]

    def _parts(self, now: datetime) -> Iterator[tuple[Family, Iterable[str]]]:
        yield BREAKER, [BREAKER.line((one.name,), _BREAKERS[one.state]) for one in self._operations.breakers.all()]
        beats = self._operations.component_beats.all()
        yield BEAT, [BEAT.line((one.component,), (now - one.beat_at).total_seconds()) for one in beats]
        yield EXPECTED, [EXPECTED.line((one.component,), one.expected_every_seconds) for one in beats]
        yield DISK, [DISK.line((place,), free) for place, free in self._disks()]

    def _costs(self) -> Iterator[tuple[Family, Iterable[str]]]:
        self._use()
        used = sorted(self._used.items())
        yield CPU, [CPU.line((owner or _NOBODY,), cpu) for owner, (cpu, _) in used]
        yield WRITTEN, [WRITTEN.line((owner or _NOBODY,), written) for owner, (_, written) in used]
        stored = self._operations.metric_facts.stored()
        yield STORED, [STORED.line((owner or _NOBODY,), size) for owner, size in stored]

    def _use(self) -> None:
        """What was used until now; days that are over long enough for all their runs to have ended are read once."""
        facts, opened = self._operations.metric_facts, self._now().date() - _SETTLING
        recent = facts.used(since=opened)
        while self._settled_on != opened or self._settled.pruned != recent.pruned:
            self._settled, self._settled_on = facts.used(before=opened), opened
            recent = facts.used(since=opened)
        used: dict[str, tuple[float, int]] = {}
        for part in (self._settled.there, recent.there, recent.pruned):
            for owner, (cpu, written) in part.items():
                held = used.get(owner, (0.0, 0))
                used[owner] = (held[0] + cpu, held[1] + written)
        for owner, (cpu, written) in used.items():
            # a sum of the same numbers in another order may be less by a hair, which would read as a restart
            told = self._used.get(owner, (0.0, 0))
            self._used[owner] = (max(round(cpu, _DIGITS), told[0]), max(written, told[1]))
