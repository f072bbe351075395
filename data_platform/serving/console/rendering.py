"""Templates as answers: one environment, everything escaped, and how the catalog's things are addressed in pages."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import quote

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from data_platform.catalog.naming import display_key
from data_platform.lineage.names import PLATFORM
from data_platform.metastore.catalog_reads import DatasetLine
from data_platform.observability.words import budget_left, duration, share, size
from data_platform.wiring.machine import code_version

LAYERS = ("raw", "curated", "served")


def page(template: str, *, here: str = "", status: int = 200, **values: Any) -> HTMLResponse:
    """A page; `here` is the entry of the navigation that it belongs to."""
    text = _environment().get_template(template).render(here=here, version=code_version(), **values)
    return HTMLResponse(text, status)


def dataset_href(name: str, namespace: str | None = None) -> str:
    """The page of a dataset; without a namespace one of the platform's own."""
    return f"/datasets/{quote(_key(name, namespace), safe='')}"


def lineage_href(name: str, namespace: str | None = None, *, column: str | None = None) -> str:
    """The lineage graph of a dataset or a column."""
    return f"/lineage/{quote(_key(name, namespace), safe='')}" + (f"?column={quote(column)}" if column else "")


def href_of(dataset: DatasetLine) -> str:
    """The page of a dataset."""
    return dataset_href(dataset.name, dataset.namespace)


def layer_of(dataset: DatasetLine) -> str:
    """The layer of a platform's dataset; what others have is external."""
    layer = dataset.name.partition(".")[0]
    return layer if dataset.namespace == PLATFORM and layer in LAYERS else "external"


def domain_of(dataset: DatasetLine) -> str:
    """The domain of a platform's dataset; empty for others."""
    parts = dataset.name.split(".")
    return parts[1] if layer_of(dataset) in LAYERS and len(parts) > 1 else ""


def breakable(name: str) -> Markup:
    """A dotted name that a narrow column may break after a dot."""
    return Markup(".<wbr>").join(name.split("."))


def _key(name: str, namespace: str | None) -> str:
    return display_key((namespace or PLATFORM, name))


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("data_platform.serving.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(dataset_href=dataset_href, lineage_href=lineage_href)
    made.filters.update(breakable=breakable, budget_left=budget_left, duration=duration, share=share, size=size)
    return made
