"""A plain webhook: JSON by POST, with a stable key, signed where a secret is given."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

import requests

from data_platform.incidents.channels.protocol import ChannelFailed, Message

TIMEOUT_SECONDS = 5.0
SIGNATURE = "X-Data-Platform-Signature"
KEY = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that takes JSON. Any answer of 2xx means taken; redirects are not followed."""

    address: str = field(repr=False)
    secret: str = field(default="", repr=False)

    def send(self, message: Message) -> None:
        """Posts the message's body.

        Raises:
            ChannelFailed: no answer in time, or another one than 2xx.
        """
        content = json.dumps(message.body, default=_plain, sort_keys=True).encode()
        headers = {"Content-Type": "application/json", KEY: message.key}
        if message.traceparent:
            headers["traceparent"] = message.traceparent
        if self.secret:
            digest = hmac.new(self.secret.encode(), content, hashlib.sha256).hexdigest()
            headers[SIGNATURE] = f"sha256={digest}"
        try:
            answer = requests.post(
                self.address,
                data=content,
                headers=headers,
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,  # what it answers is not read
            )
        except (requests.RequestException, ValueError) as error:
            raise ChannelFailed(f"no answer ({type(error).__name__})") from None  # its text holds the address
        with answer:
            if not HTTPStatus(200) <= answer.status_code < HTTPStatus(300):
                raise ChannelFailed(f"the answer was {answer.status_code}")


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
