"""The tables of traces, of what is used, and of what metrics counted. A change needs a revision in `migrations`."""

from __future__ import annotations

import sqlalchemy as sa

from data_platform.metastore.column_types import Json
from data_platform.metastore.table_columns import count as _count
from data_platform.metastore.table_columns import json as _json
from data_platform.metastore.table_columns import number as _number
from data_platform.metastore.table_columns import text as _text
from data_platform.metastore.table_columns import time as _time
from data_platform.metastore.tables import METADATA

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

# What metrics were counted from as far as the ledger was read, so that no process has to read all of it again.
METRIC_ROLLUPS = sa.Table("metric_rollups", METADATA, _text("name", key=True), _time("kept_at"), _text("body"))

# What pruned lines added to counters, which must not fall because history is forgotten.
PRUNED_COUNTS = sa.Table("pruned_counts", METADATA, _text("name", key=True), _text("label", key=True), _number("value"))
