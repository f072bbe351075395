"""s3fs made patient: what a busy or distant store refuses is asked again, with growing random pauses, and what it
still refuses is the platform's own error. Every reader and writer on S3 but delta-rs goes through here, DuckDB too.

An error that is no answer must not look like one: `OSError` is left to what the store said about the object.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar, NoReturn, TypeVar

import aiohttp
import s3fs
from botocore import exceptions as boto  # type: ignore[import-untyped]
from fsspec.asyn import sync_wrapper
from s3fs.core import S3_RETRYABLE_ERRORS, S3File
from s3fs.utils import FileExpired
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from data_platform.errors import ConfigurationError, SourceRefused, SourceUnavailable
from data_platform.lakehouse.credentials import StoreCredentials

_ATTEMPTS = 10
_SECONDS = 90.0  # of one request, with its repetitions
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 20.0  # of one attempt; reading is silence, not the whole answer
_PASSING_CODES = frozenset({"SlowDown", "RequestTimeout", "RequestLimitExceeded", "ConditionalRequestConflict"})
_PASSING_STATUS = frozenset({429, 500, 502, 503, 504})
_REFUSED = (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError, PermissionError)
_ResultT = TypeVar("_ResultT")


def s3_files(credentials: StoreCredentials) -> PatientFiles:
    """The file system for these credentials; listings are never cached, since other processes write too."""
    options = credentials.s3fs_options()
    config = {"retries": {"max_attempts": 0}, "connect_timeout": _CONNECT_SECONDS, "read_timeout": _READ_SECONDS}
    return PatientFiles(**options, config_kwargs=config, use_listings_cache=False)


class PatientFiles(s3fs.S3FileSystem):  # type: ignore[misc]  # s3fs has no types
    """s3fs with one place for repeating: neither botocore nor s3fs repeats below it."""

    retries: ClassVar[int] = 1

    async def _call_s3(self, method: str, *defaults: Any, **arguments: Any) -> Any:
        try:
            return await self._patiently(partial(super()._call_s3, method, *defaults, **arguments))
        except FileNotFoundError as error:
            if method == "complete_multipart_upload":  # what a repeated request hears after the first was carried out
                raise SourceUnavailable(
                    f"{self._place}: whether {arguments.get('Key')} was uploaded is unknown; try again"
                ) from error
            if _code(error) != "NoSuchBucket":
                raise
            raise ConfigurationError(
                f"{self._place}: there is no bucket {arguments.get('Bucket')}; create it or name another"
            ) from error

    call_s3 = sync_wrapper(_call_s3)

    async def _abort_mpu(self, bucket: str, key: str, mpu: str) -> None:
        with suppress(FileNotFoundError):  # it was completed, or aborted before
            await super()._abort_mpu(bucket, key, mpu)

    async def _cat_file(self, path: str, **options: Any) -> Any:
        return await self._patiently(partial(super()._cat_file, path, **options))

    async def _read_range(self, path: str, start: int, end: int, etag: str) -> bytes:
        """Bytes [start, end) of the object while it is the one that `etag` names.

        Raises:
            FileExpired: another object was put in its place.
        """
        if start >= end:
            return b""
        bucket, key, _ = self.split_path(path)

        async def once() -> bytes:
            span = f"bytes={start}-{end - 1}"
            response = await self._call_s3("get_object", Bucket=bucket, Key=key, Range=span, IfMatch=etag)
            async with response["Body"] as body:
                return bytes(await body.read())

        try:
            return await self._patiently(once)
        except OSError as error:
            if _code(error) != "PreconditionFailed":
                raise
            raise FileExpired(filename=path, e_tag=etag) from error

    read_range = sync_wrapper(_read_range)

    def _open(self, path: str, mode: str = "rb", **options: Any) -> S3File:
        file = super()._open(path, mode, **options)
        if mode == "rb":
            file.cache.fetcher = lambda start, end: self.read_range(path, start, end, file.details["ETag"])
        return file

    async def _patiently(self, call: Callable[[], Awaitable[_ResultT]]) -> _ResultT:
        """Calls until the store answers.

        Raises:
            SourceUnavailable: it did not, in bounded time.
            SourceRefused: it did not take the credentials.
        """
        repeating = AsyncRetrying(
            retry=retry_if_exception(_is_passing),
            stop=stop_after_attempt(_ATTEMPTS) | stop_after_delay(_SECONDS),
            wait=wait_random_exponential(multiplier=0.1, max=8),
            retry_error_callback=self._give_up,
        )
        try:
            return await repeating(call)
        except _REFUSED as error:
            raise SourceRefused(
                f"{self._place} did not take the credentials ({_said(error)}); check them and their rights"
            ) from error

    def _give_up(self, state: RetryCallState) -> NoReturn:
        error = state.outcome.exception() if state.outcome else None
        raise SourceUnavailable(
            f"{self._place} does not answer ({_said(error)}); check that the endpoint is right and reachable"
        ) from error

    @property
    def _place(self) -> str:
        return f"the object store at {self.endpoint_url or 'AWS S3'}"


def _is_passing(error: BaseException) -> bool:
    """Whether the same request may be answered the next time."""
    kinds = (*S3_RETRYABLE_ERRORS, boto.ConnectionError, boto.HTTPClientError, aiohttp.ClientError, ConnectionError)
    if isinstance(error, (*kinds, asyncio.TimeoutError)):
        return True
    cause = error if isinstance(error, boto.ClientError) else error.__cause__
    if not isinstance(cause, boto.ClientError):
        return False
    status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status in _PASSING_STATUS or "Throttl" in _code(error) or _code(error) in _PASSING_CODES


def _code(error: BaseException) -> str:
    cause = error if isinstance(error, boto.ClientError) else error.__cause__
    return str(cause.response.get("Error", {}).get("Code", "")) if isinstance(cause, boto.ClientError) else ""


def _said(error: BaseException | None) -> str:
    return "" if error is None else _code(error) or f"{type(error).__name__}: {error}".split("\n", 1)[0][:200]
