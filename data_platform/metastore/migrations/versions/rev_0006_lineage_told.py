"""What the lineage was told of a project's files."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TEXT = sa.Text()


def upgrade() -> None:
    """Creates one table."""
    op.create_table(
        "lineage_told",
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("subject", name="pk_lineage_told"),
    )


def downgrade() -> None:
    """Drops it."""
    op.drop_table("lineage_told")
