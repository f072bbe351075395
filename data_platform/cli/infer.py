"""The work of `contracts infer`: a draft from a file, a folder (Delta or Parquet files) or a table of the store."""

from __future__ import annotations

import re
from pathlib import Path

import click

from data_platform.cli.environment import platform_here
from data_platform.cli.output import say, working
from data_platform.contracts.model import DatasetName, FileFormat, FileKind, Layer
from data_platform.errors import ConfigurationError
from data_platform.formats.draft_parquet import parquet_relation
from data_platform.formats.drafting import draft_from_file, draft_from_relation
from data_platform.lakehouse import delta_log
from data_platform.lakehouse.found_relations import relation_of
from data_platform.lakehouse.found_tables import FoundKind
from data_platform.lakehouse.table_ref import TableRef
from data_platform.lakehouse.tables import Lake
from data_platform.wiring.platform import Platform


def infer(*, source: str, dataset: str | None, out: Path | None) -> int:
    """Prints the draft, or writes it to a file that is not there yet."""
    path = Path(source)
    name = _name(source, dataset)
    if out is not None and out.exists():
        raise ConfigurationError(f"{out} is there already: a draft never replaces a contract; name a new file")
    with working("looking at the data"):
        text = _draft(path, source, name)
    if out is None:
        click.echo(text, nl=False)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        say(f"{out}: a draft of {name}; name its owner, then run: data-platform contracts lint")
    return 0


def _draft(path: Path, source: str, name: DatasetName) -> str:
    if path.is_file():
        return draft_from_file(path, name=name)
    if path.exists() and not path.is_dir():
        raise ConfigurationError(f"{source} is a device or a pipe: write what it gives to a file, and name that file")
    with platform_here() as platform:
        if path.is_dir():
            return _of_folder(platform, path, name)
        table = _table(source)
        snapshot = platform.lake.table(TableRef.of(table)).snapshot()
        if snapshot.version < 0:
            raise ConfigurationError(f"{source} is neither a file, nor a folder, nor a table of the store")
        with platform.engine.session() as con:
            return draft_from_relation(con, f"({snapshot.scan()})", name=name, file_format=None)


def _of_folder(platform: Platform, folder: Path, name: DatasetName) -> str:
    with platform.engine.session() as con:
        if (folder / delta_log.FOLDER).is_dir():
            place = folder.resolve()
            relation = relation_of(con, Lake(str(place.parent)), place.name, kind=FoundKind.DELTA)
            return draft_from_relation(con, relation, name=name, file_format=None)
        files = sorted(file for file in folder.rglob("*.parquet") if file.is_file())
        if not files:
            raise _no_files(folder)
        form = FileFormat(kind=FileKind.PARQUET) if name.layer is Layer.RAW else None
        return draft_from_relation(con, parquet_relation(files), name=name, file_format=form)


def _no_files(folder: Path) -> ConfigurationError:
    other = min((file for file in folder.rglob("*") if file.is_file()), default=None)
    if other is None:
        return ConfigurationError(f"{folder} is empty: name a file with data, or a folder with Parquet files")
    return ConfigurationError(f"{folder} has no Parquet files: name one of its files, such as {other}")


def _table(source: str) -> DatasetName:
    try:
        return DatasetName.parse(source)
    except ValueError as error:
        raise ConfigurationError(
            f"{source} is neither a file, nor a folder, nor the name of a table (<layer>.<domain>.<dataset>)"
        ) from error


def _name(source: str, dataset: str | None) -> DatasetName:
    """The dataset that the draft is for: as typed, or made of the name of the file."""
    typed = dataset or source
    try:
        return DatasetName.parse(typed)
    except ValueError as error:
        if dataset is not None:
            raise ConfigurationError(f"{dataset!r} is not <layer>.<domain>.<dataset>") from error
    stem = re.sub(r"[^a-z0-9]+", "_", Path(source).name.split(".")[0].lower()).strip("_0123456789") or "dataset"
    return DatasetName(Layer.RAW, "domain", stem)
