"""The options of an entry in `connectors.yaml`, read into the model of its kind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data_platform.contracts.domain_files import ConnectorEntry
from data_platform.errors import ConfigurationError

_OptionsT = TypeVar("_OptionsT", bound="Options")


class Options(BaseModel):
    """What every kind may say.

    Attributes:
        expect_every: how often the source should have something; the heartbeat's cadence. None: no expectation.
        expect_rows: how many rows a run of a batch kind brings at least; fewer is `empty`.
        grace: how long after `expect_every` nobody is told yet.
        schedule: cron line (UTC) by which Dagster runs a batch kind; without it, whenever a sensor sees something new.
        max_batch_bytes: how much one poll takes at most; a single larger delivery is a batch of its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    expect_every: timedelta | None = None
    expect_rows: int = Field(default=1, ge=0)
    grace: timedelta = timedelta(0)
    schedule: str | None = Field(default=None, pattern=r"^\S+( \S+){4}$")
    max_batch_bytes: int = Field(default=1 << 30, gt=0)


class Expectations(Options):
    """The options that all kinds share, of an entry whose other options do not matter here."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def read_options(model: type[_OptionsT], entry: ConnectorEntry) -> _OptionsT:
    """The options of an entry.

    Raises:
        ConfigurationError: naming every option that is unknown, missing or wrong. Values are not repeated: one of them
            may be a secret in the wrong place.
    """
    options: dict[str, Any] = dict(entry.options)
    try:
        return model.model_validate(options)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'options'}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"connector {entry.name} ({entry.path}:{entry.line}): {wrong}") from error
