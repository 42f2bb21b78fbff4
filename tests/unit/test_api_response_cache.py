"""Ready answers: who is spared the content, who gets it compressed, how much is kept."""

import gzip
import os
import sys
import weakref
from functools import partial

import pytest
from fastapi import Request

from api import response_cache
from api.response_cache import Answer, Answers

LONG = Answer(b"[" + b"1," * 5000 + b"1]")


def request(**headers):
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": pairs})


@pytest.mark.parametrize("given", ["{tag}", '"other", {tag}', "*", "{strong}"])
def test_client_that_has_the_content_is_spared_it(given):
    tags = given.format(tag=LONG.etag, strong=LONG.etag.removeprefix("W/"))
    response = LONG.response(request(if_none_match=tags))
    assert (response.status_code, response.body) == (304, b"")
    assert response.headers["etag"] == LONG.etag


@pytest.mark.parametrize("given", ["", '"other"', 'W/"other"', "nonsense"])
def test_client_that_has_another_content_gets_it(given):
    response = LONG.response(request(if_none_match=given))
    assert (response.status_code, response.body) == (200, LONG.body)


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "*", "GZIP"])
def test_long_answers_are_compressed_for_those_who_take_it(accepted):
    response = LONG.response(request(accept_encoding=accepted))
    assert response.headers["content-encoding"] == "gzip"
    assert gzip.decompress(response.body) == LONG.body


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.00"])
def test_nobody_gets_an_encoding_that_it_does_not_take(accepted):
    response = LONG.response(request(accept_encoding=accepted))
    assert "content-encoding" not in response.headers
    assert response.headers["vary"] == "Accept-Encoding"


def test_short_answers_and_pictures_are_not_compressed():
    assert Answer(b"{}").compressed is None
    assert Answer(b"\x89PNG" * 1000, "image/png").compressed is None


def test_equal_content_has_one_tag_and_other_content_another():
    assert Answer(b"a").etag == Answer(b"a").etag != Answer(b"b").etag


def test_kept_answers_are_built_once_and_the_oldest_go_first(monkeypatch):
    monkeypatch.setattr(response_cache, "_CACHE_BYTES", 2 * Answer(b"....").kept_bytes + 10)
    kept, built = Answers(), []

    def build(name):
        built.append(name)
        return Answer(name.encode() * 4)

    for name in ("a", "b", "a", "c", "a", "b"):
        assert kept.get(name, partial(build, name)).body == name.encode() * 4
    assert built == ["a", "b", "c", "b"]


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("k" * 10_000, Answer(b"{}")),
        (1, Answer(os.urandom(5_000).hex().encode())),  # hardly compressible, and kept in both forms
        (1, Answer(b"{}")),
    ],
    ids=["long key", "compressed form", "many small ones"],
)
def test_limit_is_of_all_that_an_answer_takes(monkeypatch, key, answer):
    monkeypatch.setattr(response_cache, "_CACHE_BYTES", 100_000)
    kept, held = Answers(), []
    for at in range(100):
        one = Answer(answer.body)
        held.append(weakref.ref(one))
        kept.get((key, at), partial(lambda answer: answer, one)).response(request(accept_encoding="gzip"))
    del one
    left = [one for one in (ref() for ref in held) if one is not None]
    taken = sum(
        len(one.body) + len(one.compressed or b"") + len(str(key)) + sys.getsizeof(one.__dict__) for one in left
    )
    assert 0 < taken <= 100_000
    assert len(left) < 100


def test_number_of_answers_is_limited_too(monkeypatch):
    monkeypatch.setattr(response_cache, "_CACHE_ANSWERS", 2)
    kept = Answers()
    built: list[str] = []

    def build(name):
        built.append(name)
        return Answer(b"{}")

    for name in ("a", "b", "c", "c", "a"):
        kept.get(name, partial(build, name))
    assert built == ["a", "b", "c", "a"]
