"""The work of `quarantine` and `late`: look at held rows, decide about them, run again what the decision touches.

Held rows are read at the version the published table names. Their records are shown redacted, never otherwise.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from data_platform.cli.contracts import dataset_name
from data_platform.cli.environment import platform_here
from data_platform.cli.output import print_json, print_table, say, stdout, working
from data_platform.cli.refresh import Refreshed, materialize, refresh
from data_platform.contracts.days import DayRange
from data_platform.contracts.model import DatasetName
from data_platform.errors import ConfigurationError
from data_platform.governance.redaction import redact_row
from data_platform.lakehouse.snapshots import Snapshot
from data_platform.lakehouse.table_ref import TableRef, Zone
from data_platform.publication.decisions import Decision, HeldPlace
from data_platform.transforms.lint import ONE_TO_ONE
from data_platform.wiring.platform import Platform

Chosen = tuple[str | None, int | None, str | None, bool]  # batch, record, rule, everything
_DECISIONS = {"quarantined": Decision.RELEASE, "late": Decision.ADMIT_LATE}
_SPOKEN = {"quarantined": "quarantined", "late": "late"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """One held row. `record` is redacted."""

    batch_id: str
    record_no: int
    event_date: date
    reason: str
    rules: str
    record: Mapping[str, object]

    @property
    def place(self) -> HeldPlace:
        """What a decision names."""
        return HeldPlace(batch_id=self.batch_id, record_no=self.record_no, event_date=self.event_date)


def list_held(*, fate: str, dataset: str | None, limit: int, as_json: bool) -> int:
    """Prints counts by rule, or with a dataset its rows."""
    with platform_here() as platform:
        if dataset is None:
            return _print_counts(platform, fate, as_json=as_json)
        rows = held_rows(platform, admitted_name(platform, dataset), fate)
    if as_json:
        print_json(rows[:limit])
        return 0
    lines = [
        (row.batch_id, row.record_no, row.event_date, row.reason, row.rules, _record_text(row)) for row in rows[:limit]
    ]
    print_table("", ["batch", "record", "event date", "reason", "rules", "record (redacted)"], lines)
    say(f"{min(limit, len(rows))} of {len(rows)} {fate} rows of {dataset}")
    return 0


def show(*, fate: str, dataset: str, batch: str, record: int, as_json: bool) -> int:
    """Prints one row."""
    with platform_here() as platform:
        name = admitted_name(platform, dataset)
        row = _one(held_rows(platform, name, fate), name, fate, (batch, record))
    if as_json:
        print_json(row)
        return 0
    facts = {"event date": row.event_date, "reason": row.reason, "rules": row.rules}
    print_table(f"{name} {row.batch_id} {row.record_no}", ["what", "value"], list(facts.items()))
    print_table("\nrecord (redacted)", ["column", "value"], list(row.record.items()))
    return 0


def decide(*, fate: str, dataset: str, chosen: Chosen, note: str, yes: bool) -> int:
    """Appends decisions and materializes what they touch; without `yes` prints the plan and ends with 1."""
    if not note.strip():
        raise ConfigurationError("a decision needs a note that says why")
    with platform_here() as platform:
        name = admitted_name(platform, dataset)
        rows = _chosen(held_rows(platform, name, fate), name, fate, chosen)
        days = DayRange.blocks(row.event_date for row in rows)
        verb = "release" if fate == "quarantined" else "admit"
        plan = (
            f"{verb} {len(rows)} {fate} rows of {name}, event dates {', '.join(map(str, days))}; then run again {name} "
            f"and what reads it: {', '.join(map(str, platform.graph.downstream(name))) or 'nothing'}"
        )
        if not yes:
            stdout().print(plan, soft_wrap=True)
            say("nothing was done: say --yes")
            return 1
        job = f"{verb} {fate}"
        with working(plan), platform.recorder.launch(platform.run(job=job)) as run:
            platform.decisions.decide(
                name, _DECISIONS[fate], [row.place for row in rows], who=getpass.getuser(), note=note
            )
            done = [materialize(platform, name, run, days)]
            done += refresh(platform, platform.graph.downstream(name), run)
    return print_refreshed(done)


def print_refreshed(done: Sequence[Refreshed]) -> int:
    """Prints what was materialized; 1 if something was refused."""
    rows = [
        (each.dataset, ", ".join(each.ranges), "blocked" if each.problem else "published", each.rows) for each in done
    ]
    print_table("", ["dataset", "range", "state", "rows"], rows)
    for each in done:
        if each.problem:
            say(each.problem)
    return 1 if any(each.problem for each in done) else 0


def admitted_name(platform: Platform, text: str) -> DatasetName:
    """The dataset that somebody typed; its name may be written without the layer's `curated.`.

    Raises:
        ConfigurationError: it does not exist, or its materialization holds no rows.
    """
    layers = ("curated.", "served.", "raw.")
    full = (
        text
        if text.replace("/", ".").startswith(layers)
        else f"curated.{text.removeprefix('quarantine.').removeprefix('late.')}"
    )
    name = dataset_name(platform.project, full)
    if platform.project.dataset(name).contract.materialization not in ONE_TO_ONE:
        kinds = ", ".join(sorted(ONE_TO_ONE))
        raise ConfigurationError(f"{name} holds no rows back: only datasets that are materialized as {kinds} do")
    return name


def held_snapshot(platform: Platform, name: DatasetName, main: Snapshot) -> Snapshot:
    """The held table at the version that a version of the main table names."""
    return platform.heads.side_for_reading(platform.lake.table(TableRef.of(name, Zone.HELD)), main)


def held_rows(platform: Platform, name: DatasetName, fate: str) -> list[HeldRow]:
    """Held rows of the published version, in the order of batch and record."""
    main = platform.heads.for_reading(platform.lake.table(TableRef.of(name)))
    held = held_snapshot(platform, name, main)
    if held.version < 0:
        return []
    with platform.engine.session() as con:
        found = con.execute(
            "SELECT batch_id, record_no, event_date, reason, rules, record FROM "
            f"({held.scan()}) WHERE fate = ? ORDER BY batch_id, record_no",
            [fate],
        ).fetchall()
    raw = platform.project.dataset(platform.graph.inputs[name][0]).contract
    return [
        HeldRow(
            batch_id=row[0],
            record_no=row[1],
            event_date=row[2],
            reason=row[3],
            rules=row[4],
            record=redact_row(raw, json.loads(row[5])),
        )
        for row in found
    ]


def _print_counts(platform: Platform, fate: str, *, as_json: bool) -> int:
    names = [n for n in platform.graph.order if platform.project.dataset(n).contract.materialization in ONE_TO_ONE]
    lines: list[dict[str, object]] = []
    for name in names:
        by_rule: dict[tuple[str, str], list[date]] = {}
        for row in held_rows(platform, name, fate):
            by_rule.setdefault((row.reason, row.rules), []).append(row.event_date)
        lines += [
            {
                "dataset": str(name),
                "reason": reason,
                "rules": rules,
                "rows": len(days),
                "first": min(days),
                "last": max(days),
            }
            for (reason, rules), days in sorted(by_rule.items())
        ]
    if as_json:
        print_json(lines)
    else:
        print_table(
            "", ["dataset", "reason", "rules", "rows", "first day", "last day"], [list(line.values()) for line in lines]
        )
        say(f"{sum(int(str(line['rows'])) for line in lines)} {_SPOKEN[fate]} rows")
    return 0


def _chosen(rows: Sequence[HeldRow], name: DatasetName, fate: str, chosen: Chosen) -> list[HeldRow]:
    batch, record, rule, everything = chosen
    if sum((batch is not None, rule is not None, everything)) != 1 or (batch is None) != (record is None):
        raise ConfigurationError(
            "name the rows in one way: BATCH and RECORD"
            + (", or --rule, or --all" if fate == "quarantined" else ", or --all")
        )
    if batch is not None and record is not None:
        return [_one(rows, name, fate, (batch, record))]
    found = [row for row in rows if rule is None or row.rules == rule]
    if not found:
        which = f" whose only broken rule is {rule}" if rule else ""
        raise ConfigurationError(f"{name} has no {fate} rows{which}")
    return found


def _one(rows: Sequence[HeldRow], name: DatasetName, fate: str, place: tuple[str, int]) -> HeldRow:
    for row in rows:
        if (row.batch_id, row.record_no) == place:
            return row
    command = "quarantine" if fate == "quarantined" else "late"
    raise ConfigurationError(
        f"{name} has no {fate} row {place[0]} {place[1]}; `data-platform {command} list {name}` lists them"
    )


def _record_text(row: HeldRow) -> str:
    return ", ".join(f"{key}={value}" for key, value in row.record.items() if not key.startswith("_"))
