"""How far each lineage sink is, and the events that a sink refused."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TEXT = sa.Text()
_COUNT = sa.BigInteger()
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Creates two tables; every sink begins with the oldest event that is kept."""
    op.create_table(
        "lineage_sinks",
        sa.Column("sink", _TEXT, nullable=False),
        sa.Column("delivered_id", _COUNT, nullable=False),
        sa.Column("delivered", _COUNT, nullable=False),
        sa.Column("delivered_at", _TIME, nullable=True),
        sa.Column("failing_since", _TIME, nullable=True),
        sa.Column("attempts", _COUNT, nullable=False),
        sa.Column("next_attempt_at", _TIME, nullable=True),
        sa.Column("error", _TEXT, nullable=False),
        sa.Column("claimed_by", _TEXT, nullable=False),
        sa.Column("claimed_until", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("sink", name="pk_lineage_sinks"),
    )
    op.create_table(
        "lineage_refusals",
        sa.Column("sink", _TEXT, nullable=False),
        sa.Column("outbox_id", _COUNT, nullable=False),
        sa.Column("event_id", _TEXT, nullable=False),
        sa.Column("run_id", _TEXT, nullable=False),
        sa.Column("payload", _TEXT, nullable=False),
        sa.Column("error", _TEXT, nullable=False),
        sa.Column("refused_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("sink", "outbox_id", name="pk_lineage_refusals"),
    )


def downgrade() -> None:
    """Drops them."""
    op.drop_table("lineage_refusals")
    op.drop_table("lineage_sinks")
