from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from data_platform.connectors.spool_file import SpoolFile, one_line, sweep


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (b'{"a": 1}', b'{"a": 1}'),
        (b'{"a":\r\n 1}', b'{"a":   1}'),
        (None, b"null"),
        (b"", b'""'),
        (b'{"a": "x\ny"}', json.dumps('{"a": "x\ny"}').encode()),  # a raw line end in a string is not JSON
        (b"\xff\n", json.dumps("\\xff\n").encode()),
        (b"not json", b"not json"),
    ],
)
def test_any_message_is_exactly_one_line(value: bytes | None, line: bytes) -> None:
    assert one_line(value) == line
    assert b"\n" not in line


def test_files_of_dead_processes_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    (tmp_path / "kafka").mkdir()
    dead = tmp_path / "kafka" / f"{int(done.stdout)}-1.part"
    dead.write_bytes(b"left")
    with SpoolFile(tmp_path / "kafka", "mine") as mine:
        mine.write(b"{}")
        assert sweep(tmp_path) == 1
        delivery = mine.finish()
    assert not dead.exists()
    assert delivery.path.exists()
    assert delivery.path.name.startswith(f"{os.getpid()}-")


def test_what_is_not_finished_is_removed(tmp_path: Path) -> None:
    def fails() -> None:
        with SpoolFile(tmp_path, "mine") as mine:
            mine.write(b"{}")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert list(tmp_path.iterdir()) == []
