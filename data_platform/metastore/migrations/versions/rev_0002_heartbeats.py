"""Heartbeats of connectors, maintenance windows, rejections by reason, and watermarks by partition of the source."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXT = sa.Text()
_COUNT = sa.BigInteger()
_TIME = sa.DateTime(timezone=True)
_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates three tables, and makes the watermarks anew: a primary key cannot be widened in SQLite."""
    op.create_table(
        "heartbeats",
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("instance", _TEXT, nullable=False),
        sa.Column("phase", _TEXT, nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("beat_at", _TIME, nullable=False),
        sa.Column("progressed_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("position", _TEXT, nullable=False),
        sa.Column("rows", _COUNT, nullable=False),
        sa.Column("last_event_time", _TIME, nullable=True),
        sa.Column("backlog", _COUNT, nullable=True),
        sa.Column("credential_age_seconds", sa.Double, nullable=True),
        sa.Column("next_expected_at", _TIME, nullable=True),
        sa.Column("error", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "source", name="pk_heartbeats"),
    )
    op.create_table(
        "maintenance",
        sa.Column("id", _IDENTITY, primary_key=True),
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("starts_at", _TIME, nullable=False),
        sa.Column("ends_at", _TIME, nullable=False),
        sa.Column("who", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
    )
    op.create_index("ix_maintenance_ends_at", "maintenance", ["ends_at"])
    op.create_table(
        "rejections",
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("batch_id", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("rows", _COUNT, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "batch_id", "reason", name="pk_rejections"),
    )
    op.rename_table("watermarks", "watermarks_by_source")
    op.create_table(
        "watermarks",
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("source_partition", _TEXT, nullable=False),
        sa.Column("watermark", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "source", "source_partition"),
    )
    op.execute("INSERT INTO watermarks SELECT dataset, source, '', watermark FROM watermarks_by_source")
    op.drop_table("watermarks_by_source")


def downgrade() -> None:
    """Drops the three tables; watermarks keep the least of each source."""
    op.rename_table("watermarks", "watermarks_by_partition")
    op.create_table(
        "watermarks",
        sa.Column("dataset", _TEXT, nullable=False),
        sa.Column("source", _TEXT, nullable=False),
        sa.Column("watermark", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "source"),
    )
    op.execute(
        "INSERT INTO watermarks SELECT dataset, source, min(watermark) FROM watermarks_by_partition GROUP BY 1, 2"
    )
    op.drop_table("watermarks_by_partition")
    op.drop_table("rejections")
    op.drop_table("maintenance")
    op.drop_table("heartbeats")
