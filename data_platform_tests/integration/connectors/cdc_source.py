"""A database with one table, and a reader of its changes that keeps its position as the landing log would."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_platform.clock import Clock, SystemClock
from data_platform.connectors.postgres_cdc.connector import PostgresCdc
from data_platform.connectors.protocol import Place, Poll
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName
from data_platform.observability.kept_log import KeptLog
from data_platform_tests.integration.connectors.postgres_server import PASSWORD, PostgresServer

Row = dict[str, Any]
PATIENCE_SECONDS = 60


@dataclass
class CdcSource:
    """What a test does to the source, and what the connector makes of it."""

    server: PostgresServer
    dbname: str
    folder: Path
    options: dict[str, Any] = field(default_factory=dict)
    clock: Clock = field(default_factory=SystemClock)
    position: Mapping[str, Any] = field(default_factory=dict)
    connector: PostgresCdc | None = None
    slot = "data_platform_items"

    def run(self, *statements: str) -> None:
        self.server.execute(self.dbname, *statements)

    def entry(self) -> ConnectorEntry:
        secret = self.folder / "password"
        if not secret.exists():
            secret.write_text(PASSWORD)
        options = {
            "host": self.server.host,
            "port": self.server.port,
            "dbname": self.dbname,
            "user": "postgres",
            "password": {"file": str(secret)},
            "table": "public.items",
            **self.options,
        }
        dataset = DatasetName.parse("raw.shop.items")
        return ConnectorEntry(
            name="items", kind="postgres_cdc", dataset=dataset, options=options, path="connectors.yaml", line=1
        )

    def open(self) -> PostgresCdc:
        if self.connector is None:
            self.connector = PostgresCdc(self.entry(), Place(source=self.folder, spool=self.folder, clock=self.clock))
        return self.connector

    def die(self) -> None:
        """Forgets what a process holds; what it had not acknowledged is lost with it."""
        if self.connector is not None:
            self.connector.close()
        self.connector = None

    def poll(self, position: Mapping[str, Any] | None = None) -> Poll | None:
        return self.open().poll(self.position if position is None else position, lambda _name, _sha256: False)

    def take(self, *, acknowledge: bool = True) -> list[Row] | None:
        """One poll, as the loop takes it."""
        poll = self.poll()
        if poll is None:
            return None
        self._move(poll, acknowledge=acknowledge)
        return records(poll)

    def drain(self, *, acknowledge: bool = True) -> list[Row]:
        """Everything there was when it began: all of the first copy, or all that was committed since."""
        found: list[Row] = []
        while True:
            poll = self.poll()
            if poll is None:
                return found
            was_copying = self.position.get("phase") != "stream"
            self._move(poll, acknowledge=acknowledge)
            found += records(poll)
            if poll.backlog == 0 or (was_copying and self.position["phase"] == "stream"):
                return found

    def peek(self) -> tuple[str, ...]:
        return self.open().peek(self.position, lambda _name, _sha256: False)

    def take_until(self, count: int) -> list[Row]:
        """Polls until that many records have come."""
        found: list[Row] = []
        until = time.monotonic() + PATIENCE_SECONDS
        while len(found) < count:
            assert time.monotonic() < until, f"{len(found)} of {count} records came"
            found += self.take() or []
        return found

    def drop_slot(self) -> None:
        """Takes the slot away, from whoever may still read it."""
        found = "FROM pg_replication_slots WHERE slot_name = %s"
        until = time.monotonic() + PATIENCE_SECONDS
        with self.server.connect(self.dbname) as connection:
            connection.execute(
                f"SELECT pg_terminate_backend(active_pid) {found} AND active_pid > 0".encode(), [self.slot]
            )
            while connection.execute(f"SELECT {found} AND active_pid > 0".encode(), [self.slot]).fetchone():
                assert time.monotonic() < until, "the slot is still being read"
                time.sleep(0.05)
            connection.execute(f"SELECT pg_drop_replication_slot(slot_name) {found}".encode(), [self.slot])

    def _move(self, poll: Poll, *, acknowledge: bool) -> None:
        self.position = json.loads(json.dumps(poll.position_to))
        if acknowledge:
            self.open().acknowledge(self.position)

    def confirmed(self) -> str | None:
        found = self.server.rows(
            self.dbname,
            f"SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = '{self.slot}'",
        )
        return found[0][0] if found else None

    def kept(self) -> KeptLog | None:
        """What the source keeps for the slot."""
        return self.open().kept_log(within_seconds=10)

    def kept_bytes(self) -> int:
        kept = self.kept()
        assert kept is not None
        assert kept.retained_bytes is not None
        return kept.retained_bytes

    def rows(self) -> dict[int, Any]:
        """The table as it is now."""
        return dict(self.server.rows(self.dbname, "SELECT id, v FROM items"))


def records(poll: Poll) -> list[Row]:
    """The envelopes of a poll; its files are read and gone."""
    found = []
    for delivery in poll.deliveries:
        text = delivery.path.read_text()
        assert len(text.encode()) == delivery.size_bytes
        found += [json.loads(line) for line in text.splitlines()]
        delivery.path.unlink()
    return found


def ops(found: list[Row]) -> list[tuple[str, Any, Any]]:
    """Operation, row before and row after."""
    return [(row["op"], row.get("before"), row.get("after")) for row in found]


def sequence(row: Row) -> tuple[int, int]:
    commit, number = json.loads(row["source"]["sequence"])
    return int(commit), int(number)


def replayed(found: list[Row]) -> dict[int, Any]:
    """The table that the changes make: the newest one of each id by sequence, in whatever order they came."""
    newest: dict[int, Row] = {}
    emptied = max((sequence(row) for row in found if row["op"] == "t"), default=(0, 0))
    for row in found:
        if row["op"] in "tm":
            continue
        key = (row["after"] or row["before"])["id"]
        if key not in newest or sequence(row) > sequence(newest[key]):
            newest[key] = row
    return {key: row["after"]["v"] for key, row in newest.items() if row["op"] != "d" and sequence(row) > emptied}
