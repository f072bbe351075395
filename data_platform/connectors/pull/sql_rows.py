"""The rows of a database table, through dlt's table loader; nothing else of dlt is used.

Values are taken as the driver gives them: decimals exact, JSON columns with exact numbers, moments with their offset.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote

from dlt.common.libs.sql_alchemy import Engine, MetaData, Table, create_engine, sa
from dlt.sources.sql_database import TableLoader
from psycopg import DataError
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader

from data_platform.connectors.protocol import Place
from data_platform.connectors.pull.cursors import Cursor, CursorKind
from data_platform.connectors.pull.exact_json import json_line, plain
from data_platform.connectors.pull.sql_table import SqlTableOptions
from data_platform.connectors.pull.window import Record
from data_platform.errors import ConfigurationError, PlatformError, SourceRefused, SourceUnavailable

_CONNECT = {
    "postgresql": {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3},
    "mysql": {"connect_timeout": 10},
    "mariadb": {"connect_timeout": 10},
}
_EXACT_JSON = ("postgresql", "mysql", "mariadb")
_REFUSED = ("password authentication failed", "no password supplied", "access denied", "permission denied")
_REFUSED_STATES = ("28", "42501")
_WRONG = (sa.exc.ProgrammingError, sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError)


class SqlRows:
    """One table, for one poll. `close` lets go of the database."""

    def __init__(self, options: SqlTableOptions, place: Place, secret: str | None) -> None:
        self._options, self._place, self._secret = options, place, secret
        schema, _, self._name = options.table.rpartition(".")
        self._schema = schema or None

    def now(self) -> datetime:
        """The database's time, in UTC; for a cursor without an offset the earlier of UTC and the session's time."""
        with self._faults(), self._engine.connect() as connection:
            moment = connection.execute(sa.select(sa.func.current_timestamp())).scalar_one()
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
            return moment if self._options.is_sqlite else min(moment, self._place.clock.now())
        is_naive = not getattr(self._table.c[self._cursor].type, "timezone", False)
        return min(moment.astimezone(UTC), moment.replace(tzinfo=UTC)) if is_naive else moment.astimezone(UTC)

    def records(self, start: Cursor | None) -> Generator[Record, None, None]:
        """Rows from a cursor on, those without a cursor first; all rows where the table has none.

        Raises:
            SourceUnavailable, SourceRefused: see `protocol`.
            ConfigurationError: table or columns are not there, or the cursor is none.
        """
        rule = self._options.rule
        if rule is None:
            yield from (Record(_line(row)) for row in self._rows(self._everything()))
            return
        name = self._cursor
        cursor = self._table.c[name]
        if cursor.nullable:
            # First: what gets its cursor between the two questions is then read twice, not missed.
            yield from (Record(_line(row)) for row in self._rows(self._select().where(cursor.is_(None))))
        after = cursor.is_not(None) if start is None else cursor >= self._bound(start)
        for row in self._rows(self._select().where(after).order_by(cursor, *self._key)):
            yield Record(_line(row), rule.read(row[name]))

    def by_day(self, name: str, first: date, end: date) -> list[tuple[date, int]]:
        """How many rows there are of each UTC day from `first` on, before `end`, by a column of event time.

        Raises:
            SourceUnavailable, SourceRefused: see `protocol`.
            ConfigurationError: the table has no such column.
        """
        if name not in self._table.c:
            raise ConfigurationError(f"{self._options.table} has no column {name}, which count_by names")
        column = self._table.c[name]
        if self._options.is_sqlite:  # moments are texts there
            day: Any = sa.func.substr(column, 1, 10)
        elif getattr(column.type, "timezone", False) and self._engine.dialect.name == "postgresql":
            day = sa.cast(sa.func.timezone("UTC", column), sa.Date)
        else:
            day = sa.cast(column, sa.Date)
        bounds = (first.isoformat(), end.isoformat()) if self._options.is_sqlite else (first, end)
        counted = sa.select(day, sa.func.count()).where(day >= bounds[0], day < bounds[1]).group_by(day)
        with self._faults(), self._engine.connect() as connection:
            found = connection.execute(counted).all()
        counts = {date.fromisoformat(str(one)): int(count) for one, count in found}
        days = (first + timedelta(days=number) for number in range((end - first).days))
        return [(each, counts.get(each, 0)) for each in days]

    @property
    def key_names(self) -> tuple[str, ...]:
        """The columns that tell one row from another; none where nobody said so."""
        return tuple(str(column.name) for column in self._key)

    def close(self) -> None:
        """Closes every connection."""
        if "_engine" in self.__dict__:
            self._engine.dispose()

    @cached_property
    def _engine(self) -> Engine:
        with self._faults():
            url = sa.engine.make_url(self._options.url)
            if self._options.is_sqlite:
                url = url.set(database=f"file:{self._file(url.database)}", query={"mode": "ro", "uri": "true"})
            elif self._secret is not None:
                url = url.set(password=self._secret)
            kind = url.get_backend_name()
            exact = {"json_deserializer": partial(json.loads, parse_float=Decimal)} if kind in _EXACT_JSON else {}
            engine = create_engine(url, connect_args=_CONNECT.get(kind, {}), **exact)
            if engine.dialect.driver == "psycopg":
                sa.event.listen(engine, "connect", _tolerate_infinity)
            return engine

    @cached_property
    def _table(self) -> Any:
        with self._faults():
            try:
                table = Table(self._name, MetaData(schema=self._schema), autoload_with=self._engine, resolve_fks=False)
            except sa.exc.NoSuchTableError:
                table = None
            if table is None:
                raise ConfigurationError(f"there is no table {self._options.table}{self._near_tables()}")
        if self._options.is_sqlite:
            for column in table.columns:
                column.type = sa.types.NullType()  # as stored: a declared type says little there
        for name in (*filter(None, [self._options.cursor]), *self._options.key, *self._options.columns):
            if name not in table.c:
                raise ConfigurationError(
                    f"{self._options.table} has no column {name}{_near(name, [column.name for column in table.c])}"
                )
        return table

    @property
    def _cursor(self) -> str:
        name = str(self._options.cursor)
        kind, rule = self._table.c[name].type, self._options.rule
        assert rule is not None
        is_moment = isinstance(kind, sa.types.DateTime | sa.types.Date)
        fits = is_moment if rule.kind is CursorKind.TIMESTAMP else isinstance(kind, sa.types.Integer | sa.types.Numeric)
        if not fits and not self._options.is_sqlite:
            needed = "a length of time" if is_moment else "a number"
            raise ConfigurationError(
                f"the cursor {name} is a {kind}: a cursor is a timestamp, a date or a number, and the overlap "
                f"{needed} to fit it"
            )
        return name

    @property
    def _key(self) -> list[Any]:
        return [self._table.c[name] for name in self._options.key] or list(self._table.primary_key.columns)

    def _select(self) -> Any:
        wanted = {*self._options.columns, *self._options.key, self._options.cursor}
        return sa.select(*(c for c in self._table.columns if not self._options.columns or c.name in wanted))

    def _everything(self) -> Any:
        return self._select().order_by(*self._key)

    def _bound(self, start: Cursor) -> Any:
        """A cursor as the database compares it with its column."""
        kind = self._table.c[self._cursor].type
        if isinstance(start.key, str):
            return start.key
        if isinstance(start.key, datetime):
            moment = start.key if getattr(kind, "timezone", False) else start.key.replace(tzinfo=None)
            return moment if isinstance(kind, sa.types.DateTime) else moment.date()
        if start.key == start.key.to_integral_value():
            return int(start.key)
        return float(start.key) if self._options.is_sqlite else start.key

    def _rows(self, query: Any) -> Iterator[dict[str, Any]]:
        loader = TableLoader(
            self._engine,
            "sqlalchemy",
            self._table,
            {},
            chunk_size=self._options.chunk_rows,
            query_adapter_callback=lambda _query, _table: query,
        )
        with closing(loader.load_rows()) as chunks:  # type: ignore[type-var]
            while True:
                with self._faults():
                    chunk = next(chunks, None)
                if chunk is None:
                    return
                yield from chunk

    def _file(self, database: str | None) -> str:
        path = self._place.source / (database or "")
        if not path.is_file():  # SQLite would make an empty database of it
            raise SourceUnavailable(f"there is no database {path}")
        return quote(str(path))

    def _near_tables(self) -> str:
        inspector = sa.inspect(self._engine)
        names = [*inspector.get_table_names(self._schema), *inspector.get_view_names(self._schema)]
        return _near(self._name, names)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Turns the errors of drivers into ours, without their statements and parameters."""
        fault: PlatformError | None = None
        try:
            yield
        except PlatformError:
            raise
        except _WRONG as error:
            fault = self._fault(error, ConfigurationError)
        except (sa.exc.SQLAlchemyError, OSError, ValueError) as error:
            fault = self._fault(error, SourceUnavailable)
        if fault is not None:
            raise fault

    def _fault(self, error: Exception, kind: type[PlatformError]) -> PlatformError:
        cause = getattr(error, "orig", None) or error
        lines = str(cause).strip().splitlines() or [type(cause).__name__]
        text = lines[0].replace(self._secret, "***") if self._secret else lines[0]
        state = getattr(cause, "sqlstate", None) or ""
        if state.startswith(_REFUSED_STATES) or any(words in text.lower() for words in _REFUSED):
            kind = SourceRefused
        elif "does not exist" in text:  # a database or a role: libpq gives connection errors no code
            kind = ConfigurationError
        return kind(f"{self._options.table}: {text}")


def _line(row: dict[str, Any]) -> bytes:
    return json_line(plain(row))


def _near(name: str, names: list[str]) -> str:
    close = get_close_matches(name, names, n=3) or sorted(names)[:20]
    return f"; there is {', '.join(close)}" if close else "; there is none at all"


def _tolerate_infinity(connection: Any, _record: object) -> None:
    """PostgreSQL's infinity and years past 9999, which Python's dates lack, come as text instead of ending the poll."""
    for name, loader in (("date", _Date), ("timestamp", _Timestamp), ("timestamptz", _Timestamptz)):
        connection.adapters.register_loader(name, loader)


class _Date(DateLoader):
    def load(self, data: Any) -> Any:
        try:
            return super().load(data)
        except DataError:
            return bytes(data).decode()


class _Timestamp(TimestampLoader):
    def load(self, data: Any) -> Any:
        try:
            return super().load(data)
        except DataError:
            return bytes(data).decode()


class _Timestamptz(TimestamptzLoader):
    def load(self, data: Any) -> Any:
        try:
            return super().load(data)
        except DataError:
            return bytes(data).decode()
