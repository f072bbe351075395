"""The tables of objectives, incidents, traces and costs. A change here needs a revision in `migrations`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from data_platform.metastore.column_types import Json, Word
from data_platform.metastore.table_columns import count as _count
from data_platform.metastore.table_columns import identity as _identity
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


class IncidentSeverity(StrEnum):
    """Whether an incident wakes somebody."""

    TICKET = "ticket"
    PAGE = "page"


class IncidentState(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"  # nothing fails any more; it may come back
    RESOLVED = "resolved"


class BreakerState(StrEnum):
    """Whether a circuit breaker lets calls through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"  # one call may try


def _number(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Double, nullable=null)


def _json(name: str) -> sa.Column[Any]:
    return sa.Column(name, Json, nullable=False)


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

INCIDENTS = sa.Table(
    "incidents",
    METADATA,
    _text("incident_id", key=True),
    _text("cause"),
    _text("alert"),
    sa.Column("severity", Word(IncidentSeverity), nullable=False),
    sa.Column("state", Word(IncidentState), nullable=False),
    _text("title"),
    _text("dataset"),
    _text("domain"),
    _text("owner"),
    _text("recipient"),
    _time("began_at"),
    _time("detected_at"),
    _time("pressing_since"),
    _time("notified_at", null=True),
    _time("acknowledged_at", null=True),
    _text("acknowledged_by"),
    _time("mitigated_at", null=True),
    _time("resolved_at", null=True),
    _text("resolved_by"),
    _time("escalated_at", null=True),
    _count("reopened"),
    _json("detail"),
    sa.Index(None, "cause", "state"),
    sa.Index(None, "detected_at"),
)

SYMPTOMS = sa.Table(
    "symptoms",
    METADATA,
    _text("incident_id", key=True),
    _text("alert", key=True),
    _text("subject", key=True),
    _text("dataset"),
    sa.Column("severity", Word(IncidentSeverity), nullable=False),
    _time("began_at"),
    _time("first_seen"),
    _time("last_seen"),
    _time("cleared_at", null=True),
    _json("evidence"),
)

INCIDENT_EVENTS = sa.Table(
    "incident_events",
    METADATA,
    _identity(),
    _text("incident_id"),
    _time("at"),
    _text("who"),
    _text("kind"),
    _text("detail"),
    sa.Index(None, "incident_id", "id"),
    sqlite_autoincrement=True,
)

NOTIFICATIONS = sa.Table(
    "notifications",
    METADATA,
    _identity(),
    _text("incident_id"),
    _text("kind"),
    _text("channel"),
    _text("recipient"),
    _text("severity"),
    _time("created_at"),
    _count("attempts"),
    _time("next_attempt_at", null=True),
    _time("delivered_at", null=True),
    _text("error"),
    sa.UniqueConstraint("incident_id", "kind", "channel", "severity"),
    sa.Index(None, "delivered_at"),
    sqlite_autoincrement=True,
)

SUPPRESSIONS = sa.Table(
    "suppressions",
    METADATA,
    _identity(),
    _text("ticket"),
    _text("scope"),
    _time("starts_at"),
    _time("expires_at"),
    _text("who"),
    _text("reason"),
    sa.Index(None, "expires_at"),
    sqlite_autoincrement=True,
)

SECURITY_EVENTS = sa.Table(
    "security_events",
    METADATA,
    _identity(),
    _time("at"),
    _text("kind"),
    _text("subject"),
    _text("who"),
    _text("detail"),
    sa.Index(None, "at"),
    sqlite_autoincrement=True,
)

BREAKERS = sa.Table(
    "breakers",
    METADATA,
    _text("name", key=True),
    sa.Column("state", Word(BreakerState), nullable=False),
    _count("failures"),
    _time("changed_at"),
    _time("next_try_at", null=True),
    _text("error"),
)

# Everything that was done without a person.
AUTOMATIC_ACTS = sa.Table(
    "automatic_acts",
    METADATA,
    _identity(),
    _time("at"),
    _text("kind"),
    _text("subject"),
    _text("outcome"),
    _text("detail"),
    sa.Index(None, "at"),
    sqlite_autoincrement=True,
)

# When each part of the platform that should always be at work was last at work.
COMPONENT_BEATS = sa.Table(
    "component_beats",
    METADATA,
    _text("component", key=True),
    _text("instance"),
    _time("beat_at"),
    _number("expected_every_seconds"),
    _text("detail"),
)

SPANS = sa.Table(
    "spans",
    METADATA,
    _text("trace_id", key=True),
    _text("span_id", key=True),
    _text("parent_id"),
    _text("name"),
    _text("run_id"),
    _text("dataset"),
    _time("started_at"),
    _time("ended_at"),
    _text("status"),
    _json("attributes"),
    sa.Column("links", Json(tuple), nullable=False),
    sa.Index(None, "run_id"),
    sa.Index(None, "dataset", "started_at"),
    sa.Index(None, "started_at"),
)

# What one run over one dataset used on one day (UTC). Platform work stands under a name of its own.
RUN_METERS = sa.Table(
    "run_meters",
    METADATA,
    _text("run_id", key=True),
    _text("dataset", key=True),
    sa.Column("metered_on", sa.Date, primary_key=True),
    _time("started_at"),
    _time("ended_at"),
    _text("owner"),
    _text("cost_centre"),
    _json("tags"),
    _number("wall_seconds"),
    _number("cpu_seconds"),
    _number("memory_byte_seconds"),
    _count("peak_memory_bytes"),
    _count("bytes_read"),
    _count("bytes_written"),
    _count("logical_bytes_in"),
    sa.Index(None, "metered_on"),
    sa.Index(None, "dataset", "metered_on"),
)

# What each place of the store held on a day.
STORAGE_METERS = sa.Table(
    "storage_meters",
    METADATA,
    _text("place", key=True),
    sa.Column("metered_on", sa.Date, primary_key=True),
    _text("zone"),
    _text("dataset"),
    _text("owner"),
    _text("cost_centre"),
    _json("tags"),
    _count("size_bytes"),
    _count("files"),
    _time("metered_at"),
    sa.Index(None, "metered_on"),
)
