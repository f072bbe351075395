"""A sender of CloudEvents as a process of its own: raw sockets and bodies made beforehand, so that it costs little.

Without a rate every connection sends again as soon as it was answered. With one, requests fall due by the clock and
their latency counts from then on, so that a slow server cannot slow the sender down and look fast.
Usage: python -m data_platform.benchmarks.http_load PORT EVENTS_A_REQUEST CONNECTIONS SECONDS RATE
The token stands in BENCH_TOKEN.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

_BODIES = 64
_EVENT = {
    "specversion": "1.0", "type": "com.example.order.placed", "source": "/shop/web", "subject": "orders/1234567",
    "time": "2026-03-20T12:00:00.123456Z", "datacontenttype": "application/json",
    "data": {"order_id": "o-1234567", "customer_id": "c-7654321", "status": "placed", "currency": "EUR",
             "line_amount": 1299.5,
             "items": [{"product_id": "p-17", "quantity": 2}, {"product_id": "p-4", "quantity": 1}]},
}  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Load:
    """What is sent and what came back. `rate` is in requests a second, 0 for as many as are answered."""

    port: int
    events: int
    connections: int
    seconds: float
    rate: float
    latencies: list[float] = field(default_factory=list)
    _requests: list[bytes] = field(default_factory=list)
    _next: int = 0

    async def run(self) -> dict[str, float]:
        """Sends for the time; the figures, latencies in seconds."""
        self._requests = [_request(self.events, number) for number in range(_BODIES)]
        began, cpu = time.monotonic(), time.process_time()
        await asyncio.gather(*(self._connection(began) for _ in range(self.connections)))
        wall = time.monotonic() - began
        self.latencies.sort()
        count = len(self.latencies)
        return {
            "requests": count,
            "events": count * self.events,
            "wall_seconds": wall,
            "cpu_seconds": time.process_time() - cpu,
            "events_per_second": count * self.events / wall,
            "p50_seconds": self.latencies[count // 2],
            "p99_seconds": self.latencies[count * 99 // 100],
            "longest_seconds": self.latencies[-1],
        }

    async def _connection(self, began: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            while (due := await self._due(began)) is not None:
                writer.write(self._requests[self._next % _BODIES])
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
                if not head.startswith(b"HTTP/1.1 202"):
                    raise SystemExit(f"the collector answered {head[:40]!r}")
                self.latencies.append(time.monotonic() - due)
        finally:
            writer.close()
            await writer.wait_closed()

    async def _due(self, began: float) -> float | None:
        """When the next request falls due, waited for; None at the end."""
        number, self._next = self._next, self._next + 1
        now = time.monotonic()
        due = now if self.rate == 0 else began + number / self.rate
        if due >= began + self.seconds:
            return None
        if due > now:
            await asyncio.sleep(due - now)
        return due


def one_event(number: int) -> bytes:
    """An event as it is sent."""
    return json.dumps({**_EVENT, "id": f"A234-{number:08}"}).encode()


def _request(events: int, number: int) -> bytes:
    texts = [one_event(number * events + at) for at in range(events)]
    body, kind = (
        (texts[0], "cloudevents+json") if events == 1 else (b"[" + b",".join(texts) + b"]", "cloudevents-batch+json")
    )
    head = (
        "POST /ingest/events HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {os.environ['BENCH_TOKEN']}\r\n"
        f"Content-Type: application/{kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def main(arguments: Sequence[str]) -> None:
    """Sends, and prints the figures as JSON."""
    port, events, connections, seconds, rate = arguments
    load = Load(
        port=int(port), events=int(events), connections=int(connections), seconds=float(seconds), rate=float(rate)
    )
    sys.stdout.write(json.dumps(asyncio.run(load.run())) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
