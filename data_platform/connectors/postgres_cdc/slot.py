"""The replication slot: what the server keeps for this reader, whether that is still all, or too much."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psycopg
from pydantic import JsonValue

from data_platform.connectors.postgres_cdc.lsn import lsn_number, lsn_text
from data_platform.connectors.postgres_cdc.source import Connection, fetch_one
from data_platform.errors import SourceGap
from data_platform.observability.kept_log import KeptLog
from data_platform.observability.logs.logger import get_logger

_LOG = get_logger(__name__)
_SLOT = """
SELECT pg_current_wal_flush_lsn()::text, (SELECT system_identifier::text FROM pg_control_system()),
       s.slot_name IS NOT NULL, s.plugin::text, s.database::text, s.wal_status,
       s.confirmed_flush_lsn::text, pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint, s.active,
       (SELECT nullif(pg_size_bytes(current_setting('max_slot_wal_keep_size')), -1))
FROM (SELECT) AS one LEFT JOIN pg_replication_slots s ON s.slot_name = %(slot)s
"""
_DROP = "SELECT pg_drop_replication_slot(%(slot)s)"
_LET_GO_SECONDS = 5.0  # a server notices the end of a killed reader a little later


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotState:
    """A slot and the server's log at a moment.

    Attributes:
        wal_end: how far the log is on disk.
        system: the identity of the server's data; what is restored from a dump has another.
        exists: whether there is such a slot; if not, the rest is None.
        confirmed: up to where its reader has said to have everything.
        retained_bytes: how much log the server keeps for the slot; None where it has lost it.
        is_active: whether a reader is connected to it.
        server_limit_bytes: `max_slot_wal_keep_size`, beyond which the server gives the log up; None: it never does.
    """

    wal_end: int
    system: str
    exists: bool
    plugin: str | None
    database: str | None
    wal_status: str | None
    confirmed: int | None
    retained_bytes: int | None
    is_active: bool | None
    server_limit_bytes: int | None

    def kept_log(self, slot: str, *, limit_bytes: int) -> KeptLog | None:
        """What that means for the source's disk; None where there is no slot."""
        if not self.exists:
            return None
        return KeptLog(
            slot=slot,
            retained_bytes=self.retained_bytes,
            limit_bytes=limit_bytes,
            server_limit_bytes=self.server_limit_bytes,
            status=self.wal_status or "lost",
            is_active=bool(self.is_active),
        )


def slot_state(connection: Connection, slot: str) -> SlotState:
    """The slot as it is now. Raises psycopg's errors."""
    row = fetch_one(connection, _SLOT, slot=slot)
    assert row is not None
    wal_end, system, exists, plugin, database, wal_status, confirmed, retained, active, limit = row
    return SlotState(
        wal_end=lsn_number(wal_end),
        system=system,
        exists=exists,
        plugin=plugin,
        database=database,
        wal_status=wal_status,
        confirmed=None if confirmed is None else lsn_number(confirmed),
        retained_bytes=retained,
        is_active=active,
        server_limit_bytes=limit,
    )


def drop_slot(connection: Connection, slot: str) -> None:
    """Removes the slot. Raises psycopg's errors."""
    when_free(lambda: fetch_one(connection, _DROP, slot=slot))


def when_free(call: Callable[[], object]) -> None:
    """Calls; where another reader has the slot, again for some seconds. Raises psycopg's errors."""
    until = time.monotonic() + _LET_GO_SECONDS
    while True:
        try:
            call()
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def require_no_gap(state: SlotState, position: Mapping[str, JsonValue], *, slot: str, source: str) -> None:
    """Holds the slot against the position that is to be read from.

    Raises:
        SourceGap: changes after the position can no longer be had.
    """
    lsn = lsn_number(position["lsn"])
    lost: str | None = None
    if state.system != position["system"]:
        lost = "the database is not the one that was read before, so its log is another"
    elif not state.exists:
        lost = f"the replication slot {slot} is gone"
    elif state.wal_status == "lost" or state.confirmed is None:
        lost = f"the server has given up the log of the replication slot {slot} (max_slot_wal_keep_size)"
    elif state.confirmed > lsn:
        lost = f"somebody else has moved the replication slot {slot} on to {lsn_text(state.confirmed)}"
    elif state.wal_end < lsn:
        lost = f"the server's log ends at {lsn_text(state.wal_end)}, so it has lost what came after"
    if lost is not None:
        raise SourceGap(
            f"connector {source}: {lost}; what was changed after {lsn_text(lsn)} is lost. To copy the whole table "
            f"again: `data-platform ingest replay {source} --from snapshot`"
        )


def warn_if_large(state: SlotState, *, slot: str, source: str, limit_bytes: int) -> None:
    """Says in the log that the source keeps more of its log for the slot than it should."""
    if (state.retained_bytes or 0) <= limit_bytes and state.wal_status not in ("unreserved", "lost"):
        return
    _LOG.warning(
        "a replication slot makes the source keep much of its log",
        source=source,
        slot=slot,
        retained_wal_bytes=state.retained_bytes,
        limit_bytes=limit_bytes,
        wal_status=state.wal_status,
    )
