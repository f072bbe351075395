"""The metastore as one object: its schema, its transactions and a repository for each kind of entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from data_platform.metastore.batches import Batches
from data_platform.metastore.catalog import CatalogStore
from data_platform.metastore.checks import Checks
from data_platform.metastore.commits import Commits
from data_platform.metastore.database import Database, Transaction
from data_platform.metastore.deliveries import Deliveries
from data_platform.metastore.event_dates import EventDates
from data_platform.metastore.heartbeats import Heartbeats, Maintenance
from data_platform.metastore.leases import AdvisoryLeases
from data_platform.metastore.lineage_sinks import LineageRefusals, LineageSinks
from data_platform.metastore.lineage_told import LineageTold
from data_platform.metastore.operations import Operations
from data_platform.metastore.operator_log import OperatorLog
from data_platform.metastore.outbox import Outbox
from data_platform.metastore.partitions import Partitions
from data_platform.metastore.runs import Runs
from data_platform.metastore.schema import migrate


class Metastore:
    """The control-plane database. Opens nothing until it is asked something."""

    def __init__(self, database: Database, leases: AdvisoryLeases | None = None) -> None:
        """`leases` are None where the database is a file, whose host has locks of its own."""
        self._database = database
        self.leases = leases
        self.batches = Batches(database)
        self.partitions = Partitions(database)
        self.commits = Commits(database)
        self.runs = Runs(database)
        self.checks = Checks(database)
        self.deliveries = Deliveries(database)
        self.event_dates = EventDates(database)
        self.outbox = Outbox(database)
        self.lineage_sinks = LineageSinks(database)
        self.lineage_refusals = LineageRefusals(database)
        self.lineage_told = LineageTold(database)
        self.operator_log = OperatorLog(database)
        self.heartbeats = Heartbeats(database)
        self.maintenance = Maintenance(database)
        self.catalog = CatalogStore(database)
        self.operations = Operations(database)

    def migrate(self) -> bool:
        """Brings the schema to the newest revision; cheap where it is there. True if it changed something."""
        return migrate(self._database)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One write transaction, to be passed as `tx` to everything inside: all of it is kept or nothing.

        Raises:
            RetryableError: the database did not answer, or another writer held it for too long.
        """
        with self._database.writing() as connection:
            yield Transaction(connection)

    def prune(self, before: datetime) -> Mapping[str, int]:
        """Forgets history older than `before` in one transaction; gives the rows deleted by repository.

        What later runs need stays: batches, deliveries, event dates, unsent events and the newest line of each kind;
        of the catalog what its events said, without their texts.
        """
        prunes: Mapping[str, Callable[..., int]] = {
            "partitions": self.partitions.prune,
            "commits": self.commits.prune,
            "runs": self.runs.prune,
            "checks": self.checks.prune,
            "outbox": self.outbox.prune,
            "spans": self.operations.spans.prune,
            "lineage_refusals": self.lineage_refusals.prune,
            "operator_log": self.operator_log.prune,
            "catalog_scans": self.catalog.scans.prune,
            "catalog_events": self.catalog.events.prune,
            "catalog_refused": self.catalog.events.prune_refused,
            "sli_values": self.operations.sli_values.prune,
            "run_slots": self.operations.run_slots.prune,
            "source_counts": self.operations.source_counts.prune,
            "queued_runs": self.operations.queued_runs.prune,
            "objective_samples": self.operations.objective_samples.prune,
            "deploys": self.operations.deploys.prune,
            "run_meters": self.operations.run_meters.prune,
            "storage_meters": self.operations.storage_meters.prune,
            "incidents": self.operations.incidents.prune,
            "suppressions": self.operations.suppressions.prune,
            "security_events": self.operations.security_events.prune,
            "automatic_acts": self.operations.automatic_acts.prune,
        }
        with self.transaction() as tx:
            return {name: prune(before, tx=tx) for name, prune in prunes.items()}

    def close(self) -> None:
        """Closes idle connections."""
        self._database.close()
        if self.leases is not None:
            self.leases.close()


def open_metastore(url: str) -> Metastore:
    """The metastore at `sqlite:///<file>` or `postgresql://…`; call `migrate` before the first use.

    Raises:
        ConfigurationError: the address is of another kind of database.
    """
    database = Database(url)
    leases = AdvisoryLeases(Database(url, is_bounded=False)) if database.is_server else None
    return Metastore(database, leases)
