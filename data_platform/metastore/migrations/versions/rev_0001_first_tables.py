"""The first tables: ledgers, runs, checks, deliveries, event dates, outbox and operator log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TEXT = sa.Text()
_COUNT = sa.BigInteger()
_TIME = sa.DateTime(timezone=True)
_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates every table."""
    op.create_table(
        "batches",
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("number", _COUNT, nullable=False),
        sa.Column("batch_id", _TEXT, nullable=False),
        sa.Column("manifest_sha256", _TEXT, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("contract_version", _TEXT, nullable=False),
        sa.Column("source_rows", _COUNT, nullable=False),
        sa.Column("raw_rows", _COUNT, nullable=False),
        sa.Column("rejected_rows", _COUNT, nullable=False),
        sa.Column("raw_version", _COUNT, nullable=False),
        sa.Column("rejected_version", _COUNT, nullable=False),
        sa.Column("run_id", _TEXT, nullable=True),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "source", "number", name="pk_batches"),
        sa.UniqueConstraint("dataset", "batch_id", name="uq_batches_dataset_batch_id"),
    )
    op.create_index("ix_batches_dataset_raw_version", "batches", ["dataset", "raw_version"])
    op.create_table(
        "checks",
        sa.Column("run_id", _TEXT, nullable=False),
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("rule", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("severity", _TEXT, nullable=False),
        sa.Column("verdict", _TEXT, nullable=False),
        sa.Column("rows_examined", _COUNT, nullable=True),
        sa.Column("failing_rows", _COUNT, nullable=True),
        sa.Column("tolerance", _TEXT, nullable=False),
        sa.Column("engine", _TEXT, nullable=False),
        sa.Column("data_version", _COUNT, nullable=True),
        sa.Column("contract_version", _TEXT, nullable=False),
        sa.Column("sample", _TEXT, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "dataset", "rule", name="pk_checks"),
    )
    op.create_index("ix_checks_dataset_rule_recorded_at", "checks", ["dataset", "rule", "recorded_at"])
    op.create_table(
        "commits",
        sa.Column("table", _TEXT, nullable=False),
        sa.Column("version", _COUNT, nullable=False),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("rows", _COUNT, nullable=False),
        sa.Column("files", _COUNT, nullable=False),
        sa.Column("size_bytes", _COUNT, nullable=False),
        sa.Column("run_id", _TEXT, nullable=True),
        sa.Column("committed_at", _TIME, nullable=False),
        sa.Column("content_hash", _TEXT, nullable=True),
        sa.Column("metadata", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("table", "version", name="pk_commits"),
    )
    op.create_table(
        "deliveries",
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("sha256", _TEXT, nullable=False),
        sa.Column("delivery_date", _TEXT, nullable=False),
        sa.Column("batch_id", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "source", "sha256", "delivery_date", name="pk_deliveries"),
    )
    op.create_table(
        "event_dates",
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("batch_id", _TEXT, nullable=False),
        sa.Column("event_date", sa.Date, nullable=False),
        sa.Column("rows", _COUNT, nullable=False),
        sa.Column("newest_event_time", _TIME, nullable=True),
        sa.Column("version", _COUNT, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "batch_id", "event_date", name="pk_event_dates"),
    )
    op.create_index("ix_event_dates_dataset_event_date", "event_dates", ["dataset", "event_date"])
    op.create_index("ix_event_dates_dataset_version", "event_dates", ["dataset", "version"])
    op.create_table(
        "operator_log",
        sa.Column("id", _IDENTITY, nullable=False, autoincrement=True),
        sa.Column("who", _TEXT, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("statement", _TEXT, nullable=False),
        sa.Column("tables", _TEXT, nullable=False),
        sa.Column("rows_returned", _COUNT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_operator_log"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_operator_log_at", "operator_log", ["at"])
    op.create_table(
        "outbox",
        sa.Column("id", _IDENTITY, nullable=False, autoincrement=True),
        sa.Column("event_id", _TEXT, nullable=False),
        sa.Column("run_id", _TEXT, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("payload", _TEXT, nullable=False),
        sa.Column("sent_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("event_id", name="uq_outbox_event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_sent_at_id", "outbox", ["sent_at", "id"])
    op.create_table(
        "partition_history",
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("partition", _TEXT, nullable=False),
        sa.Column("run_id", _TEXT, nullable=False),
        sa.Column("raw_dataset", _TEXT, nullable=False),
        sa.Column("raw_version", _COUNT, nullable=False),
        sa.Column("table_version", _COUNT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("raw_rows", _COUNT, nullable=False),
        sa.Column("curated", _COUNT, nullable=False),
        sa.Column("quarantined", _COUNT, nullable=False),
        sa.Column("late", _COUNT, nullable=False),
        sa.Column("duplicate", _COUNT, nullable=False),
        sa.Column("pending", _COUNT, nullable=False),
        sa.Column("applied", _COUNT, nullable=False),
        sa.Column("unchanged", _COUNT, nullable=False),
        sa.Column("superseded", _COUNT, nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "partition", "run_id", name="pk_partition_history"),
    )
    op.create_index("ix_partition_history_run_id", "partition_history", ["run_id"])
    op.create_table(
        "partitions",
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("partition", _TEXT, nullable=False),
        sa.Column("run_id", _TEXT, nullable=False),
        sa.Column("raw_dataset", _TEXT, nullable=False),
        sa.Column("raw_version", _COUNT, nullable=False),
        sa.Column("table_version", _COUNT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("raw_rows", _COUNT, nullable=False),
        sa.Column("curated", _COUNT, nullable=False),
        sa.Column("quarantined", _COUNT, nullable=False),
        sa.Column("late", _COUNT, nullable=False),
        sa.Column("duplicate", _COUNT, nullable=False),
        sa.Column("pending", _COUNT, nullable=False),
        sa.Column("applied", _COUNT, nullable=False),
        sa.Column("unchanged", _COUNT, nullable=False),
        sa.Column("superseded", _COUNT, nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "partition", name="pk_partitions"),
    )
    op.create_table(
        "positions",
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("number", _COUNT, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "source", name="pk_positions"),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", _TEXT, nullable=False),
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("inputs", _TEXT, nullable=False),
        sa.Column("contract_version", _TEXT, nullable=False),
        sa.Column("code_version", _TEXT, nullable=False),
        sa.Column("range_from", _TEXT, nullable=True),
        sa.Column("range_to", _TEXT, nullable=True),
        sa.Column("output_version", _COUNT, nullable=True),
        sa.Column("error", _TEXT, nullable=False),
        sa.Column("seconds", sa.Double, nullable=True),
        sa.PrimaryKeyConstraint("run_id", "dataset", name="pk_runs"),
    )
    op.create_index("ix_runs_dataset_started_at", "runs", ["dataset", "started_at"])
    op.create_index("ix_runs_started_at", "runs", ["started_at"])
    op.create_table(
        "watermarks",
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("watermark", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "source", name="pk_watermarks"),
    )
    op.create_table(
        "files",
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("batch_id", _TEXT, nullable=False),
        sa.Column("position", _COUNT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("sha256", _TEXT, nullable=False),
        sa.Column("outcome", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("source_rows", _COUNT, nullable=True),
        sa.Column("raw_rows", _COUNT, nullable=False),
        sa.Column("rejected_rows", _COUNT, nullable=False),
        sa.Column("first_batch", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("dataset", "batch_id", "position", name="pk_files"),
        sa.ForeignKeyConstraint(
            ["dataset", "batch_id"], ["batches.dataset", "batches.batch_id"], name="fk_files_batches"
        ),
    )


def downgrade() -> None:
    """Drops every table."""
    op.drop_table("files")
    op.drop_table("watermarks")
    op.drop_table("runs")
    op.drop_table("positions")
    op.drop_table("partitions")
    op.drop_table("partition_history")
    op.drop_table("outbox")
    op.drop_table("operator_log")
    op.drop_table("event_dates")
    op.drop_table("deliveries")
    op.drop_table("commits")
    op.drop_table("checks")
    op.drop_table("batches")
