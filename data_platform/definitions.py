"""Dagster's entry, named in `[tool.dg.project]` and `workspace.yaml`. Everything comes from the domain folders."""

from __future__ import annotations

import dagster as dg

from data_platform.orchestration.component import DatasetDomains


@dg.definitions
def defs() -> dg.Definitions:
    """The code location; settings are read when it is loaded, not when this module is imported."""
    return dg.build_defs_for_component(DatasetDomains())
