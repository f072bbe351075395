"""The work of `catalog adopt`: a draft of the contract that a table would have, and the way from there."""

from __future__ import annotations

from pathlib import Path

from data_platform.catalog.discovery import WAREHOUSE, Standing
from data_platform.cli.environment import platform_here
from data_platform.cli.output import say, working
from data_platform.contracts.model import DatasetName, FileFormat, FileKind, Layer
from data_platform.contracts.odcs import SUFFIX
from data_platform.errors import ConfigurationError
from data_platform.formats.drafting import draft_from_relation
from data_platform.lakehouse.found_relations import relation_of
from data_platform.metastore.catalog_findings import FindingEntry
from data_platform.wiring.platform import Platform

DRAFTS = "drafts"


def adopt(*, table: str, dataset: str | None) -> int:
    """Writes the draft and says what comes next."""
    with platform_here() as platform:
        finding = platform.settlement.finding(table)
        _require_adoptable(finding)
        name = _name(finding, dataset)
        file = _file(platform, name)
        with working(f"looking at {finding.name}"):
            text = _draft(platform, finding, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        known = platform.project.datasets.get(name)
    say(f"{file}: a draft of {name}, as the table is now")
    for step in _after_drift(finding, file, Path(known.contract.path)) if known else _after_discovery(name, file):
        say(f"  {step}")
    return 0


def _require_adoptable(finding: FindingEntry) -> None:
    if finding.standing == Standing.MISSING:
        raise ConfigurationError(f"{finding.name} is not there, so there is nothing to draft from")
    if finding.standing == Standing.MANAGED:
        raise ConfigurationError(f"{finding.name} has its contract, and is as that says")
    if any(one["kind"] == "unreadable" for one in finding.differences):
        raise ConfigurationError(f"{finding.name} cannot be read: mend it, or `data-platform catalog reject` it")


def _name(finding: FindingEntry, dataset: str | None) -> DatasetName:
    typed = dataset or finding.name
    if typed.startswith(f"{WAREHOUSE}."):
        typed = typed.replace(WAREHOUSE, Layer.SERVED.value, 1)
    try:
        return DatasetName.parse(typed if "/" not in typed else "")
    except ValueError as error:
        raise ConfigurationError(
            f"{typed!r} is not <layer>.<domain>.<dataset>: name with --dataset what it shall be"
        ) from error


def _file(platform: Platform, name: DatasetName) -> Path:
    """A new file, where no contract is looked for: a draft must not make the project faulty."""
    domain = next((one.path for one in platform.project.domains if one.name == name.domain), None)
    if domain is None:
        domain = platform.settings.domains[0] / name.domain
    file = domain / DRAFTS / f"{name.layer}.{name.name}{SUFFIX}"
    if file.exists():
        raise ConfigurationError(f"{file} is there already: finish it, or move it away, then adopt again")
    return file


def _draft(platform: Platform, finding: FindingEntry, name: DatasetName) -> str:
    is_delivery = finding.kind == "parquet" and name.layer is Layer.RAW
    form = FileFormat(kind=FileKind.PARQUET) if is_delivery else None
    with platform.engine.session() as con:
        relation = relation_of(
            con, platform.lake, finding.place, kind=finding.kind, served_file=platform.settings.warehouse_file
        )
        return draft_from_relation(con, relation, name=name, file_format=form)


def _after_discovery(name: DatasetName, file: Path) -> list[str]:
    there = file.parent.parent / name.layer / f"{name.name}{SUFFIX}"
    fills = f"write the SELECT that makes it into {there.with_name(f'{name.name}.sql').name} beside it"
    if name.layer is Layer.RAW:
        fills = f"add the source that fills it to {file.parent.parent / 'connectors.yaml'}"
    return [
        "1. name the owner and look over types, key and personal data",
        f"2. move it to {there}, and {fills}",
        "3. data-platform contracts lint",
        "4. data-platform catalog scan: from then on the table is held against the contract",
    ]


def _after_drift(finding: FindingEntry, file: Path, contract: Path) -> list[str]:
    return [
        "1. name the owner in the draft, then see what differs and who is hit:",
        f"   data-platform contracts diff {contract} {file}",
        f"2. if the table is right: take that over into {contract} with a new version, then",
        f"   data-platform catalog accept {finding.name} --reason ...",
        f"3. if the contract is right: data-platform catalog reject {finding.name} --reason ... --yes",
    ]
