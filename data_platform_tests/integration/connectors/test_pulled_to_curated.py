"""From a source that is pulled to a curated table: each record once in raw, and the newest of each key in curated."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

from data_platform.connectors.pull.rest_pull import RestPull
from data_platform.connectors.pull.sql_table import SqlTable
from data_platform.connectors.source_log import SourceLog
from data_platform.lakehouse.landing import LandingLog
from data_platform_tests.integration.connectors.postgres_server import PASSWORD, PostgresServer
from data_platform_tests.integration.connectors.rest_server import Api, rest_server
from data_platform_tests.kit import Kit

COLUMNS = ("id int required", "at timestamp required", "amount decimal(20,4) required")
START = datetime(2026, 3, 1, tzinfo=UTC)


class Crash(BaseException):
    """The end of a process."""


class Source(Protocol):
    kind: type

    def options(self, folder: Path) -> dict[str, Any]: ...

    def put(self, number: int, at: datetime, amount: Decimal) -> None: ...


class RestSource:
    kind = RestPull

    def __init__(self, api: Api) -> None:
        self.api, self.newest = api, {}
        api.show = lambda record, query: record["at"] >= query.get("since", "")

    def options(self, folder: Path) -> dict[str, Any]:
        return {
            "kind": "rest_pull",
            "url": self.api.url,
            "path": "items",
            "data_selector": "items",
            "paginator": {"type": "offset", "limit": 3, "total_path": "total"},
            "cursor": {"field": "at", "param": "since"},
            "overlap": "PT20S",
            "is_ordered": True,
            "max_batch_bytes": 500,
        }

    def put(self, number: int, at: datetime, amount: Decimal) -> None:
        self.newest[number] = (at.strftime("%Y-%m-%dT%H:%M:%SZ"), amount)
        in_order = sorted(self.newest.items(), key=lambda item: (item[1][0], item[0]))
        self.api.records = [f'{{"id": {n}, "at": "{at}", "amount": {amount}}}' for n, (at, amount) in in_order]


class SqlSource:
    kind = SqlTable

    def __init__(self, server: PostgresServer) -> None:
        self.server, self.database = server, server.new_database()
        server.execute(self.database, "CREATE TABLE orders (id int PRIMARY KEY, at timestamptz, amount numeric(20, 4))")

    def options(self, folder: Path) -> dict[str, Any]:
        (folder / "password").write_text(PASSWORD)
        return {
            "kind": "sql_table",
            "url": f"postgresql+psycopg://postgres@{self.server.host}:{self.server.port}/{self.database}",
            "password": {"file": str(folder / "password")},
            "table": "orders",
            "cursor": "at",
            "overlap": "PT20S",
            "max_batch_bytes": 500,
        }

    def put(self, number: int, at: datetime, amount: Decimal) -> None:
        with self.server.connect(self.database) as connection:
            connection.execute(
                "INSERT INTO orders VALUES (%s, %s, %s)"
                " ON CONFLICT (id) DO UPDATE SET at = EXCLUDED.at, amount = EXCLUDED.amount",
                [number, at, amount],
            )


@pytest.fixture(params=["rest_pull", "sql_table"])
def source(request: pytest.FixtureRequest) -> Iterator[Source]:
    if request.param == "sql_table":
        yield SqlSource(request.getfixturevalue("postgres_server"))
        return
    with rest_server() as api:
        api.paging = "offset"
        yield RestSource(api)


@pytest.fixture
def kit(tmp_path: Path, source: Source) -> Iterator[Kit]:
    kit = Kit(tmp_path)
    kit.raw("orders", COLUMNS, format={"kind": "ndjson"})
    kit.curated(
        "orders",
        ("id int key", *COLUMNS[1:]),
        "SELECT id, at, amount FROM raw.shop.orders",
        materialization="merge",
        sequence=["at"],
    )
    kit.connectors["orders"] = {"dataset": "raw.shop.orders", **source.options(tmp_path)}
    path = tmp_path / "domains" / "shop" / "connectors.yaml"
    path.write_text(yaml.safe_dump({"connectors": kit.connectors}))
    yield kit
    kit.close()


class Shop:
    """What happens at the source: new orders and changed ones, some of them stamped a little earlier than they show."""

    def __init__(self, source: Source) -> None:
        self.source, self.random = source, random.Random(7)
        self.now, self.rows, self.states = START, {}, set()

    def trade(self, count: int) -> None:
        for _ in range(count):
            self.now += timedelta(seconds=4)
            number = self.random.randrange(25)
            at = self.now - timedelta(seconds=self.random.choice([0, 0, 0, 9]))
            if number in self.rows and self.rows[number][0] >= at:
                continue
            amount = Decimal(self.random.randrange(10**18)).scaleb(-4)
            self.rows[number] = (at, amount)
            self.source.put(number, at, amount)

    def seen(self) -> None:
        """A poll reads to the end now: every row as it is must be in raw once."""
        self.states |= {(number, at, amount) for number, (at, amount) in self.rows.items()}


def raw(kit: Kit) -> list[tuple[int, datetime, Decimal]]:
    return sorted((row["id"], row["at"], row["amount"]) for row in kit.rows("raw.orders"))


def test_every_change_that_was_to_be_seen_is_in_raw_once_and_curated_equals_the_source(
    kit: Kit, source: Source
) -> None:
    shop = Shop(source)
    for _ in range(4):
        shop.trade(14)
        kit.ingest("orders")
        shop.seen()
        assert raw(kit) == sorted(shop.states)
    assert kit.ingest("orders") == ()
    kit.materialize("curated.orders")
    assert {row["id"]: (row["at"], row["amount"]) for row in kit.rows("curated.orders")} == shop.rows
    assert len(kit.platform.metastore.batches.of("raw.shop.orders")) > 4


@pytest.mark.parametrize("step", ["poll", "landed", "manifest", "raw", "acknowledged"])
def test_a_crash_at_any_step_loses_nothing_and_doubles_nothing(
    kit: Kit, source: Source, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(source)
    shop.trade(20)
    kit.ingest("orders")
    shop.seen()
    shop.trade(10)
    owner, method = {
        "poll": (source.kind, "poll"),
        "landed": (LandingLog, "land"),
        "manifest": (LandingLog, "append"),
        "raw": (SourceLog, "commit"),
        "acknowledged": (source.kind, "acknowledge"),
    }[step]
    original = getattr(owner, method)

    def dying(*args: Any, **kwargs: Any) -> Any:
        original(*args, **kwargs)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(owner, method, dying)
        with pytest.raises(Crash):
            kit.ingest("orders")
    kit.reopen()
    kit.ingest("orders")
    shop.seen()
    assert raw(kit) == sorted(shop.states)


def test_a_lost_spool_brings_repeats_that_the_merge_takes_for_what_they_are(kit: Kit, source: Source) -> None:
    shop = Shop(source)
    shop.trade(20)
    kit.ingest("orders")
    shop.seen()
    shutil.rmtree(kit.platform.settings.spool_dir)
    kit.reopen()
    shop.trade(5)
    kit.ingest("orders")
    shop.seen()
    assert set(raw(kit)) == shop.states
    assert len(raw(kit)) > len(shop.states)
    kit.materialize("curated.orders")
    assert {row["id"]: (row["at"], row["amount"]) for row in kit.rows("curated.orders")} == shop.rows
    assert kit.residuals("curated.orders") == [0] * len(kit.residuals("curated.orders"))


def test_what_was_read_can_be_read_once_more(kit: Kit, source: Source) -> None:
    shop = Shop(source)
    shop.trade(20)
    kit.ingest("orders")
    with kit.platform.ingester.open(kit.entry("orders")) as ingestion:
        ingestion.go_back("start", kit.run())
    kit.ingest("orders")
    assert {row[0] for row in raw(kit)} == set(shop.rows)
    assert len(raw(kit)) == 2 * len(shop.rows)
    kit.materialize("curated.orders")
    assert {row["id"]: (row["at"], row["amount"]) for row in kit.rows("curated.orders")} == shop.rows
    assert json.dumps(kit.ledger("curated.orders"))
