"""The work of `slo`, `metrics` and `dashboards`."""

from __future__ import annotations

import json
from pathlib import Path

import click
import yaml

from data_platform.cli.environment import platform_here, watching_here
from data_platform.cli.output import counted, print_json, print_table, say
from data_platform.contracts.model import DatasetName
from data_platform.contracts.places import nearest
from data_platform.contracts.tiers import is_critical
from data_platform.errors import ConfigurationError
from data_platform.metastore.objective_tables import ObjectiveState
from data_platform.metastore.objectives import ObjectiveEntry
from data_platform.observability.exposition import Form
from data_platform.observability.objectives.exporting import exported
from data_platform.observability.objectives.model import Objective, document_name
from data_platform.observability.objectives.openslo import SUFFIX, read_document
from data_platform.observability.objectives.resolving import read_objectives
from data_platform.observability.objectives.suggesting import HISTORY
from data_platform.observability.objectives.suggesting import suggest as suggestion
from data_platform.observability.objectives.windows import DAY
from data_platform.observability.prometheus.dashboards import DASHBOARDS
from data_platform.observability.prometheus.rules import RUNBOOKS, rules_document
from data_platform.observability.words import budget_left
from data_platform.wiring.platform import Platform

_COLUMNS = ("objective", "target", "window", "state", "good", "budget left", "1h", "3d", "owner")


def list_objectives(*, state: str | None, domain: str | None, as_json: bool) -> int:
    """Prints every objective with its standing."""
    with watching_here() as platform:
        standings = {entry.objective: entry for entry in platform.metastore.operations.objectives.all()}
        every = platform.objectives.all
    chosen = [one for one in every if domain in (None, one.domain)]
    found = [(one, standings.get(one.id)) for one in chosen]
    found = [(one, entry) for one, entry in found if state is None or _stands(entry, state)]
    if as_json:
        print_json([{"objective": one, "standing": entry} for one, entry in found])
    else:
        print_table("", _COLUMNS, [_line(one, entry) for one, entry in found])
        if not standings:
            say("nothing was evaluated yet: data-platform watch, or data-platform slo evaluate")
    return 0


def show(*, name: str, as_json: bool) -> int:
    """Prints one objective."""
    with watching_here() as platform:
        one = _named(platform, name)
        entry = platform.metastore.operations.objectives.get(one.id)
        since = platform.clock.now() - HISTORY
        days = platform.metastore.operations.objective_samples.of(one.id, width_seconds=DAY, since=since)
    if as_json:
        print_json({"objective": one, "standing": entry, "days": days})
        return 0
    print_table("", _COLUMNS, [_line(one, entry)])
    say(f"{one.title or one.id} ({one.method}, {one.window}); written in {one.origin}")
    rows = [(f"{day.starts_at:%Y-%m-%d}", day.good, day.bad, day.unknown) for day in days]
    print_table("days", ("day", "good", "bad", "unknown"), rows)
    return 0


def export(*, names: tuple[str, ...], out: Path | None) -> int:
    """Writes documents."""
    with platform_here() as platform:
        chosen = [_named(platform, name) for name in names] or list(platform.objectives.all)
    texts = {document_name(one.id): yaml.safe_dump(json.loads(json.dumps(exported(one))), sort_keys=False)
             for one in chosen}  # fmt: skip
    if out is None:
        click.echo("---\n".join(texts.values()), nl=False)
        return 0
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (out / f"{name}{SUFFIX}").write_text(text, encoding="utf-8")
    say(f"{counted(len(texts), 'document')} in {out}")
    return 0


def lint(*, files: tuple[Path, ...]) -> int:
    """Checks documents; 1 where one has a fault."""
    if files:
        faults = [fault for path in files for fault in read_document(path)[1]]
        count = len(files)
    else:
        with platform_here() as platform:
            found, faults = read_objectives(platform.project)
            count = len(found)
    for fault in faults:
        click.echo(str(fault))
    if not faults:
        say(f"{counted(count, 'document' if files else 'objective')}, no fault")
    return 1 if faults else 0


def suggest(*, dataset: str | None, as_json: bool) -> int:
    """Prints targets that history supports."""
    with platform_here() as platform:
        about = str(platform.project.dataset(_parsed(dataset)).name) if dataset else None
        since = platform.clock.now() - HISTORY
        samples = platform.metastore.operations.objective_samples
        found = [
            suggestion(
                one, samples.of(one.id, width_seconds=DAY, since=since), is_critical=_is_read_critically(platform, one)
            )
            for one in platform.objectives.all
            if about in (None, one.dataset)
        ]
    if as_json:
        print_json([{**{"says": one.says}, "suggestion": one} for one in found])
        return 0
    rows = [
        (one.objective.id, one.objective.target, _percent(one.achieved), one.suggested, one.days, one.says)
        for one in found
    ]
    print_table("", ("objective", "promised", "achieved", "suggested", "days", "history says"), rows)
    return 0


def rules(*, out: Path | None, runbooks: str | None) -> int:
    """Writes rules for Prometheus."""
    with platform_here() as platform:
        document = rules_document(platform.objectives.all, runbooks=runbooks or RUNBOOKS)
    text = yaml.safe_dump(document, sort_keys=False, width=1_000)
    if out is None:
        click.echo(text, nl=False)
        return 0
    out.mkdir(parents=True, exist_ok=True)
    (out / "data_platform.rules.yaml").write_text(text, encoding="utf-8")
    say(f"{out / 'data_platform.rules.yaml'}: name it under rule_files of prometheus.yml")
    return 0


def evaluate(*, as_json: bool) -> int:
    """Evaluates once."""
    with platform_here() as platform:
        found = platform.objectives.evaluate(platform.clock.now())
    if as_json:
        print_json(found)
    else:
        say(f"{counted(found.objectives, 'objective')}, {counted(found.values, 'new value')}, "
            f"{len(found.changed)} in another state")  # fmt: skip
    return 0


def metrics(*, is_open: bool) -> int:
    """Prints every metric."""
    with watching_here() as platform:
        click.echo(platform.metrics.text(Form.OPEN_METRICS if is_open else Form.TEXT), nl=False)
    return 0


def dashboards(*, out: Path) -> int:
    """Writes dashboards."""
    out.mkdir(parents=True, exist_ok=True)
    for one in DASHBOARDS:
        (out / f"{one.uid}.json").write_text(json.dumps(one.document(), indent=2) + "\n", encoding="utf-8")
    say(f"{counted(len(DASHBOARDS), 'dashboard')} in {out}: import them, or let Grafana provision the folder")
    return 0


def _line(one: Objective, entry: ObjectiveEntry | None) -> tuple[object, ...]:
    if entry is None:
        return (one.id, one.target, str(one.window), "unknown", None, None, None, None, one.owner)
    burn = [None if entry.burn.get(name) is None else f"{entry.burn[name]:.2f}" for name in ("1h", "3d")]
    ratio, left = _percent(entry.ratio), budget_left(entry.budget_left)
    return (one.id, one.target, str(one.window), entry.words, ratio, left, *burn, one.owner)


def _stands(entry: ObjectiveEntry | None, state: str) -> bool:
    return entry.stands(state) if entry else state == ObjectiveState.UNKNOWN.value


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.3%}"


def _named(platform: Platform, name: str) -> Objective:
    known = {one.id: one for one in platform.objectives.all}
    found = known.get(name) or next((one for one in known.values() if document_name(one.id) == name), None)
    if found is None:
        raise ConfigurationError(f"there is no objective {name!r}; {nearest(name, known)}")
    return found


def _parsed(name: str) -> DatasetName:
    try:
        return DatasetName.parse(name)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def _is_read_critically(platform: Platform, one: Objective) -> bool:
    if not one.dataset:
        return one.is_critical
    name = DatasetName.parse(one.dataset)
    readers = (name, *platform.graph.downstream(name))
    return any(is_critical(platform.project.dataset(each).contract.tier) for each in readers)
