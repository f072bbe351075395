"""What scans of the store found."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TEXT = sa.Text()
_COUNT = sa.BigInteger()
_TIME = sa.DateTime(timezone=True)
_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates two tables."""
    op.create_table(
        "catalog_scans",
        sa.Column("id", _IDENTITY, autoincrement=True, nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=False),
        sa.Column("discovered", _COUNT, nullable=False),
        sa.Column("cataloged", _COUNT, nullable=False),
        sa.Column("managed", _COUNT, nullable=False),
        sa.Column("drifted", _COUNT, nullable=False),
        sa.Column("unmanaged", _COUNT, nullable=False),
        sa.Column("missing", _COUNT, nullable=False),
        sa.Column("undecided", _COUNT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_scans"),
    )
    op.create_table(
        "catalog_findings",
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("place", _TEXT, nullable=False),
        sa.Column("dataset_namespace", _TEXT, nullable=False),
        sa.Column("dataset_name", _TEXT, nullable=False),
        sa.Column("standing", _TEXT, nullable=False),
        sa.Column("differences", _TEXT, nullable=False),
        sa.Column("fingerprint", _TEXT, nullable=False),
        sa.Column("version", _COUNT, nullable=True),
        sa.Column("rows", _COUNT, nullable=True),
        sa.Column("size_bytes", _COUNT, nullable=True),
        sa.Column("first_seen_at", _TIME, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.Column("last_seen_at", _TIME, nullable=False),
        sa.Column("decision", _TEXT, nullable=False),
        sa.Column("decided_by", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("decided_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_catalog_findings"),
    )
    op.create_index("ix_catalog_findings_standing", "catalog_findings", ["standing"])


def downgrade() -> None:
    """Drops them."""
    op.drop_table("catalog_findings")
    op.drop_table("catalog_scans")
