"""Settings from the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import data_platform
from data_platform.errors import ConfigurationError
from data_platform.settings import load_settings


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("DATA_PLATFORM_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults_lie_under_the_folder_one_stands_in(tmp_path: Path) -> None:
    settings = load_settings()
    home = tmp_path / ".data_platform"
    assert settings.home == home
    assert settings.store == str(home / "store")
    assert settings.metastore_url == f"sqlite:///{home}/metastore.db"
    assert settings.domains == (Path(data_platform.__file__).parent / "domains",)
    assert (settings.spill_dir, settings.spool_dir) == (home / "spill", home / "spool")
    assert (settings.warehouse_file, settings.dagster_home) == (home / "warehouse/served.duckdb", home / "dagster")
    assert not home.exists()


def test_a_workspace_above_is_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "workspace.yaml").touch()
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert load_settings().home == tmp_path / ".data_platform"


def test_the_environment_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_PLATFORM_HOME", "here")
    monkeypatch.setenv("DATA_PLATFORM_STORE", "s3://bucket/prefix/")
    monkeypatch.setenv("DATA_PLATFORM_DOMAINS", f"one{os.pathsep}/two")
    monkeypatch.setenv("DATA_PLATFORM_S3_ENDPOINT_URL", "http://localhost:9000")
    monkeypatch.setenv("DATA_PLATFORM_S3_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("DATA_PLATFORM_S3_ALLOW_HTTP", "true")
    monkeypatch.setenv("DATA_PLATFORM_MEMORY_LIMIT", "")
    settings = load_settings(threads=3)
    assert (settings.home, settings.store) == (tmp_path / "here", "s3://bucket/prefix")
    assert settings.domains == (tmp_path / "one", Path("/two"))
    assert (settings.s3.endpoint_url, settings.s3.allow_http) == ("http://localhost:9000", True)
    assert settings.s3.secret_access_key is not None
    assert settings.s3.secret_access_key.get_secret_value() == "hush"
    assert (settings.memory_limit, settings.threads) == ("1200MB", 3)
    assert "hush" not in repr(settings)


def test_every_wrong_setting_is_named_and_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_PLATFORM_STROE", "x")
    monkeypatch.setenv("DATA_PLATFORM_THREADS", "many")
    monkeypatch.setenv("DATA_PLATFORM_STORE", "ftp://hush")
    with pytest.raises(ConfigurationError) as raised:
        load_settings()
    message = str(raised.value)
    assert "DATA_PLATFORM_STROE is no setting; did you mean DATA_PLATFORM_STORE?" in message
    assert "DATA_PLATFORM_THREADS: " in message
    assert "DATA_PLATFORM_STORE: " in message
    assert "hush" not in message


def test_sinks_of_lineage_are_words_separated_by_commas_and_their_options_json(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load_settings().lineage_sinks, load_settings().lineage_options) == (("catalog",), {})
    monkeypatch.setenv("DATA_PLATFORM_LINEAGE", "catalog, http://marquez:5000")
    monkeypatch.setenv("DATA_PLATFORM_LINEAGE_OPTIONS", '{"http://marquez:5000": {"headers": {"x-key": "hush"}}}')
    settings = load_settings()
    assert settings.lineage_sinks == ("catalog", "http://marquez:5000")
    assert settings.lineage_options == {"http://marquez:5000": {"headers": {"x-key": "hush"}}}
    assert "hush" not in repr(settings)


def test_sinks_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_PLATFORM_LINEAGE", "catalog,,none")
    monkeypatch.setenv("DATA_PLATFORM_LINEAGE_OPTIONS", "{hush")
    with pytest.raises(ConfigurationError) as raised:
        load_settings()
    assert "DATA_PLATFORM_LINEAGE: " in str(raised.value)
    assert "DATA_PLATFORM_LINEAGE_OPTIONS: " in str(raised.value)
    assert "hush" not in str(raised.value)
