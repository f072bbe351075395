"""The work of `check prod`: whether somebody can be asked, called and charged for a dataset, and whether it works."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from data_platform.cli.contracts import dataset_name
from data_platform.cli.environment import platform_here
from data_platform.cli.examinations import Finding, State
from data_platform.cli.output import print_json, print_table, say
from data_platform.cli.standing import Standings
from data_platform.contracts.domain_files import Domain
from data_platform.contracts.domains import Dataset
from data_platform.contracts.model import Layer
from data_platform.contracts.rules import rules_of
from data_platform.contracts.tiers import is_critical
from data_platform.costs.ownership import untagged
from data_platform.observability.objectives.resolving import objectives_of
from data_platform.wiring.platform import Platform

_PROMISES = {"freshness": "latency", "pipeline_success": "frequency"}


def check_production(*, dataset: str, as_json: bool) -> int:
    """Prints what a dataset lacks for production; 1 if it lacks anything."""
    with platform_here() as platform:
        name = dataset_name(platform.project, dataset)
        found = readiness(platform, platform.project.dataset(name))
    is_ready = all(finding.state is State.OK for finding in found)
    if as_json:
        print_json({"dataset": str(name), "is_ready": is_ready, "findings": found})
    else:
        rows = [(each.area, each.state.value, each.detail, each.next) for each in found]
        print_table(str(name), ["requirement", "state", "what was found", "next"], rows)
        say(f"{name} may be promoted" if is_ready else f"{name} may NOT be promoted")
    return 0 if is_ready else 1


def readiness(platform: Platform, dataset: Dataset) -> list[Finding]:
    """Every requirement; anything but `ok` blocks the promotion."""
    requirements: list[Callable[[Platform, Dataset], Iterator[Finding]]] = [
        _owner, _meaning, _rules, _objectives, _route, _runbook, _tags, _evidence,
    ]  # fmt: skip
    return [finding for requirement in requirements for finding in requirement(platform, dataset)]


def _owner(platform: Platform, dataset: Dataset) -> Iterator[Finding]:
    owner, domain = dataset.contract.owner, _domain(platform, dataset)
    reached = owner.email or domain.on_call
    yield _found(
        "owner",
        f"{owner.team}, {reached}" if owner.team and reached else "",
        lacks="no team, or no address at which it is reached",
        next_="add team.name and a member with the role Owner, or on_call in domain.yaml",
    )


def _meaning(_platform: Platform, dataset: Dataset) -> Iterator[Finding]:
    contract = dataset.contract
    silent = [column.name for column in contract.columns if not column.description]
    said = contract.description and contract.status == "active" and not silent
    lacks = f"status {contract.status}" if contract.status != "active" else "no description"
    if silent:
        lacks = f"{len(silent)} columns without a description: {', '.join(silent[:5])}"
    yield _found(
        "contract",
        f"{contract.version}, {len(contract.columns)} columns described" if said else "",
        lacks=lacks,
        next_=f"complete {contract.path}",
    )


def _rules(_platform: Platform, dataset: Dataset) -> Iterator[Finding]:
    rules = rules_of(dataset.contract)
    keyed = bool(dataset.contract.primary_key) or dataset.name.layer is Layer.RAW
    yield _found(
        "rules",
        f"{len(rules)} rules" if rules and keyed else "",
        lacks="no primary key" if rules else "no rule: nothing could ever be found wrong",
        next_="add primaryKey, required or quality to the contract",
    )


def _objectives(platform: Platform, dataset: Dataset) -> Iterator[Finding]:
    own = {each.sli for each in objectives_of(platform.project) if each.dataset == str(dataset.name)}
    for sli, promise in _PROMISES.items():
        yield _found(
            f"objective {sli}",
            "stated" if sli in own else "",
            lacks=f"nobody promised a {promise}",
            next_=f"add slaProperties {promise} to the contract, or an OpenSLO document",
        )


def _route(platform: Platform, dataset: Dataset) -> Iterator[Finding]:
    recipient = _domain(platform, dataset).on_call
    channels = platform.routes.channels_of(recipient)
    yield _found(
        "alert route",
        f"{recipient} by {', '.join(channels)}" if channels else "",
        lacks=f"no channel reaches {recipient or 'anybody'}",
        next_="write routes.yaml and name it in DATA_PLATFORM_ROUTES (docs/how-to/incidents.md)",
    )


def _runbook(platform: Platform, dataset: Dataset) -> Iterator[Finding]:
    domain = _domain(platform, dataset)
    own = sorted(path.name for path in (domain.path / "runbooks").glob("*.md"))
    needed = is_critical(dataset.contract.tier)
    said = ", ".join(own) or ("" if needed else "the platform's own")
    yield _found(
        "runbook",
        said,
        lacks=f"tier {dataset.contract.tier}, but the domain has no runbook of its own",
        next_=f"write {domain.path / 'runbooks'}/<alert>.md: what to do, for this data",
    )


def _tags(platform: Platform, dataset: Dataset) -> Iterator[Finding]:
    missing = untagged(dataset.contract, cost_centre=_domain(platform, dataset).cost_centre)
    yield _found("cost tags", "" if missing else "charged", lacks="; ".join(missing), next_="see docs/how-to/costs.md")


def _evidence(platform: Platform, dataset: Dataset) -> Iterator[Finding]:
    standing = Standings(platform).of(dataset.name)
    is_proven = standing.is_sound and standing.failed == 0 and standing.passed > 0
    lacks = "nothing was published yet"
    if standing.version >= 0:
        lacks = f"{standing.passed} checks passed, {standing.failed} failed, {standing.pending} rows pending"
    yield _found(
        "evidence",
        f"version {standing.version}, {standing.rows} rows, {standing.passed} checks passed" if is_proven else "",
        lacks=lacks,
        next_=f"data-platform run {dataset.name}",
    )


def _found(area: str, said: str, *, lacks: str, next_: str) -> Finding:
    """Fine where something is said; otherwise what is lacking, and what to do."""
    if said:
        return Finding(area=area, subject="", state=State.OK, detail=said)
    return Finding(area=area, subject="", state=State.WRONG, detail=lacks, next=next_)


def _domain(platform: Platform, dataset: Dataset) -> Domain:
    return next(domain for domain in platform.project.domains if domain.name == dataset.name.domain)
