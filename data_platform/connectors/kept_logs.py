"""Asks every source that keeps log for a consumer how much that is: also, and above all, while the consumer is stopped.

One source that does not answer holds up no other, and is told as not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from data_platform.connectors.kinds import keeps_log, open_connector
from data_platform.connectors.protocol import Place
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.errors import PlatformError
from data_platform.observability.kept_log import KeptLog

ASK_SECONDS = 3  # for connecting, and again for the answer
_AT_ONCE = 8


@runtime_checkable
class LogKeeping(Protocol):
    """A connector whose source keeps log until the platform has read it."""

    def kept_log(self, *, within_seconds: int) -> KeptLog | None:
        """What the source keeps; None where it keeps nothing for this consumer yet.

        Raises:
            SourceUnavailable, SourceRefused, ConfigurationError: it cannot be asked.
        """
        ...

    def close(self) -> None:
        """Lets go of every connection."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A source's answer.

    Attributes:
        kept: None where it keeps nothing, or did not answer.
        error: why it is not known; empty where it is.
    """

    kept: KeptLog | None = None
    error: str = ""

    def __str__(self) -> str:
        return f"not known: {self.error}" if self.error else "" if self.kept is None else str(self.kept)


def kept_logs(entries: Iterable[ConnectorEntry], place: Place) -> Mapping[tuple[str, str], Asked]:
    """By dataset and source, the answers for all entries whose kind makes its source keep log."""
    asked = [entry for entry in entries if keeps_log(entry)]
    if not asked:
        return {}
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="kept-log") as pool:
        answers = pool.map(lambda entry: _ask(entry, place), asked)
        return {(str(entry.dataset), entry.name): answer for entry, answer in zip(asked, answers, strict=True)}


def _ask(entry: ConnectorEntry, place: Place) -> Asked:
    try:
        connector = open_connector(entry, place)
        assert isinstance(connector, LogKeeping)
        try:
            return Asked(connector.kept_log(within_seconds=ASK_SECONDS))
        finally:
            connector.close()
    except PlatformError as error:
        return Asked(error=str(error))
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one source, the others are still asked
        return Asked(error=type(error).__name__)
