"""The work of `lineage`, and the little that other commands send at their end."""

from __future__ import annotations

from datetime import datetime

from data_platform.cli.environment import platform_here
from data_platform.cli.output import counted, print_json, print_table, say, working
from data_platform.cli.times import moment
from data_platform.errors import PlatformError
from data_platform.lineage.delivery import Standing
from data_platform.wiring.platform import Platform

_COLUMNS = (
    "sink", "state", "delivered", "waiting", "refused", "oldest waiting", "failing since", "next attempt", "why",
)  # fmt: skip
_AT_THE_END_SECONDS = 2.0


def status(*, as_json: bool) -> int:
    """Prints where each sink stands; 1 if one fails or refused an event."""
    with platform_here() as platform:
        found = platform.delivery.standings()
    if as_json:
        print_json([{**_facts(each), "state": _state(each)} for each in found])
    else:
        rows = []
        for each in found:
            entry = each.entry
            rows.append(
                (
                    entry.sink,
                    _state(each),
                    entry.delivered,
                    each.backlog.events,
                    each.refused,
                    _moment(each.backlog.oldest_at),
                    _moment(entry.failing_since),
                    _moment(entry.next_attempt_at),
                    entry.error,
                )
            )
        print_table("", _COLUMNS, rows)
    return 0 if all(_state(each) in ("ok", "waiting") for each in found) else 1


def refused(*, limit: int, as_json: bool) -> int:
    """Prints what sinks refused, in the order in which they were sent."""
    with platform_here() as platform:
        of = platform.metastore.lineage_refusals.of
        found = [one for sink in platform.delivery.sinks for one in of(sink.name, limit=limit)]
    if as_json:
        print_json(found)
    elif found:
        rows = [(one.sink, one.event_id, one.run_id, moment(one.refused_at), one.error) for one in found]
        print_table("", ("sink", "event", "run", "refused", "why"), rows)
        say("`data-platform lineage send --retry-refused` offers them once more")
    else:
        say("no sink refused an event")
    return 0


def send(*, everything: bool, retry_refused: bool, as_json: bool) -> int:
    """Sends what waits; 1 if a sink did not take it."""
    with platform_here() as platform, working("sending lineage events"):
        delivery = platform.delivery
        retried = delivery.retry_refused() if retry_refused else ()
        sent = delivery.drain() if everything else delivery.once(is_urgent=True)
    rounds = (*retried, *sent)
    if as_json:
        print_json(rounds)
    else:
        for each in rounds:
            done = "another process sends to it" if each.is_passed_over else f"{counted(each.delivered, 'event')} sent"
            refused = f", {each.refused:,} refused" if each.refused else ""
            say(f"{each.sink}: {done}{refused}" + (f"; stopped: {each.error}" if each.error else ""))
        if not rounds:
            say("every sink has every event")
    return 1 if any(each.error or each.refused for each in rounds) else 0


def send_a_little(platform: Platform) -> None:
    """What a command does for the outbox at its end: at most two seconds, and never a reason to fail."""
    try:
        if not platform.soundness.faults:  # what never ran is told of a whole project only
            platform.registration.tell()
        platform.delivery.once(within_seconds=_AT_THE_END_SECONDS)
    except PlatformError as error:
        say(f"lineage waits: {error}")


def _state(standing: Standing) -> str:
    if standing.entry.failing_since is not None:
        return "failing"
    if standing.refused:
        return "refused"
    return "waiting" if standing.backlog.events else "ok"


def _facts(standing: Standing) -> dict[str, object]:
    entry = standing.entry
    return {
        "sink": entry.sink,
        "delivered": entry.delivered,
        "delivered_at": entry.delivered_at,
        "waiting": standing.backlog.events,
        "oldest_waiting_at": standing.backlog.oldest_at,
        "refused": standing.refused,
        "failing_since": entry.failing_since,
        "attempts": entry.attempts,
        "next_attempt_at": entry.next_attempt_at,
        "error": entry.error,
    }


def _moment(at: datetime | None) -> str | None:
    return moment(at) if at else None
