"""Leases as session advisory locks of PostgreSQL, which processes of several hosts see. What a lease is for, and the
file locks that stand for it on one host, are in `publication.lease`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from data_platform.metastore.database import Database

_PAUSE_SECONDS = 0.1


class AdvisoryLeases:
    """Hands leases out. Each one held is a connection of its own: none that the work under it may need."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Waits for the lease of `name` and holds it for the block, or until the process or its host dies.

        Raises:
            RetryableError: the database did not answer.
        """
        key = _key(name)
        session = self._locked(key)
        try:
            yield
        finally:
            _release(session, key)

    def close(self) -> None:
        """Closes idle connections."""
        self._database.close()

    def _locked(self, key: int) -> Connection:
        # Asked again and again: the server does not notice the death of a client that waits inside pg_advisory_lock,
        # which would leave the leases around this one taken; and such a wait holds vacuum back.
        with self._database.translating():
            session = self._database.session()
            try:
                while not session.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar_one():
                    time.sleep(_PAUSE_SECONDS)
            except BaseException:
                session.invalidate()
                session.close()
                raise
        return session


def _release(session: Connection, key: int) -> None:
    try:
        session.execute(sa.select(sa.func.pg_advisory_unlock(key)))
    except SQLAlchemyError:
        session.invalidate()  # the work is done, and the lock ends with its session
    finally:
        session.close()


def _key(name: str) -> int:
    """The 64 bits that PostgreSQL knows a lock by."""
    return int.from_bytes(hashlib.sha256(f"data_platform/lease/{name}".encode()).digest()[:8], "big", signed=True)
