"""One OpenSLO v1 document: its kind, its name, and every fault with its line.

The rules of each kind are in `openslo_kinds` and `openslo_slo`. What a document means for this platform is `resolving`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from data_platform.contracts.places import FileFaults, Place, content_of, nearest, shown_path
from data_platform.contracts.yaml_lines import parse_yaml
from data_platform.errors import Fault
from data_platform.observability.objectives import openslo_kinds as kinds
from data_platform.observability.objectives.openslo_metadata import check_metadata
from data_platform.observability.objectives.openslo_slo import check_sli, check_slo

API_VERSION = "openslo/v1"
SUFFIX = ".openslo.yaml"
_CHECKS: Mapping[str, Callable[[Place], None]] = {
    "SLO": check_slo,
    "SLI": check_sli,
    "AlertPolicy": kinds.check_alert_policy,
    "AlertCondition": kinds.check_alert_condition,
    "AlertNotificationTarget": kinds.check_notification_target,
    "Service": kinds.check_service,
    "DataSource": kinds.check_data_source,
}


@dataclass(frozen=True, slots=True)
class Document:
    """A document without faults of its own; what it refers to may still be missing."""

    kind: str
    name: str
    top: Place

    @property
    def spec(self) -> Place:
        """What it says."""
        return self.top.into("spec")


def read_document(path: Path) -> tuple[Document | None, list[Fault]]:
    """Reads one file; the document is None where it has faults."""
    try:
        content = content_of(path)
    except OSError as error:
        return None, [Fault(shown_path(path), 0, f"cannot be read: {error.strerror}", "make it readable")]
    return parse_document(content, shown_path(path))


def parse_document(content: bytes, shown: str) -> tuple[Document | None, list[Fault]]:
    """Reads the bytes of one file that faults call `shown`."""
    file = FileFaults(shown, parse_yaml(content))
    for problem in file.document.problems:
        file.at_line(*problem)
    if not isinstance(file.document.data, dict):
        if not file.faults:
            file.add((), "the file holds no OpenSLO document", f"begin with apiVersion: {API_VERSION}")
        return None, file.faults
    top = Place(file.document.data, (), file)
    top.refuse_unknown(("apiVersion", "kind", "metadata", "spec"), "a document")
    if top.get("apiVersion") != API_VERSION:
        top.missing("apiVersion", f"apiVersion is {top.get('apiVersion')!r}", f"write apiVersion: {API_VERSION}")
    kind = top.text("kind")
    check_metadata(top.into("metadata"))
    if kind not in _CHECKS:
        top.missing("kind", f"kind is {top.get('kind')!r}", nearest(kind, _CHECKS))
    elif not isinstance(top.get("spec"), dict):
        top.missing("spec", f"the {kind} has no spec", "add spec with what it says")
    else:
        _CHECKS[kind](top.into("spec"))
    if file.faults:
        return None, file.faults
    return Document(kind, top.into("metadata").text("name"), top), []
