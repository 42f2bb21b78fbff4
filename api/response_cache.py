"""A ready answer: its bytes, plain and compressed, and the tag by which a client that has it already is spared it."""

import gzip
import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from pydantic import BaseModel

_SMALLEST_COMPRESSED: Final = 1000  # bytes; below, the headers weigh more than what is saved
_CACHE_BYTES: Final = 64 << 20
_CACHE_ANSWERS: Final = 10_000
_OVERHEAD_BYTES: Final = 2_000  # of the objects around an answer
# besides the policy in a page itself, which allows the scripts that it was written with and no other: what a page
# cannot say of itself, or should not alone
PAGE_HEADERS: Final = {"Content-Security-Policy": "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"}
NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "Not Modified: If-None-Match holds the ETag"}
}
_COMPRESSIBLE: Final = ("application/json", "text/html")


@dataclass(frozen=True, eq=False)
class Answer:
    """What a client gets.

    Attributes:
        body: The content.
        media_type: Its type.
        headers: What is special of this answer.
    """

    body: bytes
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, model: BaseModel) -> "Answer":
        """Return a model as JSON."""
        return cls(model.model_dump_json().encode())

    @cached_property
    def etag(self) -> str:
        """The tag of the content; weak, because the compressed bytes have the same."""
        return f'W/"{hashlib.sha256(self.body).hexdigest()[:32]}"'

    @cached_property
    def compressed(self) -> bytes | None:
        """The content compressed; None where that is not worth it."""
        worth_it = self.media_type in _COMPRESSIBLE and len(self.body) >= _SMALLEST_COMPRESSED
        return gzip.compress(self.body, compresslevel=5, mtime=0) if worth_it else None

    @property
    def kept_bytes(self) -> int:
        """Return what keeping it takes at most: content, perhaps compressed beside it, and the objects around them."""
        forms = 2 if self.media_type in _COMPRESSIBLE else 1
        return forms * len(self.body) + _OVERHEAD_BYTES

    def response(self, request: Request) -> Response:
        """Return 304 where the client has this content, else the content in an encoding that it takes."""
        # no-cache: keep it, but ask each time whether it still holds
        headers = {"ETag": self.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding", **self.headers}
        if matches(request.headers.get("if-none-match", ""), self.etag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        if self.compressed is not None and takes_gzip(request.headers.get("accept-encoding", "")):
            headers["Content-Encoding"] = "gzip"
            return Response(self.compressed, headers=headers, media_type=self.media_type)
        return Response(self.body, headers=headers, media_type=self.media_type)


class Answers:
    """Answers that hold as long as nothing changes; the ones not asked for longest go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Answer] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, build: Callable[[], Answer]) -> Answer:
        """Return the answer of a key, built where it is not there."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        answer = build()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = answer
                self._bytes += _bytes_of(key, answer)
            while self._bytes > _CACHE_BYTES or len(self._kept) > _CACHE_ANSWERS:
                self._bytes -= _bytes_of(*self._kept.popitem(last=False))
        return answer


def _bytes_of(key: Hashable, answer: Answer) -> int:
    return answer.kept_bytes + len(repr(key))


def matches(if_none_match: str, etag: str) -> bool:
    """Tell whether a client has the content of a tag already."""
    tags = [tag.strip() for tag in if_none_match.split(",")]
    return "*" in tags or etag.removeprefix("W/") in [tag.removeprefix("W/") for tag in tags]


def takes_gzip(accepted: str) -> bool:
    """Tell whether a client takes compressed bytes."""
    for part in accepted.lower().split(","):
        name, _, quality = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", quality)
    return False
