"""Reads OpenLineage events of any producer (specification 2-0-2): strict where the core is closed (required fields,
date-times, URIs, UUIDs, event types), open to everything else. A null counts as absent. What facets say is not judged.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from data_platform.catalog.canonical import canonical
from data_platform.catalog.event import NO_JOB, DatasetMention, Event, Key, Refused
from data_platform.lineage.names import EVENT, PRODUCER
from data_platform.metastore.column_types import storable

EVENT_TYPES = ("START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER")
MOST_BYTES = 1_300  # of a name in UTF-8: both parts of a key fit into one line of PostgreSQL's index, 2,704 bytes
_MOST_OF_COLUMN = 300  # characters, and three times as many bytes

_DATE_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)\Z", flags=re.ASCII
)  # RFC 3339, section 5.6
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x20]+\Z")  # RFC 3986: absolute
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\Z", flags=re.IGNORECASE)
_KIND_NAMES: dict[type, str] = {dict: "an object", list: "an array", str: "a text"}


class _FaultError(Exception):
    def __init__(self, code: str, pointer: str, message: str) -> None:
        super().__init__(message)
        self.fault = Refused(code=code, pointer=pointer, message=message)


def read_event(payload: str) -> Event | Refused:
    """The event in a JSON text, or the first fault that keeps it from being one."""
    try:
        return _event(_parsed(payload), payload)
    except _FaultError as error:
        return error.fault


def moment(text: str) -> datetime:
    """An RFC 3339 date-time, in UTC; digits beyond microseconds are cut, a leap second is the last moment before.

    Raises:
        ValueError: it is none, has no offset, or names no day.
    """
    found = _DATE_TIME.match(text)
    if found is None:
        raise ValueError(text)
    *parts, fraction, zone = found.groups()
    year, month, day, hour, minute, second = map(int, parts)
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    if second == 60:
        second, micros = 59, 999_999
    offset = "+00:00" if zone in "Zz" else zone
    stated = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}{offset}"
    try:
        return datetime.fromisoformat(stated).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


def fits(name: str) -> bool:
    """Whether a name is short enough to be part of a key."""
    return len(name) <= MOST_BYTES and (name.isascii() or len(name.encode()) <= MOST_BYTES)


def column_name(text: str) -> str:
    """A column's name as it is kept: two of them fit into one line of PostgreSQL's index, with the rest of an edge."""
    name = storable(text)[:_MOST_OF_COLUMN]
    return name if name.isascii() else name.encode()[: 3 * _MOST_OF_COLUMN].decode(errors="ignore")


def objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects of an array; anything else is passed over."""
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, dict))


def _parsed(payload: str) -> dict[str, Any]:
    def no_number(word: str) -> Any:
        raise _FaultError("NOT_JSON", "", f"{word} is no JSON number")

    try:
        document = json.loads(payload, parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        raise _FaultError("NOT_JSON", "", f"the text is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise _FaultError("WRONG_TYPE", "", "an event is a JSON object; send several through the batch form")
    return document


def _event(document: dict[str, Any], payload: str) -> Event:
    at = _date_time(document, "eventTime", "")
    producer = _uri(document, "producer", "")
    _uri(document, "schemaURL", "")
    kind = _kind(document)
    run_id, run_facets = _run(document) if kind == "run" else (None, {})
    job, job_facets = _job(document) if kind != "dataset" else (NO_JOB, {})
    datasets = (_mention(_object(document, "dataset", ""), "/dataset", ""),) if kind == "dataset" else ()
    return Event(
        event_id=_event_id(kind, document, producer),
        kind=kind,
        event_type=_event_type(document) if kind == "run" else None,
        at=at,
        producer=storable(producer),
        payload=payload,
        run_id=run_id,
        run_facets=run_facets,
        job=job,
        job_facets=job_facets,
        inputs=_mentions(document, "inputs", "inputFacets") if kind != "dataset" else (),
        outputs=_mentions(document, "outputs", "outputFacets") if kind != "dataset" else (),
        datasets=datasets,
    )


def _kind(document: Mapping[str, Any]) -> str:
    has = {name: document.get(name) is not None for name in ("run", "job", "dataset")}
    if has["run"] and has["job"]:
        return "run"
    if has["dataset"] and has["job"]:
        raise _FaultError("AMBIGUOUS", "", "an event with both a dataset and a job could be of two kinds; send two")
    if has["dataset"]:
        return "dataset"
    if has["run"]:
        raise _FaultError("MISSING", "/job", "a run event names its job")
    if has["job"]:
        return "job"
    raise _FaultError("MISSING", "", "an event names a run and a job, a job, or a dataset")


def _event_id(kind: str, document: Mapping[str, Any], producer: str) -> str:
    # an event of ours says which one it is; others are told by what they say, so that none can stand in for ours
    facet = (document[kind].get("facets") or {}).get(EVENT) if producer == PRODUCER else None
    stated = facet.get("eventId") if isinstance(facet, dict) else None
    if isinstance(stated, str) and stated and fits(storable(stated)):
        return storable(stated)
    return hashlib.sha256(canonical(document).encode()).hexdigest()


def _event_type(document: Mapping[str, Any]) -> str | None:
    word = document.get("eventType")
    if word is None:
        return None
    if word not in EVENT_TYPES:
        raise _FaultError("NOT_IN_SET", "/eventType", f"{word!r} is none of {', '.join(EVENT_TYPES)}")
    return str(word)


def _run(document: Mapping[str, Any]) -> tuple[str, Mapping[str, Mapping[str, Any]]]:
    run = _object(document, "run", "")
    run_id = _text(run, "runId", "/run")
    if not _UUID.match(run_id):
        raise _FaultError("NOT_UUID", "/run/runId", f"{run_id!r} is not a UUID")
    return run_id.lower(), _facets(run, "facets", "/run")


def _job(document: Mapping[str, Any]) -> tuple[Key, Mapping[str, Mapping[str, Any]]]:
    job = _object(document, "job", "")
    return _key(job, "/job"), _facets(job, "facets", "/job")


def _mentions(document: Mapping[str, Any], name: str, io_facets: str) -> tuple[DatasetMention, ...]:
    listed = document.get(name)
    if listed is None:
        return ()
    if not isinstance(listed, list):
        raise _wrong_type(f"/{name}", list)
    found = []
    for number, one in enumerate(listed):
        pointer = f"/{name}/{number}"
        if not isinstance(one, dict):
            raise _wrong_type(pointer, dict)
        found.append(_mention(one, pointer, io_facets))
    return tuple(found)


def _mention(one: Mapping[str, Any], pointer: str, io_facets: str) -> DatasetMention:
    extra = _facets(one, io_facets, pointer) if io_facets else {}
    return DatasetMention(key=_key(one, pointer), facets=_facets(one, "facets", pointer), io_facets=extra)


def _key(one: Mapping[str, Any], pointer: str) -> Key:
    return (_name(one, "namespace", pointer), _name(one, "name", pointer))


def _name(one: Mapping[str, Any], field: str, pointer: str) -> str:
    name = storable(_text(one, field, pointer))
    if not fits(name):
        raise _FaultError("TOO_LONG", f"{pointer}/{field}", f"a {field} has at most {MOST_BYTES:,} bytes in UTF-8")
    return name


def _facets(one: Mapping[str, Any], field: str, pointer: str) -> Mapping[str, Mapping[str, Any]]:
    facets = one.get(field)
    if facets is None:
        return {}
    if not isinstance(facets, dict):
        raise _wrong_type(f"{pointer}/{field}", dict)
    kept = {}
    for name, facet in facets.items():
        if facet is None:
            continue
        place = f"{pointer}/{field}/{name.replace('~', '~0').replace('/', '~1')}"
        if not isinstance(facet, dict):
            raise _wrong_type(place, dict)
        if not fits(storable(name)):
            raise _FaultError("TOO_LONG", place, f"a facet's name has at most {MOST_BYTES:,} bytes in UTF-8")
        _uri(facet, "_producer", place)
        _uri(facet, "_schemaURL", place)
        kept[storable(name)] = facet
    return kept


def _object(one: Mapping[str, Any], field: str, pointer: str) -> dict[str, Any]:
    value = _required(one, field, pointer)
    if not isinstance(value, dict):
        raise _wrong_type(f"{pointer}/{field}", dict)
    return value


def _text(one: Mapping[str, Any], field: str, pointer: str) -> str:
    value = _required(one, field, pointer)
    if not isinstance(value, str):
        raise _wrong_type(f"{pointer}/{field}", str)
    return value


def _uri(one: Mapping[str, Any], field: str, pointer: str) -> str:
    text = _text(one, field, pointer)
    if not _URI.match(text):
        raise _FaultError("NOT_URI", f"{pointer}/{field}", f"{text[:200]!r} is not an absolute URI (RFC 3986)")
    return text


def _date_time(one: Mapping[str, Any], field: str, pointer: str) -> datetime:
    text = _text(one, field, pointer)
    try:
        return moment(text)
    except ValueError:
        message = f"{text[:100]!r} is not a date-time with an offset (RFC 3339), such as 2026-03-01T12:00:00Z"
        raise _FaultError("NOT_DATE_TIME", f"{pointer}/{field}", message) from None


def _required(one: Mapping[str, Any], field: str, pointer: str) -> Any:
    value = one.get(field)
    if value is None:
        raise _FaultError("MISSING", f"{pointer}/{field}", f"{field!r} is required")
    return value


def _wrong_type(pointer: str, kind: type) -> _FaultError:
    return _FaultError("WRONG_TYPE", pointer, f"must be {_KIND_NAMES[kind]}")
