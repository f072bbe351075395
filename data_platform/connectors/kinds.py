"""The kinds of connectors. A new kind is one file (or folder), one line here and one run of the standard suite."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, cast

from data_platform.connectors.protocol import Connector, Place
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.domains import Project
from data_platform.errors import ConfigurationError, Fault


class Pace(StrEnum):
    """How a kind runs."""

    BATCH = "batch"  # by schedules and sensors, to the end of what there is
    STREAM = "stream"  # in the long-lived collector


class _Kind(NamedTuple):
    module: str
    name: str
    pace: Pace

    @property
    def path(self) -> str:
        """Where it is imported from."""
        return f"data_platform.connectors.{self.module}"

    keeps_log: bool = False  # its source keeps log for it, also while it is stopped (`kept_logs`)


KINDS = {
    "file_drop": _Kind("file_drop.connector", "FileDrop", Pace.BATCH),
    "http_push": _Kind("http_push.connector", "HttpPush", Pace.STREAM),
    "kafka": _Kind("kafka.connector", "Kafka", Pace.STREAM),
    "postgres_cdc": _Kind("postgres_cdc.connector", "PostgresCdc", Pace.STREAM, keeps_log=True),
    "rest_pull": _Kind("pull.rest_pull", "RestPull", Pace.BATCH),
    "sql_table": _Kind("pull.sql_table", "SqlTable", Pace.BATCH),
}


def open_connector(entry: ConnectorEntry, place: Place) -> Connector:
    """The connector that an entry of `connectors.yaml` describes.

    Raises:
        ConfigurationError: the kind or an option is unknown, or the kind's extra is not installed.
    """
    kind = _kind(entry)
    try:
        module = import_module(kind.path)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("data_platform"):
            raise
        raise ConfigurationError(
            f"connector {entry.name}: kind {entry.kind} needs {error.name}; run `pip install 'data-platform[ingest]'`"
        ) from error
    return cast(Connector, getattr(module, kind.name)(entry, place))


def pace_of(entry: ConnectorEntry) -> Pace:
    """How an entry's kind runs.

    Raises:
        ConfigurationError: the kind is unknown.
    """
    return _kind(entry).pace


def keeps_log(entry: ConnectorEntry) -> bool:
    """Whether an entry's source keeps log for its consumer; an unknown kind's does not."""
    return entry.kind in KINDS and KINDS[entry.kind].keeps_log


def connector_faults(project: Project) -> list[Fault]:
    """What is wrong with the kinds and options of a project's source instances."""
    nowhere = Place(source=Path(), spool=Path())
    faults = []
    for entry in (entry for domain in project.domains for entry in domain.connectors):
        try:
            open_connector(entry, nowhere)
        except ConfigurationError as error:
            faults.append(Fault(entry.path, entry.line, str(error), f"mend the entry {entry.name}"))
    return faults


def _kind(entry: ConnectorEntry) -> _Kind:
    if entry.kind not in KINDS:
        raise ConfigurationError(
            f"connector {entry.name}: kind {entry.kind!r} is unknown; use one of {', '.join(KINDS)}"
        )
    return KINDS[entry.kind]
