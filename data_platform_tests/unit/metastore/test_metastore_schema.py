from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from data_platform.errors import ConfigurationError
from data_platform.metastore import schema, upgrade
from data_platform.metastore.column_types import UtcDateTime
from data_platform.metastore.database import Database
from data_platform.metastore.engine import open_metastore
from data_platform.metastore.tables import METADATA

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


def run_python(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def declared_in_python(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or not str(name).startswith(
        "catalog_search"
    )  # full text is of another kind on each database


def test_the_first_migration_creates_the_schema_and_the_second_changes_nothing(url: str) -> None:
    metastore = open_metastore(url)
    assert metastore.migrate() is True
    assert metastore.migrate() is False
    metastore.close()


def test_the_revisions_lead_to_exactly_the_declared_tables(url: str) -> None:
    database = Database(url)
    schema.migrate(database)
    with database.reading() as connection:
        opts = {"compare_type": True, "include_name": declared_in_python}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, METADATA) == []
    database.close()


def test_every_revision_can_be_undone(url: str) -> None:
    from alembic import command

    database = Database(url)
    schema.migrate(database)
    with database.writing() as connection:
        command.downgrade(upgrade.config(connection), "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    database.close()


def test_what_the_revision_before_kept_is_read_by_the_newest(url: str, tmp_path: Path) -> None:
    from alembic import command

    (tmp_path / "home").mkdir()  # of the SQLite file
    database = Database(url)
    with database.writing() as connection:
        command.upgrade(upgrade.config(connection), "0007")
        connection.execute(
            sa.text(
                "INSERT INTO symptoms (incident_id, alert, subject, dataset, severity, began_at, first_seen, last_seen, "
                "evidence) VALUES ('i', 'data_loss', 'a', 'a', 'page', :at, :at, :at, '{\"rows\": 3}')"
            ).bindparams(sa.bindparam("at", NOON, UtcDateTime))
        )
        connection.execute(
            sa.text(
                "INSERT INTO source_counts (dataset, source, partition, provenance, expected_rows, confidence, "
                "counted_at) VALUES ('a', 's', '2026-03-19', 'source', 7, 1, :at)"
            ).bindparams(sa.bindparam("at", NOON, UtcDateTime))
        )
    database.close()
    metastore = open_metastore(url)
    assert metastore.migrate() is True
    (symptom,) = metastore.operations.symptoms.of(["i"])
    assert (symptom.began_at, symptom.evidence, symptom.marks, symptom.settled) == (NOON, {"rows": 3}, {}, {})
    (count,) = metastore.operations.source_counts.of("a")
    assert (count.expected_rows, count.arrived_rows) == (7, None)
    metastore.close()


def test_the_known_head_is_the_newest_revision() -> None:
    assert ScriptDirectory.from_config(upgrade.config()).get_current_head() == schema.HEAD


def test_a_database_of_a_newer_version_is_refused(url: str) -> None:
    database = Database(url)
    schema.migrate(database)
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match=r"9999.*upgrade the platform"):
        schema.migrate(database)
    database.close()


def test_a_failing_revision_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails_at_the_end(connection: sa.Connection) -> None:
        real(connection)
        raise ZeroDivisionError

    real = upgrade.upgrade
    monkeypatch.setattr(upgrade, "upgrade", fails_at_the_end)
    database = Database(url)
    with pytest.raises(ZeroDivisionError):
        schema.migrate(database)
    with database.reading() as connection:
        assert sa.inspect(connection).get_table_names() == []
    database.close()


def test_alembic_is_not_loaded_when_the_schema_is_current(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/metastore.db"
    first = open_metastore(url)
    first.migrate()
    first.close()
    code = (
        "import sys; from data_platform.metastore.engine import open_metastore;"
        f"assert open_metastore({url!r}).migrate() is False;"
        "print([name for name in ('alembic', 'mako', 'sqlalchemy.orm.session', 'psycopg') if name in sys.modules])"
    )
    assert "alembic" not in run_python(code)
    assert "psycopg" not in run_python(code)


def test_opening_touches_no_file(tmp_path: Path) -> None:
    open_metastore(f"sqlite:///{tmp_path}/deeper/metastore.db").close()
    assert list(tmp_path.iterdir()) == []
