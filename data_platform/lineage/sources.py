"""What a connector reads, named as OpenLineage's naming specification says (spec/Naming.md). Reading it is the
connector's; an unknown kind is named by itself and its instance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from data_platform.contracts.domain_files import ConnectorEntry

_WILD = frozenset("*?[")
_PORTS = {"postgres": 5432, "mysql": 3306, "mssql": 1433, "oracle": 1521}
_SCHEMES = {"postgresql": "postgres", "mariadb": "mysql"}


@dataclass(frozen=True, slots=True)
class ExternalName:
    """A dataset outside the platform, without any secret of its address."""

    namespace: str
    name: str


def external_name(entry: ConnectorEntry) -> ExternalName:
    """The dataset that an entry of `connectors.yaml` reads."""
    named = _KINDS.get(entry.kind)
    found = named(entry.options) if named is not None else None
    return found or ExternalName(entry.kind, f"{entry.dataset.domain}.{entry.name}")


def _file_drop(options: Mapping[str, Any]) -> ExternalName | None:
    path = str(options.get("path", ""))
    url = urlsplit(path) if "://" in path else None
    if url is not None:
        return ExternalName(f"{url.scheme}://{_place(url.netloc)}", _before_wild(url.path.lstrip("/")) or "/")
    return ExternalName("file", _before_wild(path) or "/")


def _http_push(options: Mapping[str, Any]) -> ExternalName | None:
    path = options.get("path")
    return ExternalName("http_push", str(path)) if path else None


def _kafka(options: Mapping[str, Any]) -> ExternalName | None:
    return ExternalName(f"kafka://{str(options.get('bootstrap', '')).split(',')[0]}", str(options.get("topic", "")))


def _postgres_cdc(options: Mapping[str, Any]) -> ExternalName | None:
    place = f"postgres://{options.get('host', '')}:{options.get('port', 5432)}"
    return ExternalName(place, f"{options.get('dbname', '')}.{options.get('table', '')}")


def _sql_table(options: Mapping[str, Any]) -> ExternalName | None:
    url = urlsplit(str(options.get("url", "")))
    table = str(options.get("table", ""))
    dialect = url.scheme.split("+")[0]
    scheme = _SCHEMES.get(dialect, dialect)
    if url.hostname is None:  # SQLite and its like: a database in a file
        return ExternalName("file", f"{url.path.lstrip('/') or _place(url.netloc)}/{table}")
    port = url.port or _PORTS.get(scheme)
    place = f"{scheme}://{url.hostname}:{port}" if port else f"{scheme}://{url.hostname}"
    if scheme == "postgres" and "." not in table:
        table = f"public.{table}"
    return ExternalName(place, ".".join(part for part in (url.path.strip("/"), table) if part))


def _rest_pull(options: Mapping[str, Any]) -> ExternalName | None:
    url = urlsplit(str(options.get("url", "")))
    port = f":{url.port}" if url.port else ""
    path = str(options.get("path", "")).split("?")[0]
    name = "/".join(part.strip("/") for part in (url.path, path) if part.strip("/"))
    return ExternalName(f"{url.scheme}://{url.hostname or ''}{port}", f"/{name}")


def _place(netloc: str) -> str:
    """Host or bucket, with its port: an address may name a user and a password before them."""
    return netloc.rpartition("@")[2]


def _before_wild(path: str) -> str:
    """The folder in front of the first part with a wildcard."""
    kept = []
    for part in path.split("/"):
        if _WILD & set(part):
            break
        kept.append(part)
    return "/".join(kept)


_KINDS: dict[str, Callable[[Mapping[str, Any]], ExternalName | None]] = {
    "file_drop": _file_drop,
    "http_push": _http_push,
    "kafka": _kafka,
    "postgres_cdc": _postgres_cdc,
    "rest_pull": _rest_pull,
    "sql_table": _sql_table,
}
