"""The tables of indicators and objectives, and of what indicators are measured from. A change needs a revision."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

from data_platform.metastore.column_types import Word
from data_platform.metastore.table_columns import count as _count
from data_platform.metastore.table_columns import identity as _identity
from data_platform.metastore.table_columns import json as _json
from data_platform.metastore.table_columns import number as _number
from data_platform.metastore.table_columns import text as _text
from data_platform.metastore.table_columns import time as _time
from data_platform.metastore.tables import METADATA


class SlotOutcome(StrEnum):
    """What became of a run that was due."""

    MET = "met"
    PARTIAL = "partial"  # some of its partitions were published
    FAILED = "failed"
    MISSED = "missed"  # nothing ran


class ObjectiveState(StrEnum):
    """How an objective stands."""

    MET = "met"
    BURNING = "burning"  # its budget goes faster than it may
    SPENT = "spent"  # nothing of its budget is left
    UNKNOWN = "unknown"  # too little evidence to say


# What was measured of each indicator, as it was measured: never changed afterwards.
SLI_VALUES = sa.Table(
    "sli_values",
    METADATA,
    _text("sli", key=True),
    _text("subject", key=True),
    _text("partition", key=True),
    _time("measured_at", key=True),
    _number("value", null=True),
    _number("good"),
    _number("bad"),
    _number("unknown"),
    _text("provenance"),
    _json("evidence"),
    sa.Index(None, "sli", "measured_at"),
)

# Good, bad and unknown by objective in buckets of five minutes, hours and days.
OBJECTIVE_SAMPLES = sa.Table(
    "objective_samples",
    METADATA,
    _text("objective", key=True),
    _count("width_seconds", key=True),
    _time("starts_at", key=True),
    _number("good"),
    _number("bad"),
    _number("unknown"),
    sa.Index(None, "width_seconds", "starts_at"),
)

# Up to when the values of each indicator are in the buckets.
OBJECTIVE_CURSORS = sa.Table("objective_cursors", METADATA, _text("sli", key=True), _time("measured_at"))

OBJECTIVES = sa.Table(
    "objectives",
    METADATA,
    _text("objective", key=True),
    _text("sli"),
    _text("subject"),
    _text("domain"),
    _text("owner"),
    sa.Column("is_critical", sa.Boolean, nullable=False),
    _number("target"),
    _count("window_seconds"),
    sa.Column("state", Word(ObjectiveState), nullable=False),
    _number("ratio", null=True),
    _number("budget_left", null=True),
    _number("good_total"),
    _number("bad_total"),
    _number("unknown_total"),
    _json("burn"),
    _json("detail"),
    _time("since"),
    _time("evaluated_at"),
)

# Each run that was due, judged once.
RUN_SLOTS = sa.Table(
    "run_slots",
    METADATA,
    _text("dataset", key=True),
    _time("due_at", key=True),
    _time("judged_at"),
    sa.Column("outcome", Word(SlotOutcome), nullable=False),
    _text("run_id", null=True),
    _count("partitions_due"),
    _count("partitions_met"),
    _text("detail"),
    sa.Index(None, "judged_at"),
)

# What a source said it holds, to be held against what arrived.
SOURCE_COUNTS = sa.Table(
    "source_counts",
    METADATA,
    _text("dataset", key=True),
    _text("source", key=True),
    _text("partition", key=True),
    _text("provenance", key=True),
    _count("expected_rows"),
    _number("confidence"),
    _time("counted_at"),
    _count("arrived_rows", null=True),
    sa.Index(None, "counted_at"),
)

# Which changes of contracts were checked for compatibility, by the texts before and after.
CONTRACT_CHECKS = sa.Table(
    "contract_checks",
    METADATA,
    _text("dataset", key=True),
    _text("before_sha256", key=True),
    _text("after_sha256", key=True),
    _text("verdict"),
    sa.Column("is_allowed", sa.Boolean, nullable=False),
    _time("at"),
    _text("who"),
)

# Runs that wait, or waited, for a place to run.
QUEUED_RUNS = sa.Table(
    "queued_runs",
    METADATA,
    _text("run_id", key=True),
    _text("job"),
    _text("lane"),
    _json("datasets"),
    _time("enqueued_at"),
    _time("started_at", null=True),
    _text("reason"),
    _time("sampled_at"),
    sa.Index(None, "sampled_at"),
)

DEPLOYS = sa.Table(
    "deploys",
    METADATA,
    _identity(),
    _time("at"),
    _text("who"),
    _text("what"),
    sa.Column("is_allowed", sa.Boolean, nullable=False),
    _text("reason"),
    _text("override_ticket"),
    sqlite_autoincrement=True,
)
