"""Which trace something belongs to, from what is recorded of it: what a dataset goes on from, and what a run was in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from data_platform.errors import PlatformError
from data_platform.metastore.engine import Metastore
from data_platform.observability.tracing.context import trace_id_of

_MOST = 32  # of the batches and publishes that one step goes on from


def news_of(metastore: Metastore, dataset: str, inputs: Iterable[str]) -> tuple[str, ...]:
    """The traceparents of what a dataset has not read yet of its inputs, the newest first; none where nobody knows."""
    return news_of_several(metastore, {dataset: tuple(inputs)})


def news_of_several(metastore: Metastore, reads: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The same for several datasets, each with the names of its inputs."""
    versions: dict[str, int] = {}
    try:
        for dataset, inputs in reads.items():
            read = metastore.operations.spans.read_by(dataset)
            for name in inputs:
                versions[name] = min(read.get(name, -1), versions.get(name, read.get(name, -1)))
        return metastore.operations.spans.unread(versions, limit=_MOST)
    except PlatformError:
        return ()  # whoever asks goes on to read the same database, and says what is wrong with it


def makers_of(metastore: Metastore, tables: Mapping[str, int]) -> tuple[str, ...]:
    """The traceparents of the runs and batches that made these versions, the last named table's first."""
    found: list[str] = []
    for name, version in tables.items():
        run = metastore.runs.producer(name, version=version)
        made = [run] if run is not None else metastore.batches.made(name, raw_version=version)
        found += [one.traceparent for one in made if one.traceparent]
    return tuple(reversed(found))


def trace_id_of_run(metastore: Metastore, run_id: str) -> str:
    """The trace that a run is in; empty where none is known."""
    return trace_id_of(traceparent_of_run(metastore, run_id))


def traceparent_of_run(metastore: Metastore, run_id: str) -> str:
    """The span that a run is, as its newest line says it in W3C Trace Context; empty where none is known."""
    lines = [run.traceparent for run in metastore.runs.of_run(run_id)]
    lines += [batch.traceparent for batch in metastore.batches.of_runs([run_id])]
    lines += [f"00-{span.trace_id}-{span.span_id}-01" for span in metastore.operations.spans.of_run(run_id, limit=1)]
    return next((line for line in reversed(lines) if trace_id_of(line)), "")


def trace_id_of_batch(metastore: Metastore, dataset: str, batch_id: str) -> str:
    """The trace that a batch was committed in; empty where none is known."""
    batch = metastore.batches.get(dataset, batch_id=batch_id)
    return trace_id_of(batch.traceparent) if batch is not None else ""
