"""What steps reach through Dagster: the platform (one per run in-process), who is told about progress, the served file
and, where the store is on S3, the bucket with the same credentials that the tables are written with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import dagster as dg
from dagster_duckdb import DuckDBResource

from data_platform.orchestration.location import Location
from data_platform.settings import Settings

if TYPE_CHECKING:
    from data_platform.wiring.platform import Platform

STEP_RESOURCES = {"platform", "progress"}


class Progress(Protocol):
    """Is told when a step begins and how it ended."""

    def started(self, dataset: str) -> None:
        """A step began."""
        ...

    def ended(self, dataset: str, *, error: Exception | None, seconds: float, message: str) -> None:
        """A step ended; `error` is None where it succeeded."""
        ...


class SilentProgress:
    """Tells nobody: Dagster's own events are enough."""

    def started(self, dataset: str) -> None:
        """Ignored."""

    def ended(self, dataset: str, *, error: Exception | None, seconds: float, message: str) -> None:
        """Ignored."""


def resources(
    location: Location, *, platform: Platform | None = None, progress: Progress | None = None
) -> Mapping[str, Any]:
    """The resources of the code location.

    Args:
        location: the loaded project.
        platform: an open platform to use; otherwise each run opens its own and closes it.
        progress: who is told; nobody by default.
    """
    found: dict[str, Any] = {
        "platform": platform or platform_resource(location),
        "progress": progress or SilentProgress(),
        "warehouse": warehouse_resource(location.settings),
    }
    if location.settings.store.startswith("s3://"):
        found["s3"] = s3_resource(location.settings)
    return found


def platform_resource(location: Location) -> dg.ResourceDefinition:
    """Opens the platform when a run begins and closes it at its end."""

    def opened(_: dg.InitResourceContext) -> Iterator[Platform]:
        with open_platform(location) as platform:
            yield platform

    return dg.ResourceDefinition(dg.resource(opened).resource_fn, description="Store, tables and metastore.")


def open_platform(location: Location) -> Any:
    """The platform over the location's project, as a context manager.

    Loaded by name: engines and audits take seconds to import, and loading definitions needs none of them.
    """
    return import_module("data_platform.wiring.platform").open_platform(location.settings, project=location.project)


class SoundPlatforms:
    """Platforms for what only watches: over the sound part of the domains as their files are now, and not as they were
    when the code location was loaded. What was read is kept from one to the next while no file changes.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reader: Any = None  # made when it is first needed: its readers take seconds to import

    def open(self) -> Any:
        """A platform, as a context manager."""
        if self._reader is None:
            self._reader = import_module("data_platform.wiring.reading").sound_reader(self._settings)
        self._reader.look()
        return import_module("data_platform.wiring.platform").open_platform(self._settings, reader=self._reader)


def warehouse_resource(settings: Settings) -> DuckDBResource:
    """The served layer's file, opened for reading only."""
    return DuckDBResource(database=str(settings.warehouse_file), connection_config={"access_mode": "READ_ONLY"})


def s3_resource(settings: Settings) -> dg.ConfigurableResource[Any]:
    """The store's bucket for Dagster, with the platform's credentials."""
    s3 = settings.s3
    secret, token = s3.secret_access_key, s3.session_token
    # Loaded by name: boto3 takes long to import, and local stores need none of it.
    resource: dg.ConfigurableResource[Any] = import_module("dagster_aws.s3").S3Resource(
        endpoint_url=s3.endpoint_url,
        region_name=s3.region,
        use_ssl=not s3.allow_http,
        aws_access_key_id=s3.access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        aws_session_token=token.get_secret_value() if token else None,
    )
    return resource
