"""The tables of the control-plane database. A change here needs a revision in `migrations` (a test compares the two).

Column names are the field names of the entries, which the repositories define beside their methods.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.column_types import Json, PlainText, Word
from data_platform.metastore.table_columns import count as _count
from data_platform.metastore.table_columns import identity as _identity
from data_platform.metastore.table_columns import text as _text
from data_platform.metastore.table_columns import time as _time


class FileOutcome(StrEnum):
    """What became of one delivered file."""

    READ = "read"
    REJECTED = "rejected"  # could not be read at all: one rejected item of unknown rows
    SKIPPED = "skipped"  # the same delivery was landed before


class PartitionState(StrEnum):
    """Whether a partition's newest run was published."""

    PUBLISHED = "published"
    BLOCKED = "blocked"


class Phase(StrEnum):
    """What a connector was doing when it beat last."""

    RUNNING = "running"
    ENDED = "ended"  # it did all that there was to do
    STOPPED = "stopped"  # somebody stopped it; a long-lived one is expected back
    REFUSED = "refused"  # the source did not take its credential
    FAILED = "failed"


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BLOCKED = "blocked"


METADATA = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
    }
)


_FATES = ("curated", "quarantined", "late", "duplicate", "pending", "applied", "unchanged", "superseded")


def _partition_columns(*, run_in_key: bool) -> list[sa.Column[Any]]:
    return [
        _text("dataset", key=True),
        _text("partition", key=True),
        _text("run_id", key=run_in_key),
        _text("raw_dataset"),
        _count("raw_version"),
        _count("table_version"),
        sa.Column("state", Word(PartitionState), nullable=False),
        _count("raw_rows"),
        *(_count(fate) for fate in _FATES),
        _time("recorded_at"),
    ]


BATCHES = sa.Table(
    "batches",
    METADATA,
    _text("dataset", key=True),
    _text("source", key=True),
    _count("number", key=True),
    _text("batch_id"),
    _text("manifest_sha256"),
    _time("received_at"),
    _text("contract_version"),
    _count("source_rows"),
    _count("raw_rows"),
    _count("rejected_rows"),
    _count("raw_version"),
    _count("rejected_version"),
    _text("run_id", null=True),
    _time("recorded_at"),
    sa.Column("traceparent", PlainText, nullable=False, server_default=""),
    sa.UniqueConstraint("dataset", "batch_id"),
    sa.Index(None, "dataset", "raw_version"),
    sa.Index(None, "recorded_at"),
    sa.Index(None, "traceparent"),
)

_REJECTED = sa.text("outcome = 'rejected'")

FILES = sa.Table(
    "files",
    METADATA,
    _text("dataset", key=True),
    _text("batch_id", key=True),
    _count("position", key=True),
    _text("name"),
    _text("sha256"),
    sa.Column("outcome", Word(FileOutcome), nullable=False),
    _text("reason"),
    _count("source_rows", null=True),
    _count("raw_rows"),
    _count("rejected_rows"),
    _text("first_batch", null=True),
    sa.ForeignKeyConstraint(["dataset", "batch_id"], ["batches.dataset", "batches.batch_id"]),
    sa.Index(None, "dataset", "name"),
    sa.Index("ix_files_rejected", "dataset", "batch_id", sqlite_where=_REJECTED, postgresql_where=_REJECTED),
)

PARTITION_HISTORY = sa.Table(
    "partition_history",
    METADATA,
    *_partition_columns(run_in_key=True),
    sa.Index(None, "run_id"),
)

# the newest line of each partition, so that the gate before every run reads one line and not its whole history
PARTITIONS = sa.Table("partitions", METADATA, *_partition_columns(run_in_key=False))

COMMITS = sa.Table(
    "commits",
    METADATA,
    _text("table", key=True),
    _count("version", key=True),
    _text("digest"),
    _count("rows"),
    _count("files"),
    _count("size_bytes"),
    _text("run_id", null=True),
    _time("committed_at"),
    _text("content_hash", null=True),
    sa.Column("metadata", Json, nullable=False),
)

RUNS = sa.Table(
    "runs",
    METADATA,
    _text("run_id", key=True),
    _text("dataset", key=True),
    _time("started_at"),
    _time("ended_at", null=True),
    sa.Column("state", Word(RunState), nullable=False),
    sa.Column("inputs", Json, nullable=False),
    _text("contract_version"),
    _text("code_version"),
    _text("range_from", null=True),
    _text("range_to", null=True),
    _count("output_version", null=True),
    _text("error"),
    sa.Column("seconds", sa.Double, nullable=True),
    sa.Column("traceparent", PlainText, nullable=False, server_default=""),
    sa.Index(None, "dataset", "started_at"),
    sa.Index(None, "started_at"),
    sa.Index(None, "ended_at"),
    sa.Index(None, "dataset", "output_version"),
    sa.Index(None, "traceparent"),
)

CHECKS = sa.Table(
    "checks",
    METADATA,
    _text("run_id", key=True),
    _text("dataset", key=True),
    _text("rule", key=True),
    _text("kind"),
    _text("reason"),
    _text("severity"),
    _text("verdict"),
    _count("rows_examined", null=True),
    _count("failing_rows", null=True),
    _text("tolerance"),
    _text("engine"),
    _count("data_version", null=True),
    _text("contract_version"),
    sa.Column("sample", Json(tuple), nullable=False),
    _text("detail"),
    _time("recorded_at"),
    sa.Index(None, "dataset", "rule", "recorded_at"),
    sa.Index(None, "recorded_at"),
)

REJECTIONS = sa.Table(
    "rejections",
    METADATA,
    _text("dataset", key=True),
    _text("batch_id", key=True),
    _text("reason", key=True),
    _count("rows"),
)

DELIVERIES = sa.Table(
    "deliveries",
    METADATA,
    _text("dataset", key=True),
    _text("source", key=True),
    _text("sha256", key=True),
    _text("delivery_date", key=True),
    _text("batch_id"),
    _text("name"),
)

POSITIONS = sa.Table(
    "positions",
    METADATA,
    _text("dataset", key=True),
    _text("source", key=True),
    _count("number"),
)

EVENT_DATES = sa.Table(
    "event_dates",
    METADATA,
    _text("dataset", key=True),
    _text("batch_id", key=True),
    sa.Column("event_date", sa.Date, primary_key=True),
    _count("rows"),
    _time("newest_event_time", null=True),
    _count("version"),
    sa.Index(None, "dataset", "event_date"),
    sa.Index(None, "dataset", "version"),
)

WATERMARKS = sa.Table(
    "watermarks",
    METADATA,
    _text("dataset", key=True),
    _text("source", key=True),
    _text("source_partition", key=True),
    _time("watermark"),
)

HEARTBEATS = sa.Table(
    "heartbeats",
    METADATA,
    _text("dataset", key=True),
    _text("source", key=True),
    _text("kind"),
    _text("instance"),
    sa.Column("phase", Word(Phase), nullable=False),
    _time("started_at"),
    _time("beat_at"),
    _time("progressed_at"),
    _time("turned_at", null=True),
    _time("ended_at", null=True),
    sa.Column("position", Json, nullable=False),
    _count("rows"),
    _time("last_event_time", null=True),
    _count("backlog", null=True),
    sa.Column("credential_age_seconds", sa.Double, nullable=True),
    _time("next_expected_at", null=True),
    _text("error"),
)

MAINTENANCE = sa.Table(
    "maintenance",
    METADATA,
    _identity(),
    _text("dataset"),
    _text("source"),
    _time("starts_at"),
    _time("ends_at"),
    _text("who"),
    _text("reason"),
    sa.Index(None, "ends_at"),
)

OUTBOX = sa.Table(
    "outbox",
    METADATA,
    _identity(),
    _text("event_id"),
    _text("run_id"),
    _time("created_at"),
    _text("payload"),
    _time("sent_at", null=True),
    sa.UniqueConstraint("event_id"),
    sa.Index(None, "sent_at", "id"),
    sqlite_autoincrement=True,  # a pruned id is never given again, so ids keep their order
)

LINEAGE_SINKS = sa.Table(
    "lineage_sinks",
    METADATA,
    _text("sink", key=True),
    _count("delivered_id"),
    _count("delivered"),
    _time("delivered_at", null=True),
    _time("failing_since", null=True),
    _count("attempts"),
    _time("next_attempt_at", null=True),
    _text("error"),
    _text("claimed_by"),
    _time("claimed_until", null=True),
)

LINEAGE_REFUSALS = sa.Table(
    "lineage_refusals",
    METADATA,
    _text("sink", key=True),
    _count("outbox_id", key=True),
    _text("event_id"),
    _text("run_id"),
    _text("payload"),
    _text("error"),
    _time("refused_at"),
)

# what was told of projects and of what is in them; without a time it has to be told again
LINEAGE_TOLD = sa.Table(
    "lineage_told",
    METADATA,
    _text("subject", key=True),
    _text("digest"),
    _text("state"),
    _time("told_at", null=True),
)

OPERATOR_LOG = sa.Table(
    "operator_log",
    METADATA,
    _identity(),
    _text("who"),
    _time("at"),
    _text("statement"),
    sa.Column("tables", Json, nullable=False),
    _count("rows_returned"),
    sa.Index(None, "at"),
    sqlite_autoincrement=True,
)
