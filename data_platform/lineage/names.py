"""Names that both who composes events and who reads them go by; loads nothing."""

from __future__ import annotations

from typing import Final

PRODUCER: Final = "https://github.com/data-platform/data-platform"  # of the platform's own events
PLATFORM: Final = "data_platform"  # the namespace of the platform's own datasets and jobs
CONTRACT: Final = "dataPlatform_contract"  # the facets that OpenLineage does not have
DISCOVERY: Final = "dataPlatform_discovery"
EVENT: Final = "dataPlatform_event"
TRACE: Final = "dataPlatform_trace"
