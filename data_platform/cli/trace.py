"""The work of `trace`."""

from __future__ import annotations

from data_platform.catalog.naming import display
from data_platform.catalog.trace import Trace, VersionStep
from data_platform.catalog.trace import trace as trace_of
from data_platform.cli.environment import platform_here
from data_platform.cli.output import print_json, print_table, say
from data_platform.observability.tracing.context import trace_id_of


def trace(*, id_: str, as_json: bool) -> int:
    """Prints the chain that an id is part of."""
    with platform_here() as platform:
        found = trace_of(platform.metastore, id_)
    if as_json:
        print_json(found)
    else:
        _show(found)
    return 0


def _show(found: Trace) -> None:
    say(f"{found.id} is a {found.kind}" if found.kind != "event" else f"{found.id} is an event")
    if found.batches:
        rows = [
            (
                step.batch.batch_id,
                step.batch.received_at.isoformat(),
                ", ".join(file.name for file in step.files),
                step.batch.source_rows,
                step.batch.rejected_rows,
                f"{step.batch.dataset}@{step.batch.raw_version}",
                trace_id_of(step.batch.traceparent) or None,
            )
            for step in found.batches
        ]
        print_table(
            "from the source", ["batch", "received", "files", "records", "rejected", "raw version", "trace"], rows
        )
    if found.versions:
        print_table(
            "table versions",
            ["step", "version", "made of", "run", "state", "ended", "trace"],
            [_row(step) for step in found.versions],
        )
    for run, written in found.foreign:
        say(f"{run.job_namespace}/{run.job_name} {run.state}: wrote {', '.join(map(display, written)) or 'nothing'}")
    if found.events:
        events = [(e.event_time.isoformat(), e.event_type or e.kind, e.job_name, e.event_id) for e in found.events]
        print_table("events", ["time", "type", "job", "event"], events)


def _row(step: VersionStep) -> tuple[object, ...]:
    made_of = ", ".join(f"{name}@{version}" for name, version in sorted(step.reads.items()))
    run = step.run
    name = f"{step.table}@{step.version}" if step.version >= 0 else step.table
    ended = run.ended_at.isoformat() if run and run.ended_at else None
    if run is None:
        return (step.distance, name, made_of, None, None, None, None)
    return (step.distance, name, made_of, run.run_id, run.state.value, ended, trace_id_of(run.traceparent) or None)
