"""The work of `ingest start`, `status`, `replay`, `maintenance` and `metrics`."""

from __future__ import annotations

import getpass
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import click

from data_platform.cli.environment import platform_here, watching_here
from data_platform.cli.ingest import named_source, sources
from data_platform.cli.output import counted, print_json, print_table, say
from data_platform.cli.times import length
from data_platform.connectors.collector import Collector
from data_platform.connectors.heartbeat_map import heartbeat_map
from data_platform.connectors.kept_logs import kept_logs
from data_platform.connectors.kinds import Pace, pace_of
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.errors import ConfigurationError
from data_platform.lakehouse.landing import Json
from data_platform.lineage.courier import Courier
from data_platform.metastore.heartbeats import MaintenanceWindow
from data_platform.observability.exposition import exposition
from data_platform.observability.ingest_metrics import IngestMetrics
from data_platform.publication.receipt import BatchCount
from data_platform.termination import held_back
from data_platform.wiring.platform import Platform

_COLUMNS = (
    "source", "kind", "dataset", "state", "beat", "moved", "rows", "waiting", "event time", "source keeps",
    "what it says",
)  # fmt: skip


def start(*, names: Sequence[str], host: str, port: int) -> int:
    """Keeps streams running until SIGTERM or SIGINT."""
    told_to_end = held_back()
    with platform_here() as platform:
        entries = _streams(platform, names)
        run = platform.run(job="collect")
        collector = Collector(
            ingester=platform.ingester, entries=entries, run=run, on_batches=_Told(), upkeep=platform.upkeep
        )
        with Courier(platform.delivery):
            with _endpoint(platform, entries, host, port):
                platform.recorder.launched(run)
                collector.start()
                say(f"collecting {counted(len(entries), 'stream')}: {', '.join(e.name for e in entries)}; Ctrl-C stops")
                told_to_end()
                say("stopping: batches that have begun are finished")
            drained = collector.stop()
            platform.recorder.landed(run)
        # What was accepted after the last turn stays in the spool, and is the first thing that comes next.
        say("stopped" if drained else "stopped without waiting any longer; what was left is finished at the next start")
    return 0 if drained else 3


def status(*, as_json: bool) -> int:
    """Prints the map of heartbeats."""
    with watching_here() as platform:
        now = platform.clock.now()
        found = heartbeat_map(sources(platform), platform.metastore, now, place=platform.place)
    if as_json:
        print_json(
            [
                {
                    "source": s.entry.name,
                    "kind": s.entry.kind,
                    "dataset": str(s.entry.dataset),
                    "state": s.diagnosis.state,
                    "detail": s.diagnosis.detail,
                    "is_healthy": s.diagnosis.is_healthy,
                    "beat": s.beat,
                    "source_keeps": s.asked.kept if s.asked else None,
                    "source_keeps_unknown_because": s.asked.error if s.asked else "",
                }
                for s in found
            ]
        )
    else:
        rows = []
        for s in found:
            beat = s.beat
            rows.append(
                (
                    s.entry.name,
                    s.entry.kind,
                    str(s.entry.dataset),
                    s.diagnosis.state.value,
                    length(now - beat.beat_at) if beat else "",
                    length(now - beat.progressed_at) if beat else "",
                    beat.rows if beat else None,
                    beat.backlog if beat else None,
                    f"{beat.last_event_time:%Y-%m-%d %H:%M}" if beat and beat.last_event_time else "",
                    str(s.asked or ""),
                    s.diagnosis.detail,
                )
            )
        print_table("", _COLUMNS, rows)
    return 0 if all(s.diagnosis.is_healthy for s in found) else 1


def replay(*, name: str, where: str, is_agreed: bool) -> int:
    """Moves a source back, or beyond a gap."""
    with platform_here() as platform:
        entry = named_source(platform, name)
        if keeper := platform.ingester.keeper(entry):
            raise ConfigurationError(f"{name} is kept running by {keeper}; stop that collector, replay, start it again")
        with platform.ingester.open(entry) as ingestion:
            if not is_agreed:
                way = ingestion.way_back(where)
                say(
                    f"{name} stands at {_place(way.position_from)} and would continue from {_place(way.position_to)}: "
                    f"batch {entry.name}/{way.batch}, without records, would say so; repeat with --yes to do it"
                )
                return 0
            step = ingestion.go_back(where, platform.run())
    say(f"{name} continues from {dict(step.position)}; run `data-platform ingest run {name}`, or start the collector")
    return 0


def maintenance(*, names: Sequence[str], minutes: int, reason: str) -> int:
    """Declares a window."""
    with platform_here() as platform:
        now = platform.clock.now()
        chosen: list[ConnectorEntry | None] = [named_source(platform, name) for name in names]
        for entry in chosen or [None]:
            platform.metastore.maintenance.declare(
                MaintenanceWindow(
                    dataset=str(entry.dataset) if entry else "",
                    source=entry.name if entry else "",
                    starts_at=now,
                    ends_at=now + timedelta(minutes=minutes),
                    who=getpass.getuser(),
                    reason=reason,
                )
            )
    say(f"silence of {', '.join(names) or 'every source'} is planned for {minutes} minutes: {reason}")
    return 0


def metrics() -> int:
    """Prints the metrics of every source."""
    with watching_here() as platform:
        followers = {
            (str(entry.dataset), entry.name): [
                str(name) for name, inputs in platform.graph.inputs.items() if entry.dataset in inputs
            ]
            for entry in sources(platform)
        }
        asked = kept_logs(sources(platform), platform.place)
        kept = {source: answer.kept for source, answer in asked.items() if answer.kept or answer.error}
        found = IngestMetrics(platform.metastore, followers, platform.clock.now(), kept=kept)
        click.echo(exposition(found), nl=False)
    return 0


def _streams(platform: Platform, names: Sequence[str]) -> list[ConnectorEntry]:
    chosen = [named_source(platform, name) for name in names] or [
        entry for entry in sources(platform) if pace_of(entry) is Pace.STREAM
    ]
    if not chosen:
        raise ConfigurationError(
            "no stream is declared in any connectors.yaml; batch kinds run by schedule, sensor or `ingest run`"
        )
    for entry in chosen:
        if pace_of(entry) is not Pace.STREAM:
            raise ConfigurationError(
                f"{entry.name} is a {entry.kind}, which runs to its end: use its schedule or `ingest run {entry.name}`"
            )
        if keeper := platform.ingester.keeper(entry):
            raise ConfigurationError(f"{entry.name} is kept running by {keeper}; stop that collector first")
    return chosen


@contextmanager
def _endpoint(platform: Platform, entries: Sequence[ConnectorEntry], host: str, port: int) -> Iterator[None]:
    """The HTTP endpoint, where a source needs one. It stops before the loop does, so that all it took is committed."""
    pushed = [entry for entry in entries if entry.kind == "http_push"]
    if not pushed:
        yield
        return
    from data_platform.connectors.http_push.connector import open_push_source  # FastAPI is an extra
    from data_platform.serving.collector import collector_app
    from data_platform.serving.server import serve

    with ExitStack() as stack:
        opened = []
        for entry in pushed:
            opened.append(open_push_source(entry, platform.place))
            stack.callback(opened[-1].spool.close)
        server = serve(collector_app(opened), host=host, port=port)
        stack.callback(server.stop)
        for source in opened:
            say(f"{source.name} takes events at http://{host}:{server.port}{source.path}")
        yield


class _Told:
    """Says what was committed, one line a batch."""

    _lock = threading.Lock()

    def __call__(self, entry: ConnectorEntry, batches: Sequence[BatchCount]) -> None:
        with self._lock:
            for batch in batches:
                rejected = f", {batch.rejected_rows:,} rejected" if batch.rejected_rows else ""
                say(f"{batch.source}/{batch.n}: {counted(batch.raw_rows, 'row')} to {entry.dataset}{rejected}")


def _place(position: Mapping[str, Json]) -> str:
    return json.dumps(position) if position else "the beginning"
