"""The ground floor: what is read and opened before anything can be done. Settings become projects, store, database."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from data_platform.clock import Clock
from data_platform.contracts.domains import Project, discover
from data_platform.contracts.model import Contract, Layer
from data_platform.contracts.parse_cache import ParseCache
from data_platform.contracts.sound import SoundProject, SoundReader
from data_platform.errors import ConfigurationError, FaultyProject
from data_platform.lakehouse.credentials import StoreCredentials
from data_platform.lakehouse.duck import Engine
from data_platform.lakehouse.object_store import ObjectStore, open_store
from data_platform.lakehouse.tables import Lake
from data_platform.metastore.engine import Metastore, open_metastore
from data_platform.publication.candidate import Run
from data_platform.publication.lease import FileLeases, Leases
from data_platform.settings import Settings
from data_platform.transforms.graph import Graph, read_graph, sound_part
from data_platform.transforms.input_cache import InputCache
from data_platform.wiring.machine import code_version
from data_platform.wiring.once import once

_OWN_DATASETS = Path(__file__).parents[1] / "observability" / "datasets"


@dataclass(frozen=True)
class Foundation:
    """What everything else stands on.

    Attributes:
        reader: of those who only watch and show, whom a fault in one file must not blind to the rest; None for all
            others, to whom a project with a fault is none.
    """

    settings: Settings
    clock: Clock
    reader: SoundReader | None = None

    @once
    def project(self) -> Project:
        """The domains on the path list; with a `reader` their sound part.

        Raises:
            FaultyProject: there is no `reader`: with every fault of every file.
        """
        if self.reader is not None:
            return self.reader.known.project
        return discover(self.settings.domains, cache=ParseCache(self.settings.home / "cache" / "contracts"))

    @property
    def soundness(self) -> SoundProject:
        """The project with what is wrong with its files."""
        return self.reader.known if self.reader is not None else SoundProject(project=self.project)

    @property
    def whole_project(self) -> Project:
        """The project, for whoever writes: nothing is made of contracts as they were before a fault.

        Raises:
            FaultyProject: with every fault of every file.
        """
        known = self.soundness  # asked once: with a `reader` it may be another the next time
        if known.faults:
            raise FaultyProject(known.faults)
        return known.project

    @once
    def own_project(self) -> Project:
        """What the platform measures of itself, as datasets; no part of the project."""
        return discover([_OWN_DATASETS], cache=ParseCache(self.settings.home / "cache" / "contracts"), reserved=())

    @once
    def estate(self) -> Project:
        """The project and the platform's own datasets, for those who only read."""
        project = self.project
        datasets = {**self.own_project.datasets, **project.datasets}
        return replace(project, datasets=MappingProxyType(dict(sorted(datasets.items()))))

    @property
    def served(self) -> tuple[Contract, ...]:
        """Everything that is served, the platform's own datasets among it: what the warehouse file holds.

        Raises:
            FaultyProject: with every fault of every file.
        """
        datasets = {**self.own_project.datasets, **self.whole_project.datasets}
        return tuple(datasets[name].contract for name in sorted(datasets) if name.layer is Layer.SERVED)

    @once
    def graph(self) -> Graph:
        """Who reads whom."""
        if self.reader is None:
            return read_graph(self.project)
        cache = InputCache(self.settings.home / "cache" / "inputs.json")
        return sound_part(read_graph(self.project, cache=cache))

    @once
    def credentials(self) -> StoreCredentials:
        """One credentials object for delta-rs, s3fs and Dagster's S3 resources."""
        s3 = self.settings.s3
        return StoreCredentials(
            endpoint_url=s3.endpoint_url,
            region=s3.region,
            access_key_id=s3.access_key_id,
            allow_http=s3.allow_http,
            secret_access_key=s3.secret_access_key.get_secret_value() if s3.secret_access_key else None,
            session_token=s3.session_token.get_secret_value() if s3.session_token else None,
        )

    @once
    def store(self) -> ObjectStore:
        """What must last."""
        return open_store(self.settings.store, self.credentials)

    @once
    def lake(self) -> Lake:
        """The tables of the store."""
        return Lake(self.settings.store, self.credentials, clock=self.clock)

    @once
    def engine(self) -> Engine:
        """DuckDB with this process's bounds."""
        return Engine(
            spill_dir=self.settings.spill_dir,
            memory_limit=self.settings.memory_limit,
            threads=self.settings.threads,
            credentials=self.credentials,
        )

    @once
    def metastore(self) -> Metastore:
        """The control-plane database, at the newest schema."""
        try:
            self.settings.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"the home {self.settings.home} cannot be made ({error.strerror}); name another in DATA_PLATFORM_HOME"
            ) from error
        metastore = open_metastore(self.settings.metastore_url)
        metastore.migrate()
        return metastore

    @once
    def leases(self) -> Leases:
        """Locks that only save work: in the database where several hosts share one, otherwise in the home."""
        return self.metastore.leases or FileLeases(self.settings.home / "leases")

    def run(self, run_id: str | None = None, *, job: str = "") -> Run:
        """A new run, or a run under an orchestrator's id; `job` is the name of what was started."""
        return Run(id=run_id or str(uuid.uuid4()), started_at=self.clock.now(), code_version=code_version(), job=job)
