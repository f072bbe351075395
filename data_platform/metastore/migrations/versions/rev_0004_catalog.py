"""The catalog: what OpenLineage events say about datasets, jobs and runs, and the full text over it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TEXT = sa.Text()
_COUNT = sa.BigInteger()
_TIME = sa.DateTime(timezone=True)
_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_FTS5 = """
CREATE VIRTUAL TABLE catalog_search USING fts5 (
    name, columns, description, tags, owners, tokenize = "unicode61 remove_diacritics 2", prefix = '2 3'
)
"""
_TSVECTOR = """
CREATE TABLE catalog_search (
    rowid bigint PRIMARY KEY,
    name tsvector NOT NULL,
    columns tsvector NOT NULL,
    description tsvector NOT NULL,
    tags tsvector NOT NULL,
    owners tsvector NOT NULL,
    everything tsvector NOT NULL
)
"""


def upgrade() -> None:
    """Creates every table."""
    op.create_table(
        "catalog_events",
        sa.Column("id", _IDENTITY, nullable=False, autoincrement=True),
        sa.Column("event_id", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("event_type", _TEXT, nullable=True),
        sa.Column("event_time", _TIME, nullable=False),
        sa.Column("run_id", _TEXT, nullable=True),
        sa.Column("job_namespace", _TEXT, nullable=True),
        sa.Column("job_name", _TEXT, nullable=True),
        sa.Column("producer", _TEXT, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("payload", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_events"),
        sa.UniqueConstraint("event_id", name="uq_catalog_events_event_id"),
    )
    op.create_index("ix_catalog_events_run_id", "catalog_events", ["run_id"])
    op.create_table(
        "catalog_refused",
        sa.Column("id", _IDENTITY, nullable=False, autoincrement=True),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("times", _COUNT, nullable=False),
        sa.Column("error", _TEXT, nullable=False),
        sa.Column("pointer", _TEXT, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.Column("payload", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_refused"),
        sa.UniqueConstraint("digest", name="uq_catalog_refused_digest"),
    )
    op.create_table(
        "catalog_jobs",
        sa.Column("id", _IDENTITY, nullable=False, autoincrement=True),
        sa.Column("namespace", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_jobs"),
        sa.UniqueConstraint("name", "namespace", name="uq_catalog_jobs_name_namespace"),
    )
    op.create_table(
        "catalog_datasets",
        sa.Column("id", _IDENTITY, nullable=False, autoincrement=True),
        sa.Column("namespace", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("standing", _TEXT, nullable=False),
        sa.Column("description", _TEXT, nullable=False),
        sa.Column("tier", _TEXT, nullable=False),
        sa.Column("owners", _TEXT, nullable=False),
        sa.Column("tags", _TEXT, nullable=False),
        sa.Column("contract_id", _TEXT, nullable=False),
        sa.Column("contract_version", _TEXT, nullable=False),
        sa.Column("status", _TEXT, nullable=False),
        sa.Column("sunset", _TEXT, nullable=True),
        sa.Column("found", _TEXT, nullable=True),
        sa.Column("reads", _COUNT, nullable=False),
        sa.Column("writes", _COUNT, nullable=False),
        sa.Column("readers", _COUNT, nullable=False),
        sa.Column("first_seen_at", _TIME, nullable=False),
        sa.Column("last_seen_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_datasets"),
        sa.UniqueConstraint("name", "namespace", name="uq_catalog_datasets_name_namespace"),
    )
    op.create_table(
        "catalog_columns",
        sa.Column("dataset_id", _COUNT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("position", _COUNT, nullable=False),
        sa.Column("type", _TEXT, nullable=False),
        sa.Column("description", _TEXT, nullable=False),
        sa.Column("classification", _TEXT, nullable=False),
        sa.Column("tags", _TEXT, nullable=False),
        sa.Column("term", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("dataset_id", "name", name="pk_catalog_columns"),
    )
    op.create_table(
        "catalog_runs",
        sa.Column("id", _IDENTITY, nullable=False, autoincrement=True),
        sa.Column("run_id", _TEXT, nullable=False),
        sa.Column("job_id", _COUNT, nullable=False),
        sa.Column("rank", _COUNT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("state_at", _TIME, nullable=False),
        sa.Column("state_event", _TEXT, nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("error", _TEXT, nullable=False),
        sa.Column("parent_run_id", _TEXT, nullable=False),
        sa.Column("inputs", _TEXT, nullable=False),
        sa.Column("outputs", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_runs"),
        sa.UniqueConstraint("run_id", name="uq_catalog_runs_run_id"),
    )
    op.create_index("ix_catalog_runs_job_id_started_at", "catalog_runs", ["job_id", "started_at"])
    op.create_table(
        "catalog_outputs",
        sa.Column("id", _IDENTITY, nullable=False, autoincrement=True),
        sa.Column("job_id", _COUNT, nullable=False),
        sa.Column("dataset_id", _COUNT, nullable=False),
        sa.Column("event_time", _TIME, nullable=False),
        sa.Column("event_id", _TEXT, nullable=False),
        sa.Column("run_id", _TEXT, nullable=True),
        sa.Column("inputs", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_outputs"),
        sa.UniqueConstraint("job_id", "dataset_id", name="uq_catalog_outputs_job_id_dataset_id"),
    )
    op.create_index("ix_catalog_outputs_dataset_id", "catalog_outputs", ["dataset_id"])
    op.create_index("ix_catalog_outputs_run_id", "catalog_outputs", ["run_id"])
    op.create_table(
        "catalog_facets",
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("subject_id", _COUNT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("event_time", _TIME, nullable=False),
        sa.Column("event_id", _TEXT, nullable=False),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("body", _TEXT, nullable=True),
        sa.PrimaryKeyConstraint("kind", "subject_id", "name", name="pk_catalog_facets"),
    )
    op.create_table(
        "catalog_facet_history",
        sa.Column("dataset_id", _COUNT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("event_time", _TIME, nullable=False),
        sa.Column("event_id", _TEXT, nullable=False),
        sa.Column("body", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("dataset_id", "name", "digest", name="pk_catalog_facet_history"),
    )
    op.create_table(
        "catalog_versions",
        sa.Column("dataset_id", _COUNT, nullable=False),
        sa.Column("version", _TEXT, nullable=False),
        sa.Column("event_time", _TIME, nullable=False),
        sa.Column("event_id", _TEXT, nullable=False),
        sa.Column("run_id", _TEXT, nullable=False),
        sa.Column("contract_version", _TEXT, nullable=False),
        sa.Column("rows", _COUNT, nullable=True),
        sa.Column("size_bytes", _COUNT, nullable=True),
        sa.Column("files", _COUNT, nullable=True),
        sa.PrimaryKeyConstraint("dataset_id", "version", name="pk_catalog_versions"),
    )
    op.create_index("ix_catalog_versions_dataset_id_event_time", "catalog_versions", ["dataset_id", "event_time"])
    op.create_table(
        "catalog_edges",
        sa.Column("src_id", _COUNT, nullable=False),
        sa.Column("dst_id", _COUNT, nullable=False),
        sa.Column("job_id", _COUNT, nullable=False),
        sa.PrimaryKeyConstraint("src_id", "dst_id", "job_id", name="pk_catalog_edges"),
    )
    op.create_index("ix_catalog_edges_dst_id_job_id", "catalog_edges", ["dst_id", "job_id"])
    op.create_table(
        "catalog_column_edges",
        sa.Column("dst_id", _COUNT, nullable=False),
        sa.Column("dst_column", _TEXT, nullable=False),
        sa.Column("job_id", _COUNT, nullable=False),
        sa.Column("src_id", _COUNT, nullable=False),
        sa.Column("src_column", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("subtype", _TEXT, nullable=False),
        sa.Column("description", _TEXT, nullable=False),
        sa.Column("masking", _COUNT, nullable=False),
        sa.PrimaryKeyConstraint(
            "dst_id", "dst_column", "job_id", "src_id", "src_column", "kind", "subtype", name="pk_catalog_column_edges"
        ),
    )
    op.create_index("ix_catalog_column_edges_src_id", "catalog_column_edges", ["src_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_TSVECTOR)
        op.execute("CREATE INDEX ix_catalog_search_everything ON catalog_search USING gin (everything)")
    else:
        op.execute(_FTS5)


def downgrade() -> None:
    """Drops every table."""
    op.execute("DROP TABLE catalog_search")
    op.drop_table("catalog_column_edges")
    op.drop_table("catalog_edges")
    op.drop_table("catalog_versions")
    op.drop_table("catalog_facet_history")
    op.drop_table("catalog_facets")
    op.drop_table("catalog_outputs")
    op.drop_table("catalog_runs")
    op.drop_table("catalog_columns")
    op.drop_table("catalog_datasets")
    op.drop_table("catalog_jobs")
    op.drop_table("catalog_refused")
    op.drop_table("catalog_events")
