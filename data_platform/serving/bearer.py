"""Whether a request shows the present token. Tokens are never logged or sent back, and compared in constant time."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from dataclasses import dataclass, field
from http import HTTPStatus

from data_platform.credentials import Credential
from data_platform.errors import ConfigurationError
from data_platform.serving.problems import Problem

_MISMATCH_SECONDS = 1.0  # how often strangers can make us read the token again
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class BearerGate:
    """Only the present token opens it: the old one stops when the token is read again.

    Attributes:
        keep_seconds: how long a token that fits is believed before it is read again.
    """

    token: Credential
    keep_seconds: float
    _value: bytes = field(default=b"", init=False)
    _read_at: float = field(default=float("-inf"), init=False)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def require(self, authorization: bytes | None) -> None:
        """Lets a request pass.

        Raises:
            Problem: 401, it shows no token or another one; 503, the token cannot be read.
        """
        shown = _token(authorization)
        if shown is None:
            raise _refused('Bearer realm="ingest"', "show the token: `Authorization: Bearer ...`")
        if self._age() >= self.keep_seconds:
            await self._read(self.keep_seconds)
        if hmac.compare_digest(shown, self._value):
            return
        if self._age() >= _MISMATCH_SECONDS:
            await self._read(_MISMATCH_SECONDS)
        if not hmac.compare_digest(shown, self._value):
            raise _refused('Bearer realm="ingest", error="invalid_token"', "the token is not the present one")

    def _age(self) -> float:
        return time.monotonic() - self._read_at

    async def _read(self, older_than: float) -> None:
        async with self._reading:
            if self._age() < older_than:  # another request read it while this one waited
                return
            try:
                await asyncio.get_running_loop().run_in_executor(None, self.token.renew)
            except ConfigurationError as error:
                self._value = b""
                _log.warning("nothing is accepted: %s", error)
                raise Problem(
                    HTTPStatus.SERVICE_UNAVAILABLE, "the token cannot be read here", headers={"retry-after": "5"}
                ) from error
            self._value = self.token.value().encode()
            self._read_at = time.monotonic()


def _token(authorization: bytes | None) -> bytes | None:
    scheme, _, token = (authorization or b"").partition(b" ")
    return token.strip() or None if scheme.lower() == b"bearer" else None


def _refused(challenge: str, detail: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, detail, headers={"www-authenticate": challenge})
