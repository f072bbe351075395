"""What every channel can do, and what is sent through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from data_platform.errors import RetryableError


class ChannelFailed(RetryableError):
    """A channel did not take a message. What it says names no address: addresses are secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One notification as it is sent.

    Attributes:
        key: of the notification; a receiver that has seen it knows a repeat.
        body: everything, for programs.
        traceparent: of the run that failed (W3C Trace Context); empty where none is known.
    """

    key: str
    title: str
    text: str
    is_page: bool
    body: Mapping[str, Any]
    traceparent: str = ""


class Sender(Protocol):
    """One channel, open."""

    def send(self, message: Message) -> None:
        """Hands a message over.

        Raises:
            ChannelFailed: it was not taken, or not in time.
        """
        ...
