"""The file sink: each event once, whatever is in the file or beside it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from data_platform.clock import ManualClock
from data_platform.errors import SinkUnavailable
from data_platform.lineage.names import EVENT
from data_platform.lineage.sinks.file import FileSink
from data_platform.lineage.sinks.protocol import SinkPlace
from data_platform.metastore.outbox import OutboxEntry
from data_platform_tests.kit import NOON

PLACE = SinkPlace(clock=ManualClock(NOON), take=lambda payloads: [""] * len(payloads))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a folder" / "events.ndjson"


def sink(file: Path) -> FileSink:
    return FileSink(file.as_uri(), {}, PLACE)


def payload(number: int, subject: str = "run") -> str:
    return json.dumps({subject: {"facets": {EVENT: {"eventId": f"e{number}"}}}, "number": number})


def entry(number: int, text: str | None = None) -> OutboxEntry:
    return OutboxEntry(event_id=f"e{number}", run_id="r", created_at=NOON, payload=text or payload(number), id=number)


def send(file: Path, *numbers: int) -> None:
    assert sink(file).send([entry(number) for number in numbers], within_seconds=5) == len(numbers)


def numbers(file: Path) -> list[int]:
    return [json.loads(line)["number"] for line in file.read_bytes().split(b"\n")[:-1]]


def test_events_are_lines_in_order_as_they_were_composed(file: Path) -> None:
    send(file, 1, 2)
    send(file, 3)
    assert file.read_text() == "".join(payload(number) + "\n" for number in (1, 2, 3))


def test_an_event_that_spans_lines_becomes_one(file: Path) -> None:
    sink(file).send([entry(1, json.dumps({"number": 1, "text": "ä\nb"}, indent=2))], within_seconds=5)
    assert [json.loads(line) for line in file.read_text().splitlines()] == [{"number": 1, "text": "ä\nb"}]


def test_events_that_come_again_in_any_company_are_there_once(file: Path) -> None:
    send(file, 1, 2, 3)
    send(file, 1)
    send(file, 2, 3, 4)
    send(file, 5, 1)
    assert numbers(file) == [1, 2, 3, 4, 5]


def test_what_was_not_acknowledged_is_cut_off(file: Path) -> None:
    send(file, 1, 2)
    with file.open("a") as out:
        out.write(payload(3) + "\n" + payload(4)[:20])
    send(file, 3, 4)
    assert numbers(file) == [1, 2, 3, 4]


def test_a_file_rotated_away_begins_anew_and_holds_no_old_event(file: Path) -> None:
    send(file, 1, 2)
    file.rename(file.with_suffix(".1"))
    send(file, 2, 3)
    assert numbers(file) == [3]
    assert numbers(file.with_suffix(".1")) == [1, 2]


def test_a_file_emptied_in_place_begins_anew(file: Path) -> None:
    send(file, 1, 2)
    file.write_bytes(b"")
    send(file, 2, 3)
    assert numbers(file) == [3]


@pytest.mark.parametrize("subject", ["run", "dataset", "job"])
def test_without_its_index_the_file_itself_says_what_it_holds(file: Path, subject: str) -> None:
    sink(file).send([entry(number, payload(number, subject)) for number in (1, 2)], within_seconds=5)
    file.with_name("events.ndjson.index").unlink()
    with file.open("a") as out:
        out.write('{"torn')
    sink(file).send([entry(number, payload(number, subject)) for number in (1, 2, 3)], within_seconds=5)
    assert numbers(file) == [1, 2, 3]


def test_lines_that_somebody_else_wrote_stay(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"number": 0}\nno json\n[1]\n')
    send(file, 1)
    assert file.read_text().splitlines() == ['{"number": 0}', "no json", "[1]", payload(1)]


def test_a_disk_that_takes_nothing_means_later_and_leaves_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    send(file, 1)
    with monkeypatch.context() as patched:

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr("data_platform.lineage.sinks.file.os.fsync", full)
        with pytest.raises(SinkUnavailable, match="No space left"):
            send(file, 2)
    send(file, 2, 3)
    assert numbers(file) == [1, 2, 3]


def test_while_another_process_writes_it_is_told_to_come_later(file: Path) -> None:
    send(file, 1)
    with closing(sqlite3.connect(file.with_name("events.ndjson.index"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SinkUnavailable, match="locked"):
            sink(file).send([entry(2)], within_seconds=0.1)
    send(file, 2)
    assert numbers(file) == [1, 2]


def test_a_place_that_is_no_folder_means_later(tmp_path: Path) -> None:
    (tmp_path / "busy").write_text("")
    with pytest.raises(SinkUnavailable):
        send(tmp_path / "busy" / "events.ndjson", 1)
