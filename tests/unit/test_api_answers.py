"""Ready answers: who is spared the content, who gets it compressed, how much is kept, which scripts of a page run."""

import gzip
import hashlib
from base64 import b64encode

import pytest
from fastapi import Request

from api import answers
from api.answers import Answer, Answers, report_headers

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
    monkeypatch.setattr(answers, "_CACHE_BYTES", 10)
    kept, built = Answers(), []

    def build(name):
        built.append(name)
        return Answer(name.encode() * 4)

    for name in ("a", "b", "a", "c", "a", "b"):
        assert kept.get(name, lambda name=name: build(name)).body == name.encode() * 4
    assert built == ["a", "b", "c", "b"]


def test_only_the_scripts_that_the_report_was_written_with_may_run():
    page = (
        "<html><script>let a = 1</script><p onclick='x()'></p>\n<SCRIPT type='module'>\nlet b = '<b>'\n</SCRIPT></html>"
    )
    policy = report_headers(page)["Content-Security-Policy"]
    for script in ("let a = 1", "\nlet b = '<b>'\n"):
        assert f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert policy.count("'sha256-") == 2
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


def test_page_without_scripts_may_run_none():
    assert "script-src 'none';" in report_headers("<p>no script</p>")["Content-Security-Policy"]
