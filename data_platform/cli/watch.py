"""The work of `watch` and `breaker`."""

from __future__ import annotations

from data_platform.cli.environment import platform_here, watching_here
from data_platform.cli.incident import acting
from data_platform.cli.lookout import Lookout, looking_out
from data_platform.cli.output import print_json, print_table, say
from data_platform.cli.times import length
from data_platform.incidents.watch import Tick
from data_platform.metastore.component_beats import WATCH
from data_platform.metastore.incident_tables import BreakerState
from data_platform.termination import held_back
from data_platform.transforms.own_publishing import publish_if_due
from data_platform.wiring.platform import Platform


def watch(*, is_once: bool, every: float, is_expecting: bool, as_json: bool) -> int:
    """Watches until SIGTERM or SIGINT; once; or says whether somebody watches."""
    if is_expecting:
        with platform_here() as platform:
            return _expect(platform, as_json=as_json)
    if is_once:
        with watching_here() as platform:
            tick = Lookout(platform).tick(every_seconds=every)
            code = _tell(tick, as_json=as_json)
            publish_if_due(platform.own_publishing)
        return code
    told_to_end = held_back()
    with watching_here() as platform, looking_out(platform, every_seconds=every):
        say(f"watching every {every:g} s; Ctrl-C ends it")
        told_to_end()
    return 0


def list_breakers(*, as_json: bool) -> int:
    """Prints breakers; 1 where one is not closed."""
    with platform_here() as platform:
        found = platform.metastore.operations.breakers.all()
    if as_json:
        print_json(found)
    else:
        rows = [(one.name, one.state.value, one.failures, one.changed_at, one.next_try_at, one.error) for one in found]
        print_table("", ("breaker", "state", "failures", "since", "next try", "error"), rows)
    return 1 if any(one.state is not BreakerState.CLOSED for one in found) else 0


def reset_breaker(*, name: str, who: str | None) -> int:
    """Closes a breaker."""
    with platform_here() as platform:
        before = platform.breakers.reset(name, who=acting(who))
    say(f"{name} was {before.state.value} after {before.failures} failures, and is closed")
    return 0


def _expect(platform: Platform, *, as_json: bool) -> int:
    beat = platform.metastore.operations.component_beats.of(WATCH)
    now = platform.clock.now()
    is_at_work = beat is not None and not beat.is_stopped and not beat.is_silent(now)
    if as_json:
        print_json({"is_at_work": is_at_work, "beat": beat})
    elif beat is None:
        say("no watch was ever at work; start `data-platform watch` or `data-platform serve`")
    else:
        said = f"; what did not work: {beat.detail}" if beat.detail else ""
        say(f"the watch of {beat.instance} beat {length(now - beat.beat_at)} ago{said}")
    return 0 if is_at_work else 1


def _tell(tick: Tick, *, as_json: bool) -> int:
    if as_json:
        print_json(tick)
    else:
        sent = ", ".join(f"{count} {word}" for word, count in tick.sent.items() if count) or "nothing to send"
        say(f"{tick.symptoms} symptoms; {sent}")
        for stage, why in tick.failed.items():
            say(f"did not work: {stage} ({why})")
    return 3 if tick.failed else 0
