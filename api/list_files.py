"""A list as a file: written whole before the answer begins, so that half a list is never taken for a list.

It lies compressed in a temporary file. The connection to the database is free again before the first byte goes out,
however slowly a client reads.
"""

import gzip
import hashlib
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, Any, Final

from fastapi import Request, Response
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from api.response_cache import matches, takes_gzip
from dfu_clustering.files.spreadsheet import SpreadsheetWriter

MEDIA_TYPE: Final = "text/csv; charset=utf-8; header=present"
_IN_MEMORY_BYTES: Final = 4 << 20
_BLOCK_BYTES: Final = 1 << 16


@dataclass(frozen=True, eq=False)
class ListFile:
    """A list that is ready to be sent.

    Attributes:
        name: Of the file that a browser saves.
        etag: Tag of the content; weak, because the compressed bytes have the same.
        packed: The content, compressed with gzip, from its beginning.
        packed_bytes: Its size so.
        plain_bytes: Its size as it is saved.
    """

    name: str
    etag: str
    packed: IO[bytes]
    packed_bytes: int
    plain_bytes: int

    @classmethod
    def of(cls, name: str, columns: Sequence[str], batches: Iterable[Iterable[Sequence[Any]]]) -> "ListFile":
        """Write a list of rows in batches; no more than one of them is in memory."""
        packed = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115  (closed when it has been sent)
        try:
            with (
                gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as sink,
                io.TextIOWrapper(sink, encoding="utf-8", newline="") as text,
            ):
                writer = SpreadsheetWriter(text, columns)
                for rows in batches:
                    writer.write(rows)
                text.flush()
                plain_bytes = sink.tell()
            packed_bytes = packed.tell()
            digest = _digest_of(packed)
        except BaseException:
            packed.close()
            raise
        return cls(name, f'W/"{digest[:32]}"', packed, packed_bytes, plain_bytes)

    def response(self, request: Request) -> Response:
        """Return 304 where the client has this content, else the content in an encoding that it takes."""
        headers = {
            "ETag": self.etag,
            "Cache-Control": "no-cache",
            "Vary": "Accept-Encoding",
            "Content-Disposition": f'attachment; filename="{self.name}"',
        }
        if matches(request.headers.get("if-none-match", ""), self.etag):
            self.packed.close()
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        content: IO[bytes] | gzip.GzipFile = self.packed
        if takes_gzip(request.headers.get("accept-encoding", "")):
            headers |= {"Content-Encoding": "gzip", "Content-Length": str(self.packed_bytes)}
        else:
            headers["Content-Length"] = str(self.plain_bytes)
            content = gzip.GzipFile(fileobj=self.packed, mode="rb")
        closing = BackgroundTask(self.packed.close)
        return StreamingResponse(_blocks(content), headers=headers, media_type=MEDIA_TYPE, background=closing)


def _digest_of(packed: IO[bytes]) -> str:
    """Return the digest of a file from its beginning, to which it is set back; the same rows are packed alike."""
    packed.seek(0)
    digest = hashlib.sha256()
    for block in _blocks(packed):
        digest.update(block)
    packed.seek(0)
    return digest.hexdigest()


def _blocks(content: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while block := content.read(_BLOCK_BYTES):
        yield block
