"""Events count against the budget of memory from the first byte until they are taken, as long as they are unpacked."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import Sequence

import httpx
import pytest
from fastapi import FastAPI

from data_platform.catalog.event import Taken
from data_platform.serving.api import lineage_events
from data_platform.serving.api.lineage_events import lineage_routes
from data_platform.serving.problems import Problem, answer_problem

JSON = {"content-type": "application/json"}
PACKED = {**JSON, "content-encoding": "gzip"}


class Slow:
    """Takes events once it is let."""

    def __init__(self) -> None:
        self.begun, self.let, self.threads = threading.Event(), threading.Event(), set[int]()

    def __call__(self, payloads: Sequence[str]) -> list[Taken]:
        self.threads.add(threading.get_ident())
        self.begun.set()
        assert self.let.wait(20)
        return [Taken(event_id=str(number)) for number, _ in enumerate(payloads)]


def client(take: Slow) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(lineage_routes(take))
    app.add_exception_handler(Problem, answer_problem)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


def event(size_bytes: int) -> bytes:
    return json.dumps({"text": "x" * (size_bytes - 12)}).encode()


@pytest.mark.parametrize("path", ["/lineage", "/lineage/batch"])
@pytest.mark.parametrize("second", ["plain", "packed"])
def test_what_is_being_taken_holds_its_part_of_the_budget(
    monkeypatch: pytest.MonkeyPatch, path: str, second: str
) -> None:
    monkeypatch.setattr(lineage_events, "_MEMORY_BYTES", 10_000)
    take = Slow()
    body = event(6_000) if path == "/lineage" else b"[" + event(5_998) + b"]"
    content, headers = (body, JSON) if second == "plain" else (gzip.compress(body), PACKED)

    async def ask() -> list[httpx.Response]:
        async with client(take) as asker:
            first = asyncio.create_task(asker.post(path, content=body, headers=JSON))
            await asyncio.to_thread(take.begun.wait, 20)
            refused = await asyncio.wait_for(asker.post(path, content=content, headers=headers), 20)
            take.let.set()
            return [refused, await first, await asker.post(path, content=content, headers=headers)]

    timer = threading.Timer(10, take.let.set)  # a second one that is taken too must not hang the test
    timer.start()
    refused, first, after = asyncio.run(ask())
    timer.cancel()
    timer.join()
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert first.is_success
    assert after.is_success


def test_a_batch_is_taken_apart_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    take, seen = Slow(), list[int]()
    take.let.set()
    apart = lineage_events._elements

    def noted(text: str) -> list[str]:
        seen.append(threading.get_ident())
        return apart(text)

    monkeypatch.setattr(lineage_events, "_elements", noted)

    async def ask() -> int:
        async with client(take) as asker:
            await asker.post("/lineage/batch", content=b"[{}]", headers=JSON)
        return threading.get_ident()

    assert asyncio.run(ask()) not in seen
    assert seen
