"""Objectives, incidents, traces and costs."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TEXT = sa.Text()
_COUNT = sa.BigInteger()
_NUMBER = sa.Double()
_TIME = sa.DateTime(timezone=True)
_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TRACED = ("batches", "runs")


def upgrade() -> None:
    """Creates the tables of four parts, and notes when a connector's loop came round."""
    op.add_column("heartbeats", sa.Column("turned_at", _TIME, nullable=True))
    for table in _TRACED:
        op.add_column(table, sa.Column("traceparent", _TEXT, nullable=False, server_default=""))
        op.create_index(f"ix_{table}_traceparent", table, ["traceparent"])
    _create_indicators()
    _create_incidents()
    _create_watching()
    _create_costs()


def _create_indicators() -> None:
    op.create_table(
        "sli_values",
        sa.Column("sli", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("partition", _TEXT, nullable=False),
        sa.Column("measured_at", _TIME, nullable=False),
        sa.Column("value", _NUMBER, nullable=True),
        sa.Column("good", _NUMBER, nullable=False),
        sa.Column("bad", _NUMBER, nullable=False),
        sa.Column("unknown", _NUMBER, nullable=False),
        sa.Column("provenance", _TEXT, nullable=False),
        sa.Column("evidence", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("sli", "subject", "partition", "measured_at", name="pk_sli_values"),
    )
    op.create_index("ix_sli_values_sli_measured_at", "sli_values", ["sli", "measured_at"])
    op.create_table(
        "objective_samples",
        sa.Column("objective", _TEXT, nullable=False),
        sa.Column("width_seconds", _COUNT, nullable=False),
        sa.Column("starts_at", _TIME, nullable=False),
        sa.Column("good", _NUMBER, nullable=False),
        sa.Column("bad", _NUMBER, nullable=False),
        sa.Column("unknown", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("objective", "width_seconds", "starts_at", name="pk_objective_samples"),
    )
    op.create_index("ix_objective_samples_width_seconds_starts_at", "objective_samples", ["width_seconds", "starts_at"])
    op.create_table(
        "objective_cursors",
        sa.Column("sli", _TEXT, nullable=False),
        sa.Column("measured_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("sli", name="pk_objective_cursors"),
    )
    op.create_table(
        "objectives",
        sa.Column("objective", _TEXT, nullable=False),
        sa.Column("sli", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("domain", _TEXT, nullable=False),
        sa.Column("owner", _TEXT, nullable=False),
        sa.Column("is_critical", sa.Boolean(), nullable=False),
        sa.Column("target", _NUMBER, nullable=False),
        sa.Column("window_seconds", _COUNT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("ratio", _NUMBER, nullable=True),
        sa.Column("budget_left", _NUMBER, nullable=True),
        sa.Column("good_total", _NUMBER, nullable=False),
        sa.Column("bad_total", _NUMBER, nullable=False),
        sa.Column("unknown_total", _NUMBER, nullable=False),
        sa.Column("burn", _TEXT, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("evaluated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("objective", name="pk_objectives"),
    )
    op.create_table(
        "run_slots",
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("judged_at", _TIME, nullable=False),
        sa.Column("outcome", _TEXT, nullable=False),
        sa.Column("run_id", _TEXT, nullable=True),
        sa.Column("partitions_due", _COUNT, nullable=False),
        sa.Column("partitions_met", _COUNT, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "due_at", name="pk_run_slots"),
    )
    op.create_index("ix_run_slots_judged_at", "run_slots", ["judged_at"])
    op.create_table(
        "source_counts",
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("partition", _TEXT, nullable=False),
        sa.Column("provenance", _TEXT, nullable=False),
        sa.Column("expected_rows", _COUNT, nullable=False),
        sa.Column("confidence", _NUMBER, nullable=False),
        sa.Column("counted_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "source", "partition", "provenance", name="pk_source_counts"),
    )
    op.create_index("ix_source_counts_counted_at", "source_counts", ["counted_at"])
    op.create_table(
        "contract_checks",
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("before_sha256", _TEXT, nullable=False),
        sa.Column("after_sha256", _TEXT, nullable=False),
        sa.Column("verdict", _TEXT, nullable=False),
        sa.Column("is_allowed", sa.Boolean(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("who", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "before_sha256", "after_sha256", name="pk_contract_checks"),
    )
    op.create_index("ix_files_dataset_name", "files", ["dataset", "name"])
    op.create_index("ix_runs_ended_at", "runs", ["ended_at"])
    op.create_index("ix_runs_dataset_output_version", "runs", ["dataset", "output_version"])
    op.create_table(
        "queued_runs",
        sa.Column("run_id", _TEXT, nullable=False),
        sa.Column("job", _TEXT, nullable=False),
        sa.Column("lane", _TEXT, nullable=False),
        sa.Column("datasets", _TEXT, nullable=False),
        sa.Column("enqueued_at", _TIME, nullable=False),
        sa.Column("started_at", _TIME, nullable=True),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("sampled_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_queued_runs"),
    )
    op.create_index("ix_queued_runs_sampled_at", "queued_runs", ["sampled_at"])
    op.create_table(
        "deploys",
        sa.Column("id", _IDENTITY, autoincrement=True, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("who", _TEXT, nullable=False),
        sa.Column("what", _TEXT, nullable=False),
        sa.Column("is_allowed", sa.Boolean(), nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("override_ticket", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deploys"),
        sqlite_autoincrement=True,
    )


def _create_incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("incident_id", _TEXT, nullable=False),
        sa.Column("cause", _TEXT, nullable=False),
        sa.Column("alert", _TEXT, nullable=False),
        sa.Column("severity", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("title", _TEXT, nullable=False),
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("domain", _TEXT, nullable=False),
        sa.Column("owner", _TEXT, nullable=False),
        sa.Column("recipient", _TEXT, nullable=False),
        sa.Column("began_at", _TIME, nullable=False),
        sa.Column("detected_at", _TIME, nullable=False),
        sa.Column("pressing_since", _TIME, nullable=False),
        sa.Column("notified_at", _TIME, nullable=True),
        sa.Column("acknowledged_at", _TIME, nullable=True),
        sa.Column("acknowledged_by", _TEXT, nullable=False),
        sa.Column("mitigated_at", _TIME, nullable=True),
        sa.Column("resolved_at", _TIME, nullable=True),
        sa.Column("resolved_by", _TEXT, nullable=False),
        sa.Column("escalated_at", _TIME, nullable=True),
        sa.Column("reopened", _COUNT, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("incident_id", name="pk_incidents"),
    )
    op.create_index("ix_incidents_cause_state", "incidents", ["cause", "state"])
    op.create_index("ix_incidents_detected_at", "incidents", ["detected_at"])
    op.create_table(
        "symptoms",
        sa.Column("incident_id", _TEXT, nullable=False),
        sa.Column("alert", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("severity", _TEXT, nullable=False),
        sa.Column("began_at", _TIME, nullable=False),
        sa.Column("first_seen", _TIME, nullable=False),
        sa.Column("last_seen", _TIME, nullable=False),
        sa.Column("cleared_at", _TIME, nullable=True),
        sa.Column("evidence", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("incident_id", "alert", "subject", name="pk_symptoms"),
    )
    op.create_table(
        "incident_events",
        sa.Column("id", _IDENTITY, autoincrement=True, nullable=False),
        sa.Column("incident_id", _TEXT, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("who", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incident_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incident_events_incident_id_id", "incident_events", ["incident_id", "id"])
    op.create_table(
        "notifications",
        sa.Column("id", _IDENTITY, autoincrement=True, nullable=False),
        sa.Column("incident_id", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("channel", _TEXT, nullable=False),
        sa.Column("recipient", _TEXT, nullable=False),
        sa.Column("severity", _TEXT, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("attempts", _COUNT, nullable=False),
        sa.Column("next_attempt_at", _TIME, nullable=True),
        sa.Column("delivered_at", _TIME, nullable=True),
        sa.Column("error", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
        sa.UniqueConstraint(
            "incident_id", "kind", "channel", "severity", name="uq_notifications_incident_id_kind_channel_severity"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notifications_delivered_at", "notifications", ["delivered_at"])
    op.create_table(
        "suppressions",
        sa.Column("id", _IDENTITY, autoincrement=True, nullable=False),
        sa.Column("ticket", _TEXT, nullable=False),
        sa.Column("scope", _TEXT, nullable=False),
        sa.Column("starts_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("who", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_suppressions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_suppressions_expires_at", "suppressions", ["expires_at"])
    op.create_table(
        "security_events",
        sa.Column("id", _IDENTITY, autoincrement=True, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("who", _TEXT, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_security_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_security_events_at", "security_events", ["at"])


def _create_watching() -> None:
    op.create_table(
        "breakers",
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("failures", _COUNT, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.Column("next_try_at", _TIME, nullable=True),
        sa.Column("error", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_breakers"),
    )
    op.create_table(
        "automatic_acts",
        sa.Column("id", _IDENTITY, autoincrement=True, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("outcome", _TEXT, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_automatic_acts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_automatic_acts_at", "automatic_acts", ["at"])
    op.create_table(
        "component_beats",
        sa.Column("component", _TEXT, nullable=False),
        sa.Column("instance", _TEXT, nullable=False),
        sa.Column("beat_at", _TIME, nullable=False),
        sa.Column("expected_every_seconds", _NUMBER, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("component", name="pk_component_beats"),
    )
    op.create_table(
        "spans",
        sa.Column("trace_id", _TEXT, nullable=False),
        sa.Column("span_id", _TEXT, nullable=False),
        sa.Column("parent_id", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("run_id", _TEXT, nullable=False),
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=False),
        sa.Column("status", _TEXT, nullable=False),
        sa.Column("attributes", _TEXT, nullable=False),
        sa.Column("links", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("trace_id", "span_id", name="pk_spans"),
    )
    op.create_index("ix_spans_dataset_started_at", "spans", ["dataset", "started_at"])
    op.create_index("ix_spans_run_id", "spans", ["run_id"])
    op.create_index("ix_spans_started_at", "spans", ["started_at"])


def _create_costs() -> None:
    op.create_table(
        "run_meters",
        sa.Column("run_id", _TEXT, nullable=False),
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("metered_on", sa.Date(), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=False),
        sa.Column("owner", _TEXT, nullable=False),
        sa.Column("cost_centre", _TEXT, nullable=False),
        sa.Column("tags", _TEXT, nullable=False),
        sa.Column("wall_seconds", _NUMBER, nullable=False),
        sa.Column("cpu_seconds", _NUMBER, nullable=False),
        sa.Column("memory_byte_seconds", _NUMBER, nullable=False),
        sa.Column("peak_memory_bytes", _COUNT, nullable=False),
        sa.Column("bytes_read", _COUNT, nullable=False),
        sa.Column("bytes_written", _COUNT, nullable=False),
        sa.Column("logical_bytes_in", _COUNT, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "dataset", "metered_on", name="pk_run_meters"),
    )
    op.create_index("ix_run_meters_dataset_metered_on", "run_meters", ["dataset", "metered_on"])
    op.create_index("ix_run_meters_metered_on", "run_meters", ["metered_on"])
    op.create_table(
        "storage_meters",
        sa.Column("place", _TEXT, nullable=False),
        sa.Column("metered_on", sa.Date(), nullable=False),
        sa.Column("zone", _TEXT, nullable=False),
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("owner", _TEXT, nullable=False),
        sa.Column("cost_centre", _TEXT, nullable=False),
        sa.Column("tags", _TEXT, nullable=False),
        sa.Column("size_bytes", _COUNT, nullable=False),
        sa.Column("files", _COUNT, nullable=False),
        sa.Column("metered_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("place", "metered_on", name="pk_storage_meters"),
    )
    op.create_index("ix_storage_meters_metered_on", "storage_meters", ["metered_on"])


def downgrade() -> None:
    """Drops them."""
    op.drop_column("heartbeats", "turned_at")
    for table in _TRACED:
        op.drop_index(f"ix_{table}_traceparent", table)
        op.drop_column(table, "traceparent")
    op.drop_table("storage_meters")
    op.drop_table("run_meters")
    op.drop_table("spans")
    op.drop_table("component_beats")
    op.drop_table("automatic_acts")
    op.drop_table("breakers")
    op.drop_table("security_events")
    op.drop_table("suppressions")
    op.drop_table("notifications")
    op.drop_table("incident_events")
    op.drop_table("symptoms")
    op.drop_table("incidents")
    op.drop_table("deploys")
    op.drop_table("queued_runs")
    op.drop_index("ix_runs_dataset_output_version", "runs")
    op.drop_index("ix_runs_ended_at", "runs")
    op.drop_index("ix_files_dataset_name", "files")
    op.drop_table("contract_checks")
    op.drop_table("source_counts")
    op.drop_table("run_slots")
    op.drop_table("objectives")
    op.drop_table("objective_cursors")
    op.drop_table("objective_samples")
    op.drop_table("sli_values")
