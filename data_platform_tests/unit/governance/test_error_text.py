"""What of an error's text is kept and told: nothing that may be a value of the data."""

from __future__ import annotations

import duckdb
import pytest

from data_platform.errors import PublishBlocked
from data_platform.governance.error_text import quotes_no_data, said, told

SECRET = "ann@example.com"


def raised_by(sql: str) -> duckdb.Error:
    with pytest.raises(duckdb.Error) as raised:
        duckdb.sql(sql).fetchall()
    return raised.value


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT CAST(note AS INTEGER) FROM (SELECT '{SECRET}' AS note)",
        f"SELECT strptime(note, '%Y') FROM (SELECT '{SECRET}' AS note)",
        f"SELECT error(note) FROM (SELECT '{SECRET}' AS note)",
    ],
)
def test_an_error_about_a_value_is_told_without_it(sql: str) -> None:
    error = raised_by(sql)
    assert SECRET in str(error)
    assert SECRET not in told(error)
    assert told(error).startswith(f"{type(error).__name__}: ")
    assert not quotes_no_data(error)


def test_an_error_about_the_select_is_told() -> None:
    error = raised_by("SELECT nothing FROM (SELECT 1 AS something)")
    assert "nothing" in said(error)
    assert quotes_no_data(error)


def test_an_error_of_the_platform_is_told_whole_and_one_of_a_program_by_its_class() -> None:
    assert told(PublishBlocked("a gate said no\n  which one")) == "a gate said no\n  which one"
    assert SECRET not in told(KeyError(SECRET))
    assert "No such file" in told(FileNotFoundError(2, "No such file", "x.yaml"))
