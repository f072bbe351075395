"""Many requests, one flush: what arrives while the disk is busy is written together, as soon as it is free again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from data_platform.connectors.http_push.write_ahead import WriteAhead
from data_platform.errors import FatalError

_GROUP_BYTES = 4 << 20  # a larger group would keep its first request waiting for the last one's bytes


class _Append(NamedTuple):
    block: bytes
    rows: int
    done: asyncio.Future[None]


@dataclass(slots=True)
class GroupCommit:
    """Appends to one spool from one event loop, which it never blocks."""

    spool: WriteAhead
    _waiting: list[_Append] = field(default_factory=list, init=False)
    _waiting_bytes: int = field(default=0, init=False)  # taken in, not yet on disk
    _committing: asyncio.Task[None] | None = field(default=None, init=False)

    async def append(self, block: bytes, *, rows: int) -> None:
        """Returns when the lines are on disk.

        Raises:
            QuotaReached: the spool is full; nothing was taken.
            OSError, FatalError: the disk did not take them; they will not be read.
        """
        self.spool.admit(self._waiting_bytes + len(block))
        loop = asyncio.get_running_loop()
        append = _Append(block, rows, loop.create_future())
        self._waiting.append(append)
        self._waiting_bytes += len(block)
        if self._committing is None:
            self._committing = loop.create_task(self._commit())
        await append.done

    async def drain(self) -> None:
        """Returns when nothing waits any more."""
        while self._committing is not None:
            await asyncio.shield(self._committing)

    async def _commit(self) -> None:
        loop = asyncio.get_running_loop()
        group: list[_Append] = []
        try:
            while group := self._next_group():
                blocks, rows = [append.block for append in group], sum(append.rows for append in group)
                try:
                    await loop.run_in_executor(None, partial(self.spool.append, blocks, rows=rows))
                except (OSError, FatalError) as error:
                    self._settle(group, error)
                else:
                    self._settle(group, None)
                self._waiting_bytes -= sum(map(len, blocks))
        finally:
            self._committing = None
            # Only an unexpected end leaves anybody: they are told that, instead of waiting for ever.
            self._settle([*group, *self._waiting], FatalError("the commit ended in an unexpected way; see the log"))
            self._waiting, self._waiting_bytes = [], 0

    def _settle(self, appends: Iterable[_Append], fault: Exception | None) -> None:
        for append in appends:
            if append.done.done():  # whoever waited may have gone away; the lines stand all the same
                continue
            if fault is None:
                append.done.set_result(None)
            else:
                append.done.set_exception(fault)

    def _next_group(self) -> list[_Append]:
        size = count = 0
        for append in self._waiting:
            size += len(append.block)
            if count and size > _GROUP_BYTES:
                break
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group
