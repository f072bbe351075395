"""One poll of a source that is asked for its records: what is new among them goes to spool files, and how far it got.

What the source answers is written by its kind (`rest_pages`, `sql_rows`). A position is {"cursor", "seen"}, or
{"sha256"} where the source has no cursor and is read whole each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from data_platform.connectors.protocol import Place, Poll
from data_platform.connectors.pull.cursors import Cursor, CursorRule
from data_platform.connectors.pull.files import PullFiles
from data_platform.connectors.pull.seen_records import SeenRecords, digest_of
from data_platform.connectors.pull.window import Record, Window
from data_platform.contracts.model import DatasetName
from data_platform.errors import ConfigurationError
from data_platform.lakehouse.landing import Json

Read = Callable[[Cursor | None], Generator[Record, None, None]]  # from a cursor on, or everything


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """How one source is pulled.

    Attributes:
        dataset: that it fills; names of sources are unique in their domain only.
        limit_bytes: of one file, and of one batch where the source answers in the order of its cursor.
        rule: None where the source has no cursor.
    """

    source: str
    dataset: DatasetName
    place: Place
    limit_bytes: int
    rule: CursorRule | None = None

    def whole(self, position: Mapping[str, Json], records: Generator[Record, None, None]) -> Poll | None:
        """Everything there is; None where that is what the position names, or nothing at all."""
        digest = hashlib.sha256()
        with self._files() as files, closing(records):
            for record in records:
                files.write(record.line)
                digest.update(record.line + b"\n")
            if position.get("sha256") == digest.hexdigest() or not (files.rows or position):
                return None
            return Poll(deliveries=files.finish(), position_to={"sha256": digest.hexdigest()})

    def after(self, position: Mapping[str, Json], read: Read, *, now: datetime, is_ordered: bool) -> Poll | None:
        """What the overlap before the position and all that follows it hold and was not delivered.

        Where the source answers in order, a full batch ends it early: before the last cursor, for others may have the
        same. Otherwise everything is read, because what is still to come may be older. `now` is the source's time
        before it was asked: a position never passes it.

        Raises:
            ConfigurationError: the source does not keep the order it promised.
        """
        window = self._window(position, now)
        is_complete = True
        with self._files() as files, closing(read(window.start)) as records:
            for record in records:
                if window.admits(record):
                    files.write(record.line)
                if is_ordered and not window.is_ascending:
                    raise ConfigurationError(
                        f"{self.source} does not answer in the order of its cursor; leave is_ordered out"
                    )
                if is_ordered and files.size_bytes >= self.limit_bytes and window.is_ahead:
                    is_complete = False
                    break
            if not files.rows:
                return None
            reached = window.reached(is_complete=is_complete)
            seen = self._seen.keep(window.seen(reached, is_complete=is_complete))
            deliveries = files.finish()
        return Poll(deliveries=deliveries, position_to={**({"cursor": reached.text} if reached else {}), "seen": seen})

    def peek(self, position: Mapping[str, Json], read: Read) -> tuple[str, ...]:
        """A mark of the first record that is new."""
        window = self._window(position, self.place.clock.now())
        with closing(read(window.start)) as records:
            return next(((digest_of(record.line).hex(),) for record in records if window.admits(record)), ())

    def acknowledge(self, position: Mapping[str, Json]) -> None:
        """Removes what no later poll needs."""
        if self.rule is not None:
            self._seen.drop_others(position.get("seen"))

    def position_at(self, where: str) -> Mapping[str, Json]:
        """`start`, or a cursor.

        Raises:
            ConfigurationError: it is neither.
        """
        if where == "start":
            return {}
        if self.rule is None:
            raise ConfigurationError(f"{self.source} has no cursor: replay it --from start")
        try:
            cursor = self.rule.parse(where)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.source}: {error}; write start, or a {self.rule.kind}") from error
        if self.rule.up_to(cursor, self.place.clock.now()) < cursor:
            raise ConfigurationError(f"{self.source}: {where} is still to come; all until then would be passed over")
        return {"cursor": cursor.text}

    @property
    def _seen(self) -> SeenRecords:
        assert self.rule is not None
        return SeenRecords(folder=self._folder / "seen", rule=self.rule)

    def _window(self, position: Mapping[str, Json], now: datetime) -> Window:
        assert self.rule is not None
        written = position.get("cursor")
        since = self.rule.parse(str(written)) if written is not None else None
        return Window(self.rule, since, known=self._seen.of(position.get("seen")), now=now)

    def _files(self) -> PullFiles:
        stem = f"{self.source}-{self.place.clock.now():%Y-%m-%dT%H%M%S.%fZ}"
        return PullFiles(self._folder, stem, self.limit_bytes)

    @property
    def _folder(self) -> Path:
        return self.place.spool / "pull" / str(self.dataset) / self.source


def reader(module: str) -> Any:
    """A module that reads sources with dlt. It is loaded when it is first needed, for dlt takes its time.

    Raises:
        ConfigurationError: dlt is not installed.
    """
    try:
        return import_module(f"data_platform.connectors.pull.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("data_platform"):
            raise
        raise ConfigurationError(f"this kind needs {error.name}; run `pip install 'data-platform[ingest]'`") from error
