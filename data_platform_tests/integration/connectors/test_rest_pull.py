from __future__ import annotations

import json
import logging
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_platform.clock import ManualClock
from data_platform.connectors.protocol import Place, Poll
from data_platform.connectors.pull.rest_pull import RestPull
from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.contracts.model import DatasetName
from data_platform.errors import ConfigurationError, PlatformError, SourceRefused, SourceUnavailable
from data_platform_tests.integration.connectors.rest_server import TOKEN, Answer, Api, rest_server

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
PAGED = {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": None}
PAGINATORS: dict[str, dict[str, Any]] = {
    "page_number": PAGED,
    "offset": {"type": "offset", "limit": 3, "total_path": "total"},
    "cursor": {"type": "cursor", "cursor_path": "next", "cursor_param": "cursor"},
    "json_link": {"type": "json_link", "next_url_path": "links.next"},
    "header_link": {"type": "header_link"},
}
CURSOR = {"field": "at", "param": "since"}


@pytest.fixture
def api() -> Iterator[Api]:
    with rest_server() as running:
        running.show = lambda record, query: "since" not in query or record.get("at", "9") >= query["since"]
        yield running


@pytest.fixture
def new_pull(api: Api, tmp_path: Path) -> Any:
    def make(**options: Any) -> RestPull:
        given = {
            "url": api.url,
            "path": "items",
            "data_selector": "$" if api.paging == "header_link" else "items",
            "paginator": PAGINATORS.get(api.paging, PAGED),
            "backoff": 0,
            "attempts": 3,
            "timeout": 5,
        } | options
        entry = ConnectorEntry(
            name="orders",
            kind="rest_pull",
            dataset=DatasetName.parse("raw.shop.orders"),
            options=given,
            path="c",
            line=1,
        )
        return RestPull(entry, Place(source=tmp_path, spool=tmp_path / "spool", clock=ManualClock(NOW)))

    return make


def record(number: int, at: str | None = None) -> str:
    at = at or f"2026-03-01T00:00:{number:02}Z"
    return json.dumps({"id": number, "at": at})


def nothing_known(_name: str, _sha256: str) -> bool:
    return False


def lines(poll: Poll | None) -> list[str]:
    """The records of a poll; its files go, as the loop has landed them."""
    found = []
    for delivery in poll.deliveries if poll else ():
        found += delivery.path.read_text().splitlines()
        assert delivery.size_bytes == delivery.path.stat().st_size
        delivery.path.unlink()
    return found


def drain(pull: RestPull, position: Any = None) -> tuple[list[str], Any]:
    """What the loop would land, and where it ends."""
    position, found = position or {}, []
    for _ in range(100):
        poll = pull.poll(position, nothing_known)
        if poll is None:
            return found, position
        found += lines(poll)
        position = json.loads(json.dumps(poll.position_to))
        pull.acknowledge(position)
    raise AssertionError("the pull does not end")


def ids(found: list[str]) -> list[int]:
    return [json.loads(line)["id"] for line in found]


@pytest.mark.parametrize("paging", PAGINATORS)
def test_every_way_of_paging_brings_each_record_once(api: Api, new_pull: Any, paging: str) -> None:
    api.paging, api.records = paging, [record(number) for number in range(10)]
    found, position = drain(new_pull())
    assert ids(found) == list(range(10))
    assert set(position) == {"sha256"}


def test_numbers_and_texts_come_as_they_were_sent(api: Api, new_pull: Any) -> None:
    api.records = [
        '{"id": 1, "amount": 1.10, "rate": 0.1000000000000000055511151231257827, "big": 123456789012345678901234567890}',
        '{"id": 2, "name": "Zo\\u00eb \\ud83d\\ude00", "half": "\\ud800", "line": "a\\nb", "null": null, "nested": {"a": [1.50, true]}}',
        '{"id": 3, "huge": 1e400, "digits": ' + "7" * 5000 + "}",
    ]
    found, _ = drain(new_pull())
    assert found[0].endswith('"rate":0.1000000000000000055511151231257827,"big":123456789012345678901234567890}')
    assert '"amount":1.10,' in found[0]
    assert json.loads(found[1]) == json.loads(api.records[1])
    assert '"a":[1.50,true]' in found[1]
    assert '"huge":1E+400' in found[2]
    assert "7" * 5000 in found[2]


def test_a_bad_number_spoils_its_own_record_only(api: Api, new_pull: Any) -> None:
    api.records = [record(1), '{"id": 2, "x": NaN}', record(3)]
    found, _ = drain(new_pull())
    assert found[1] == '{"id":2,"x":NaN}'
    assert len(found) == 3


def test_a_whole_pull_is_new_only_when_its_content_is(api: Api, new_pull: Any) -> None:
    api.records = [record(number) for number in range(4)]
    found, position = drain(new_pull())
    assert len(found) == 4
    pull = new_pull()
    assert pull.peek(position, nothing_known)
    assert drain(pull, position) == ([], position)
    assert pull.peek(position, nothing_known) == ()
    api.records[2] = record(2, "2026-03-02T00:00:00Z")
    found, changed = drain(new_pull(), position)
    assert len(found) == 4
    api.records.clear()
    poll = new_pull().poll(changed, nothing_known)
    assert poll is not None
    assert poll.deliveries == ()
    assert poll.position_to != changed


def test_an_empty_api_brings_nothing(api: Api, new_pull: Any) -> None:
    assert new_pull().poll({}, nothing_known) is None
    assert new_pull(cursor=CURSOR).poll({}, nothing_known) is None
    api.answers = [Answer(status=204, body=b"")]
    assert new_pull().poll({}, nothing_known) is None


def test_a_pull_goes_on_from_the_overlap_before_its_cursor(api: Api, new_pull: Any) -> None:
    api.records = [record(number) for number in (5, 3, 9, 1, 7)]
    found, position = drain(new_pull(cursor=CURSOR, overlap="PT3S"))
    assert ids(found) == [5, 3, 9, 1, 7]
    assert position["cursor"] == "2026-03-01T00:00:09Z"
    api.records += [record(6), record(8), record(12)]  # two of them behind the cursor
    found, position = drain(new_pull(cursor=CURSOR, overlap="PT3S"), position)
    assert ids(found) == [6, 8, 12]
    assert {query["since"] for query in api.queries if "since" in query} >= {"2026-03-01T00:00:06Z"}
    assert new_pull(cursor=CURSOR, overlap="PT3S").peek(position, nothing_known) == ()


def test_a_change_in_the_overlap_is_told_before_the_pull(api: Api, new_pull: Any) -> None:
    api.records = [record(number) for number in range(8)]
    _, position = drain(new_pull(cursor=CURSOR))
    api.records[6] = '{"id": 6, "at": "2026-03-01T00:00:06Z", "changed": true}'
    pull = new_pull(cursor=CURSOR)
    assert len(pull.peek(position, nothing_known)) == 1
    assert pull.peek(position, nothing_known) == pull.peek(position, nothing_known)
    assert ids(drain(pull, position)[0]) == [6]


def test_a_lost_spool_brings_repeats_and_loses_nothing(api: Api, new_pull: Any, tmp_path: Path) -> None:
    api.records = [record(number) for number in range(8)]
    _, position = drain(new_pull(cursor=CURSOR, overlap="PT3S"))
    shutil.rmtree(tmp_path / "spool")
    api.records.append(record(8))
    assert ids(drain(new_pull(cursor=CURSOR, overlap="PT3S"), position)[0]) == [4, 5, 6, 7, 8]


def test_a_batch_that_came_to_nothing_is_offered_again(api: Api, new_pull: Any) -> None:
    api.records = [record(number) for number in range(4)]
    pull = new_pull(cursor=CURSOR)
    assert len(lines(pull.poll({}, nothing_known))) == 4  # its manifest was never written
    assert len(lines(pull.poll({}, nothing_known))) == 4
    _, position = drain(pull)
    api.records.append(record(4))
    assert ids(lines(pull.poll(position, nothing_known))) == [4]
    assert ids(lines(new_pull(cursor=CURSOR).poll(position, nothing_known))) == [4]


def test_without_an_order_one_poll_reads_to_the_end(api: Api, new_pull: Any) -> None:
    api.records = [record(number) for number in (8, 2, 5, 1, 7, 3)]
    poll = new_pull(cursor=CURSOR, max_batch_bytes=60).poll({}, nothing_known)
    assert poll is not None
    assert len(poll.deliveries) == 3
    assert [delivery.name for delivery in poll.deliveries] == sorted(delivery.name for delivery in poll.deliveries)
    assert ids(lines(poll)) == [8, 2, 5, 1, 7, 3]
    assert poll.position_to["cursor"] == "2026-03-01T00:00:08Z"


@pytest.mark.parametrize("is_inclusive", [True, False])
@pytest.mark.parametrize("is_cache_lost", [True, False])
def test_in_order_full_batches_end_before_ties(
    api: Api, new_pull: Any, tmp_path: Path, is_inclusive: bool, is_cache_lost: bool
) -> None:
    if not is_inclusive:
        api.show = lambda record, query: "since" not in query or record["at"] > query["since"]
    api.records = [record(number, f"2026-03-01T00:00:{number // 4:02}Z") for number in range(23)]
    pull = new_pull(cursor=CURSOR, overlap="PT0S", is_ordered=True, max_batch_bytes=130)
    position: Any = {}
    found, sizes = [], []
    while (poll := pull.poll(position, nothing_known)) is not None and len(sizes) < 20:
        sizes.append(len(lines_ := lines(poll)))
        found += lines_
        if is_cache_lost:
            shutil.rmtree(tmp_path / "spool" / "pull" / "raw.shop.orders" / "orders" / "seen")
            if position == poll.position_to:
                break
        position = poll.position_to
    assert set(ids(found)) == set(range(23))
    assert len(sizes) > 3
    if not is_cache_lost:
        assert ids(found) == list(range(23))


def test_an_order_that_is_not_kept_is_told(api: Api, new_pull: Any) -> None:
    api.records = [record(number) for number in (1, 2, 5, 4, 6)]
    with pytest.raises(ConfigurationError, match="does not answer in the order"):
        new_pull(cursor=CURSOR, is_ordered=True).poll({}, nothing_known)


def test_a_record_of_a_wrong_clock_does_not_hide_those_that_follow(api: Api, new_pull: Any) -> None:
    api.records = [record(1), record(2, "2099-01-01T00:00:00Z")]
    found, position = drain(new_pull(cursor=CURSOR))
    assert ids(found) == [1, 2]
    assert position["cursor"] == "2026-03-20T12:00:00Z"
    api.records.append(record(3, "2026-03-20T12:00:01Z"))
    assert ids(drain(new_pull(cursor=CURSOR), position)[0]) == [3]


def test_an_api_that_ignores_the_cursor_does_not_repeat_for_ever(api: Api, new_pull: Any) -> None:
    api.show = lambda _record, _query: True
    api.records = [record(number) for number in range(30)]
    found, position = drain(new_pull(cursor=CURSOR, overlap="PT2S"))
    assert ids(found) == list(range(30))
    api.records.append(record(31))
    assert ids(drain(new_pull(cursor=CURSOR, overlap="PT2S"), position)[0]) == [31]


def test_number_cursors_and_formats(api: Api, new_pull: Any) -> None:
    api.show = lambda record, query: record["id"] >= int(query.get("after", 0))
    api.records = [record(number) for number in range(7)]
    pull = new_pull(cursor={"field": "id", "param": "after", "kind": "number", "start": 2}, overlap=1)
    found, position = drain(pull)
    assert ids(found) == [2, 3, 4, 5, 6]
    assert position["cursor"] == "6"
    assert api.queries[-1]["after"] == "5"
    api.show = lambda record, query: record["at"][:10] >= query.get("day", "")
    pull = new_pull(cursor={"field": "at", "param": "day", "format": "%Y-%m-%d"}, overlap="P1D")
    assert ids(drain(pull)[0]) == list(range(7))
    assert api.queries[-1]["day"] == "2026-02-28"


def test_a_misspelt_cursor_is_told_with_what_is_near(api: Api, new_pull: Any) -> None:
    api.records = ['{"id": 1, "updated_at": "2026-03-01T00:00:00Z"}']
    with pytest.raises(
        ConfigurationError, match=r"none of 1 records has a timestamp in the field updated; .*updated_at"
    ):
        new_pull(cursor={"field": "updated", "param": "since"}).poll({}, nothing_known)


def test_a_record_without_a_cursor_is_taken_all_the_same(api: Api, new_pull: Any) -> None:
    api.records = [record(1), '{"id": 2}', '"no object"']
    found, position = drain(new_pull(cursor=CURSOR))
    assert len(found) == 3
    assert drain(new_pull(cursor=CURSOR), position)[0] == []


def test_busy_answers_are_tried_again(api: Api, new_pull: Any) -> None:
    api.records = [record(number) for number in range(4)]
    api.answers = [Answer(status=500), Answer(status=429, headers={"Retry-After": "1"})]
    began = datetime.now(UTC)
    assert ids(drain(new_pull(longest_wait=10))[0]) == [0, 1, 2, 3]
    assert datetime.now(UTC) - began >= timedelta(seconds=1)  # the header was obeyed: no wait was set
    api.answers = [Answer(status=503)] * 3
    with pytest.raises(SourceUnavailable, match="answered 503 to each of 3 attempts"):
        new_pull().poll({}, nothing_known)


def test_a_look_for_news_does_not_wait(api: Api, new_pull: Any) -> None:
    api.records = [record(1)]
    api.answers = [Answer(status=503, headers={"Retry-After": "60"})]
    with pytest.raises(SourceUnavailable, match="each of 1 attempts"):
        new_pull(cursor=CURSOR).peek({}, nothing_known)


def test_cut_answers_are_tried_again_and_never_taken(api: Api, new_pull: Any, tmp_path: Path) -> None:
    api.records = [record(number) for number in range(7)]
    api.page_faults = {3: Answer(body=b'{"items": [{"id": 99}]}', cut=True)}
    assert ids(drain(new_pull())[0]) == list(range(7))
    api.answers = [Answer(body=b'{"items": [{"id": 99}]}', cut=True)] * 3
    with pytest.raises(SourceUnavailable, match="in each of 3 attempts"):
        new_pull().poll({}, nothing_known)
    assert not list((tmp_path / "spool").rglob("*.part"))


def test_an_answer_that_does_not_come_is_given_up(api: Api, new_pull: Any) -> None:
    release = threading.Event()
    api.answers = [Answer(wait=release)] * 2
    try:
        with pytest.raises(SourceUnavailable, match=r"Timeout in each of 2 attempts|ConnectionError"):
            new_pull(timeout=0.2, attempts=2).poll({}, nothing_known)
    finally:
        release.set()


def test_nobody_at_the_other_end_is_unavailable(new_pull: Any) -> None:
    with pytest.raises(SourceUnavailable, match="ConnectionError in each of 1 attempts"):
        new_pull(url="http://127.0.0.1:1", attempts=1).poll({}, nothing_known)


@pytest.mark.parametrize("body", [b'{"items": [{"id": 1}', b"<html>", b"", b'{"items": [1,]}'])
def test_a_page_that_is_no_json_leaves_nothing_behind(api: Api, new_pull: Any, tmp_path: Path, body: bytes) -> None:
    api.records = [record(number) for number in range(9)]
    api.page_faults = {6: Answer(body=body)}
    with pytest.raises(SourceUnavailable, match=r"page 3 of .* is no JSON or was cut"):
        new_pull().poll({}, nothing_known)
    assert not list((tmp_path / "spool").rglob("*.part"))


@pytest.mark.parametrize(
    ("auth", "shown"),
    [
        ({"type": "bearer"}, "header"),
        ({"type": "api_key", "name": "X-Token"}, "header"),
        ({"type": "api_key", "name": "key", "location": "query"}, "query"),
        ({"type": "http_basic", "username": "ann"}, "header"),
    ],
)
def test_a_rotated_credential_is_taken_up_and_never_shown(
    api: Api, new_pull: Any, tmp_path: Path, caplog: Any, auth: dict[str, str], shown: str
) -> None:
    caplog.set_level(logging.INFO)
    secret = tmp_path / "token"
    secret.write_text("an old one")
    api.token, api.records = TOKEN, [record(number) for number in range(5)]
    pull = new_pull(auth={**auth, "secret": {"file": str(secret)}})
    with pytest.raises(SourceRefused) as refused:
        pull.poll({}, nothing_known)
    secret.write_text(TOKEN)
    assert pull.credential.renew()
    found, position = drain(pull)
    assert ids(found) == list(range(5))
    faults = [refused.value, *provoked(api, pull)]
    said = "".join(f"{fault} {fault!r} {fault.__cause__!r} {fault.__context__!r}" for fault in faults)
    for text in (said, caplog.text, json.dumps(position), *found):
        assert TOKEN not in text
        assert "an old one" not in text


def provoked(api: Api, pull: RestPull) -> list[PlatformError]:
    """One fault of every kind that a request can meet."""
    faults = []
    for answer in (Answer(status=500), Answer(status=404), Answer(body=b"{", cut=True), Answer(status=403)):
        api.answers = [answer] * 3
        with pytest.raises(PlatformError) as caught:
            pull.poll({}, nothing_known)
        faults.append(caught.value)
        api.answers = []
    return faults


def test_wrong_requests_say_what_to_mend(api: Api, new_pull: Any) -> None:
    api.records = [record(1)]
    api.answers = [Answer(status=404)]
    with pytest.raises(ConfigurationError, match=r"page 1 of http://127.0.0.1:\d+ answered 404; check url") as missing:
        new_pull(params={"q": "hidden"}).poll({}, nothing_known)
    assert "hidden" not in str(missing.value)
    api.answers = [Answer(status=302, headers={"Location": "/other?token=x"})]
    with pytest.raises(ConfigurationError, match=r"redirects to http://127.0.0.1:\d+/other; write that"):
        new_pull().poll({}, nothing_known)
    with pytest.raises(ConfigurationError, match="has no rows; it has: items"):
        new_pull(data_selector="rows").poll({}, nothing_known)
    with pytest.raises(ConfigurationError, match="has not what the paginator needs"):
        new_pull(paginator={**PAGED, "total_path": "pages"}).poll({}, nothing_known)
    with pytest.raises(ConfigurationError, match=r"paginator page_number: .*nonsense"):
        new_pull(paginator={**PAGED, "nonsense": 1}).poll({}, nothing_known)


def test_the_credential_goes_to_no_other_host(api: Api, new_pull: Any) -> None:
    api.paging, api.records = "json_link", [record(1)]
    api.answers = [Answer(body=b'{"items": [{"id": 1}], "links": {"next": "http://127.0.0.2:1/items?x=1"}}')]
    with pytest.raises(ConfigurationError, match=r"page 2 .* at another host, http://127.0.0.2:1"):
        new_pull().poll({}, nothing_known)


def test_a_paginator_that_goes_in_circles_is_told(api: Api, new_pull: Any) -> None:
    api.paging, api.records = "stuck", [record(number) for number in range(3)]
    with pytest.raises(ConfigurationError, match=r"page 2 .* is the page before it again"):
        new_pull().poll({}, nothing_known)
    with pytest.raises(ConfigurationError, match=r"page 3 .* goes round in circles|is the page before it again"):
        new_pull(paginator=PAGINATORS["cursor"]).poll({}, nothing_known)
    api.paging, api.records = "stuck", []
    with pytest.raises(ConfigurationError, match="goes round in circles"):
        new_pull(paginator=PAGINATORS["cursor"]).poll({}, nothing_known)


def test_a_person_can_go_back(api: Api, new_pull: Any) -> None:
    api.records = [record(number) for number in range(9)]
    pull = new_pull(cursor=CURSOR, overlap="PT1S")
    _, position = drain(pull)
    assert ids(drain(pull, pull.position_at("2026-03-01T00:00:06Z"))[0]) == [5, 6, 7, 8]
    assert ids(drain(pull, pull.position_at("start"))[0]) == list(range(9))
    assert drain(pull, position)[0] in ([], api.records[7:])
    with pytest.raises(ConfigurationError, match="write start, or a timestamp"):
        pull.position_at("yesterday")
    with pytest.raises(ConfigurationError, match="--from start"):
        new_pull().position_at("2026-03-01")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "ftp://x"}, "write http"),
        ({"url": "https://ann:pw@x"}, "write credentials under auth"),
        ({"headers": {"Authorization": "Bearer x"}}, "by reference"),
        ({"params": {"api-key": "x"}}, "by reference"),
        ({"paginator": {"type": "auto"}}, "paginator.type"),
        ({"auth": {"type": "bearer", "secret": {"env": "A", "file": "b"}}}, "exactly one of"),
        ({"overlap": "PT1S"}, "need a cursor"),
        ({"cursor": CURSOR, "overlap": 5}, "a length of time"),
        ({"cursor": {**CURSOR, "kind": "number"}, "overlap": "PT5S"}, "is a number"),
        ({"cursor": CURSOR, "overlap": "-PT5S"}, "negative"),
        ({"sekret": 1}, "sekret"),
    ],
)
def test_wrong_options_are_told_before_anything_is_asked(new_pull: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        new_pull(**options)
