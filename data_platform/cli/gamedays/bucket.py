"""A bucket on loopback that answers listings: nothing is in it, or, while it is shut, 403 as S3 does."""

from __future__ import annotations

from http import HTTPStatus

from data_platform.cli.gamedays.loopback import Loopback, QuietHandler

_EMPTY = (
    b'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Name>gameday</Name><Prefix></Prefix><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys>"
    b"<IsTruncated>false</IsTruncated></ListBucketResult>"
)
_REFUSED = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
)


class Bucket(Loopback):
    """An S3 endpoint while the block lasts. `is_open` says whether it takes the credential."""

    def __init__(self) -> None:
        self.is_open = True
        bucket = self

        class Handler(QuietHandler):
            def take(self) -> None:
                status, body = (HTTPStatus.OK, _EMPTY) if bucket.is_open else (HTTPStatus.FORBIDDEN, _REFUSED)
                self.answer(status, body, media_type="application/xml")

        super().__init__(Handler, name="bucket")
