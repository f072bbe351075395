"""The tables of incidents, who is told of them, and what else is watched. A change needs a revision in `migrations`."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

from data_platform.metastore.column_types import Json, Word
from data_platform.metastore.table_columns import count as _count
from data_platform.metastore.table_columns import identity as _identity
from data_platform.metastore.table_columns import json as _json
from data_platform.metastore.table_columns import number as _number
from data_platform.metastore.table_columns import text as _text
from data_platform.metastore.table_columns import time as _time
from data_platform.metastore.tables import METADATA


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
    sa.Column("marks", Json, nullable=False, server_default="{}"),
    sa.Column("settled", Json, nullable=False, server_default="{}"),
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
