"""Log lines fit their schema, say what they are about, hold no secret, and can be read again."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_platform.errors import ConfigurationError
from data_platform.observability.logs import line as line_module
from data_platform.observability.logs import writing as writing_module
from data_platform.observability.logs.about import about
from data_platform.observability.logs.line import MASK, LineWriter
from data_platform.observability.logs.logger import RUNS, get_logger
from data_platform.observability.logs.places import prune_logs
from data_platform.observability.logs.reading import Wanted, find_lines, lines_of
from data_platform.observability.logs.writing import writing
from data_platform.observability.tracing.spans import span
from data_platform.observability.tracing.tracer import Tracer

SCHEMA = json.loads((Path(line_module.__file__).parent / "line.schema.json").read_text())
CHECK = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
WRITER = LineWriter(code_version="1.2.3", secrets=("hunter2-hunter2",))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with writing(tmp_path, WRITER):
        yield tmp_path


def files(home: Path) -> list[Path]:
    return sorted((home / "logs").glob("*/*.jsonl"))


def written(home: Path) -> list[dict[str, Any]]:
    found = [json.loads(text) for path in files(home) for text in path.read_text().splitlines()]
    for one in found:
        CHECK.validate(one)
    return found


def record(message: str, **facts: Any) -> logging.LogRecord:
    made = logging.LogRecord("somebody", logging.WARNING, "file.py", 1, message, (), None)
    made.__dict__.update(event=message, facts=facts)
    return made


def test_a_line_says_what_is_under_way(home: Path) -> None:
    tracer = Tracer()
    with (
        tracer.span("step", run_id="r1", dataset="served.shop.totals", partition="2026-03-01") as outer,
        span("checks"),
    ):
        get_logger("data_platform.somewhere").warning("a rule failed", rule="positive", rows=3)
    (one,) = written(home)
    assert one["event"] == "a rule failed"
    assert one["facts"] == {"rule": "positive", "rows": 3}
    assert (one["run_id"], one["asset"], one["partition"]) == ("r1", "served.shop.totals", "2026-03-01")
    assert (one["trace_id"], one["code_version"]) == (outer.trace_id, "1.2.3")
    assert files(home)[0].name == "r1.jsonl"


def test_outside_of_every_run_the_file_is_the_processs(home: Path) -> None:
    logging.getLogger("some.library").warning("%d of %d", 1, 2)
    (one,) = written(home)
    assert (one["event"], one["logger"]) == ("1 of 2", "some.library")
    assert "run_id" not in one
    assert files(home)[0].name == f"{Path(sys.argv[0]).name}-{one['process']}.jsonl"


def test_where_no_span_is_a_step_says_what_it_is_about(home: Path) -> None:
    with about(run_id="r1", asset="raw.shop.orders"), about(run_id="r2", asset="raw.shop.items"):
        get_logger(RUNS).info("inner")
    with about(run_id="r1", asset="raw.shop.orders"):
        get_logger(RUNS).info("outer")
    assert {(one["event"], one["run_id"]) for one in written(home)} == {("inner", "r2"), ("outer", "r1")}


@pytest.mark.parametrize(
    "text",
    [
        "password=correct-horse",
        "DATA_PLATFORM_S3_SECRET_ACCESS_KEY=correct-horse",
        '{"api_key": "correct-horse"}',
        "Authorization: Bearer correct-horse",
        "postgresql://ann:correct-horse@db.example.com/x",
        "token: correct-horse",
        "sent with bearer correct-horse",
    ],
)
def test_secrets_are_masked_in_text(text: str) -> None:
    told = WRITER.fields(record(text))
    assert "correct-horse" not in json.dumps(told)
    assert MASK in told["event"]


@pytest.mark.parametrize("name", ["password", "api_key", "apikey", "s3_secret_access_key", "Authorization", "token"])
def test_secrets_are_masked_by_their_names(name: str) -> None:
    assert WRITER.fields(record("connected", **{name: "correct-horse"}))["facts"] == {name: MASK}


def test_known_secrets_are_masked_wherever_they_turn_up() -> None:
    told = WRITER.fields(record("the server said hunter2-hunter2", answer="xhunter2-hunter2x"))
    assert "hunter2" not in json.dumps(told)


def test_what_a_foreign_error_says_and_its_variables_are_not_written(home: Path) -> None:
    log = get_logger("data_platform.somewhere")
    try:
        raise ValueError("Ada Lovelace, 1815-12-10")
    except ValueError:
        log.exception("unexpected")
    try:
        raise ConfigurationError("orders: the path is missing\n  the row was Ada Lovelace")
    except ConfigurationError:
        log.exception("expected")
    first, second = written(home)
    assert "Ada" not in json.dumps([first, second])
    assert (first["level"], first["exception"]["type"]) == ("error", "ValueError")
    assert first["exception"]["frames"][0].startswith(__file__)
    assert second["exception"]["message"] == "orders: the path is missing"


@given(st.text(), st.dictionaries(st.text(min_size=1), st.one_of(st.text(), st.integers(), st.floats(), st.none())))
def test_whatever_is_said_is_one_line_of_the_schema(message: str, facts: dict[str, Any]) -> None:
    encoded = WRITER.encode(WRITER.fields(record(message, **{"facts": facts})))
    assert encoded.count(b"\n") == 1
    CHECK.validate(json.loads(encoded))


def test_long_texts_are_cut() -> None:
    assert len(WRITER.fields(record("x" * 10_000))["event"]) == 2_001


def test_people_see_warnings_on_stderr_as_before_and_what_runs_did_in_files_alone(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])  # pytest has some of its own
    with writing(home / "other", WRITER):
        root.addHandler(writing_module._CONSOLE)
        get_logger("data_platform.x").warning("a source is in trouble", source="orders")
        get_logger("data_platform.x").info("nobody has to read this")
        get_logger(RUNS).warning("a publish was blocked")
    assert capsys.readouterr().err == "a source is in trouble (source=orders)\n"


def test_nothing_is_left_behind_when_the_last_block_ends(tmp_path: Path) -> None:
    root, package = logging.getLogger(), logging.getLogger("data_platform")
    before = (list(root.handlers), package.level)
    with writing(tmp_path, WRITER):
        with writing(tmp_path, WRITER):
            get_logger(RUNS).info("once")
        get_logger(RUNS).info("twice")
    assert (list(root.handlers), package.level) == before
    get_logger(RUNS).info("to nobody")
    assert [one["event"] for one in written(tmp_path)] == ["once", "twice"]


def test_a_full_file_is_gone_on_from_in_another(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing_module, "_MOST_BYTES", 500)
    for number in range(10):
        with about(run_id="r1"):
            get_logger(RUNS).info("a line", number=number)
    assert len(files(home)) > 2
    assert [line.facts["number"] for line in lines_of(home, run_id="r1")] == list(range(10))


def test_a_disk_that_takes_nothing_hurts_nobody(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file in the folder's place")
    with writing(tmp_path, WRITER):
        get_logger(RUNS).info("lost")


def test_lines_are_found_by_run_level_time_and_trace(home: Path) -> None:
    with about(run_id="r1", trace_id="a" * 32):
        get_logger(RUNS).info("one")
        get_logger(RUNS).warning("two")
    with about(run_id="r10"):
        get_logger(RUNS).info("another run")
    assert [line.event for line in lines_of(home, run_id="r1")] == ["one", "two"]
    assert [line.event for line in find_lines(home, Wanted(level="warning"))] == ["two"]
    assert [line.event for line in find_lines(home, Wanted(trace_id="a" * 32))] == ["one", "two"]
    assert find_lines(home, Wanted(since=datetime.now(UTC) + timedelta(hours=1))) == ()
    assert [line.event for line in find_lines(home, Wanted(), limit=1)] == ["another run"]


def test_a_torn_line_is_passed_over(home: Path) -> None:
    with about(run_id="r1"):
        get_logger(RUNS).info("whole")
    with files(home)[0].open("a") as file:
        file.write('{"time": "2026-')
    assert [line.event for line in lines_of(home, run_id="r1")] == ["whole"]


def test_old_days_are_forgotten_and_the_oldest_beyond_a_size(tmp_path: Path) -> None:
    for day in range(1, 7):
        folder = tmp_path / "logs" / f"2026-03-{day:02d}"
        folder.mkdir(parents=True)
        (folder / "r.jsonl").write_bytes(b"x" * 100)
    assert prune_logs(tmp_path, before=date(2026, 3, 3)) == 2
    assert prune_logs(tmp_path, before=date(2026, 3, 3), most_bytes=250) == 2
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == ["2026-03-05", "2026-03-06"]
