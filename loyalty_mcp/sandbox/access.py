"""Request checks of the served sandbox: no page of another site can control it."""

import ipaddress
import json
import re
from collections.abc import Collection, Sequence
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from loyalty_mcp.sandbox.access_tokens import TOKEN_PATH

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
HOST: Final = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
JSON_TYPE: Final = re.compile(r"application/json\s*(;.*)?", re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Whether a host name or address refers only to this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class LocalRequestsOnly:
    """Refuses requests with a foreign Host or Origin, and bodies that are not JSON.

    A page of another site can send a request to this machine, using a name that resolves to it,
    with a body of type `text/plain`. It cannot send our Host, omit the Origin, or send JSON.

    Args:
        app: The sandbox.
        hosts: Names to accept besides those of loopback.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._hosts = LOOPBACK_NAMES | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, code, message = refusal
        body = json.dumps({"code": code, "message": message}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        hosts = _values(scope, b"host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return (
                421,
                "misdirected_request",
                "The Host is not this sandbox; --allowed-host adds one.",
            )
        own_origins = {f"http://{hosts[0].lower()}", f"https://{hosts[0].lower()}"}
        if any(origin.lower() not in own_origins for origin in _values(scope, b"origin")):
            return 403, "forbidden", "Pages of other sites may not call the sandbox."
        if any(site not in {"same-origin", "none"} for site in _values(scope, b"sec-fetch-site")):
            return 403, "forbidden", "Pages of other sites may not call the sandbox."
        # A token request is a form. It changes nothing, and a page of another site cannot read the
        # answer.
        is_json = scope["path"] == TOKEN_PATH or _is_json(_values(scope, b"content-type"))
        if _has_body(scope) and not is_json:
            return (
                415,
                "unsupported_media_type",
                "Send the body with content-type application/json.",
            )
        return None

    def _is_ours(self, host: str) -> bool:
        match = HOST.fullmatch(host.lower())
        return match is not None and match[1] in self._hosts


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key == name]


def _has_body(scope: Scope) -> bool:
    lengths = _values(scope, b"content-length")
    return bool(_values(scope, b"transfer-encoding")) or any(each != "0" for each in lengths)


def _is_json(types: Sequence[str]) -> bool:
    return len(types) == 1 and JSON_TYPE.fullmatch(types[0]) is not None
