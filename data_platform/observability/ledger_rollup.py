"""What was counted of the ledger as text, so that it outlives a process, and history that is pruned.

A text of another form, or with other bounds of histograms, counts for nothing: the ledger is counted anew.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from data_platform.metastore.engine import Metastore
from data_platform.observability.exposition import Exemplar, Observations
from data_platform.observability.ledger_history import (
    BATCH_RECORDS,
    LATENCY_SECONDS,
    RUN_SECONDS,
    Counted,
    LedgerHistory,
    Reading,
    Source,
    Waiting,
)

NAME = "ledger"
_FORM = [1, LATENCY_SECONDS, BATCH_RECORDS, RUN_SECONDS]  # the number grows when the text changes
Key = TypeVar("Key", bound=tuple[Any, ...])


def restored(metastore: Metastore, followers: Mapping[Source, Sequence[str]]) -> tuple[LedgerHistory, datetime | None]:
    """A history that goes on where one was kept, and when that was; from the beginning where none was."""
    kept = metastore.operations.metric_rollups.of(NAME)
    counted = read(kept.body) if kept is not None else None
    return LedgerHistory(metastore, followers, counted), kept.kept_at if kept is not None and counted else None


def written(counted: Counted) -> str:
    """The text."""
    own = counted
    body = {
        "form": _FORM,
        "latency": _lines(own.latency, _observed),
        "sizes": _lines(own.sizes, _observed),
        "durations": _lines(own.durations, _observed),
        "ended": _lines(own.ended, _plain),
        "landed": _lines(own.landed, list),
        "rejected": _lines(own.rejected, _plain),
        "verdicts": _lines(own.verdicts, lambda said: [said[0].isoformat(), said[1]]),
        "last_success": [[dataset, at.isoformat()] for dataset, at in own.last_success.items()],
        "unbalanced": own.unbalanced,
        "readings": _lines(own.readings, _reading),
        "from": [at.isoformat() for at in (own.batches_from, own.runs_from, own.checks_from)],
        "seen_batches": _lines(own.seen_batches, datetime.isoformat),
        "seen_runs": [[run, dataset, at.isoformat()] for run, dataset, at in own.seen_runs],
    }
    return json.dumps(body, separators=(",", ":"))


def read(text: str) -> Counted | None:
    """What a text says; None where it is of another form."""
    body = json.loads(text)
    if body.get("form") != json.loads(json.dumps(_FORM)):
        return None
    batches_from, runs_from, checks_from = map(datetime.fromisoformat, body["from"])
    ends = [(run, dataset, datetime.fromisoformat(at)) for run, dataset, at in body["seen_runs"]]
    return Counted(
        latency=dict(_pairs(body["latency"], lambda line: _observations(line, LATENCY_SECONDS))),
        sizes=dict(_pairs(body["sizes"], lambda line: _observations(line, BATCH_RECORDS))),
        durations=dict(_pairs(body["durations"], lambda line: _observations(line, RUN_SECONDS))),
        ended=defaultdict(int, _pairs(body["ended"], _plain)),
        landed=dict(_pairs(body["landed"], tuple)),
        rejected=defaultdict(int, _pairs(body["rejected"], _plain)),
        verdicts=dict(_pairs(body["verdicts"], lambda said: (datetime.fromisoformat(said[0]), said[1]))),
        last_success={dataset: datetime.fromisoformat(at) for dataset, at in body["last_success"]},
        unbalanced=body["unbalanced"],
        readings=dict(_pairs(body["readings"], _read)),
        batches_from=batches_from,
        runs_from=runs_from,
        checks_from=checks_from,
        seen_batches=dict(_pairs(body["seen_batches"], datetime.fromisoformat)),
        seen_runs={key: key[2] for key in ends},
    )


def _lines(counted: Mapping[Key, Any], write: Callable[[Any], Any]) -> list[list[Any]]:
    return [[*key, write(value)] for key, value in counted.items()]


def _pairs(lines: list[list[Any]], understand: Callable[[Any], Any]) -> Iterator[tuple[Any, Any]]:
    return ((tuple(line[:-1]), understand(line[-1])) for line in lines)


def _plain(value: int) -> int:
    return value


def _observed(held: Observations) -> list[Any]:
    shown = (held.exemplars or {}).items()
    return [held.counts, held.micros, [[place, one.trace_id, one.value, one.at_seconds] for place, one in shown]]


def _observations(line: list[Any], bounds: tuple[float, ...]) -> Observations:
    counts, micros, shown = line
    exemplars = {place: Exemplar(trace_id=trace_id, value=value, at_seconds=at) for place, trace_id, value, at in shown}
    return Observations(bounds, counts, micros, exemplars or None)


def _reading(held: Reading) -> list[Any]:
    waiting = [[one.raw_version, one.received_at.isoformat(), one.source, one.traceparent] for one in held.waiting]
    return [held.newest, waiting]


def _read(line: list[Any]) -> Reading:
    newest, waiting = line
    return Reading(newest, [Waiting(v, datetime.fromisoformat(at), source, trace) for v, at, source, trace in waiting])
