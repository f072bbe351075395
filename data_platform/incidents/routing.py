"""Who is told, and through which channels: the teams, channels and rotations of `routes.yaml` (DATA_PLATFORM_ROUTES).

Addresses are secrets: they come from the environment by `${NAME}`, and stay out of logs, errors and the metastore.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from data_platform.contracts.places import nearest
from data_platform.errors import ConfigurationError
from data_platform.metastore.incident_tables import IncidentSeverity

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Channel(_Strict):
    """One way to reach somebody.

    Attributes:
        webhook: an address that takes JSON by POST.
        secret: signs what is sent to the webhook (HMAC-SHA256).
        apprise: an address of any service that apprise knows.
    """

    webhook: SecretStr | None = None
    secret: SecretStr | None = None
    apprise: SecretStr | None = None

    @model_validator(mode="after")
    def _one_address(self) -> Channel:
        if (self.webhook is None) == (self.apprise is None):
            raise ValueError("a channel has either `webhook` or `apprise`")
        return self


class Rotation(_Strict):
    """Who is on duty, week by week.

    Attributes:
        starts_on: the first day of the first person's first week.
    """

    starts_on: date
    people: tuple[str, ...] = Field(min_length=1)

    def on_duty(self, moment: datetime) -> str:
        """Whose week it is; before the first week, the first person's."""
        weeks = max((moment.date() - self.starts_on).days, 0) // 7
        return self.people[weeks % len(self.people)]


class Team(_Strict):
    """One recipient.

    Attributes:
        channels: the first is used; each next one where the one before does not take a message.
    """

    channels: tuple[str, ...] = ()
    rotation: Rotation | None = None


class Platform(Team):
    """The platform team, to whom goes what nobody owns and what nobody takes."""

    name: str = "platform"


class Escalation(_Strict):
    """How long an incident may wait for somebody to take it."""

    page_minutes: float = Field(default=15, gt=0)
    ticket_minutes: float = Field(default=1440, gt=0)


class Heartbeat(_Strict):
    """The dead man's switch: an address that is called after each good turn of the watch."""

    url: SecretStr


class Routes(_Strict):
    """Everything that `routes.yaml` says. Without it there is no channel, and incidents are only shown."""

    platform: Platform = Platform()
    teams: Mapping[str, Team] = Field(default_factory=dict)
    channels: Mapping[str, Channel] = Field(default_factory=dict)
    escalation: Escalation = Escalation()
    heartbeat: Heartbeat | None = None
    links: str = Field(default="http://127.0.0.1:8090", description="Where the console is.")

    @field_validator("links")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @model_validator(mode="after")
    def _known_channels(self) -> Routes:
        for name, team in [*self.teams.items(), ("platform", self.platform)]:
            for channel in team.channels:
                if channel not in self.channels:
                    raise ValueError(f"{name} uses a channel that is not there: {channel!r}")
        return self

    def channels_of(self, recipient: str) -> Sequence[str]:
        """The channels of a recipient in order; those of the platform team where it has none of its own."""
        return self._team(recipient).channels or self.platform.channels

    def on_duty(self, recipient: str, moment: datetime) -> str:
        """Whose week it is; empty where the recipient has no rotation."""
        rotation = self._team(recipient).rotation
        return rotation.on_duty(moment) if rotation else ""

    def patience(self, severity: IncidentSeverity) -> timedelta:
        """How long an incident of a severity may stay without an acknowledgement."""
        is_page = severity is IncidentSeverity.PAGE
        return timedelta(minutes=self.escalation.page_minutes if is_page else self.escalation.ticket_minutes)

    def _team(self, recipient: str) -> Team:
        if recipient == self.platform.name:
            return self.platform
        return self.teams.get(recipient, Team())


def read_routes(path: Path | None, environment: Mapping[str, str] | None = None) -> Routes:
    """The routes of a file; those without any channel where no file is named.

    Raises:
        ConfigurationError: the file cannot be read, says something unknown, or names a variable that is not set.
            Values are never repeated.
    """
    if path is None:
        return Routes()
    try:
        text = path.read_text(encoding="utf-8")
        found = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read ({type(error).__name__}); mend DATA_PLATFORM_ROUTES"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigurationError(f"{place}: this is not YAML") from None
    filled = _filled(found or {}, os.environ if environment is None else environment, path)
    try:
        return Routes.model_validate(filled)
    except ValidationError as error:
        lines = [
            f"{path}: {'.'.join(map(str, one['loc'])) or 'routes'}: {one['msg']}{_hint(one)}"
            for one in error.errors(include_url=False, include_input=False)
        ]
        raise ConfigurationError("the routes cannot be used:\n" + "\n".join(lines)) from None


def _filled(value: Any, environment: Mapping[str, str], path: Path) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, environment, path) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, environment, path) for inner in value]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        if not environment.get(match[1]):
            raise ConfigurationError(f"{path} names ${{{match[1]}}}, which is not set in the environment")
        return environment[match[1]]

    return _VARIABLE.sub(variable, value)


def _hint(error: Any) -> str:
    if error["type"] != "extra_forbidden":
        return ""
    fields = {*Routes.model_fields, *Team.model_fields, *Channel.model_fields, *Escalation.model_fields}
    return "; " + nearest(str(error["loc"][-1]), sorted(fields))
