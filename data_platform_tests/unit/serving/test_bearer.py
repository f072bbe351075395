from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_platform.clock import SystemClock
from data_platform.credentials import Credential, CredentialRef
from data_platform.serving import bearer
from data_platform.serving.bearer import BearerGate
from data_platform.serving.problems import Problem


class Watch:
    """A monotonic clock that stands still."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


class Door:
    """A gate whose token lies in a file; counts how often it was read."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "token"
        self.file.write_text("first")
        self.reads = 0
        credential = Credential(CredentialRef(file=self.file), SystemClock())
        renew = credential.renew

        def counted() -> bool:
            self.reads += 1
            return renew()

        credential.renew = counted  # type: ignore[method-assign]
        self.gate = BearerGate(credential, keep_seconds=30)
        self.loop = asyncio.Runner()

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.close()

    def status(self, *shown: str) -> list[int]:
        async def all_at_once() -> list[int]:
            return list(await asyncio.gather(*map(self._one, shown)))

        return self.loop.run(all_at_once())

    async def _one(self, shown: str) -> int:
        try:
            await self.gate.require(f"Bearer {shown}".encode())
        except Problem as problem:
            return problem.status.value
        return 200


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with Door(tmp_path) as one:
        yield one


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr(bearer, "time", watch)
    return watch


def test_strangers_cannot_make_it_read_the_token_all_the_time(door: Door, watch: Watch) -> None:
    assert door.status("first", *["wrong"] * 20) == [200] + [401] * 20
    assert door.reads == 1
    watch.seconds += 1
    assert door.status(*["wrong"] * 20) == [401] * 20
    assert door.reads == 2


def test_a_new_token_is_taken_as_soon_as_it_is_shown_and_the_old_one_stops_then(door: Door, watch: Watch) -> None:
    assert door.status("first") == [200]
    door.file.write_text("second")
    watch.seconds += 1
    assert door.status("second") == [200]
    assert door.status("first", "second") == [401, 200]


def test_the_old_token_stops_by_itself(door: Door, watch: Watch) -> None:
    assert door.status("first") == [200]
    door.file.write_text("second")
    watch.seconds += 29
    assert door.status("first") == [200]
    watch.seconds += 1
    assert door.status("first") == [401]


def test_a_token_that_cannot_be_read_lets_nobody_in(door: Door, watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    assert door.status("first") == [200]
    door.file.unlink()
    watch.seconds += 30
    assert door.status("first") == [503]
    assert "cannot be read" in caplog.text
    assert "first" not in caplog.text
    door.file.write_text("second")
    assert door.status("second") == [200]


@pytest.mark.parametrize("header", [None, b"", b"Bearer", b"Bearer ", b"Basic first", b"first", b"Bearerfirst"])
def test_what_shows_no_token_is_refused_without_reading_one(door: Door, header: bytes | None) -> None:
    with pytest.raises(Problem) as caught:
        door.loop.run(door.gate.require(header))
    assert caught.value.headers == {"www-authenticate": 'Bearer realm="ingest"'}
    assert door.reads == 0
