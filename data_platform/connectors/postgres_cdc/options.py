"""Options of a `postgres_cdc` entry."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from data_platform.connectors.options import Options
from data_platform.credentials import CredentialRef

NAME_LENGTH = 63  # of PostgreSQL's identifiers


class PostgresCdcOptions(Options):
    """Options of a `postgres_cdc` entry.

    Attributes:
        password: where the user's password is read; leave it out where the server asks for none.
        table: `<schema>.<table>`, as the database writes it.
        slot, publication: `data_platform_<name of the entry>` where left out. A position belongs to its slot: two
            installations that read one database need slots of different names.
        snapshot_rows: how many rows of the first copy make a batch at most.
        max_retained_wal_bytes: how much log the source may keep for the slot; beyond, the connector is `hoarding`.
        count_every: how often the table's rows are counted, to be held against its changes; None: never.
        count_seconds: how long a count may take; one that takes longer is given up.
    """

    host: str
    port: int = 5432
    dbname: str
    user: str
    sslmode: str = Field(default="prefer", pattern="^(disable|allow|prefer|require|verify-ca|verify-full)$")
    sslrootcert: Path | None = None
    password: CredentialRef | None = None
    table: str = Field(pattern=r"^[^.]+\.[^.]+$")
    slot: str | None = Field(default=None, pattern=r"^[a-z0-9_]{1,63}$")
    publication: str | None = Field(default=None, min_length=1, max_length=NAME_LENGTH)
    snapshot_rows: int = Field(default=100_000, gt=0)
    max_retained_wal_bytes: int = Field(default=4 << 30, gt=0)
    count_every: timedelta | None = Field(default=timedelta(hours=6), ge=timedelta(0))
    count_seconds: int = Field(default=60, gt=0)
