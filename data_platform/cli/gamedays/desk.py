"""The desk of whoever is on call: a webhook that keeps what it is sent, with the time of its arrival."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from data_platform.cli.gamedays.loopback import Loopback, QuietHandler
from data_platform.clock import Clock


@dataclass(frozen=True, slots=True)
class Call:
    """One notification."""

    at: datetime
    body: dict[str, Any]


class Desk(Loopback):
    """A webhook while the block lasts."""

    def __init__(self, clock: Clock) -> None:
        self.calls: list[Call] = []
        calls = self.calls

        class Handler(QuietHandler):
            def take(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                calls.append(Call(clock.now(), json.loads(body)))
                self.answer(HTTPStatus.OK)

        super().__init__(Handler, name="desk")
