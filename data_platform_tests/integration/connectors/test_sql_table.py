from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data_platform.clock import ManualClock
from data_platform.connectors.protocol import Place, Poll
from data_platform.connectors.pull.sql_table import SqlTable
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName
from data_platform.errors import ConfigurationError, SourceRefused, SourceUnavailable
from data_platform_tests.integration.connectors.postgres_server import PASSWORD, PostgresServer

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
ORDERS = "CREATE TABLE orders (id bigint PRIMARY KEY, at timestamptz, note text)"


@pytest.fixture
def server(postgres_server: PostgresServer) -> PostgresServer:
    return postgres_server


@pytest.fixture
def database(server: PostgresServer) -> str:
    name = server.new_database()
    server.execute(name, ORDERS)
    return name


@pytest.fixture
def new_table(server: PostgresServer, database: str, tmp_path: Path) -> Any:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)

    def make(**options: Any) -> SqlTable:
        given = {
            "url": f"postgresql+psycopg://postgres@{server.host}:{server.port}/{database}",
            "password": {"file": str(secret)},
            "table": "orders",
            "chunk_rows": 7,
        } | options
        if not given.get("full"):
            given = {"cursor": "at", "overlap": "PT5S"} | given
        return opened(given, tmp_path)

    return make


def opened(options: dict[str, Any], folder: Path) -> SqlTable:
    entry = ConnectorEntry(
        name="orders", kind="sql_table", dataset=DatasetName.parse("raw.shop.orders"), options=options, path="c", line=1
    )
    return SqlTable(entry, Place(source=folder, spool=folder / "spool", clock=ManualClock(NOW)))


def nothing_known(_name: str, _sha256: str) -> bool:
    return False


def lines(poll: Poll | None) -> list[str]:
    found = []
    for delivery in poll.deliveries if poll else ():
        found += delivery.path.read_text().splitlines()
        delivery.path.unlink()
    return found


def drain(table: SqlTable, position: Any = None) -> tuple[list[str], Any]:
    """What the loop would land, and where it ends."""
    position, found = position or {}, []
    for _ in range(100):
        poll = table.poll(position, nothing_known)
        if poll is None:
            return found, position
        found += lines(poll)
        position = json.loads(json.dumps(poll.position_to))
        table.acknowledge(position)
    raise AssertionError("the poll does not end")


def ids(found: list[str]) -> list[int]:
    return [json.loads(line)["id"] for line in found]


def insert(server: PostgresServer, database: str, *rows: tuple[int, str | None]) -> None:
    with server.connect(database) as connection:
        for number, at in rows:
            connection.execute(
                "INSERT INTO orders VALUES (%s, %s, 'x') ON CONFLICT (id) DO UPDATE SET at = EXCLUDED.at", [number, at]
            )


def second(number: int) -> str:
    return f"2026-03-01 00:00:{number:02}+00"


def test_values_come_without_loss(server: PostgresServer, database: str, new_table: Any) -> None:
    number = uuid.uuid4()
    server.execute(
        database,
        "CREATE TABLE kinds (id int PRIMARY KEY, at timestamptz NOT NULL, local timestamp, day date, clock time,"
        " exact numeric(38, 10), free numeric, small real, wide double precision, big bigint, yes boolean, data bytea,"
        " doc jsonb, many numeric[], length interval, told uuid, note text)",
        "INSERT INTO kinds VALUES (1, '2026-03-01 12:00:00.123456+02', '2026-03-01 12:00:00', '2026-03-01', '23:59:59.5',"
        " 1234567890123456789012345678.0123456789, 1.10, 1.1, 0.1, 9223372036854775807, true, '\\x00ff10',"
        f" '{{\"a\": 1.10, \"b\": [0.1000000000000000055511151231257827]}}', '{{1.50, NULL}}', '1 day 0.5 s', '{number}', E'Zo\\u00eb\\n')",
        "INSERT INTO kinds VALUES (2, '2026-03-01 12:00:01+00', 'infinity', '-infinity', NULL,"
        " NULL, 'NaN', 'NaN', '-Infinity', NULL, NULL, NULL, 'null', NULL, NULL, NULL, '')",
    )
    first, other = drain(new_table(table="kinds"))[0]
    assert '"exact":1234567890123456789012345678.0123456789,"free":1.10,"small":1.1,"wide":0.1,' in first
    assert (
        '"doc":{"a":1.10,"b":[0.1000000000000000055511151231257827]},"many":[1.50,null],"length":"PT86400.5S"' in first
    )
    found = json.loads(first)
    assert (found["at"], found["local"]) == ("2026-03-01T10:00:00.123456Z", "2026-03-01T12:00:00")
    assert (found["day"], found["clock"], found["big"], found["yes"]) == (
        "2026-03-01",
        "23:59:59.500000",
        2**63 - 1,
        True,
    )
    assert base64.b64decode(found["data"]) == b"\x00\xff\x10"
    assert (found["told"], found["note"]) == (str(number), "Zoë\n")
    found = json.loads(other)
    assert (found["local"], found["day"], found["free"], found["small"]) == ("infinity", "-infinity", "NaN", "nan")
    assert (found["wide"], found["exact"], found["doc"], found["note"]) == ("-inf", None, None, "")


def test_rows_come_in_the_order_of_the_cursor_and_once(server: PostgresServer, database: str, new_table: Any) -> None:
    insert(server, database, *((number, second(number * 7 % 23)) for number in range(23)))
    found, position = drain(new_table())
    assert ids(found) == [number * 10 % 23 for number in range(23)]  # 7 × 10 = 1 modulo 23
    assert set(position) == {"cursor", "seen"}
    assert new_table().peek(position, nothing_known) == ()
    assert drain(new_table(), position) == ([], position)


def test_a_row_committed_behind_the_cursor_is_found(server: PostgresServer, database: str, new_table: Any) -> None:
    insert(server, database, *((number, second(number)) for number in range(10)))
    _, position = drain(new_table())
    insert(server, database, (20, second(6)), (9, second(9)), (8, second(12)))
    table = new_table()
    assert len(table.peek(position, nothing_known)) == 1
    assert ids(drain(table, position)[0]) == [20, 8]  # 9 is as it was


@pytest.mark.parametrize("is_cache_lost", [True, False])
def test_ties_at_the_end_of_a_batch_are_not_lost(
    server: PostgresServer, database: str, new_table: Any, tmp_path: Path, is_cache_lost: bool
) -> None:
    insert(server, database, *((number, second(number // 9)) for number in range(60)))
    table, position, found, polls = new_table(max_batch_bytes=400, overlap="PT0S"), {}, [], 0
    while (poll := table.poll(position, nothing_known)) is not None:
        polls, found = polls + 1, found + ids(lines(poll))
        if is_cache_lost:
            shutil.rmtree(tmp_path / "spool" / "pull" / "raw.shop.orders" / "orders" / "seen")
            if poll.position_to == position:
                break
        position = poll.position_to
    assert polls > 5
    assert set(found) == set(range(60))
    assert is_cache_lost or len(found) == 60


def test_rows_without_a_cursor_are_read_too(server: PostgresServer, database: str, new_table: Any) -> None:
    insert(server, database, (1, None), (2, second(2)), (3, None))
    found, position = drain(new_table())
    assert ids(found) == [1, 3, 2]
    insert(server, database, (4, second(40)), (5, None), (3, second(41)))
    found, position = drain(new_table(), position)
    assert ids(found) == [5, 4, 3]
    assert drain(new_table(), position)[0] == []


def test_a_table_in_which_no_row_has_a_cursor_is_read(server: PostgresServer, database: str, new_table: Any) -> None:
    insert(server, database, (1, None))
    found, position = drain(new_table())
    assert ids(found) == [1]
    assert set(position) == {"seen"}


def test_the_position_never_passes_the_time_of_the_database(
    server: PostgresServer, database: str, new_table: Any
) -> None:
    insert(server, database, (1, "2026-03-01 00:00:00+00"), (2, "2999-01-01 00:00:00+00"), (3, "infinity"))
    found, position = drain(new_table())
    assert ids(found) == [1, 2, 3]
    assert datetime.fromisoformat(position["cursor"]) <= server.rows(database, "SELECT now()")[0][0]
    server.execute(database, "INSERT INTO orders VALUES (4, now(), 'later')")
    assert ids(drain(new_table(), position)[0]) == [4]


def test_other_types_of_cursors(server: PostgresServer, database: str, new_table: Any) -> None:
    server.execute(
        database,
        "CREATE TABLE marks (id int PRIMARY KEY, day date NOT NULL, local timestamp NOT NULL, version numeric NOT NULL)",
        "INSERT INTO marks SELECT n, date '2026-01-01' + n / 3, timestamp '2026-01-01' + n * interval '1 min', n + 0.5"
        " FROM generate_series(0, 9) AS n",
    )
    for cursor, overlap in (("day", "P1D"), ("local", "PT1M"), ("version", 1), ("id", 2)):
        table = new_table(table="marks", cursor=cursor, overlap=overlap, max_batch_bytes=200)
        found, position = drain(table)
        assert ids(found) == list(range(10)), cursor
        if cursor in ("day", "local"):
            assert len(drain(table, table.position_at("2026-01-01T02:00:00+02:00"))[0]) == 10
        server.execute(database, "UPDATE marks SET version = version WHERE id = 9")
        assert drain(table, position)[0] == []
        server.execute(database, "INSERT INTO marks SELECT 10, day, local, version FROM marks WHERE id = 9")
        assert ids(drain(table, position)[0]) == [10], cursor
        server.execute(database, "DELETE FROM marks WHERE id = 10")
        shutil.rmtree(table._place.spool)


def test_a_whole_table_is_new_only_when_its_content_is(server: PostgresServer, database: str, new_table: Any) -> None:
    insert(server, database, *((number, second(number)) for number in range(30)))
    table = new_table(full=True, columns=["note"], max_batch_bytes=150)
    poll = table.poll({}, nothing_known)
    assert len(poll.deliveries) == 3
    assert lines(poll)[0] == '{"note":"x"}'
    assert table.poll(poll.position_to, nothing_known) is None
    assert table.peek(poll.position_to, nothing_known) == ()
    server.execute(database, "UPDATE orders SET note = 'y' WHERE id = 3")
    assert len(lines(table.poll(poll.position_to, nothing_known))) == 30


def test_equal_rows_of_a_table_without_a_key_are_each_taken(
    server: PostgresServer, database: str, new_table: Any
) -> None:
    server.execute(database, "CREATE TABLE visits (id int, at timestamptz)")
    visit = "INSERT INTO visits VALUES (1, '2026-03-01 00:00:00+00')"
    server.execute(database, visit, visit, visit)
    found, position = drain(new_table(table="visits"))
    assert ids(found) == [1, 1, 1]
    assert drain(new_table(table="visits"), position)[0] == []
    server.execute(database, visit)
    assert ids(drain(new_table(table="visits"), position)[0]) == [1]


def test_only_the_named_columns_come_and_schemas_are_known(
    server: PostgresServer, database: str, new_table: Any
) -> None:
    server.execute(database, "CREATE SCHEMA sales", "CREATE TABLE sales.orders AS SELECT * FROM orders")
    server.execute(database, "INSERT INTO sales.orders VALUES (1, '2026-03-01 00:00:00+00', 'hidden')")
    assert drain(new_table(table="sales.orders", columns=["id"]))[0] == ['{"id":1,"at":"2026-03-01T00:00:00Z"}']
    server.execute(database, "CREATE VIEW shown AS SELECT id, at FROM sales.orders")
    assert ids(drain(new_table(table="shown", key=["id"]))[0]) == [1]


def test_what_is_not_there_is_told_with_what_is_near(server: PostgresServer, database: str, new_table: Any) -> None:
    server.execute(database, "CREATE TABLE customers (id int)")
    for options, said in (
        ({"table": "order"}, "no table order; there is orders"),
        ({"table": "salse.orders"}, "no table salse.orders"),
        ({"cursor": "att"}, "has no column att; there is at"),
        ({"columns": ["notes"]}, "no column notes; there is note"),
        ({"cursor": "note"}, "the cursor note is a TEXT"),
        ({"cursor": "id"}, "the cursor id is a BIGINT.* a number"),
        ({"cursor": "at", "overlap": 5}, "a length of time"),
        ({"url": f"postgresql+psycopg://postgres@{server.host}:{server.port}/nowhere"}, "does not exist"),
        ({"url": "nonsense+driver://x@y/z"}, "nonsense"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            new_table(**options).poll({}, nothing_known)


def test_a_rotated_password_is_taken_up_and_never_shown(
    server: PostgresServer, database: str, new_table: Any, tmp_path: Path
) -> None:
    server.set_password("reader", "first one")
    server.execute(database, "GRANT SELECT ON orders TO reader")
    insert(server, database, (1, second(1)))
    (tmp_path / "rotated").write_text("first one")
    url = f"postgresql+psycopg://reader@{server.host}:{server.port}/{database}"
    table = new_table(url=url, password={"file": str(tmp_path / "rotated")})
    found, position = drain(table)
    server.set_password("reader", "second one")
    with pytest.raises(SourceRefused, match="password authentication failed") as refused:
        table.poll(position, nothing_known)
    (tmp_path / "rotated").write_text("second one")
    assert table.credential.renew()
    insert(server, database, (2, second(2)))
    found += drain(table, position)[0]
    assert ids(found) == [1, 2]
    server.execute(database, "REVOKE SELECT ON orders FROM reader")
    with pytest.raises(SourceRefused, match="permission denied") as denied:
        table.poll(position, nothing_known)
    for fault in (refused.value, denied.value):
        assert "first one" not in f"{fault!r} {fault.__cause__!r} {fault.__context__!r}"
        assert "SELECT" not in str(fault)


def test_a_database_that_is_gone_is_unavailable(new_table: Any) -> None:
    with pytest.raises(SourceUnavailable, match="orders: "):
        new_table(url="postgresql+psycopg://postgres@127.0.0.1:1/x").poll({}, nothing_known)


def test_a_person_can_go_back(server: PostgresServer, database: str, new_table: Any) -> None:
    insert(server, database, *((number, second(number)) for number in range(20)))
    table = new_table(overlap="PT1S")
    drain(table)
    assert ids(drain(table, table.position_at("2026-03-01T00:00:15Z"))[0]) == [14, 15, 16, 17, 18, 19]
    assert ids(drain(table, table.position_at("start"))[0]) == list(range(20))
    with pytest.raises(ConfigurationError, match="write start, or a timestamp"):
        table.position_at("soon")
    with pytest.raises(ConfigurationError, match="still to come"):
        table.position_at("2999-01-01")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "postgresql://ann:pw@h/d"}, "by reference"),
        ({"url": "postgresql://ann@h/d?password=pw"}, "by reference"),
        ({"url": "orders.db"}, "write it like"),
        ({"cursor": None, "overlap": None}, "either cursor"),
        ({"full": True, "cursor": "at"}, "either cursor"),
        ({"cursor": "at", "overlap": None}, "longest transaction"),
        ({"cursor": "at", "overlap": -1}, "negative"),
        ({"tabel": "x"}, "tabel"),
    ],
)
def test_wrong_options_are_told_before_anything_is_asked(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    given = {"url": "postgresql://h/d", "table": "orders"} | options
    with pytest.raises(ConfigurationError, match=said) as wrong:
        opened({name: value for name, value in given.items() if value is not None}, tmp_path)
    assert "pw" not in str(wrong.value)


def sqlite_file(folder: Path, *statements: str) -> None:
    connection = sqlite3.connect(folder / "shop.db")
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_an_sqlite_file_is_read_as_it_is_stored(tmp_path: Path) -> None:
    sqlite_file(
        tmp_path,
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, at TIMESTAMP, amount DECIMAL(10, 2), data BLOB)",
        "INSERT INTO orders VALUES (1, '2026-03-01T00:00:00Z', '1.10', x'00ff'), (2, '2026-03-01T00:00:09.5Z', 0.1, NULL),"
        " (3, '2026-03-01T00:00:09Z', 12345678901234567, NULL), (4, NULL, NULL, NULL)",
    )
    options = {"url": "sqlite:///shop.db", "table": "orders", "cursor": "at", "overlap": "PT1S", "max_batch_bytes": 60}
    found, position = drain(opened(options, tmp_path))
    assert found[1] == '{"id":1,"at":"2026-03-01T00:00:00Z","amount":1.1,"data":"AP8="}'
    assert sorted(ids(found)) == [1, 2, 3, 4]
    sqlite_file(tmp_path, "INSERT INTO orders VALUES (5, '2026-03-01T00:00:08.25Z', 1, NULL)")
    assert ids(drain(opened(options, tmp_path), position)[0]) == [5]
    numbers = {**options, "cursor": "id", "overlap": 1}
    assert ids(drain(opened(numbers, tmp_path), {"cursor": "3"})[0]) == [2, 3, 4, 5]


def test_a_missing_sqlite_file_is_unavailable_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"there is no database .*shop\.db"):
        opened({"url": "sqlite:///shop.db", "table": "orders", "full": True}, tmp_path).poll({}, nothing_known)
    assert not (tmp_path / "shop.db").exists()
