"""Requests: paths that cannot lead elsewhere, and bodies as the API writes them."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_mcp.brevo.client import open_http_client
from loyalty_mcp.brevo.request import UnsafePathError, get, post, segment
from loyalty_mcp.brevo.types import Done


@pytest.fixture
async def echo() -> AsyncIterator[httpx2.AsyncClient]:
    """A client that receives the requested path."""
    transport = httpx2.MockTransport(lambda asked: httpx2.Response(200, content=asked.url.raw_path))
    http = open_http_client("https://api.test/v3", "key", timeout=1, transport=transport)
    yield http
    await http.aclose()


@pytest.mark.parametrize(
    "text", [".", "..", "...", "a/b", "a\\b", "%2e%2e", "é", "?#&=", " ", "a b"]
)
async def test_a_segment_arrives_as_one_segment(echo: httpx2.AsyncClient, text: str) -> None:
    """Whatever an id contains, it stays one segment of the path."""
    request = get(f"/loyalty/{segment(text)}/end", Done)
    path = (await echo.get(request.target)).text

    assert path == f"/v3/loyalty/{segment(text)}/end"
    assert path.count("/") == 4


@pytest.mark.parametrize(
    "path", ["", "x", "/a//b", "/a/../b", "/a/./b", "/..", "/a?b", "/a b", "/é"]
)
def test_an_unsafe_path_is_refused(path: str) -> None:
    """A path with an unchecked and unescaped id is never sent."""
    with pytest.raises(UnsafePathError):
        get(path, Done)


@given(st.text(min_size=1, max_size=100).filter(lambda text: text.isprintable()))
def test_any_segment_is_safe(text: str) -> None:
    """Any text can be a segment of a path."""
    assert get(f"/a/{segment(text)}", Done).path.count("/") == 2


def test_the_same_question_has_the_same_key() -> None:
    """Reads are joined by method, target and body."""
    first = post("/a", Done, {"x": 1})

    assert first.cache_key == post("/a", Done, {"x": 1}).cache_key
    assert first.cache_key != post("/a", Done, {"x": 2}).cache_key
    assert first.cache_key != post("/a", Done).cache_key
    assert get("/a", Done, {"b": 1}).cache_key != get("/a", Done, {"b": 2}).cache_key
