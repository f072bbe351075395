"""M6, schema compatibility: of the changes of contracts, how many went through the check before they took effect.

What took effect is seen where it works: the contract that is in force now is not the text that was in force before, a
run names a contract version that this project does not have, a table in the store is no longer what its contract says.
A change that no recorded verdict of `contracts diff` covers counts against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from data_platform.contracts.domains import PLATFORM_DOMAIN
from data_platform.metastore.sli_values import SliValueEntry
from data_platform.observability.slis.moment import CONTRACTS, Moment

NAME = CONTRACTS
_WINDOW = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class _Change:
    """One change that took effect. `is_checked` where an allowed verdict about exactly these texts was recorded."""

    dataset: str
    what: str
    is_checked: bool


def measure(moment: Moment) -> Iterable[SliValueEntry]:
    """A value for the platform and for each dataset that changed; counts are changes."""
    seen = moment.seen_contracts
    unread = {str(name) for name in moment.project.unread}  # what was in force there is still what changes count from
    texts = {dataset: text for dataset, text in _texts(seen).items() if dataset in unread}
    texts |= {dataset: contract.sha256 for dataset, contract in moment.contracts().items()}
    drifted = sorted(
        f.name for f in moment.metastore.catalog.findings.all(only_open=True, tx=moment.tx) if f.standing == "drifted"
    )
    versions = _foreign_versions(moment)
    known = {str(one) for one in _list(seen, "foreign_versions")}
    changes = [
        *_changed_texts(moment, _texts(seen), texts),
        *(_Change(name, "the table drifted", False) for name in drifted if name not in _list(seen, "drifted")),
        *(
            _Change(dataset, f"a run used contract version {version}, which is not here", False)
            for dataset, version in versions
            if f"{dataset} {version}" not in known
        ),
    ]
    foreign = sorted(known | {f"{dataset} {version}" for dataset, version in versions})
    is_same = texts == _texts(seen) and drifted == _list(seen, "drifted") and not changes
    if seen and is_same:
        return
    yield from _of_datasets(moment, changes)
    known_since = {dataset: moment.known_since.get(dataset, moment.now).isoformat() for dataset in texts}
    state = {"texts": texts, "known_since": known_since, "drifted": drifted, "foreign_versions": foreign}
    yield _of_platform(moment, changes, state)


def _changed_texts(moment: Moment, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[_Change]:
    changed = [(dataset, before[dataset], text) for dataset, text in now.items() if before.get(dataset, text) != text]
    if not changed:
        return
    checks = moment.metastore.operations.contract_checks.all(tx=moment.tx)
    allowed = {(check.dataset, check.before_sha256, check.after_sha256) for check in checks if check.is_allowed}
    for dataset, old, new in changed:
        is_checked = (dataset, old, new) in allowed
        yield _Change(dataset, f"contract {old[:8]} became {new[:8]}", is_checked)


def _foreign_versions(moment: Moment) -> set[tuple[str, str]]:
    """Contract versions that runs name, and that are not those of this project."""
    versions = {dataset: contract.version for dataset, contract in moment.contracts().items()}
    return {
        (run.dataset, run.contract_version)
        for run in moment.ended
        if run.contract_version and run.ended_at is not None and run.ended_at > moment.since
        if run.dataset in versions and _is_later(run.contract_version, versions[run.dataset])
    }


def _is_later(version: str, than: str) -> bool:
    """Older ones are what the project had before; a later one comes from a project that nobody deployed here."""
    return _numbers(version) > _numbers(than)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _of_datasets(moment: Moment, changes: Iterable[_Change]) -> Iterator[SliValueEntry]:
    by_dataset: dict[str, list[_Change]] = {}
    for change in changes:
        by_dataset.setdefault(change.dataset, []).append(change)
    for dataset, its in by_dataset.items():
        good = sum(change.is_checked for change in its)
        yield SliValueEntry(
            sli=NAME,
            subject=dataset,
            measured_at=moment.now,
            value=good / len(its),
            good=float(good),
            bad=float(len(its) - good),
            provenance="contracts in force",
            evidence={"changes": [change.what for change in its]},
        )


def _of_platform(moment: Moment, changes: list[_Change], state: Mapping[str, object]) -> SliValueEntry:
    good = sum(change.is_checked for change in changes)
    values = moment.metastore.operations.sli_values
    recent = values.of(NAME, subject=PLATFORM_DOMAIN, since=moment.now - _WINDOW, tx=moment.tx)
    all_good = good + sum(entry.good for entry in recent)
    total = len(changes) + sum(entry.good + entry.bad for entry in recent)
    return SliValueEntry(
        sli=NAME,
        subject=PLATFORM_DOMAIN,
        measured_at=moment.now,
        value=all_good / total if total else None,
        good=float(good),
        bad=float(len(changes) - good),
        provenance="contracts in force",
        evidence={**state, "unchecked": [f"{c.dataset}: {c.what}" for c in changes if not c.is_checked]},
    )


def _texts(seen: Mapping[str, object]) -> Mapping[str, str]:
    found = seen.get("texts")
    return {str(name): str(text) for name, text in found.items()} if isinstance(found, dict) else {}


def _list(seen: Mapping[str, object], key: str) -> list[object]:
    found = seen.get(key)
    return found if isinstance(found, list) else []
