"""Request ids in answers and log lines."""

import json
import re

import httpx2
import pytest

from tests.web.server_process import server_process

NEW = re.compile(r"[0-9a-f]{16}")


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_request_id_is_in_the_answer_and_in_the_log(style: str) -> None:
    """Every answer has an id, errors included; the log line of an error has the same one."""
    with server_process("--log-format", style) as server:
        good = httpx2.get(f"{server.url}/health").headers["x-request-id"]
        bad = httpx2.get(f"{server.url}/nowhere").headers["x-request-id"]
        assert server.stop() == 0

    assert NEW.fullmatch(good)
    assert NEW.fullmatch(bad)
    assert good != bad
    line = next(line for line in server.log if "/nowhere" in line)
    found = json.loads(line)["request_id"] if style == "json" else line.strip()
    assert found.endswith(bad if style == "json" else f"[request {bad}]")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0af7651916cd43dd8448eb211c80319c", True),
        ("req_2024-05.01", True),
        ("short", False),
        ("x" * 65, False),
        ("with a blank", False),
        ('quote"quote', False),
    ],
)
def test_a_given_request_id_is_kept_if_it_is_a_plain_word(*, given: str, kept: bool) -> None:
    """A proxy's id is taken over; anything that could confuse a log is replaced."""
    with server_process() as server:
        answer = httpx2.get(f"{server.url}/health", headers={"x-request-id": given})

    assert (answer.headers["x-request-id"] == given) is kept
