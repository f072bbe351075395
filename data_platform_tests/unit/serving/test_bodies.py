from __future__ import annotations

import asyncio
import gzip
from http import HTTPStatus
from typing import Any

import pytest

from data_platform.serving import bodies
from data_platform.serving.bodies import MemoryBudget, SenderLeft, read_body, unpacked
from data_platform.serving.problems import Problem


def read(*messages: dict[str, Any], limit: int = 10) -> bytes:
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.sleep(3600)
        return waiting.pop(0)

    return asyncio.run(read_body(receive, limit))


def part(data: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


def test_a_body_is_the_sum_of_its_parts_up_to_the_limit() -> None:
    assert read(part(b"01234"), part(b""), part(b"56789", more=False)) == b"0123456789"
    with pytest.raises(Problem) as caught:
        read(part(b"01234"), part(b"567890"))
    assert (caught.value.status, caught.value.headers) == (413, {"connection": "close"})


def test_half_a_body_is_nobodys() -> None:
    with pytest.raises(SenderLeft):
        read(part(b"01234"), {"type": "http.disconnect"})


def test_a_sender_that_stands_still_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_READ_SECONDS", 0.01)
    with pytest.raises(Problem) as caught:
        read(part(b"01234"))
    assert caught.value.status is HTTPStatus.REQUEST_TIMEOUT


def test_the_budget_is_given_back_and_one_request_always_fits() -> None:
    budget = MemoryBudget(100)
    with budget.hold(500):
        pass
    with budget.hold(60):
        with pytest.raises(Problem) as caught, budget.hold(41):
            pass
        assert (caught.value.status, caught.value.headers) == (503, {"retry-after": "1"})
        with budget.hold(40):
            pass
    with budget.hold(100):
        pass


@pytest.mark.parametrize("name", [b"", b"identity", b" Identity "])
def test_a_plain_body_is_left_alone(name: bytes) -> None:
    assert unpacked(b"\x1f\x8b", name, 2) == b"\x1f\x8b"


@pytest.mark.parametrize("name", [b"gzip", b"x-gzip", b"GZIP"])
def test_gzip_members_follow_each_other_and_the_limit_counts_their_sum(name: bytes) -> None:
    packed = gzip.compress(b"01234") + gzip.compress(b"56789")
    assert unpacked(packed, name, 10) == b"0123456789"
    with pytest.raises(Problem) as caught:
        unpacked(packed, name, 9)
    assert caught.value.status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize(
    "packed", [gzip.compress(b"x")[:-1], gzip.compress(b"x") + b"rest", b"plain"], ids=["cut", "rest", "plain"]
)
def test_what_is_not_whole_gzip_is_refused(packed: bytes) -> None:
    with pytest.raises(Problem) as caught:
        unpacked(packed, b"gzip", 1000)
    assert caught.value.status is HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("name", [b"br", b"deflate", b"gzip, gzip"])
def test_other_encodings_are_not_understood(name: bytes) -> None:
    with pytest.raises(Problem) as caught:
        unpacked(b"x", name, 1000)
    assert (caught.value.status, caught.value.headers) == (415, {"accept-encoding": "gzip"})
