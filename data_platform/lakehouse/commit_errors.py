"""What delta-rs raises while committing or opening, as what the caller can do about it.

An error is no proof that nothing was committed: the store may have done it and the answer been lost, or a repeated
request met its own first attempt, which looks like another writer's. What the log holds decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from deltalake.exceptions import CommitFailedError, DeltaError

from data_platform.errors import CommitConflict, SourceUnavailable
from data_platform.lakehouse.delta_log import DeltaLog, LoggedCommit
from data_platform.lakehouse.table_ref import TableRef

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class EntryWriter:
    """Has delta-rs write log entries of one table, and tells what became of them."""

    def __init__(self, ref: TableRef, log: DeltaLog) -> None:
        self._ref, self._log = ref, log

    def write(self, version: int, commit: Callable[[], None], is_ours: Callable[[LoggedCommit], bool]) -> None:
        """Runs `commit`, which writes the entry of `version`; returns if it stands there, whatever the answer was.

        Args:
            version: the one after the version that is committed onto.
            commit: the call of delta-rs.
            is_ours: whether an entry is the one that `commit` was to write.

        Raises:
            CommitConflict: another writer's entry stands there; nothing of ours is or will be committed.
            SourceUnavailable: whether it landed is unknown, or it may still land; nothing staged may be deleted.
        """
        try:
            commit()
        except (DeltaError, OSError) as error:
            entry = self._present(version, error)
            if entry is None or not is_ours(entry):
                raise CommitConflict(
                    f"{self._ref} at version {version - 1}: another writer committed first; start from a new snapshot"
                ) from error

    def _present(self, version: int, error: Exception) -> LoggedCommit | None:
        """The entry that stands there; None where it is another writer's, torn."""
        try:
            entry = self._log.commit(version)
        except FileNotFoundError:
            unknown = True  # a request that is still under way may create it later
        else:
            unknown = entry is None and not isinstance(error, CommitFailedError)
        if unknown:
            raise SourceUnavailable(
                f"{self._ref} at version {version - 1}: {first_line(error)}; read the head again before retrying"
            ) from error
        return entry


def first_line(error: BaseException) -> str:
    """The error's message with what caused it at once, without delta-rs's colours and further frames."""
    lines = _COLOUR.sub("", str(error)).split("\n")
    causes = [line.strip().removeprefix("↳").strip() for line in lines[1:2] if line.strip().startswith("↳")]
    return ": ".join([lines[0].strip(), *causes])
