"""The tables of the catalog. Facts (events, facets, runs, outputs, versions) are kept newest-wins by the event's time
and id, so that any order of arrival ends the same; the rest is derived from them in the same transaction.

The full-text table `catalog_search` is made by the migration alone: it is of another kind on each database.
"""

from __future__ import annotations

import sqlalchemy as sa

from data_platform.metastore.column_types import Json
from data_platform.metastore.table_columns import count as _count
from data_platform.metastore.table_columns import identity as _identity
from data_platform.metastore.table_columns import text as _text
from data_platform.metastore.table_columns import time as _time
from data_platform.metastore.tables import METADATA

# Every event that was taken, as it came.
EVENTS = sa.Table(
    "catalog_events",
    METADATA,
    _identity(),
    _text("event_id"),
    _text("kind"),
    _text("event_type", null=True),
    _time("event_time"),
    _text("run_id", null=True),
    _text("job_namespace", null=True),
    _text("job_name", null=True),
    _text("producer"),
    _time("received_at"),
    _text("payload"),
    sa.UniqueConstraint("event_id"),
    sa.Index(None, "run_id"),
)

# Events that could not be taken, for inspection; the same text again counts up `times`.
REFUSED = sa.Table(
    "catalog_refused",
    METADATA,
    _identity(),
    _text("digest"),
    _time("received_at"),
    _count("times"),
    _text("error"),
    _text("pointer"),
    _text("detail"),
    _text("payload"),
    sa.UniqueConstraint("digest"),
)

JOBS = sa.Table(
    "catalog_jobs",
    METADATA,
    _identity(),
    _text("namespace"),
    _text("name"),
    sa.UniqueConstraint("name", "namespace"),
)

DATASETS = sa.Table(
    "catalog_datasets",
    METADATA,
    _identity(),
    _text("namespace"),
    _text("name"),
    _text("standing"),
    _text("description"),
    _text("tier"),
    sa.Column("owners", Json(tuple), nullable=False),
    sa.Column("tags", Json(tuple), nullable=False),
    _text("contract_id"),
    _text("contract_version"),
    _text("status"),
    _text("sunset", null=True),
    _text("found", null=True),
    _count("reads"),
    _count("writes"),
    _count("readers"),
    _time("first_seen_at"),
    _time("last_seen_at"),
    sa.UniqueConstraint("name", "namespace"),
)

COLUMNS = sa.Table(
    "catalog_columns",
    METADATA,
    _count("dataset_id", key=True),
    _text("name", key=True),
    _count("position"),
    _text("type"),
    _text("description"),
    _text("classification"),
    sa.Column("tags", Json(tuple), nullable=False),
    _text("term"),
)

RUNS = sa.Table(
    "catalog_runs",
    METADATA,
    _identity(),
    _text("run_id"),
    _count("job_id"),
    _count("rank"),
    _text("state"),
    _time("state_at"),
    _text("state_event"),
    _time("started_at"),
    _time("ended_at", null=True),
    _text("error"),
    _text("parent_run_id"),
    sa.Column("inputs", Json(tuple), nullable=False),
    sa.Column("outputs", Json(tuple), nullable=False),
    sa.UniqueConstraint("run_id"),
    sa.Index(None, "job_id", "started_at"),
)

# Which jobs write a dataset, and the newest event that said so: its run's inputs are the edges. `inputs` are those of
# an event without a run. Job 0 is nobody: lineage that a dataset event declares.
OUTPUTS = sa.Table(
    "catalog_outputs",
    METADATA,
    _identity(),
    _count("job_id"),
    _count("dataset_id"),
    _time("event_time"),
    _text("event_id"),
    _text("run_id", null=True),
    sa.Column("inputs", Json(tuple), nullable=False),
    sa.UniqueConstraint("job_id", "dataset_id"),
    sa.Index(None, "dataset_id"),
    sa.Index(None, "run_id"),
)

# The newest body of each facet of a dataset, its inputs and outputs, a job, or one output of a job (`kind`).
# A deleted facet stays as a line without a body, so that older events cannot bring it back.
FACETS = sa.Table(
    "catalog_facets",
    METADATA,
    _text("kind", key=True),
    _count("subject_id", key=True),
    _text("name", key=True),
    _time("event_time"),
    _text("event_id"),
    _text("digest"),
    _text("body", null=True),
)

# Every body that a schema or a contract ever had, with the first event that said it.
FACET_HISTORY = sa.Table(
    "catalog_facet_history",
    METADATA,
    _count("dataset_id", key=True),
    _text("name", key=True),
    _text("digest", key=True),
    _time("event_time"),
    _text("event_id"),
    _text("body"),
)

VERSIONS = sa.Table(
    "catalog_versions",
    METADATA,
    _count("dataset_id", key=True),
    _text("version", key=True),
    _time("event_time"),
    _text("event_id"),
    _text("run_id"),
    _text("contract_version"),
    _count("rows", null=True),
    _count("size_bytes", null=True),
    _count("files", null=True),
    sa.Index(None, "dataset_id", "event_time"),
)

EDGES = sa.Table(
    "catalog_edges",
    METADATA,
    _count("src_id", key=True),
    _count("dst_id", key=True),
    _count("job_id", key=True),
    sa.Index(None, "dst_id", "job_id"),
)

# `dst_column` is empty where the whole of the dataset depends on the source (filters, joins); `src_id` is 0 for a
# column that is made of nothing but constants.
COLUMN_EDGES = sa.Table(
    "catalog_column_edges",
    METADATA,
    _count("dst_id", key=True),
    _text("dst_column", key=True),
    _count("job_id", key=True),
    _count("src_id", key=True),
    _text("src_column", key=True),
    _text("kind", key=True),
    _text("subtype", key=True),
    _text("description"),
    _count("masking"),
    sa.Index(None, "src_id"),
)

# What scans of the store found: one line for each scan, and the state of each thing that is or should be there.
SCANS = sa.Table(
    "catalog_scans",
    METADATA,
    _identity(),
    _time("started_at"),
    _time("ended_at"),
    _count("discovered"),
    _count("cataloged"),
    _count("managed"),
    _count("drifted"),
    _count("unmanaged"),
    _count("missing"),
    _count("undecided"),
)

FINDINGS = sa.Table(
    "catalog_findings",
    METADATA,
    _text("name", key=True),
    _text("kind"),
    _text("place"),
    _text("dataset_namespace"),
    _text("dataset_name"),
    _text("standing"),
    sa.Column("differences", Json(tuple), nullable=False),
    _text("fingerprint"),
    _count("version", null=True),
    _count("rows", null=True),
    _count("size_bytes", null=True),
    _time("first_seen_at"),
    _time("changed_at"),
    _time("last_seen_at"),
    _text("decision"),
    _text("decided_by"),
    _text("reason"),
    _time("decided_at", null=True),
    sa.Index(None, "standing"),
)
