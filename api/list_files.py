"""A list as a file: written whole before the answer begins, so that half a list is never taken for a list.

It lies compressed in a temporary file. The connection to the database is free again before the first byte goes out,
however slowly a client reads.
"""

import gzip
import hashlib
import io
import re
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
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9_.]+")


@dataclass(frozen=True, eq=False)
class ListFile:
    """A list that is ready to be sent.

    Attributes:
        name: Of the file that a browser saves.
        etag: Tag of the content; weak, because the compressed bytes have the same.
        packed: The content, compressed with gzip, from its beginning.
    """

    name: str
    etag: str
    packed: IO[bytes]

    @classmethod
    def of(cls, name: str, columns: Sequence[str], batches: Iterable[Iterable[Sequence[Any]]]) -> "ListFile":
        """Write a list of rows in batches; no more than one of them is in memory."""
        packed = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115  (closed when it has been sent)
        try:
            digest = hashlib.sha256()
            with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as sink:
                text = io.TextIOWrapper(_Digested(sink, digest), encoding="utf-8", newline="", write_through=False)
                writer = SpreadsheetWriter(text, columns)
                for rows in batches:
                    writer.write(rows)
                text.flush()
                text.detach()
            packed.seek(0)
        except BaseException:
            packed.close()
            raise
        return cls(file_name(name), f'W/"{digest.hexdigest()[:32]}"', packed)

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
        content: IO[bytes] = self.packed
        if takes_gzip(request.headers.get("accept-encoding", "")):
            headers["Content-Encoding"] = "gzip"
        else:
            content = gzip.open(self.packed)
        closing = BackgroundTask(self.packed.close)
        return StreamingResponse(_blocks(content), headers=headers, media_type=MEDIA_TYPE, background=closing)


def file_name(text: str) -> str:
    """Return a name of a file that every system takes, whatever a label holds."""
    return f"{_NOT_IN_A_NAME.sub('-', text).strip('-.')[:150]}.csv"


class _Digested(io.RawIOBase):
    """Hands bytes on, and makes their digest."""

    def __init__(self, sink: IO[bytes], digest: Any) -> None:  # noqa: ANN401  (hashlib has no name for it)
        super().__init__()
        self._sink, self._digest = sink, digest

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:  # noqa: ANN401  (any bytes)
        self._digest.update(content)
        return self._sink.write(content)


def _blocks(content: IO[bytes]) -> Iterator[bytes]:
    while block := content.read(_BLOCK_BYTES):
        yield block
