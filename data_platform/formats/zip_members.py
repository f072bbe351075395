"""Expands the members of a zip archive in the order of its directory, in memory: no name of it becomes a path.

Every member is looked at before any is read. One that could not stand inside a folder rejects the whole archive.
"""

from __future__ import annotations

import errno
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from data_platform.contracts.model import FileFormat
from data_platform.formats.expansion import check_limits
from data_platform.formats.reading import Source
from data_platform.formats.rejected import FileRejected, Reason
from data_platform.formats.seeking import seekable, size_of

_PIECE_BYTES = 1 << 20
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # the member, strongly so, or the directory
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNIX = 3  # the system whose modes stand in the upper half of the external attributes
_ROOTED = re.compile(r"[/\\]|[A-Za-z]:")
_SEPARATOR = re.compile(r"[/\\]")
_Damage = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, UnicodeDecodeError, IndexError)


def expand_zip(source: Source, file_format: FileFormat) -> Iterator[Iterator[bytes]]:
    """The bytes of each member that is a file; each to be read before the next.

    Raises:
        FileRejected: ARCHIVE_PATH, UNSUPPORTED, CORRUPT_ARCHIVE, ARCHIVE_BOMB, or EMPTY_FILE where there is no member.
    """
    with seekable(source) as stream:
        taken = size_of(stream)
        if not taken:
            raise FileRejected(Reason.EMPTY_FILE, "the file holds nothing")
        with _opened(stream) as archive:
            members = [member for member in archive.infolist() if _is_file(member)]
            if not members:
                raise FileRejected(Reason.EMPTY_FILE, "the archive holds no file")
            expansion = _Expansion(archive, taken, file_format)
            for member in members:
                yield expansion.pieces(member)


def _opened(stream: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(stream)
    except (*_Damage, NotImplementedError) as error:
        raise FileRejected(Reason.CORRUPT_ARCHIVE, "zip without a whole directory, or none") from error
    except OSError as error:
        raise _of_seeking(error) from error


def _is_file(member: zipfile.ZipInfo) -> bool:
    """Whether the member is to be read; a folder is not."""
    name = member.orig_filename
    kind = stat.S_IFMT(member.external_attr >> 16) if member.create_system == _UNIX else 0
    if _ROOTED.match(name) or ".." in _SEPARATOR.split(name) or "\0" in name:
        raise FileRejected(Reason.ARCHIVE_PATH, "a member's name leads out of the archive")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise FileRejected(Reason.ARCHIVE_PATH, "a member is a link or a device")
    if member.flag_bits & _ENCRYPTED:
        raise FileRejected(Reason.UNSUPPORTED, "a member is encrypted")
    if member.compress_type not in _METHODS:
        raise FileRejected(Reason.UNSUPPORTED, "a member is neither stored nor deflated")
    if not name:
        raise FileRejected(Reason.CORRUPT_ARCHIVE, "a member has no name")
    return not name.endswith("/") and kind != stat.S_IFDIR


def _of_seeking(error: OSError) -> Exception:
    """A place before the file's beginning, which only a damaged directory names, is no failure of the source."""
    if error.errno == errno.EINVAL:
        return FileRejected(Reason.CORRUPT_ARCHIVE, "the directory names places outside the archive")
    return error


class _Expansion:
    """One archive on its way out: what its members give is counted together."""

    def __init__(self, archive: zipfile.ZipFile, taken: int, file_format: FileFormat) -> None:
        self._archive = archive
        self._taken = taken
        self._format = file_format
        self._given = 0

    def pieces(self, member: zipfile.ZipInfo) -> Iterator[bytes]:
        """The bytes of one member, proven by its size and CRC at the end."""
        size_bytes = 0
        try:
            with self._archive.open(member) as stream:
                while piece := stream.read(_PIECE_BYTES):
                    size_bytes += len(piece)
                    self._given += len(piece)
                    check_limits(self._given, self._taken, self._format)
                    yield piece
        except NotImplementedError as error:
            raise FileRejected(Reason.UNSUPPORTED, "a member uses a feature of zip that is not read") from error
        except (*_Damage, RuntimeError) as error:
            raise FileRejected(Reason.CORRUPT_ARCHIVE, f"a member is damaged ({type(error).__name__})") from error
        except OSError as error:
            raise _of_seeking(error) from error
        if size_bytes != member.file_size:
            raise FileRejected(Reason.CORRUPT_ARCHIVE, "a member has another size than the directory says")
