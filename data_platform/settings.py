"""Settings from the environment (`DATA_PLATFORM_*`). Turning them into stores, engines and databases is in `wiring`."""

from __future__ import annotations

import difflib
import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from data_platform.errors import ConfigurationError

PREFIX = "DATA_PLATFORM_"


class S3Settings(BaseModel):
    """Access to an S3-compatible store (`DATA_PLATFORM_S3_*`); empty for the environment's own chain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint_url: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    allow_http: bool = False


class Settings(BaseSettings):
    """Where the platform keeps its data and how much of the machine it may use.

    Attributes:
        home: local folder for metastore, spool, spill and warehouse; absolute.
        store: what must last: an absolute folder or `s3://bucket/prefix`.
        domains: folders that each hold domain folders; in the environment separated as PATH is.
        source: the folder that paths of file connectors are relative to; `sample_data` of the project by default.
        lineage: where lineage events go: `catalog`, `none`, `http://host:port`, `file:///path`, or several by comma.
        lineage_options: by sink, what to say beyond its address (headers, credential …); JSON in the environment.
        memory_limit: DuckDB's limit for one connection, e.g. `1200MB`.
        otlp_endpoint: an OpenTelemetry collector, `http://host:4318`; traces are sent there too.
        trace_sampling: the part of the traces without an error that is kept, from 0 to 1.
        dagster_url: where people open Dagster's own pages; the console's links to runs lead there.
        routes: who is told of incidents, and how (YAML); without it they are only shown.
        prices: what CPU, memory, traffic and storage cost (YAML); the package's own list by default.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="_", env_nested_max_split=1, extra="forbid", frozen=True
    )

    home: Path = Field(default_factory=lambda: project_folder() / ".data_platform")
    store: str = Field(default_factory=lambda data: str(data["home"] / "store"))
    domains: Annotated[tuple[Path, ...], NoDecode] = (Path(__file__).parent / "domains",)
    metastore_url: str = Field(default_factory=lambda data: f"sqlite:///{data['home'] / 'metastore.db'}", repr=False)
    source: Path = Field(default_factory=lambda: project_folder() / "sample_data")
    lineage: str = Field(default="catalog", repr=False)
    lineage_options: Annotated[dict[str, dict[str, Any]], NoDecode] = Field(default_factory=dict, repr=False)
    memory_limit: str = Field(default="1200MB", pattern=r"^[0-9]+(\.[0-9]+)? ?([KMGT]i?B|%)$")
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=1024)
    execution: Literal["in_process", "multiprocess"] = "in_process"
    otlp_endpoint: str | None = Field(default=None, pattern=r"^https?://[^\s@]+$", repr=False)
    trace_sampling: float = Field(default=1.0, ge=0, le=1)
    dagster_url: str = Field(default="http://127.0.0.1:3000", pattern=r"^https?://[^\s@]+$")
    prices: Path | None = None
    routes: Path | None = None
    s3: S3Settings = S3Settings()

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, values: Any) -> Any:
        # A variable that is set but empty means the default, as with most Unix tools.
        return {key: value for key, value in values.items() if value != ""} if isinstance(values, dict) else values

    @field_validator("home", "source", "prices", "routes")
    @classmethod
    def _absolute_path(cls, path: Path | None) -> Path | None:
        return None if path is None else _absolute(path)

    @field_validator("store")
    @classmethod
    def _absolute_store(cls, store: str) -> str:
        if "://" not in store:
            return str(_absolute(Path(store)))
        if not store.startswith("s3://") or not store.removeprefix("s3://").strip("/"):
            raise ValueError("a store is a folder or s3://bucket/prefix")
        return store.rstrip("/")

    @field_validator("domains", mode="before")
    @classmethod
    def _split_domains(cls, value: Any) -> Any:
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("domains")
    @classmethod
    def _absolute_domains(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        if not value:
            raise ValueError("name at least one folder of domains")
        return tuple(map(_absolute, value))

    @field_validator("lineage")
    @classmethod
    def _names_sinks(cls, value: str) -> str:
        if not all(word.strip() for word in value.split(",")):
            raise ValueError("name one sink, or several separated by commas; `none` keeps no lineage")
        return value

    @field_validator("lineage_options", mode="before")
    @classmethod
    def _read_options(cls, value: Any) -> Any:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError('write JSON: {"http://host:port": {"gzip": true}}') from error

    @property
    def lineage_sinks(self) -> tuple[str, ...]:
        """The words of `lineage`."""
        return tuple(word.strip() for word in self.lineage.split(","))

    @property
    def spill_dir(self) -> Path:
        """Where DuckDB spills what does not fit into memory."""
        return self.home / "spill"

    @property
    def spool_dir(self) -> Path:
        """Where deliveries are held while they are landed."""
        return self.home / "spool"

    @property
    def warehouse_file(self) -> Path:
        """The served layer as one DuckDB file."""
        return self.home / "warehouse" / "served.duckdb"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own folder: its run storage and event log."""
        return self.home / "dagster"


def load_settings(**overrides: Any) -> Settings:
    """Reads the environment; `overrides` win over it.

    Raises:
        ConfigurationError: a variable is unknown or its value cannot be used. Values of secrets are never shown.
    """
    faults = _unknown_variables()
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            if detail["type"] == "default_factory_not_called":
                continue  # follows from another fault in this list
            name = PREFIX + "_".join(str(part) for part in detail["loc"]).upper()
            faults.append(f"{name}: {detail['msg']}")
        raise ConfigurationError("settings cannot be used:\n" + "\n".join(faults)) from None
    if faults:
        raise ConfigurationError("settings cannot be used:\n" + "\n".join(faults))
    return settings


def project_folder() -> Path:
    """The nearest folder from the working directory upwards that holds `workspace.yaml`, else the working directory."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "workspace.yaml").is_file()), here)


def variable_names() -> tuple[str, ...]:
    """Every environment variable that is read."""
    names = [name for name in Settings.model_fields if name != "s3"]
    names += [f"s3_{name}" for name in S3Settings.model_fields]
    return tuple(sorted(PREFIX + name.upper() for name in names))


def _unknown_variables() -> list[str]:
    known = variable_names()
    unknown = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known)
    faults = []
    for name in unknown:
        close = difflib.get_close_matches(name, known, n=1)
        faults.append(f"{name} is no setting; " + (f"did you mean {close[0]}?" if close else "unset it"))
    return faults


def _absolute(path: Path) -> Path:
    return Path.cwd() / path.expanduser()
