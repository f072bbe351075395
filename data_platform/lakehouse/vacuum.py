"""Vacuum: removes files that only old versions name. Which tables may lose which versions is decided elsewhere; the log
keeps all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from data_platform.lakehouse.compaction import orphans
from data_platform.lakehouse.delta_log import LoggedCommit
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.tables import Table

_MOST_LOOKED_AT = 1000  # commits in which it is looked for what removed a file


def vacuum(table: Table, base: Snapshot, *, oldest: int) -> tuple[str, ...]:
    """Removes the files that only versions before `oldest` name, and gives their names.

    Only what the log says was removed is deleted: a file that no commit names may be about to be committed.
    """
    listed = set(orphans(table, base))
    removed: set[str] = set()
    looked = 0
    for commit in _newest_first(table, base.version):
        if not listed or looked == _MOST_LOOKED_AT:
            break
        if commit.version > oldest:
            listed -= set(commit.removed)  # a version that is kept names them
        else:
            removed |= listed & set(commit.removed)
            listed -= removed
            looked += 1
    for path in sorted(removed):
        table.store.delete(path)
    return tuple(sorted(removed))


def _newest_first(table: Table, version: int) -> Iterator[LoggedCommit]:
    for each in range(version, -1, -1):
        try:
            commit = table.log.commit(each)
        except FileNotFoundError:
            return
        if commit is not None:
            yield commit
