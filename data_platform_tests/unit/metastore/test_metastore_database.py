from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from data_platform.errors import ConfigurationError, RetryableError
from data_platform.metastore import database as database_module
from data_platform.metastore.database import Database
from data_platform.metastore.engine import Metastore, open_metastore
from data_platform.metastore.operator_log import OperatorEntry
from data_platform.metastore.outbox import OutboxEntry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENT = OutboxEntry(event_id="e1", run_id="r1", created_at=NOW, payload="{}")
LINE = OperatorEntry(who="ann", at=NOW, statement="SELECT 1", tables={}, rows_returned=1)


def test_everything_written_with_one_transaction_is_kept_together(metastore: Metastore) -> None:
    with metastore.transaction() as tx:
        metastore.outbox.append([EVENT], tx=tx)
        metastore.operator_log.append(LINE, tx=tx)
        assert len(metastore.outbox.pending(tx=tx)) == 1
    assert len(metastore.outbox.pending()) == 1
    assert metastore.operator_log.recent() == (LINE,)


def test_an_error_inside_a_transaction_keeps_nothing(metastore: Metastore) -> None:
    def write_and_fail() -> None:
        with metastore.transaction() as tx:
            metastore.outbox.append([EVENT], tx=tx)
            metastore.operator_log.append(LINE, tx=tx)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert metastore.outbox.pending() == ()
    assert metastore.operator_log.recent() == ()


def test_readers_see_the_state_before_an_open_transaction_and_do_not_wait(metastore: Metastore) -> None:
    with metastore.transaction() as tx:
        metastore.outbox.append([EVENT], tx=tx)
        assert metastore.outbox.pending() == ()


def test_sqlite_flushes_every_commit_checks_foreign_keys_and_waits_half_a_minute(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/metastore.db")
    with database.reading() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    database.close()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_a_database_without_schema_asks_for_the_migration(url: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    metastore = open_metastore(url)
    with pytest.raises(ConfigurationError, match="migrate it first"):
        metastore.outbox.pending()
    metastore.close()


def test_a_writer_that_waited_too_long_may_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_SECONDS", 0.05)
    metastore = open_metastore(f"sqlite:///{tmp_path}/metastore.db")
    metastore.migrate()
    other = sqlite3.connect(tmp_path / "metastore.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RetryableError, match="did not answer"):
        metastore.outbox.append([EVENT])
    other.execute("ROLLBACK")
    other.close()
    metastore.outbox.append([EVENT])
    metastore.close()


def test_a_server_that_does_not_answer_may_be_tried_again_and_its_password_is_not_told() -> None:
    metastore = open_metastore("postgresql://ann:secret-word@127.0.0.1:1/nowhere")
    with pytest.raises(RetryableError, match="did not answer") as caught:
        metastore.outbox.pending()
    assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize("address", ["mysql://host/db", "not an address"])
def test_another_kind_of_database_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///<file> or postgresql://"):
        open_metastore(address)


def test_a_forked_child_opens_a_connection_of_its_own(url: str, metastore: Metastore) -> None:
    database = Database(url)
    with database.reading() as connection:
        of_parent = connection.connection.dbapi_connection
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with database.reading() as connection:
                code = 0 if connection.connection.dbapi_connection is not of_parent else 2
        finally:
            os._exit(code)  # the child must not go on as a second test run
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with database.reading() as connection:
        assert connection.connection.dbapi_connection is of_parent
    database.close()


def test_a_statement_that_is_wrong_is_not_reported_as_retryable(url: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    database = Database(url)
    with pytest.raises(sa.exc.DBAPIError), database.reading() as connection:
        connection.execute(sa.text("SELECT 1 FROM"))
    database.close()
