"""Operations at size: what metrics were counted from, what scrapes look for by time, what arrived of counts, and
which evidence of a symptom a person has dealt with.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TEXT = sa.Text()


def upgrade() -> None:
    """Creates two tables, and indexes; notes what arrived beside what a source counted."""
    op.add_column("source_counts", sa.Column("arrived_rows", sa.BigInteger(), nullable=True))
    for name in ("marks", "settled"):
        op.add_column("symptoms", sa.Column(name, _TEXT, nullable=False, server_default="{}"))
    op.create_table(
        "metric_rollups",
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_metric_rollups"),
    )
    op.create_table(
        "pruned_counts",
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("label", _TEXT, nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", "label", name="pk_pruned_counts"),
    )
    op.create_index("ix_batches_recorded_at", "batches", ["recorded_at"])
    op.create_index("ix_checks_recorded_at", "checks", ["recorded_at"])
    rejected = sa.text("outcome = 'rejected'")
    op.create_index(
        "ix_files_rejected", "files", ["dataset", "batch_id"], sqlite_where=rejected, postgresql_where=rejected
    )


def downgrade() -> None:
    """Drops them."""
    op.drop_index("ix_files_rejected", "files")
    op.drop_index("ix_checks_recorded_at", "checks")
    op.drop_index("ix_batches_recorded_at", "batches")
    op.drop_table("pruned_counts")
    op.drop_table("metric_rollups")
    op.drop_column("symptoms", "settled")
    op.drop_column("symptoms", "marks")
    op.drop_column("source_counts", "arrived_rows")
