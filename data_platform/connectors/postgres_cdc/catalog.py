"""What the database says about itself: the table, and the publication that shows its changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from data_platform.connectors.postgres_cdc.source import Connection, fetch_one
from data_platform.errors import ConfigurationError

_TABLE = """
SELECT c.oid::bigint, c.relkind::text, c.relreplident::text,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND c.relkind IN ('r', 'p')
"""
# As JSON: what a publication can restrict differs between versions.
_PUBLISHED = """
SELECT to_jsonb(p), to_jsonb(t)
FROM pg_publication p
LEFT JOIN pg_publication_tables t ON t.pubname = p.pubname AND t.schemaname = %(schema)s AND t.tablename = %(table)s
WHERE p.pubname = %(publication)s
"""
# The stream shows generated columns from PostgreSQL 18 on, where the publication lists them.
_COLUMNS = """
SELECT array_agg(attname::text ORDER BY attnum), array_agg(atttypid::bigint ORDER BY attnum)
FROM pg_attribute WHERE attrelid = %(oid)s::oid AND attnum > 0 AND NOT attisdropped
AND (attgenerated = '' OR current_setting('server_version_num')::int >= 180000)
AND (%(names)s::text[] IS NULL OR attname = ANY (%(names)s::text[]))
"""
_KEY = """
SELECT array_agg(a.attname::text)
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = %(oid)s::oid AND i.indisprimary
"""
_BARE_TYPE = """
WITH RECURSIVE chain AS (
    SELECT oid, typtype, typbasetype FROM pg_type WHERE oid = %(oid)s::oid
    UNION ALL SELECT t.oid, t.typtype, t.typbasetype FROM chain JOIN pg_type t ON t.oid = chain.typbasetype
    WHERE chain.typtype = 'd')
SELECT oid::bigint FROM chain WHERE typtype <> 'd'
"""
_FIRST_OF_BUILT_IN = 16384  # oids from here on belong to what users made


@dataclass(frozen=True, slots=True, kw_only=True)
class TableName:
    """A table as it is written in the entry."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> sql.Identifier:
        """As part of a statement."""
        return sql.Identifier(self.schema, self.name)


@dataclass(slots=True)
class Catalog:
    """Looks things up; what it found out about types is kept."""

    connection: Connection
    _bare_types: dict[int, int] = field(default_factory=dict)

    def table_oid(self, table: TableName) -> int:
        """The table's number.

        Raises:
            ConfigurationError: there is no such table.
        """
        return self._table(table)[0]

    def is_partitioned(self, table: TableName) -> bool:
        """Whether the rows lie in partitions."""
        return self._table(table)[1] == "p"

    def publish(self, table: TableName, publication: str) -> None:
        """Makes sure that the publication exists and shows every change of the table.

        Raises:
            ConfigurationError: it exists and does not, or making it would break the source's own updates.
        """
        if self._published(table, publication) is None:
            self._create(table, publication)
        self.require_published(table, publication)

    def require_published(self, table: TableName, publication: str) -> None:
        """Holds the publication against what a copy of the table needs.

        Raises:
            ConfigurationError: it does not show every change of the table.
        """
        found = self._published(table, publication)
        if found is None or found[1] is None:
            raise ConfigurationError(
                f"publication {publication} does not hold {table}, so changes of it are not seen; at the source run "
                f"ALTER PUBLICATION {publication} ADD TABLE {table}, then replay the source from snapshot"
            )
        hidden = [verb for verb in ("insert", "update", "delete", "truncate") if not found[0][f"pub{verb}"]]
        if hidden or found[1].get("rowfilter"):
            what = f"does not publish {', '.join(hidden)}" if hidden else "filters rows"
            raise ConfigurationError(f"publication {publication} {what} of {table}: the copy would not equal the table")

    def columns(self, table: TableName, publication: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Names and types of the columns that the publication shows."""
        found = self._published(table, publication)
        listed = found[1].get("attnames") if found and found[1] else None  # from PostgreSQL 15 on
        row = fetch_one(self.connection, _COLUMNS, oid=self.table_oid(table), names=listed)
        assert row is not None
        return tuple(row[0] or ()), tuple(map(self.bare_type, row[1] or ()))

    def key(self, relation_id: int) -> tuple[str, ...]:
        """The columns of a table's primary key; none where it has none."""
        row = fetch_one(self.connection, _KEY, oid=relation_id)
        return tuple(row[0] or ()) if row else ()

    def bare_type(self, oid: int) -> int:
        """A type's number; that of a domain is what the domain is made of."""
        if oid < _FIRST_OF_BUILT_IN:
            return oid
        if oid not in self._bare_types:
            row = fetch_one(self.connection, _BARE_TYPE, oid=oid)
            self._bare_types[oid] = int(row[0]) if row else oid
        return self._bare_types[oid]

    def _published(self, table: TableName, publication: str) -> tuple[dict[str, Any], dict[str, Any] | None] | None:
        """What is known of the publication, and of the table in it."""
        row = fetch_one(self.connection, _PUBLISHED, schema=table.schema, table=table.name, publication=publication)
        return None if row is None else (row[0], row[1])

    def _table(self, table: TableName) -> tuple[int, str, str, bool]:
        row = fetch_one(self.connection, _TABLE, schema=table.schema, table=table.name)
        if row is None:
            raise ConfigurationError(f"the source has no table {table}; write table: <schema>.<table> as it is there")
        return row[0], row[1], row[2], row[3]

    def _create(self, table: TableName, publication: str) -> None:
        _, kind, identity, has_key = self._table(table)
        if identity == "n" or (identity == "d" and not has_key):
            raise ConfigurationError(
                f"{table} has no primary key and no replica identity: once it is published, the source itself could no "
                f"longer update or delete its rows; run ALTER TABLE {table} REPLICA IDENTITY FULL there, or add a key"
            )
        options = sql.SQL(" WITH (publish_via_partition_root = true)" if kind == "p" else "")
        self.connection.execute(
            sql.SQL("CREATE PUBLICATION {} FOR TABLE {}{}").format(sql.Identifier(publication), table.quoted, options)
        )
