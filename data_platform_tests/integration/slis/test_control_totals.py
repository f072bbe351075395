from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_platform_tests.kit import NOON, Kit, csv_text, later

COLUMNS = ["id", "name"]


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    kit = Kit(tmp_path)
    kit.raw(
        "visits",
        ["id int required key", "name string"],
        connector={"path": "visits/*", "control_totals": "visits/*.manifest.json"},
    )
    yield kit
    kit.close()


def drop(kit: Kit, name: str, text: str) -> None:
    """A file of the kit's own time."""
    file = kit.drop(f"visits/{name}", text)
    os.utime(file, (NOON.timestamp(), NOON.timestamp()))


def rows(count: int) -> str:
    return csv_text(COLUMNS, [[number, "a"] for number in range(count)])


def measured(kit: Kit) -> dict[str, tuple[float | None, str]]:
    later(kit, seconds=15)
    values = kit.platform.slis.measure(kit.clock.now())
    return {one.partition: (one.value, one.provenance) for one in values if one.sli == "completeness"}


def test_totals_delivered_beside_files_tell_what_a_cut_off_file_lacks(kit: Kit) -> None:
    drop(kit, "whole.csv", rows(10))
    drop(kit, "cut.csv", rows(7))  # whoever counts its lines finds seven of seven
    drop(kit, "day.manifest.json", json.dumps({"files": {"whole.csv": 10, "cut.csv": 10, "never.csv": 5}}))
    (batch,) = kit.ingest("visits")
    assert batch.source_rows == batch.raw_rows == 17
    assert measured(kit) == {
        "visits/file:cut.csv": (0.7, "manifest"),
        "visits/file:whole.csv": (1.0, "manifest"),
    }
    later(kit, hours=2)
    assert measured(kit) == {"visits/file:never.csv": (0.0, "manifest")}


def test_totals_are_no_data_and_do_not_look_new(kit: Kit) -> None:
    drop(kit, "a.csv", rows(3))
    drop(kit, "a.csv.manifest.json", json.dumps({"file": "a.csv", "rows": 3}))
    kit.ingest("visits")
    assert len(kit.rows("raw.visits")) == 3
    assert kit.platform.ingester.peek(kit.entry("visits")) == ()
    assert kit.ingest("visits") == ()


@pytest.mark.parametrize("text", ["not json", "[1]", '{"a.csv": "many"}', '{"a.csv": -1}', '{"a.csv": true}'])
def test_totals_that_cannot_be_read_say_nothing_and_stop_nothing(
    kit: Kit, text: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    drop(kit, "a.csv", rows(3))
    drop(kit, "a.manifest.json", text)
    kit.ingest("visits")
    assert len(kit.rows("raw.visits")) == 3
    assert measured(kit) == {}
    assert "control totals cannot be read" in caplog.text
    assert capsys.readouterr().out == ""  # what a command prints may be read by a program


def test_totals_that_come_after_their_file_count_too_and_corrected_ones_replace_them(kit: Kit) -> None:
    drop(kit, "a.csv", rows(3))
    kit.ingest("visits")
    drop(kit, "a.manifest.json", json.dumps({"a.csv": 4}))
    kit.ingest("visits")
    assert measured(kit) == {"visits/file:a.csv": (0.75, "manifest")}
    drop(kit, "a.manifest.json", json.dumps({"a.csv": 3}))
    kit.ingest("visits")
    assert measured(kit) == {"visits/file:a.csv": (1.0, "manifest")}
