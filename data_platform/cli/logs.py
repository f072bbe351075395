"""The work of `logs`."""

from __future__ import annotations

from datetime import UTC, datetime

from data_platform.cli.environment import settings_here
from data_platform.cli.output import plain, print_json, print_table, say
from data_platform.cli.times import typed_span
from data_platform.clock import SystemClock
from data_platform.errors import ConfigurationError
from data_platform.observability.logs.reading import LogLine, Wanted, find_lines

_COLUMNS = ("time", "level", "run", "asset", "batch", "event")


def logs(*, run_id: str, trace_id: str, since: str, level: str, limit: int, as_json: bool) -> int:
    """Prints the lines that are wanted."""
    moment = _moment(since, SystemClock().now()) if since else None
    wanted = Wanted(run_id=run_id, trace_id=trace_id, since=moment, level=level)
    lines = find_lines(settings_here().home, wanted, limit=limit)
    if as_json:
        print_json([{name: value for name, value in plain(line).items() if value} for line in lines])
    elif lines:
        print_table("", _COLUMNS, [_row(line) for line in lines])
    else:
        say("nothing was written that fits")
    return 0


def _row(line: LogLine) -> tuple[object, ...]:
    facts = ", ".join(f"{name}={value}" for name, value in line.facts.items())
    event = f"{line.event} ({facts})" if facts else line.event
    return (line.time.isoformat(timespec="milliseconds"), line.level, line.run_id, line.asset, line.batch, event)


def _moment(text: str, now: datetime) -> datetime:
    ago = typed_span(text)
    if ago is not None:
        return now - ago
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"--since {text} is no time: write 90m, 6h, 2d or a time as ISO 8601") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
