"""The signals that come first: whether anybody watches at all, what is open, what burns, who is silent.

Nothing here is green for want of evidence: what was not measured, or is no longer judged, says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from data_platform.connectors.heartbeat_map import Standing, heartbeat_map
from data_platform.connectors.liveness import State
from data_platform.connectors.options import Expectations, read_options
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.errors import ConfigurationError
from data_platform.metastore.component_beats import WATCH, ComponentBeat
from data_platform.metastore.incident_tables import IncidentSeverity
from data_platform.metastore.incidents import IncidentEntry
from data_platform.metastore.objective_tables import ObjectiveState
from data_platform.metastore.objectives import ObjectiveEntry
from data_platform.observability.words import duration
from data_platform.serving.console.operations.filters import Filter, Holdings
from data_platform.serving.console.views import Tile
from data_platform.wiring.platform import Platform

MOST_INCIDENTS = 1_000
_GOOD = (State.LIVE, State.RESTING)
_WITHOUT_EVIDENCE = (State.NEVER_RUN, State.MAINTENANCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """Whether the watch is at work.

    Attributes:
        at: its last turn; None if it was never heard of.
        tone: good, warn or bad.
    """

    at: datetime | None
    is_silent: bool
    tone: str
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One connector on the map.

    Attributes:
        is_live, is_moving: None where nothing is known; a live one may stand still.
        cadence: how often its source should have something; empty where nothing is expected.
    """

    name: str
    kind: str
    dataset: str
    state: str
    tone: str
    detail: str
    is_live: bool | None
    is_moving: bool | None
    beat_at: datetime | None
    progressed_at: datetime | None
    last_event_at: datetime | None
    backlog: int | None
    cadence: str


def watching(beat: ComponentBeat | None, now: datetime) -> Watching:
    """What the last turn of the watch says about everything else on a page."""
    if beat is None:
        text = "Nothing is judged until it does: start data-platform serve, or data-platform watch."
        return Watching(at=None, is_silent=True, tone="warn", title="The watch has never run", text=text)
    if beat.is_stopped:
        text = "Nothing was judged since. Start data-platform serve, or data-platform watch."
        return Watching(at=beat.beat_at, is_silent=True, tone="warn", title="The watch was stopped", text=text)
    if beat.is_silent(now):
        silence = duration(now - beat.beat_at)
        text = f"Silent for {silence}: what stands below was true then. See whether {beat.instance} lives."
        return Watching(at=beat.beat_at, is_silent=True, tone="bad", title="The watch is silent", text=text)
    if beat.detail:
        return Watching(at=beat.beat_at, is_silent=False, tone="warn", title="The watch limps", text=beat.detail)
    return Watching(at=beat.beat_at, is_silent=False, tone="good", title="The watch is at work", text="")


def connectors_of(platform: Platform, holdings: Holdings, narrowed: Filter) -> list[Feed]:
    """The map of those connectors that pass, the ones that want a person first."""
    entries = [
        entry
        for domain in platform.project.domains
        for entry in domain.connectors
        if holdings.passes(narrowed, str(entry.dataset), domain=domain.name)
    ]
    standings = heartbeat_map(entries, platform.metastore, platform.clock.now(), place=platform.place)
    order = {"bad": 0, "warn": 1, "": 2, "good": 3}
    return sorted(map(feed, standings), key=lambda one: (order[one.tone], one.dataset, one.name))


def feed(standing: Standing) -> Feed:
    """A connector's standing as the map shows it: being alive and moving are two questions."""
    entry, beat, state = standing.entry, standing.beat, standing.diagnosis.state
    is_known = beat is not None and state is not State.NEVER_RUN
    is_live = state in (*_GOOD, State.STUCK, State.EMPTY, State.HOARDING) if is_known else None
    return Feed(
        name=entry.name,
        kind=entry.kind,
        dataset=str(entry.dataset),
        state=state.value,
        tone=_tone(state),
        detail=standing.diagnosis.detail,
        is_live=is_live,
        is_moving=state in _GOOD if is_known else None,
        beat_at=beat.beat_at if beat else None,
        progressed_at=beat.progressed_at if beat else None,
        last_event_at=beat.last_event_time if beat else None,
        backlog=beat.backlog if beat else None,
        cadence=_cadence(entry),
    )


def incident_tile(open_ones: Sequence[IncidentEntry], watch: Watching, href: str = "/incidents") -> Tile:
    """How many incidents are open; a question mark where nobody looks."""
    if watch.is_silent and not open_ones:
        return Tile("?", "open incidents: nobody is watching", href, tone="warn")
    pages = sum(one.severity is IncidentSeverity.PAGE for one in open_ones)
    tone = "bad" if pages else "warn" if open_ones else "good"
    tickets = len(open_ones) - pages
    parts = [f"{count} {word}{'s' * (count != 1)}" for count, word in ((pages, "page"), (tickets, "ticket")) if count]
    said = f"open incidents: {', '.join(parts)}" if parts else "open incidents"
    return Tile(f"{len(open_ones):,}", said, href, tone=tone)


def objective_tile(objectives: Iterable[ObjectiveEntry], watch: Watching, href: str = "/objectives") -> Tile:
    """How many objectives burn their budget, and how many have spent it; what nobody judges any more is not green."""
    entries = list(objectives)
    found = [one.state for one in entries]
    if not any(state is not ObjectiveState.UNKNOWN for state in found):
        return Tile("?", "objectives burning: none was judged yet", href, tone="warn" if found else "")
    spent = sum(state is ObjectiveState.SPENT for state in found)
    burning = sum(one.is_burning for one in entries)
    unknown = sum(state is ObjectiveState.UNKNOWN for state in found)
    parts = [f"of {len(found):,} objectives burning"]
    parts += [f"{spent} with nothing left"] * bool(spent) + [f"{unknown} without evidence"] * bool(unknown)
    parts += ["when the watch fell silent"] * watch.is_silent
    calm = "warn" if watch.is_silent else "good"
    return Tile(f"{burning:,}", ", ".join(parts), href, tone="bad" if spent else "warn" if burning else calm)


def failing_tile(failing: int, *, is_known: bool, href: str = "/on-call#failing") -> Tile:
    """How many datasets fail."""
    if not is_known:
        return Tile("?", "pipelines failing: none has run yet", href)
    return Tile(f"{failing:,}", "pipelines failing", href, tone="bad" if failing else "good")


def connector_tile(feeds: Sequence[Feed], href: str = "/on-call#connectors") -> Tile:
    """How many connectors want a person."""
    broken = sum(one.tone in ("bad", "warn") for one in feeds)
    unheard = sum(one.is_live is None for one in feeds)
    if not feeds or unheard == len(feeds):
        return Tile("?", "silent connectors: none was heard of yet", href)
    said = f"of {len(feeds):,} connectors silent or stuck" + (f", {unheard} never heard of" if unheard else "")
    return Tile(f"{broken:,}", said, href, tone="bad" if broken else "good")


def signal_tiles(platform: Platform) -> list[Tile]:
    """The three that come first on the start page; sources may be asked for seconds, so the third comes later."""
    store = platform.metastore.operations
    watch = watching(store.component_beats.of(WATCH), platform.clock.now())
    return [
        incident_tile(store.incidents.recent(is_open=True, limit=MOST_INCIDENTS), watch),
        objective_tile(store.objectives.all(), watch),
        Tile("…", "silent connectors", "/on-call#connectors", source="/tiles/connectors"),
    ]


def _tone(state: State) -> str:
    if state in _GOOD:
        return "good"
    if state in _WITHOUT_EVIDENCE:
        return ""
    return "warn" if state is State.EMPTY else "bad"


def _cadence(entry: ConnectorEntry) -> str:
    try:
        options = read_options(Expectations, entry)
    except ConfigurationError:
        return ""
    parts = [f"every {duration(options.expect_every)}"] if options.expect_every else []
    return ", ".join([*parts, *([f"runs at {options.schedule}"] if options.schedule else [])])
