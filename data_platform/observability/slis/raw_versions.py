"""Which raw versions the result of a run holds, also where they came through other datasets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from data_platform.contracts.model import Layer
from data_platform.metastore.runs import RunEntry
from data_platform.observability.slis.moment import Moment

_RAW = f"{Layer.RAW}."
_DEEPEST = 50


def raw_versions(moment: Moment, runs: Iterable[RunEntry]) -> Mapping[tuple[str, str], Mapping[str, int]]:
    """By (run id, dataset), the version of each raw dataset; the least where it came by several ways."""
    asked = list(runs)
    made = _producers(moment, asked)
    known: dict[tuple[str, str], dict[str, int]] = {}
    for run in asked:
        _resolve(run, made, known, depth=0)
    return known


def _producers(moment: Moment, runs: Iterable[RunEntry]) -> Mapping[tuple[str, int], RunEntry]:
    """By dataset and version, the runs that made every computed input, level by level."""
    found: dict[tuple[str, int], RunEntry] = {}
    wanted = {key for run in runs for key in _computed(run)}
    while wanted:
        level = moment.metastore.operations.sli_facts.made(wanted, tx=moment.tx)
        found |= level
        wanted = {key for run in level.values() for key in _computed(run)} - found.keys()
    return found


def _computed(run: RunEntry) -> Iterable[tuple[str, int]]:
    return ((name, version) for name, version in run.inputs.items() if not name.startswith(_RAW))


def _resolve(
    run: RunEntry, made: Mapping[tuple[str, int], RunEntry], known: dict[tuple[str, str], dict[str, int]], *, depth: int
) -> dict[str, int]:
    key = (run.run_id, run.dataset)
    if key in known or depth > _DEEPEST:
        return known.get(key, {})
    versions: dict[str, int] = {}
    for name, version in run.inputs.items():
        if name.startswith(_RAW):
            found = {name: version}
        else:
            producer = made.get((name, version))
            found = _resolve(producer, made, known, depth=depth + 1) if producer else {}
        for raw, at in found.items():
            versions[raw] = min(at, versions.get(raw, at))
    known[key] = versions
    return versions
