from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_platform.catalog.event import Event, Refused
from data_platform.catalog.intake import Intake
from data_platform.catalog.reading import moment, read_event
from data_platform.lineage.names import PRODUCER
from data_platform.metastore.engine import Metastore
from data_platform_tests.unit.catalog.sending import dataset, dataset_event, facet, run_event, schema


def without(*path: str) -> dict[str, Any]:
    event = run_event(inputs=[dataset("a", schema=schema("id"))])
    at: Any = event
    for part in path[:-1]:
        at = at[int(part)] if part.isdecimal() else at[part]
    del at[path[-1]]
    return event


def changed(value: Any, *path: str) -> dict[str, Any]:
    event = run_event(inputs=[dataset("a", schema=schema("id"))])
    at: Any = event
    for part in path[:-1]:
        at = at[int(part)] if part.isdecimal() else at[part]
    at[path[-1]] = value
    return event


BAD = [
    (without("eventTime"), "MISSING", "/eventTime"),
    (without("producer"), "MISSING", "/producer"),
    (without("schemaURL"), "MISSING", "/schemaURL"),
    (without("run", "runId"), "MISSING", "/run/runId"),
    (without("job", "name"), "MISSING", "/job/name"),
    (without("job", "namespace"), "MISSING", "/job/namespace"),
    (without("inputs", "0", "name"), "MISSING", "/inputs/0/name"),
    (without("inputs", "0", "namespace"), "MISSING", "/inputs/0/namespace"),
    (without("inputs", "0", "facets", "schema", "_producer"), "MISSING", "/inputs/0/facets/schema/_producer"),
    (without("inputs", "0", "facets", "schema", "_schemaURL"), "MISSING", "/inputs/0/facets/schema/_schemaURL"),
    (without("job"), "MISSING", "/job"),
    ({"eventTime": "2026-01-01T00:00:00Z", "producer": "a:b", "schemaURL": "a:b"}, "MISSING", ""),
    (changed("2026-03-01 10:00", "eventTime"), "NOT_DATE_TIME", "/eventTime"),
    (changed("2026-03-01T10:00:00", "eventTime"), "NOT_DATE_TIME", "/eventTime"),
    (changed("2026-02-30T10:00:00Z", "eventTime"), "NOT_DATE_TIME", "/eventTime"),
    (changed("٢026-02-01T10:00:00Z", "eventTime"), "NOT_DATE_TIME", "/eventTime"),
    (changed("0001-01-01T00:00:00+01:00", "eventTime"), "NOT_DATE_TIME", "/eventTime"),
    (changed(5, "eventTime"), "WRONG_TYPE", "/eventTime"),
    (changed("no uri", "producer"), "NOT_URI", "/producer"),
    (changed("/relative", "schemaURL"), "NOT_URI", "/schemaURL"),
    (changed("nothing", "inputs", "0", "facets", "schema", "_producer"), "NOT_URI", "/inputs/0/facets/schema/_producer"),
    (changed("42", "run", "runId"), "NOT_UUID", "/run/runId"),
    (changed("DONE", "eventType"), "NOT_IN_SET", "/eventType"),
    (changed(["START"], "eventType"), "NOT_IN_SET", "/eventType"),
    (changed({}, "inputs"), "WRONG_TYPE", "/inputs"),
    (changed([5], "inputs"), "WRONG_TYPE", "/inputs/0"),
    (changed([], "inputs", "0", "facets"), "WRONG_TYPE", "/inputs/0/facets"),
    (changed(5, "inputs", "0", "facets", "a/b~c"), "WRONG_TYPE", "/inputs/0/facets/a~1b~0c"),
    (changed(5, "inputs", "0", "name"), "WRONG_TYPE", "/inputs/0/name"),
    (changed("x" * 1_301, "inputs", "0", "name"), "TOO_LONG", "/inputs/0/name"),
    (changed("\N{GRINNING FACE}" * 326, "inputs", "0", "name"), "TOO_LONG", "/inputs/0/name"),
    (changed([], "run"), "WRONG_TYPE", "/run"),
    ({**without("run"), "dataset": {"namespace": "a", "name": "b"}}, "AMBIGUOUS", ""),
]  # fmt: skip


@pytest.mark.parametrize(("event", "code", "pointer"), BAD, ids=lambda value: str(value)[:60])
def test_a_bad_event_is_told_what_is_wrong_and_where(event: dict[str, Any], code: str, pointer: str) -> None:
    fault = read_event(json.dumps(event))
    assert isinstance(fault, Refused)
    assert (fault.code, fault.pointer) == (code, pointer)
    assert fault.message


@pytest.mark.parametrize("text", ["", "{", "[]", '"text"', "NaN", '{"eventTime": NaN}', "[" * 100_000, "null"])
def test_a_text_that_is_no_json_object_is_told_so(text: str) -> None:
    fault = read_event(text)
    assert isinstance(fault, Refused)
    assert (fault.code, fault.pointer) in (("NOT_JSON", ""), ("WRONG_TYPE", ""))


def test_nulls_count_as_absent() -> None:
    event = run_event(None) | {"inputs": None, "outputs": None, "eventType": None}
    event["run"]["facets"] = None
    event["job"]["facets"] = {"sql": None}
    read = read_event(json.dumps(event))
    assert isinstance(read, Event)
    assert (read.inputs, read.outputs, read.event_type, read.run_facets, read.job_facets) == ((), (), None, {}, {})


def test_an_event_of_ours_says_its_id_and_another_is_told_by_its_content() -> None:
    said = run_event(run_facets={"dataPlatform_event": facet(eventId="e-1")})
    ours = read_event(json.dumps(said | {"producer": PRODUCER}))
    about = dataset_event(dataset("a", dataPlatform_event=facet(eventId="e-2")))
    of_a_dataset = read_event(json.dumps(about | {"producer": PRODUCER}))
    claimed = read_event(json.dumps(said))  # by another producer, who cannot stand in for the real one
    assert isinstance(ours, Event)
    assert isinstance(of_a_dataset, Event)
    assert isinstance(claimed, Event)
    assert (ours.event_id, of_a_dataset.event_id, len(claimed.event_id)) == ("e-1", "e-2", 64)
    event = run_event()
    backwards = dict(reversed(event.items()))
    first, second = read_event(json.dumps(event)), read_event(json.dumps(backwards, indent=3))
    assert isinstance(first, Event)
    assert isinstance(second, Event)
    assert first.event_id == second.event_id != read_event(json.dumps(run_event(run=2))).event_id  # type: ignore[union-attr]


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), st.integers(-840, 840))
def test_date_times_with_any_offset_are_the_same_moment(at: datetime, minutes: int) -> None:
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    text = f"{at.isoformat(timespec='microseconds')}{sign}{size // 60:02}:{size % 60:02}"
    assert moment(text) == (at - timedelta(minutes=minutes)).replace(tzinfo=UTC)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert isinstance(read_event(text), Event | Refused)


def test_refused_texts_are_kept_once_with_their_fault_and_the_others_are_taken(
    intake: Intake, metastore: Metastore
) -> None:
    bad = json.dumps(run_event() | {"eventTime": "yesterday"})
    answers = intake.take([json.dumps(run_event()), bad, "\x00 no json \ud800", bad])
    assert [type(answer).__name__ for answer in answers] == ["Taken", "Refused", "Refused", "Refused"]
    kept = metastore.catalog.events.refused()
    assert [(one.error, one.pointer, one.times) for one in kept] == [
        ("NOT_JSON", "", 1),
        ("NOT_DATE_TIME", "/eventTime", 2),
    ]
    assert kept[1].payload == bad
    assert metastore.catalog.events.counts() == (1, 2)


def test_refused_texts_are_paged_by_id_in_part_and_found_whole_by_their_digest(
    intake: Intake, metastore: Metastore
) -> None:
    texts = [f"no json {number} é" for number in range(3)]
    intake.take(texts)
    events = metastore.catalog.events
    first = events.refused(limit=1, characters=9)
    assert [one.payload for one in first] == ["no json 2"]
    intake.take([texts[0], "a fourth"])
    assert [one.payload for one in events.refused(before=first[0].id)] == [texts[1], texts[0]]
    assert events.refused(before=2**63 - 1)[0].payload == "a fourth"
    kept = events.refusal(hashlib.sha256(texts[2].encode()).hexdigest())
    assert kept is not None
    assert kept.payload == texts[2]
    assert events.refusal("\x00") is None
