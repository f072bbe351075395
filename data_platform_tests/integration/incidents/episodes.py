"""Reads `fault_episodes.yaml`, strictly: what the table misspells must not pass as an episode in which nothing happens.

What the facts mean stands at the top of the table. Nothing here judges them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from data_platform_tests.integration.incidents.estate import Estate, Keys, check, check_keys, read_estate

TABLE = Path(__file__).with_name("fault_episodes.yaml")
PAGE_ALERTS = ("slo_fast_burn", "data_loss", "security_breach", "connector_lost")
ALERTS = (
    *PAGE_ALERTS,
    *("run_failed", "run_blocked", "run_missed", "files_rejected", "slo_slow_burn", "freshness_breach", "incomplete"),
    *("schema_warning", "metadata_gap", "task_age", "lineage_stuck", "disk_low", "breaker_open", "watch_silent"),
)
SEVERITIES = ("ticket", "page")
STATES = ("open", "acknowledged", "mitigated", "resolved")
NOTIFICATIONS = tuple(
    f"{kind}@{grade}" for kind in ("opened", "raised", "escalated", "resolved") for grade in SEVERITIES
)
_STEPS = {
    "run": Keys("outcome", "dataset family error code_version partitions"),
    "batch": Keys(
        "dataset source_rows raw_rows rejected_rows newest_event_time_minutes_ago", "oldest_event_time_minutes_ago"
    ),
    "file_rejected": Keys("dataset reason", "count every_minutes"),
    "file_read": Keys("dataset"),
    "resolve": Keys("cause who"),
    "heartbeat": Keys("dataset", "phase rows backlog error silent"),
    "cursor_frozen": Keys("dataset backlog"),
    "kept_log": Keys("dataset kept_bytes limit_bytes"),
    "source_count": Keys("dataset partition provenance expected arrived"),
    "ledger": Keys("dataset residual"),
    "maintenance": Keys("dataset minutes"),
    "suppression": Keys("ticket scope minutes who"),
    "security": Keys("kind subject who"),
    "finding": Keys("table standing"),
    "schema_change": Keys("dataset verdict", "count every_minutes"),
    "queue": Keys("job dataset lane waiting_minutes reason", "count"),
    "outbox": Keys("failing_minutes unsent"),
    "disk": Keys("free_fraction"),
    "breaker": Keys("name state"),
    "beat_stops": Keys("component"),
    "beat_returns": Keys("component"),
    "schedules_stop": Keys(""),
    "objective": Keys("objective subject is_critical", "burn_5m burn_1h burn_30m burn_6h burn_3d"),
    "ack": Keys("cause who"),
    "clock": Keys("back_seconds"),
    "quiet": Keys("minutes"),
}
_WORDS = {
    ("run", "outcome"): ("succeeded", "failed", "blocked", "running"),
    ("heartbeat", "phase"): ("running", "ended", "stopped", "refused", "failed"),
    ("source_count", "provenance"): ("source", "manifest", "forecast"),
    ("security", "kind"): ("unauthorized_read", "leaked_credential", "access_refused"),
    ("finding", "standing"): ("managed", "unmanaged", "drifted", "missing"),
    ("schema_change", "verdict"): ("compatible", "warning", "breaking"),
    ("queue", "reason"): ("slot", "quota", "upstream", "breaker", ""),
    ("breaker", "state"): ("closed", "open", "half_open"),
}
_PLACES = {("suppression", "scope"), ("security", "subject"), ("finding", "table"), ("objective", "subject")}
_PLACES |= {("beat_stops", "component"), ("beat_returns", "component"), ("ack", "cause"), ("resolve", "cause")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One fact.

    Attributes:
        at: minutes after the start.
        datasets: which it is about; several where the same happens to all of them at once.
        facts: the rest of what the table says, by its words.
    """

    at: float
    kind: str
    datasets: tuple[str, ...]
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One incident that must come of it; times in minutes after the start."""

    cause: str
    alert: str
    severity: str
    recipient: str
    opened_by: float
    notifications: tuple[str, ...]
    state: str
    opened_from: float = 0.0
    symptoms_at_least: int = 1
    reopened: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """What happens in the world, and every incident that must come of it: no others."""

    id: str
    title: str
    timeline: tuple[Step, ...]
    end: float
    expect: tuple[Expected, ...]
    why: str
    near_miss: tuple[str, ...] = ()
    families: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """`page`, `ticket` or `none`: the worst that is expected."""
        severities = [expected.severity for expected in self.expect]
        return "page" if "page" in severities else "ticket" if severities else "none"


@cache
def load(path: Path = TABLE) -> tuple[Estate, tuple[Episode, ...]]:
    """The estate and every episode.

    Raises:
        ValueError: an unknown or missing key, an unknown dataset or word, a time that cannot be, or an id used twice.
    """
    table = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    check_keys("the table", table, Keys("clockwork estate episodes"))
    estate = read_estate(table["estate"], table["clockwork"])
    episodes = tuple(_episode(written, estate) for written in table["episodes"])
    ids = [episode.id for episode in episodes]
    check(len(ids) == len(set(ids)), f"ids used twice: {sorted({each for each in ids if ids.count(each) > 1})}")
    return estate, episodes


def _episode(written: dict[str, Any], estate: Estate) -> Episode:
    where = str(written.get("id", "an episode without an id"))
    check_keys(where, written, Keys("id title timeline end expect why", "near_miss families"))
    check(all(family in estate.families for family in written.get("families", ())), f"{where}: unknown family")
    timeline = tuple(_step(where, step, estate) for step in written["timeline"])
    times = [0.0, *(step.at for step in timeline), float(written["end"])]
    check(times == sorted(times), f"{where}: its times are not in order from 0 to its end: {times}")
    named = {step.facts["family"] for step in timeline if "family" in step.facts}
    check(named.issubset(written.get("families", ())), f"{where}: a step names a family that the episode does not")
    check(set(written.get("near_miss", ())).issubset(ALERTS), f"{where}: unknown alert in near_miss")
    return Episode(
        id=where,
        title=written["title"],
        timeline=timeline,
        end=float(written["end"]),
        expect=tuple(_expected(where, each, estate, end=float(written["end"])) for each in written["expect"]),
        why=written["why"],
        near_miss=tuple(written.get("near_miss", ())),
        families=tuple(written.get("families", ())),
    )


def _step(where: str, written: dict[str, Any], estate: Estate) -> Step:
    kinds = [key for key in written if key != "at"]
    check(len(kinds) == 1 and "at" in written, f"{where}: a step has `at` and one kind: {written}")
    kind = kinds[0]
    check(kind in _STEPS, f"{where}: unknown kind of step {kind}")
    facts = {"minutes": written[kind]} if kind == "quiet" else dict(written[kind])
    check_keys(f"{where}, {kind}", facts, _STEPS[kind])
    for key, value in facts.items():
        words = _WORDS.get((kind, key))
        check(words is None or value in words, f"{where}, {kind}: {key} is one of {words}, not {value!r}")
        check((kind, key) not in _PLACES or value in estate.places(), f"{where}, {kind}: unknown {key} {value}")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        check(not is_number or value >= 0, f"{where}, {kind}: {key} is negative")
    datasets = _datasets(f"{where}, {kind}", facts, estate)
    check(datasets or kind != "run", f"{where}, {kind}: of which dataset?")
    if kind in ("heartbeat", "cursor_frozen", "kept_log", "maintenance"):
        check(all(estate.datasets[name].connector for name in datasets), f"{where}, {kind}: no connector")
    return Step(at=float(written["at"]), kind=kind, datasets=datasets, facts=facts)


def _datasets(where: str, facts: dict[str, Any], estate: Estate) -> tuple[str, ...]:
    check(not ("dataset" in facts and "family" in facts), f"{where}: a dataset or a family")
    if family := facts.get("family"):
        check(family in estate.families, f"{where}: unknown family {family}")
        return tuple(dataset.name for dataset in estate.families[family])
    given = facts.pop("dataset", ())
    names = (given,) if isinstance(given, str) else tuple(given)
    check(all(name in estate.datasets for name in names), f"{where}: unknown dataset in {names}")
    return names


def _expected(where: str, written: dict[str, Any], estate: Estate, *, end: float) -> Expected:
    needed = "cause alert severity recipient opened_by notifications state"
    check_keys(f"{where}, expect", written, Keys(needed, "opened_from symptoms_at_least reopened"))
    check(written["cause"] in estate.places(), f"{where}: unknown cause {written['cause']}")
    check(written["alert"] in ALERTS, f"{where}: unknown alert {written['alert']}")
    check(written["severity"] in SEVERITIES and written["state"] in STATES, f"{where}: unknown severity or state")
    check(set(written["notifications"]).issubset(NOTIFICATIONS), f"{where}: unknown notification")
    check(written["recipient"] in {estate.platform, *estate.on_call.values()}, f"{where}: unknown recipient")
    check(0 <= written.get("opened_from", 0) < written["opened_by"] <= end, f"{where}: opened at no possible time")
    return Expected(**{**written, "notifications": tuple(written["notifications"])})
