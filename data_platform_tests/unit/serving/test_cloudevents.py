"""CloudEvents 1.0.2, its JSON format and its HTTP binding, sentence by sentence."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_platform.contracts.model import Envelope, FileFormat, FileKind
from data_platform.contracts.odcs import read_contract_text
from data_platform.formats.cloudevents import CloudEventsEnvelope
from data_platform.formats.json_exact import Refused
from data_platform.serving.cloudevents import InvalidEvents, Lines, batch, binary, records, structured
from data_platform_tests.kit import contract

MINIMAL = {"specversion": "1.0", "id": "1", "type": "com.example.test", "source": "/here"}
HEADERS = [(b"ce-specversion", b"1.0"), (b"ce-id", b"1"), (b"ce-type", b"com.example.test"), (b"ce-source", b"/here")]

VALID: dict[str, dict[str, Any]] = {
    "the four required attributes alone": {},
    "optional attributes that are null are unset": {
        "datacontenttype": None, "dataschema": None, "subject": None, "time": None, "myextension": None
    },
    "all attributes of the specification": {
        "datacontenttype": "text/plain", "dataschema": "https://example.com/schema", "subject": "tests",
        "time": "2018-04-05T17:31:00Z",
    },
    "a source that is an absolute URI": {"source": "https://github.com/cloudevents"},
    "a source that is a mail address": {"source": "mailto:cncf-wg-serverless@lists.cncf.io"},
    "a source that is a URN": {"source": "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"},
    "a source that is a path": {"source": "/cloudevents/spec/pull/123"},
    "a source that is one relative segment": {"source": "1-555-123-4567"},
    "a source that is a fragment": {"source": "#fragment"},
    "a source with authority alone": {"source": "//example.com"},
    "a source with an IPv6 host and a port": {"source": "http://[2001:db8::7]:8080/x?y=1#z"},
    "a source with percent-encoding": {"source": "/a%20b/%C3%A9"},
    "a time with nanoseconds": {"time": "2018-04-05T17:31:00.000000001Z"},
    "a time east of Greenwich": {"time": "2018-04-05T18:31:00+01:00"},
    "a time west of Greenwich": {"time": "2018-04-05T16:31:00.5-23:59"},
    "a time in small letters": {"time": "2018-04-05t17:31:00z"},
    "a leap day": {"time": "2024-02-29T00:00:00Z"},
    "a leap second": {"time": "2016-12-31T23:59:60Z"},
    "a leap second elsewhere": {"time": "1990-12-31T15:59:60-08:00"},
    "the year 0": {"time": "0000-02-29T12:00:00Z"},
    "a schema that is a URN": {"dataschema": "urn:example:schema:7"},
    "a media type with parameters": {"datacontenttype": 'multipart/mixed; boundary="a b;c"; charset=utf-8'},
    "a media type with a structured suffix": {"datacontenttype": "application/vnd.example+json"},
    "extensions of every type": {
        "extinteger": 10, "extboolean": True, "extstring": "text", "exturi": "https://example.com",
        "exturiref": "//authority/path", "exttimestamp": "2023-03-31T15:12:00Z", "extbinary": "TWE=",
    },
    "the smallest and the largest integer": {"low": -2147483648, "high": 2147483647},
    "an extension name of digits": {"123": "x"},
    "an empty extension": {"myextension": ""},
    "a long extension name, which the specification only advises against": {"a" * 40: "x"},
    "text outside of ASCII": {"subject": "Größe 尺寸 😀"},
    "data that is an object": {"data": {"a": 1}},
    "data that is a number of any size": {"data": 123456789012345678901234567890.5},
    "data that is null, which is not the same as none": {"data": None},
    "data that is text of another type": {"datacontenttype": "application/xml", "data": "<a/>"},
    "data in Base64": {"datacontenttype": "application/octet-stream", "data_base64": "/w=="},
    "an empty Base64": {"data": "x", "data_base64": None},
}  # fmt: skip

INVALID: dict[str, tuple[dict[str, Any], str]] = {
    **{f"no {name}": ({name: None}, f"{name} is missing") for name in MINIMAL},
    **{f"an empty {name}": ({name: ""}, f"{name} is empty") for name in (*MINIMAL, "subject", "dataschema",
                                                                     "datacontenttype", "time")},
    **{f"a numeric {name}": ({name: 25}, f"{name} is not a string") for name in (*MINIMAL, "subject", "time")},
    "an object for an id": ({"id": {"a": "b"}}, "id is not a string"),
    "another version": ({"specversion": "0.3"}, "specversion is not 1.0"),
    "a later version": ({"specversion": "1.0.2"}, "specversion is not 1.0"),
    "a control character": ({"id": "a\nb"}, "id holds a character"),
    "a control character of Latin 1": ({"type": "a\u0085b"}, "type holds a character"),
    "a noncharacter": ({"subject": "a\ufdd0"}, "subject holds a character"),
    "a noncharacter of a higher plane": ({"subject": "a\U0001ffff"}, "subject holds a character"),
    "a source with a space": ({"source": "/a b"}, "source is not a URI reference"),
    "a source outside of ASCII": ({"source": "/größe"}, "source is not a URI reference"),
    "a source with half a percent-encoding": ({"source": "/a%2"}, "source is not a URI reference"),
    "a source whose first segment has a colon and no scheme": ({"source": "1a:b"}, "source is not a URI reference"),
    "a source with two fragments": ({"source": "#a#b"}, "source is not a URI reference"),
    "a source with a broken IPv6 host": ({"source": "http://[2001:db8:::7]/"}, "source is not a URI reference"),
    "a source with a backslash": ({"source": "C:\\data"}, "source is not a URI reference"),
    "a relative schema": ({"dataschema": "/schema"}, "dataschema is not an absolute URI"),
    "a schema with a fragment": ({"dataschema": "https://example.com/s#a"}, "dataschema is not an absolute URI"),
    "a time in words": ({"time": "lunchtime"}, "time is not a timestamp"),
    "a time without seconds": ({"time": "2018-04-05T18:31Z"}, "time is not a timestamp"),
    "a time without an offset": ({"time": "2018-04-05T18:31:00"}, "time is not a timestamp"),
    "a time with a military zone": ({"time": "2018-04-05T18:31:00X"}, "time is not a timestamp"),
    "a time with an offset of hours": ({"time": "2018-04-05T18:31:00+05"}, "time is not a timestamp"),
    "a time with letters in the offset": ({"time": "2018-04-05T18:31:00+xx:00"}, "time is not a timestamp"),
    "a time with an offset of 25 hours": ({"time": "2018-04-05T18:31:00+25:00"}, "time has an offset"),
    "a time with an offset of 60 minutes": ({"time": "2018-04-05T18:31:00+00:60"}, "time has an offset"),
    "a time with a space": ({"time": "2018-04-05 18:31:00Z"}, "time is not a timestamp"),
    "a time with a comma": ({"time": "2018-04-05T18:31:00,5Z"}, "time is not a timestamp"),
    "a time in digits of another script": ({"time": "２018-04-05T18:31:00Z"}, "time is not a timestamp"),
    "a day that does not exist": ({"time": "2023-02-29T00:00:00Z"}, "time is not a day"),
    "a leap day in 1900": ({"time": "1900-02-29T00:00:00Z"}, "time is not a day"),
    "an hour that does not exist": ({"time": "2023-02-28T24:00:00Z"}, "time is not a day"),
    "a leap second at noon": ({"time": "2016-12-31T12:00:60Z"}, "time has a leap second"),
    "a leap second at midnight elsewhere": ({"time": "2016-12-31T23:59:60+01:00"}, "time has a leap second"),
    "a media type without a subtype": ({"datacontenttype": "xyz"}, "datacontenttype is not a media type"),
    "a media type with half a parameter": ({"datacontenttype": "text/plain; a"}, "datacontenttype is not a media type"),
    "a capital in an extension's name": ({"MyExtension": "x"}, "no attribute name"),
    "a dot in an extension's name": ({"my.extension": "x"}, "no attribute name"),
    "an underscore in an extension's name": ({"my_extension": "x"}, "no attribute name"),
    "an empty extension's name": ({"": "x"}, "no attribute name"),
    "a name of letters of another script": ({"größe": "x"}, "no attribute name"),
    "a bad name of an unset extension": ({"My": None}, "no attribute name"),
    "a fraction in an extension": ({"myextension": 1.5}, "32 bits"),
    "a whole fraction in an extension": ({"myextension": 1.0}, "32 bits"),
    "an integer of more than 32 bits": ({"myextension": 2147483648}, "32 bits"),
    "an integer of more than 64 bits": ({"myextension": 1 << 70}, "32 bits"),
    "an object in an extension": ({"myextension": {}}, "32 bits"),
    "an array in an extension": ({"myextension": []}, "32 bits"),
    "a control character in an extension": ({"myextension": "\x00"}, "myextension holds a character"),
    "data twice": ({"data": "x", "data_base64": "/w=="}, "both given"),
    "null data twice": ({"data": None, "data_base64": "/w=="}, "both given"),
    "Base64 of the alphabet for URLs": ({"data_base64": "_w=="}, "data_base64 is not Base64"),
    "Base64 without padding": ({"data_base64": "/w"}, "data_base64 is not Base64"),
    "Base64 with line ends": ({"data_base64": "/w\n=="}, "data_base64 is not Base64"),
    "Base64 that is a number": ({"data_base64": 7}, "data_base64 is not a string"),
}  # fmt: skip


def event(**changes: Any) -> dict[str, Any]:
    changed = MINIMAL | changes
    return {name: value for name, value in changed.items() if value is not None or name not in MINIMAL}


@pytest.mark.parametrize("changes", VALID.values(), ids=VALID)
def test_a_valid_event_is_kept_byte_for_byte(changes: dict[str, Any]) -> None:
    text = json.dumps(event(**changes)).encode()
    assert structured(text) == (text + b"\n", 1)
    assert batch(b"[" + text + b"]") == (text + b"\n", 1)


_TEXT = contract("raw.events", ("a int",), format={"kind": "ndjson", "envelope": "cloudevents"})
EVENTS = read_contract_text(_TEXT.encode(), Path("domains/shop/raw/events.odcs.yaml")).contract


def test_the_reader_takes_for_an_event_exactly_what_the_door_lets_in() -> None:
    assert EVENTS is not None
    reader = CloudEventsEnvelope(EVENTS, FileFormat(kind=FileKind.NDJSON, envelope=Envelope.CLOUDEVENTS))
    with_record = {"data": {"a": 1}, "data_base64": None}  # the reader wants an object, the door any data
    for changes in VALID.values():
        line = json.dumps(event(**changes) | with_record).encode()
        assert json.loads(reader.unwrap(line, is_torn=False)) == {"a": 1}
    for changes, reason in INVALID.values():  # the reader of JSON has a word of its own for what no file may hold
        with pytest.raises(Refused, match=f"{reason}|an escaped control character"):
            reader.unwrap(json.dumps(event(**changes)).encode(), is_torn=False)


@pytest.mark.parametrize(("changes", "reason"), INVALID.values(), ids=INVALID)
def test_an_invalid_event_is_refused_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    text = json.dumps(event(**changes)).encode()
    with pytest.raises(InvalidEvents, match=reason) as alone:
        structured(text)
    assert alone.value.index is None
    good = json.dumps(MINIMAL).encode()
    with pytest.raises(InvalidEvents, match=reason) as among_others:
        batch(b"[%b,%b,%b]" % (good, text, good))
    assert among_others.value.index == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "an event is a JSON object"),
        (b"null", "an event is a JSON object"),
        (b'{"specversion":"1.0","id":"\xff","type":"t","source":"s"}', "not JSON in UTF-8"),
        (b'{"specversion":"1.0","id":"\\ud800","type":"t","source":"s"}', "id holds a character"),
        (b"[" * 100_000, "not JSON"),
        (b'\xef\xbb\xbf{"specversion":"1.0","id":"1","type":"t","source":"s"}', "not JSON"),
        (b'{"specversion":"1.0","id":"1","type":"t","source":"s","data":NaN}', "not JSON"),
        (b'{"specversion":"1.0","id":"1","type":"t","source":"s","id":"2"}', "given twice"),
        (b'{"specversion":"1.0","id":"1","type":"t","source":"s","\\u0069d":"1"}', "given twice"),
        (b'{"specversion":"1.0","id":"1","type":"t","source":"s","data":1,"data":2}', "given twice"),
    ],
)
def test_what_is_no_single_json_object_of_unlike_members_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(InvalidEvents, match=reason):
        structured(text)


def test_a_surrogate_pair_in_an_escape_is_one_character() -> None:
    text = b'{"specversion":"1.0","id":"\\ud83d\\ude00","type":"t","source":"s"}'
    assert structured(text).block == text + b"\n"


def test_repeated_names_inside_of_data_are_the_readers_business() -> None:
    text = b'{"specversion":"1.0","id":"1","type":"t","source":"s","data":{"a":1,"a":2,"b":":"}}'
    assert structured(text).block == text + b"\n"


def test_numbers_keep_their_digits_and_strings_their_escapes() -> None:
    text = b'{"specversion":"1.0","id":"1","type":"t","source":"s","data":[1.10,1e400,12345678901234567890123,"\\u0041\\ud800"]}'
    assert structured(b" " + text + b"\t") == (text + b"\n", 1)


def test_line_ends_between_parts_become_spaces() -> None:
    text = json.dumps(event(data={"a": ["x\ny", 1]}), indent=1).encode()
    assert structured(text.replace(b"\n", b"\r\n")).block == text.replace(b"\n", b"  ") + b"\n"


def test_a_batch_may_be_empty() -> None:
    assert batch(b" [ ] ") == (b"", 0)


@pytest.mark.parametrize("text", [b"{}", b'"x"', b"1", json.dumps(MINIMAL).encode()])
def test_a_batch_is_an_array(text: bytes) -> None:
    with pytest.raises(InvalidEvents, match="a batch is a JSON array"):
        batch(text)


@pytest.mark.parametrize("element", [b"1", b"null", b'"x"', b"[]", b"[{}]"])
def test_a_batch_holds_objects_only(element: bytes) -> None:
    with pytest.raises(InvalidEvents, match="an event is a JSON object") as caught:
        batch(b"[%b,%b]" % (json.dumps(MINIMAL).encode(), element))
    assert caught.value.index == 1


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
            max_leaves=12,
        ),
        max_size=6,
    ),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_every_event_of_a_batch_is_cut_out_exactly(data: list[Any], indent: int | None, is_ascii: bool) -> None:
    events = [event(id=str(number), data=value) for number, value in enumerate(data)]
    text = json.dumps(events, indent=indent, ensure_ascii=is_ascii).encode("utf-8")
    found = batch(text)
    lines = found.block.split(b"\n")
    assert (found.rows, lines.pop()) == (len(events), b"")
    assert [json.loads(line) for line in lines] == events
    if indent is None:
        assert b"[" + b", ".join(lines) + b"]" == text


@given(st.binary(max_size=3), st.integers(0, 200), st.integers(0, 3), st.sampled_from([structured, batch]))
def test_damaged_texts_are_refused_or_kept_as_a_parser_reads_them(
    noise: bytes, at: int, gone: int, read: Callable[[bytes], Lines]
) -> None:
    whole = b'{"specversion":"1.0","id":"1","type":"t","source":"/s","e":"\\"{[:","data":{"a":[{"b":":\\\\"},1.5]}}'
    text = whole if read is structured else b"[%b,\n%b]" % (whole, whole)
    damaged = text[:at] + noise + text[at + gone :]
    try:
        found = read(damaged)
    except InvalidEvents:
        return
    parsed = json.loads(damaged)
    events = [parsed] if read is structured else parsed
    assert [json.loads(line) for line in found.block.splitlines()] == events
    assert found.rows == len(events)


def from_headers(body: bytes = b"", **headers: bytes) -> dict[str, Any]:
    given = [(f"ce-{name}".encode(), value) for name, value in headers.items() if name != "content_type"]
    if "content_type" in headers:
        given.append((b"content-type", headers["content_type"]))
    found = binary([(b"host", b"localhost"), *HEADERS, *given], body)
    assert (found.rows, found.block.count(b"\n")) == (1, 1)
    loaded: dict[str, Any] = json.loads(found.block)
    assert structured(found.block.rstrip(b"\n")) == found
    return {name: value for name, value in loaded.items() if name not in MINIMAL}


def test_headers_become_attributes_and_json_data_is_inlined() -> None:
    assert from_headers(b'{\n "a": 1.50\n}', content_type=b"application/json", time=b"2018-04-05T03:56:24Z") == {
        "datacontenttype": "application/json", "time": "2018-04-05T03:56:24Z", "data": {"a": 1.5},
    }  # fmt: skip
    kept = binary([*HEADERS, (b"content-type", b"text/x+json; charset=UTF-8")], b' {"n": 1.50}\n')
    assert kept.block.endswith(b',"data":{"n": 1.50}}\n')


@pytest.mark.parametrize(
    ("content_type", "body", "member", "value"),
    [
        (b"application/json", b"null", "data", None),
        (b"application/json", b'"I\'m just a string"', "data", "I'm just a string"),
        (b"text/plain", "größe\n".encode(), "data", "größe\n"),
        (b"text/csv; charset=utf-8", b"a,b\r\n", "data", "a,b\r\n"),
        (b"text/plain; charset=iso-8859-1", b"\xfc", "data_base64", base64.b64encode(b"\xfc").decode()),
        (b"application/json; charset=utf-16", '"x"'.encode("utf-16"), "data_base64",
         base64.b64encode('"x"'.encode("utf-16")).decode()),
        (b"application/xml", b"<a/>", "data_base64", base64.b64encode(b"<a/>").decode()),
        (b"application/octet-stream", b"\x00\xff", "data_base64", base64.b64encode(b"\x00\xff").decode()),
    ],
)  # fmt: skip
def test_a_binary_body_is_kept_in_the_member_that_fits_its_type(
    content_type: bytes, body: bytes, member: str, value: object
) -> None:
    assert from_headers(body, content_type=content_type) == {"datacontenttype": content_type.decode(), member: value}


def test_a_body_without_a_type_is_bytes_and_no_body_is_no_data() -> None:
    assert from_headers(b"{}") == {"data_base64": base64.b64encode(b"{}").decode()}
    assert from_headers(content_type=b"application/json") == {"datacontenttype": "application/json"}


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        (b"%e2%82%ac", "€"),
        (b"%41%42", "AB"),
        (b"%2541", "%41"),
        (b"a b", "a b"),
        (b'"a b"', "a b"),
        (b'"a \\"b\\" \\\\"', 'a "b" \\'),
        (b'x"y%20z"', "xy z"),
        (b"a+b", "a+b"),
    ],
)
def test_a_header_is_unquoted_and_decoded_once(value: bytes, decoded: str) -> None:
    assert from_headers(myextension=value) == {"myextension": decoded}


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([(b"ce-subject", b"%C0%A0")], "does not decode to UTF-8"),
        ([(b"ce-subject", b"%zz")], "without two hexadecimal digits"),
        ([(b"ce-subject", b"50%")], "without two hexadecimal digits"),
        ([(b"ce-subject", b'5" disk')], "a quote that is not closed"),
        ([(b"ce-subject", b"gr\xc3\xb6\xc3\x9fe")], "not printable ASCII"),
        ([(b"ce-subject", b"a%0Ab")], "subject holds a character"),
        ([(b"ce-subject", b"")], "subject is empty"),
        ([(b"ce-my-extension", b"x")], "no attribute name"),
        ([(b"ce-datacontenttype", b"text/plain")], "never in ce-datacontenttype"),
        ([(b"ce-id", b"2")], "stands in two headers"),
        ([(b"content-type", b"json")], "datacontenttype is not a media type"),
        ([(b"ce-time", b"noon")], "time is not a timestamp"),
    ],
)
def test_headers_that_make_no_valid_event_are_refused(headers: list[tuple[bytes, bytes]], reason: str) -> None:
    with pytest.raises(InvalidEvents, match=reason):
        binary([*HEADERS, *headers], b"")


def test_the_names_of_data_are_no_attributes() -> None:
    for name in (b"ce-data", b"ce-data_base64"):
        with pytest.raises(InvalidEvents, match="is no attribute"):
            binary([*HEADERS, (name, b"eA==")], b"")


def test_a_required_header_must_be_there() -> None:
    with pytest.raises(InvalidEvents, match="source is missing"):
        binary(HEADERS[:3], b"")


@pytest.mark.parametrize("body", [b"{", b"not json", b"\xff"])
def test_json_data_must_be_json(body: bytes) -> None:
    with pytest.raises(InvalidEvents, match="the data is not JSON"):
        binary([*HEADERS, (b"content-type", b"application/json")], body)


def test_reasons_never_repeat_values() -> None:
    secret = "s3cr3t value\x00"
    for changes in ({"id": secret}, {"source": secret}, {"time": secret}, {"dataschema": secret}, {secret: 1}):
        with pytest.raises(InvalidEvents) as caught:
            structured(json.dumps(event(**changes)).encode())
        assert "s3cr3t" not in str(caught.value)


def test_ndjson_is_kept_line_by_line_and_judged_by_the_reader() -> None:
    assert records(b'{"a":1.50}\nnot json\r\n\n  \n{"b":2}') == (b'{"a":1.50}\nnot json\r\n\n  \n{"b":2}\n', 3)
    assert records(b"").rows == 0


def test_ndjson_in_another_encoding_is_refused_with_the_line() -> None:
    with pytest.raises(InvalidEvents, match="not UTF-8") as caught:
        records(b'{"a":1}\n{"b":"\xff"}\n')
    assert caught.value.index == 1
    with pytest.raises(InvalidEvents, match="byte order mark"):
        records(b'\xef\xbb\xbf{"a":1}\n')
