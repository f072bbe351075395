"""What delta-rs raises while committing, as what the caller can do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deltalake.exceptions import CommitFailedError, DeltaError

from data_platform.errors import CommitConflict, SourceUnavailable
from data_platform.lakehouse.table_ref import TableRef


@contextmanager
def committing(ref: TableRef, version: int) -> Iterator[None]:
    """A block that commits onto `version` of a table.

    Raises:
        CommitConflict: another writer committed first.
        SourceUnavailable: the store failed; whether the commit landed is unknown.
    """
    place = f"{ref} at version {version}"
    try:
        yield
    except CommitFailedError as error:
        raise CommitConflict(f"{place}: another writer committed first; start from a new snapshot") from error
    except (DeltaError, OSError) as error:
        raise SourceUnavailable(f"{place}: {first_line(error)}; read the head again before retrying") from error


def first_line(error: BaseException) -> str:
    """The error's message without delta-rs's stack of frames."""
    return str(error).split("\n", 1)[0]
