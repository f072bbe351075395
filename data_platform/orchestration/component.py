"""The Dagster component from which the code location is built: folders of domains in, definitions out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg

from data_platform.orchestration.build import build_definitions
from data_platform.settings import load_settings


class DatasetDomains(dg.Component, dg.Model, dg.Resolvable):
    """Every dataset of every domain folder as an asset with its checks, partitions, jobs, schedules and sensors.

    Attributes:
        domains: folders that each hold domain folders; none means those of `DATA_PLATFORM_DOMAINS`.
    """

    domains: tuple[str, ...] = ()

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002 - the component's interface
        """Reads settings and parses the domains; opens no store, database or network."""
        given: dict[str, Any] = {"domains": tuple(map(Path, self.domains))} if self.domains else {}
        return build_definitions(load_settings(**given))
