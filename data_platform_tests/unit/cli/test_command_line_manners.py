"""The manners of the command line: fast help, exit codes, messages without tracebacks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from data_platform.cli import main as entry
from data_platform.cli.main import run
from data_platform.errors import ConfigurationError, PublishBlocked, SourceUnavailable

HEAVY = (
    "duckdb",
    "pyarrow",
    "pydantic",
    "rich",
    "sqlalchemy",
    "dagster",
    "deltalake",
    "sqlglot",
    "pandas",
    "polars",
    "pandera",
)
NOUNS = tuple(entry._NOUNS)


def _loaded_by(*arguments: str) -> set[str]:
    code = (
        "import sys, io, contextlib\n"
        "from data_platform.cli.main import run\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    code = run({list(arguments)!r})\n"
        f"print(code, *[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    code_text, *loaded = done.stdout.split()
    assert code_text == "0"
    return set(loaded)


@pytest.mark.parametrize("arguments", [["--help"], ["contracts", "--help"], ["query", "--help"], ["demo", "--help"]])
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    assert _loaded_by(*arguments) == set()


def test_showing_a_contract_loads_neither_the_engines_nor_the_metastore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["init", str(tmp_path / "bakery"), "--domain", "bakery"]) == 0
    monkeypatch.setenv("DATA_PLATFORM_DOMAINS", str(tmp_path / "bakery" / "domains"))
    loaded = _loaded_by("contracts", "show", "raw.bakery.orders")
    assert loaded & {"sqlalchemy", "deltalake", "dagster", "pandas", "pandera", "polars"} == set()


@pytest.mark.parametrize("noun", [noun for noun in NOUNS if noun != "bench"])
def test_every_noun_has_help(noun: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([noun, "--help"]) == 0
    assert "Usage: data-platform" in capsys.readouterr().out


def test_the_list_of_nouns_names_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {noun} " in out for noun in NOUNS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-noun"],
        ["contracts", "lint", "--no-such-option"],
        ["rebuild"],
        ["quarantine", "release", "x"],
        ["query", "SELECT 1", "--csv", "--json"],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Error" in captured.err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (PublishBlocked("a gate said no"), 1, "a gate said no"),
        (ConfigurationError("mend the file"), 2, "mend the file"),
        (SourceUnavailable("away"), 3, "away"),
        (FileNotFoundError(2, "No such file", "x.yaml"), 3, "No such file: 'x.yaml'"),
        (ZeroDivisionError("a bug"), 3, "ZeroDivisionError"),
        (KeyboardInterrupt(), 3, "interrupted"),
    ],
)
def test_errors_become_messages_and_exit_codes(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(entry.root, "main", fail)
    assert run(["status"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert said in captured.err


def test_an_error_of_the_engine_about_a_value_is_told_without_the_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        duckdb.sql("SELECT CAST(note AS INTEGER) FROM (SELECT 'ann@example.com' AS note)").fetchall()

    monkeypatch.setattr(entry.root, "main", fail)
    assert run(["status"]) == 3
    said = capsys.readouterr().err
    assert "ConversionException: a value of column note" in said
    assert "--debug" in said
    assert "ann@example.com" not in said


def test_debug_shows_the_traceback_and_keeps_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_PLATFORM_DOMAINS", str(tmp_path))
    assert run(["contracts", "show", "nonsense", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_json_is_one_document_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["contracts", "lint", "--json", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"datasets": 0, "faults": [], "reminders": []}
    assert captured.err == ""
