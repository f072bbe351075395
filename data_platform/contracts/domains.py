"""A project: the domains on a path list with their datasets and source instances. One contract is read in `odcs`.

Whether a SELECT is admissible and which datasets it reads is decided in `transforms`; whether a connector's options are
right, in `connectors`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from data_platform.contracts.domain_files import (
    AS_THEY_ARE,
    CONNECTORS_FILE,
    DOMAIN_FILE,
    ConnectorEntry,
    Domain,
    read_domain,
)
from data_platform.contracts.model import Contract, DatasetName, Layer, Reference
from data_platform.contracts.odcs import SUFFIX, ReadResult, read_contract, read_contract_text
from data_platform.contracts.parse_cache import ParseCache
from data_platform.contracts.places import content_of, nearest, one, shown_path
from data_platform.errors import ConfigurationError, Fault, FaultyProject

SQL_SUFFIX = ".sql"
PLATFORM_DOMAIN = "platform"  # what objectives, costs and tables of the platform itself have for a domain
RESERVED = frozenset({PLATFORM_DOMAIN})
_NO_TEXT = ("has a name that is no UTF-8 text", "rename it")


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset as its files say it. Raw datasets have no SQL."""

    contract: Contract
    sql_path: Path | None = None
    sql_text: str | None = None

    @property
    def name(self) -> DatasetName:
        """`<layer>.<domain>.<name>`."""
        return self.contract.name


@dataclass(frozen=True, slots=True)
class Project:
    """Everything found on a path list, in order of name.

    Attributes:
        unread: datasets that are there, but whose contract has faults; they are not among `datasets`.
    """

    domains: tuple[Domain, ...]
    datasets: Mapping[DatasetName, Dataset]
    unread: frozenset[DatasetName] = frozenset()

    def dataset(self, name: DatasetName) -> Dataset:
        """The dataset called `name`.

        Raises:
            ConfigurationError: the project has no such dataset.
        """
        if name in self.datasets:
            return self.datasets[name]
        raise ConfigurationError(f"there is no dataset {name}; {nearest(str(name), map(str, self.datasets))}")

    def connectors_of(self, name: DatasetName) -> tuple[ConnectorEntry, ...]:
        """The source instances that fill a raw dataset."""
        return tuple(entry for domain in self.domains for entry in domain.connectors if entry.dataset == name)


def discover(
    paths: Sequence[Path], *, cache: ParseCache | None = None, reserved: Collection[str] = RESERVED
) -> Project:
    """Reads every domain folder under `paths`; none may have a reserved name.

    Raises:
        FaultyProject: with every fault of every file.
    """
    project, faults = read_project(paths, cache=cache, reserved=reserved)
    if faults:
        raise FaultyProject(faults)
    return project


def read_project(
    paths: Sequence[Path],
    *,
    cache: ParseCache | None = None,
    reserved: Collection[str] = RESERVED,
    instead: Mapping[Path, bytes] = AS_THEY_ARE,
) -> tuple[Project, list[Fault]]:
    """Reads every domain folder under `paths`: what could be read, and every fault.

    Args:
        paths: folders of domain folders.
        cache: where parsed YAML is kept; None parses anew.
        reserved: names that no domain may have.
        instead: bytes that are read in place of those that a file has.
    """
    reading = _Reading(cache, reserved, instead)
    for path in paths:
        reading.take(Path(path))
    datasets = dict(sorted(reading.datasets.items()))
    domains = tuple(sorted(reading.domains, key=lambda domain: domain.name))
    project = Project(domains, MappingProxyType(datasets), frozenset(reading.names.keys() - datasets.keys()))
    reading.faults += _connector_faults(project, reading.names, {fault.path for fault in reading.faults})
    reading.faults += _reference_faults(project, reading.names)
    return project, sorted(set(reading.faults))


@dataclass(slots=True)
class _Reading:
    """What has been found so far. `names` holds faulty datasets too, so that one fault does not make others."""

    cache: ParseCache | None
    reserved: Collection[str]
    instead: Mapping[Path, bytes]
    domains: list[Domain] = field(default_factory=list)
    datasets: dict[DatasetName, Dataset] = field(default_factory=dict)
    names: dict[DatasetName, Path] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def take(self, path: Path) -> None:
        """Reads the domain folders of one entry of the path list."""
        if not path.is_dir():
            self._fault(path, "is no folder of domains", "mend DATA_PLATFORM_DOMAINS, or create the folder")
            return
        try:
            folders = sorted(path.iterdir())
        except OSError as error:
            self._fault(path, f"cannot be listed: {error.strerror}", "make it readable")
            return
        for folder in folders:
            if (folder / DOMAIN_FILE).is_file() or _files(folder, SUFFIX):
                self._domain(folder)

    def _domain(self, folder: Path) -> None:
        if not _is_text(folder.name):
            self._fault(folder, *_NO_TEXT)
            return
        known = next((domain for domain in self.domains if domain.name == folder.name), None)
        if known is not None:
            message = f"domain {folder.name!r} is in {shown_path(known.path)} already"
            self._fault(folder, message, "give the domain another name, or drop one entry of the path list")
        if folder.name in self.reserved:
            self._fault(folder, f"{folder.name!r} is the name of what the platform measures of itself", "rename it")
        domain, faults = read_domain(folder, cache=self.cache, instead=self.instead)
        self.faults += faults
        if known is None:
            self.domains.append(domain)
        for path in _files(folder, SUFFIX):
            self._contract(path, folder.name)
        for path in _files(folder, SQL_SUFFIX):
            self._stray_sql(path)
        for path in [*_files(folder, ".yaml"), *_files(folder, ".yml")]:
            if not path.name.endswith(SUFFIX):
                self._fault(path, "is not read: it is not named as a contract", f"rename it to <dataset>{SUFFIX}")

    def _contract(self, path: Path, domain: str) -> None:
        if not _is_text(path.name):
            self._fault(path, *_NO_TEXT)
            return
        name = DatasetName(Layer(path.parent.name), domain, path.name.removesuffix(SUFFIX))
        result = self._read(path)
        self.faults += result.faults
        if name in self.names:
            message = f"dataset {name} is in {shown_path(self.names[name])} already"
            self._fault(path, message, "keep one of the two")
            return
        self.names[name] = path
        sql_path, sql_text = (None, None) if name.layer is Layer.RAW else self._sql(path, name)
        if result.contract is not None:
            self.datasets[name] = Dataset(result.contract, sql_path, sql_text)

    def _read(self, path: Path) -> ReadResult:
        if path in self.instead:
            return read_contract_text(self.instead[path], path, cache=self.cache)
        return read_contract(path, cache=self.cache)

    def _sql(self, contract: Path, name: DatasetName) -> tuple[Path | None, str | None]:
        path = contract.with_name(contract.name.removesuffix(SUFFIX) + SQL_SUFFIX)
        try:
            text = (self.instead[path] if path in self.instead else content_of(path)).decode()
        except FileNotFoundError:
            self._fault(contract, f"{name} has a contract but no SQL", f"write its SELECT into {path.name} beside it")
        except (OSError, UnicodeDecodeError) as error:
            self._fault(path, f"cannot be read: {error}", "save it as readable UTF-8 text")
        else:
            if text.strip():
                return path, text
            self._fault(path, "is empty", "write one SELECT")
        return None, None

    def _stray_sql(self, path: Path) -> None:
        if not _is_text(path.name):
            self._fault(path, *_NO_TEXT)
        elif path.parent.name == Layer.RAW:
            self._fault(path, "a raw dataset is filled by a connector and has no SQL", "move it to curated or served")
        elif not path.with_name(path.name.removesuffix(SQL_SUFFIX) + SUFFIX).is_file():
            self._fault(path, "has no contract beside it", f"write {path.stem}{SUFFIX}, or remove the SQL")

    def _fault(self, path: Path, message: str, fix: str) -> None:
        self.faults.append(Fault(shown_path(path), 0, message, fix))


def _is_text(name: str) -> bool:
    """Whether a file's name can be shown: bytes that are no UTF-8 come as lone surrogates, which nothing takes."""
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def _files(folder: Path, suffix: str) -> list[Path]:
    return [path for layer in Layer for path in sorted((folder / layer).glob(f"*{suffix}")) if path.is_file()]


def _connector_faults(project: Project, names: Mapping[DatasetName, Path], faulty: Collection[str]) -> list[Fault]:
    """What entries fill and what nothing fills; a faulty file of entries is fault enough, whoever it leaves empty."""
    faults = []
    filled = set()
    told = {domain.name for domain in project.domains if shown_path(domain.path / CONNECTORS_FILE) not in faulty}
    raw = [name for name in names if name.layer is Layer.RAW]
    for domain in project.domains:
        for entry in domain.connectors:
            filled.add(entry.dataset)
            if entry.dataset not in names:
                own = [str(name) for name in raw if name.domain == domain.name]
                message = f"connector {entry.name!r} fills {entry.dataset}, which does not exist"
                faults.append(Fault(entry.path, entry.line, message, nearest(str(entry.dataset), own)))
    for name in raw:
        if name not in filled and name.domain in told:
            fix = f"add an entry with dataset: {name} to connectors.yaml of the domain"
            faults.append(Fault(shown_path(names[name]), 0, f"no connector fills {name}", fix))
    return faults


def _reference_faults(project: Project, names: Mapping[DatasetName, Path]) -> list[Fault]:
    faults = []
    for dataset in project.datasets.values():
        contract = dataset.contract
        for reference in contract.references:
            line = _line(contract, reference.columns)
            shown = shown_path(Path(contract.path))
            target = project.datasets.get(reference.target)
            if reference.target not in names:
                message = f"{contract.name} refers to {reference.target}, which does not exist"
                faults.append(Fault(shown, line, message, nearest(str(reference.target), map(str, names))))
            elif target is not None:
                faults += [
                    Fault(shown, line, message, fix)
                    for message, fix in _target_faults(contract, target.contract, reference)
                ]
    return faults


def _target_faults(contract: Contract, target: Contract, reference: Reference) -> list[tuple[str, str]]:
    here = {column.name: column.type for column in contract.columns}
    there = {column.name: column.type for column in target.columns}
    faults = []
    for own, other in zip(reference.columns, reference.target_columns, strict=True):
        if other not in there:
            faults.append(
                (f"{contract.name} refers to {target.name}.{other}, which does not exist", nearest(other, there))
            )
        elif own in here and here[own].kind is not there[other].kind:
            message = f"{own!r} is {one(here[own])}, but {target.name}.{other} {one(there[other])}"
            faults.append((message, "give both sides of the reference one type"))
    return faults


def _line(contract: Contract, columns: tuple[str, ...]) -> int:
    return next((column.line for column in contract.columns if column.name in columns), 0)
