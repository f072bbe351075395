"""The catalog's part of the metastore as one object. What the events mean is decided in `data_platform.catalog`."""

from __future__ import annotations

from contextlib import AbstractContextManager

from data_platform.metastore.catalog_events import CatalogEvents
from data_platform.metastore.catalog_findings import CatalogFindings, CatalogScans
from data_platform.metastore.catalog_graph import CatalogGraph
from data_platform.metastore.catalog_overview import CatalogOverview
from data_platform.metastore.catalog_reads import CatalogReads
from data_platform.metastore.catalog_search import CatalogSearch
from data_platform.metastore.database import Database, Transaction

_LOCK = 0x6361_7461_6C6F_67  # any constant: every intake of one PostgreSQL database asks for this lock


class CatalogStore:
    """Repositories of the catalog, and the lock under which it is written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.events = CatalogEvents(database)
        self.reads = CatalogReads(database)
        self.graph = CatalogGraph(database)
        self.search = CatalogSearch(database)
        self.overview = CatalogOverview(database)
        self.scans = CatalogScans(database)
        self.findings = CatalogFindings(database)

    @property
    def file(self) -> str | None:
        """The path of an SQLite database; None elsewhere."""
        return self._database.sqlite_file

    def taking(self) -> AbstractContextManager[Transaction]:
        """A write transaction that no other intake is in: what it reads stays as it is until it commits.

        Raises:
            RetryableError: the database did not answer, or another writer held it for too long.
        """
        return self._database.alone(_LOCK)

    def reading(self) -> AbstractContextManager[Transaction]:
        """One state of the catalog for several questions; nothing may be written in it."""
        return self._database.one_state()
