"""Sessions that change the rows of one table at the same time: long and short transactions, some of them undone."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psycopg

from data_platform_tests.integration.connectors.postgres_server import PostgresServer

KEYS = 10_000
_SESSIONS = 4
_UPSERT = "INSERT INTO items VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE SET v = excluded.v, price = excluded.price"
_CHANGES = (
    (0.40, _UPSERT),
    (0.70, "UPDATE items SET v = %(v)s, price = price + 1 WHERE id = %(id)s"),
    (0.85, "DELETE FROM items WHERE id = %(id)s"),
    (0.95, "UPDATE items SET id = %(other)s WHERE id = %(id)s AND NOT EXISTS (SELECT FROM items WHERE id = %(other)s)"),
    (1.00, "INSERT INTO items VALUES (%(id)s, NULL, NULL) ON CONFLICT DO NOTHING"),
)
_LOST = (psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation)


@dataclass
class Workload:
    """Makes changes until it is told to stop or has made enough; each session repeats from its seed."""

    server: PostgresServer
    dbname: str
    seed: int
    rounds: int = 0
    committed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, operations: int) -> None:
        """Commits about that many more operations, from several sessions at once."""
        self.rounds += 1
        goal = self.committed + operations
        with ThreadPoolExecutor(_SESSIONS) as pool:
            draws = (random.Random(f"{self.seed}-{self.rounds}-{session}") for session in range(_SESSIONS))
            for session in [pool.submit(self._session, draw, goal) for draw in draws]:
                session.result()

    def _session(self, draw: random.Random, goal: int) -> None:
        with psycopg.connect(self.server.url(self.dbname)) as connection:
            while self.committed < goal:
                try:
                    done = self._transaction(connection, draw)
                except _LOST:
                    connection.rollback()
                    continue
                with self._lock:
                    self.committed += done

    def _transaction(self, connection: psycopg.Connection[Any], draw: random.Random) -> int:
        size = draw.choice((1, 1, 2, 5, 20, 80))
        if draw.random() < 0.0001:
            connection.execute("TRUNCATE items")
        for _ in range(size):
            _change(connection, draw)
        if draw.random() < 0.2:
            connection.execute("SAVEPOINT undone")
            _change(connection, draw)
            connection.execute("ROLLBACK TO undone")
            _change(connection, draw)
            size += 1
        if draw.random() < 0.05:
            connection.rollback()
            return 0
        connection.commit()
        return size


def _change(connection: psycopg.Connection[Any], draw: random.Random) -> None:
    values = {"id": draw.randrange(KEYS), "other": draw.randrange(KEYS), "v": f"v{draw.random()}"}
    kind = draw.random()
    statement = next(text for upto, text in _CHANGES if kind < upto)
    if statement is _UPSERT:
        connection.execute(statement, [values["id"], values["v"], draw.randrange(10_000) / 100])
    else:
        connection.execute(statement.encode(), values)
