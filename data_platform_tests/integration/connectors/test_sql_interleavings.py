"""Transactions that take their timestamp when they begin and commit in any order: none of their rows may be missed."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from data_platform.clock import ManualClock
from data_platform.connectors.protocol import Place
from data_platform.connectors.pull.sql_table import SqlTable
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName
from data_platform_tests.integration.connectors.postgres_server import PASSWORD, PostgresServer

START = datetime(2026, 3, 1, tzinfo=UTC)
LONGEST = 6  # ticks that a transaction may last, which is the overlap

# (what happens, which of the candidates it happens to)
HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "begin", "begin", "commit", "commit", "roll back", "poll", "poll", "lost", "forget"]),
        st.integers(0, 99),
    ),
    min_size=15,
    max_size=35,
)


@dataclass
class Story:
    """A table, the transactions under way, and what a source's loop has landed of it.

    Every happening is a tick; the transaction that begins at a tick stamps its row with it.
    """

    server: PostgresServer
    database: str
    folder: Path
    overlap: int = LONGEST
    limit_bytes: int = 1 << 20
    tick: int = 0
    open: list[tuple[int, int, psycopg.Connection[Any]]] = field(default_factory=list)
    position: dict[str, Any] = field(default_factory=dict)
    landed: list[str] = field(default_factory=list)
    is_forgetful: bool = False

    def table(self) -> SqlTable:
        options = {
            "url": f"postgresql+psycopg://postgres@{self.server.host}:{self.server.port}/{self.database}",
            "password": {"file": str(self.folder / "password")},
            "table": "stock",
            "cursor": "at",
            "overlap": f"PT{self.overlap}S",
            "max_batch_bytes": self.limit_bytes,
            "chunk_rows": 2,
        }
        entry = ConnectorEntry(
            name="s", kind="sql_table", dataset=DatasetName.parse("raw.shop.s"), options=options, path="c", line=1
        )
        return SqlTable(entry, Place(source=self.folder, spool=self.folder / "spool", clock=ManualClock(START)))

    def happen(self, what: str, which: int) -> None:
        self.tick += 1
        for begun, key, connection in list(self.open):
            if begun + self.overlap <= self.tick:
                self.end((begun, key, connection), commits=True)
        if what == "begin":
            self.begin(which % 8)
        elif what in ("commit", "roll back") and self.open:
            self.end(self.open[which % len(self.open)], commits=what == "commit")
        elif what == "poll":
            self.poll()
        elif what == "lost":
            self.drop(self.table().poll(self.position, lambda *_: False))  # its manifest is never written
        elif what == "forget":
            self.is_forgetful = True
            shutil.rmtree(self.folder / "spool", ignore_errors=True)

    def begin(self, key: int) -> None:
        if any(key == other for _, other, _ in self.open):
            return  # it would wait for the other's lock
        connection = self.server.connect(self.database, autocommit=False)
        connection.execute(
            "INSERT INTO stock VALUES (%s, %s, %s) ON CONFLICT (key) DO UPDATE SET at = EXCLUDED.at, n = EXCLUDED.n",
            [key, START + timedelta(seconds=self.tick), self.tick],
        )
        self.open.append((self.tick, key, connection))

    def end(self, one: tuple[int, int, psycopg.Connection[Any]], *, commits: bool) -> None:
        self.open.remove(one)
        if commits:
            one[2].commit()
        one[2].close()

    def poll(self) -> None:
        """As the loop does: to the end of what there is."""
        table = self.table()
        for _ in range(30):
            poll = table.poll(self.position, lambda *_: False)
            if poll is None:
                return
            self.landed += self.drop(poll)
            self.position = json.loads(json.dumps(poll.position_to))
            table.acknowledge(self.position)
        raise AssertionError("the poll does not end")

    def drop(self, poll: Any) -> list[str]:
        lines = []
        for delivery in poll.deliveries if poll else ():
            lines += delivery.path.read_text().splitlines()
            delivery.path.unlink()
        return lines

    def merged(self) -> dict[int, int]:
        """Of each key the row with the greatest timestamp."""
        newest: dict[int, tuple[str, int]] = {}
        for row in map(json.loads, self.landed):
            newest[row["key"]] = max(newest.get(row["key"], ("", 0)), (row["at"], row["n"]))
        return {key: n for key, (_, n) in newest.items()}

    def close(self) -> None:
        for one in list(self.open):
            self.end(one, commits=False)


@pytest.fixture
def new_story(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    database = postgres_server.new_database()
    postgres_server.execute(database, "CREATE TABLE stock (key int PRIMARY KEY, at timestamptz NOT NULL, n int)")

    def make(**options: Any) -> Story:
        postgres_server.execute(database, "TRUNCATE stock")
        folder = tmp_path_factory.mktemp("story")
        (folder / "password").write_text(PASSWORD)
        return Story(postgres_server, database, folder, **options)

    return make


@settings(
    max_examples=12,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(happenings=HAPPENINGS, limit_bytes=st.sampled_from([60, 200, 1 << 20]))
def test_no_row_is_lost_and_none_is_doubled_whatever_the_order_of_commits(
    new_story: Any, happenings: list[tuple[str, int]], limit_bytes: int
) -> None:
    with ExitStack() as stack:
        story = new_story(limit_bytes=limit_bytes)
        stack.callback(story.close)
        for what, which in happenings:
            story.happen(what, which)
        for one in list(story.open):
            story.end(one, commits=True)
        story.poll()
        found = dict(story.server.rows(story.database, "SELECT key, n FROM stock"))
        assert story.merged() == found
        assert story.is_forgetful or len(set(story.landed)) == len(story.landed)


def test_without_an_overlap_such_a_row_is_lost(new_story: Any) -> None:
    """The proof that the test above can fail."""
    story = new_story(overlap=LONGEST)
    try:
        story.begin(1)
        story.tick = 3
        story.begin(2)
        story.end(story.open[1], commits=True)
        story.overlap = 0
        story.poll()
        story.end(story.open[0], commits=True)
        story.poll()
        assert story.merged() == {2: 3}
        story.overlap = LONGEST
        story.poll()
        assert story.merged() == {1: 0, 2: 3}
    finally:
        story.close()
