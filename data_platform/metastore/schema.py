"""Brings the database to the newest revision. Alembic is loaded only when there is something to do."""

from __future__ import annotations

import importlib
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_platform.errors import ConfigurationError
from data_platform.metastore.database import Database, wait_for_lock

HEAD = "0008"
_LOCK = 0x6461_7461_706C_6174  # any constant: every migrator of one PostgreSQL database asks for this lock
_UNDER_THIS = "data_platform.metastore.upgrade"


def migrate(database: Database) -> bool:
    """Creates or upgrades the schema under a lock. True if it changed something.

    Raises:
        ConfigurationError: the database was written by a newer version of the platform.
    """
    if database.sqlite_file:
        Path(database.sqlite_file).parent.mkdir(parents=True, exist_ok=True)
    with database.reading() as connection:
        if _is_current(connection):
            return False
    with database.writing() as connection:
        wait_for_lock(connection, _LOCK)
        if _is_current(connection):
            return False  # another process was faster
        importlib.import_module(_UNDER_THIS).upgrade(connection)
        return True


def _is_current(connection: Connection) -> bool:
    if not sa.inspect(connection).has_table("alembic_version"):
        return False
    revision = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    if revision is not None and revision > HEAD:
        raise ConfigurationError(
            f"the metastore is at revision {revision}, this version of the platform knows {HEAD}; upgrade the platform"
        )
    return bool(revision == HEAD)
