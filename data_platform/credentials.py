"""Credentials by reference: where a secret is read, never the secret itself.

It is read when it is first needed, and again when the source refuses it, so that a rotated secret needs no restart.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from data_platform.clock import Clock
from data_platform.errors import ConfigurationError, SourceRefused

_COMMAND_SECONDS = 30
_ResultT = TypeVar("_ResultT")


class CredentialRef(BaseModel):
    """Where a secret is read: exactly one of an environment variable, a file, or the output of a command.

    Attributes:
        command: program and arguments; no shell.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    env: str | None = None
    file: Path | None = None
    command: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _is_one_place(self) -> CredentialRef:
        if sum(place is not None for place in (self.env, self.file, self.command)) != 1 or self.command == ():
            raise ValueError("write exactly one of env, file, command")
        return self


class Credential:
    """A secret that can be read again."""

    def __init__(self, ref: CredentialRef, clock: Clock) -> None:
        self._ref = ref
        self._clock = clock
        self._value: str | None = None
        self._changed_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Credential({self._ref!r})"

    @property
    def age_seconds(self) -> float | None:
        """Since when the value is the present one, as far as this process has seen; None before it was read."""
        return None if self._changed_at is None else (self._clock.now() - self._changed_at).total_seconds()

    def value(self) -> str:
        """The secret.

        Raises:
            ConfigurationError: it cannot be read.
        """
        if self._value is None:
            self.renew()
        assert self._value is not None
        return self._value

    def renew(self) -> bool:
        """Reads the secret again; whether it differs from before.

        Raises:
            ConfigurationError: it cannot be read.
        """
        value = _read(self._ref)
        if value == self._value:
            return False
        self._value, self._changed_at = value, self._clock.now()
        return True


def with_renewal(credential: Credential | None, call: Callable[[], _ResultT]) -> _ResultT:
    """Calls; where the source refuses the credential, reads it again and calls once more.

    Raises:
        SourceRefused: it was refused again, or has not changed.
    """
    try:
        return call()
    except SourceRefused:
        if credential is None or not credential.renew():
            raise
        return call()


def _read(ref: CredentialRef) -> str:
    if ref.env is not None:
        found = os.environ.get(ref.env, "").strip()
        if not found:
            raise ConfigurationError(f"the environment variable {ref.env} is not set; it should hold a credential")
        return found
    if ref.file is not None:
        try:
            return _not_empty(ref.file.read_text(encoding="utf-8").strip(), str(ref.file))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"the credential file {ref.file} cannot be read: {type(error).__name__}"
            ) from error
    assert ref.command is not None
    try:
        done = subprocess.run(ref.command, capture_output=True, timeout=_COMMAND_SECONDS, check=True, text=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        # The command's output may hold the secret, so it is not repeated.
        raise ConfigurationError(
            f"the credential command {ref.command[0]} did not succeed: {type(error).__name__}"
        ) from None
    return _not_empty(done.stdout.strip(), ref.command[0])


def _not_empty(value: str, place: str) -> str:
    if not value:
        raise ConfigurationError(f"the credential in {place} is empty")
    return value
