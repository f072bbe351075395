"""Leases of a PostgreSQL metastore, among processes: one holder a name, freed by death, without a deadlock."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from data_platform.clock import SystemClock
from data_platform.errors import RetryableError
from data_platform.metastore.engine import Metastore, open_metastore
from data_platform.metastore.leases import AdvisoryLeases
from data_platform.publication.lease import FileLeases
from data_platform.settings import Settings
from data_platform.wiring.platform import Platform
from data_platform_tests.integration.metastore.test_metastore_concurrency import outputs, start

RAW = "tables/raw/shop/orders"
PREAMBLE = """
import sys
import time
from pathlib import Path
from data_platform.metastore.engine import open_metastore
metastore = open_metastore(sys.argv[1])
hold = metastore.leases.hold
"""
HOLD_FOR_EVER = PREAMBLE + "\nwith hold(sys.argv[2]):\n    print('held', flush=True)\n    time.sleep(600)"
WAIT_INSIDE = PREAMBLE + "\nwith hold(sys.argv[2]):\n    print('held', flush=True)\n    with hold(sys.argv[3]): pass"
# Two at a time in the file would find it there, or not find what they put there.
NESTED = (
    PREAMBLE
    + """
source, flag = sys.argv[2], Path(sys.argv[3])
for number in range(15):
    with hold(f"ingest/raw.shop.orders/{source}"), hold("ingest/raw.shop.orders"), hold("tables/raw/shop/orders"):
        flag.touch(exist_ok=False)
        flag.unlink()
metastore.close()
print("done")
"""
)


@pytest.fixture
def url(new_postgres_database: Callable[[], str]) -> str:
    return new_postgres_database()


@pytest.fixture
def metastore(url: str) -> Iterator[Metastore]:
    opened = open_metastore(url)
    opened.migrate()
    yield opened
    opened.close()


def _leases(metastore: Metastore) -> AdvisoryLeases:
    assert metastore.leases is not None
    return metastore.leases


@contextmanager
def _held_elsewhere(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has said that it holds its first lease; killed at the end at the latest."""
    with start(code, *arguments) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_the_metastores_address_says_which_leases_there_are(url: str, tmp_path: Path) -> None:
    for address, kind in ((url, AdvisoryLeases), (f"sqlite:///{tmp_path}/home/metastore.db", FileLeases)):
        platform = Platform(Settings(home=tmp_path / "home", metastore_url=address), SystemClock())
        assert isinstance(platform.leases, kind)
        platform.close()


def test_a_lease_is_waited_for_and_dies_with_a_killed_holder(url: str, metastore: Metastore) -> None:
    had = threading.Event()

    def take() -> None:
        with _leases(metastore).hold(RAW):
            had.set()

    waiter = threading.Thread(target=take)
    with _held_elsewhere(HOLD_FOR_EVER, url, RAW) as holder:
        waiter.start()
        with _leases(metastore).hold("tables/raw/shop/others"):
            assert not had.wait(1)
        holder.kill()
        assert had.wait(60)
    waiter.join()


def test_a_waiter_that_is_killed_leaves_nothing_taken(url: str, metastore: Metastore) -> None:
    with _leases(metastore).hold(RAW):
        with _held_elsewhere(WAIT_INSIDE, url, "ingest/raw.shop.orders", RAW):
            pass
        with _leases(metastore).hold("ingest/raw.shop.orders"):
            pass


def test_processes_that_nest_leases_in_order_exclude_each_other_and_all_end(url: str, tmp_path: Path) -> None:
    processes = [start(NESTED, url, f"source_{n % 2}", str(tmp_path / "flag")) for n in range(3)]
    assert outputs(processes) == ["done"] * 3


def test_leases_take_no_connection_from_the_work_they_are_held_for(metastore: Metastore) -> None:
    with ExitStack() as stack:
        for number in range(16):  # one more than the metastore's own connections
            stack.enter_context(_leases(metastore).hold(f"tables/raw/shop/t{number}"))
        with metastore.transaction() as tx:
            assert metastore.runs.recent(tx=tx) == ()


def test_work_that_ends_after_its_session_was_lost_is_not_failed_by_it(url: str, metastore: Metastore) -> None:
    with _leases(metastore).hold(RAW):
        _end_sessions(url)
    with _leases(metastore).hold(RAW):
        pass


def test_an_error_of_the_work_is_its_own(metastore: Metastore) -> None:
    with pytest.raises(sa.exc.OperationalError, match="of the source"), _leases(metastore).hold(RAW):
        raise sa.exc.OperationalError("of the source", None, Exception())
    with _leases(metastore).hold(RAW):
        pass


def test_a_database_that_does_not_answer_is_a_retryable_error(url: str) -> None:
    away = open_metastore("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(RetryableError, match="did not answer"), _leases(away).hold(RAW):
        pass


def _end_sessions(url: str) -> None:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        connection.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid() AND backend_type = 'client backend'")
        )  # fmt: skip
    engine.dispose()
