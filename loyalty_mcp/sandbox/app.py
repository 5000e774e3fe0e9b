"""The sandbox as an ASGI application: where requests are read, and answers written."""

import hmac
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loyalty_mcp.sandbox import json_documents as documents
from loyalty_mcp.sandbox.access_tokens import TOKEN_PATH, needed_scope
from loyalty_mcp.sandbox.api import fields
from loyalty_mcp.sandbox.api.endpoint import Endpoint
from loyalty_mcp.sandbox.api.routes import ENDPOINTS
from loyalty_mcp.sandbox.engine import Engine
from loyalty_mcp.sandbox.errors import (
    Forbidden,
    Invalid,
    Malformed,
    MethodNotAllowed,
    NotFound,
    Refusal,
    TooLarge,
    Unauthorized,
)
from loyalty_mcp.sandbox.records.event_hooks import HOOKS
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.sandbox.simulation.faults import Fault
from loyalty_mcp.sandbox.store import random_id, real_time

LARGEST_BODY: Final = 2**20

_DEFAULTS: Final = SandboxSettings()
_LOG: Final = logging.getLogger(__name__)
_Headers = list[tuple[bytes, bytes]]


def create_app(
    settings: SandboxSettings = _DEFAULTS,
    *,
    clock: Callable[[], datetime] = real_time,
    new_id: Callable[[], str] = random_id,
) -> Starlette:
    """Create a sandbox; its store is open immediately, and `app.state.store.close()` closes it.

    Args:
        settings: Where the data is kept, and the engine's switches.
        clock: Returns the real time; the sandbox's own clock continues from it.
        new_id: Creates an id.

    Raises:
        ValueError: The file was written by another version of the sandbox.
    """
    engine = Engine(settings, HOOKS, clock=clock, new_id=new_id)
    app = _Sandbox(engine, [_route(endpoint, engine) for endpoint in ENDPOINTS])
    app.state.engine = engine
    app.state.store = engine.store
    return app


class _Sandbox(Starlette):
    """The application with one layer around its routes: the edge."""

    def __init__(self, engine: Engine, routes: list[Route]) -> None:
        self._engine = engine
        super().__init__(routes=routes)
        self.router.redirect_slashes = False

    def build_middleware_stack(self) -> ASGIApp:
        return _Edge(self._engine, self.router)


def _route(endpoint: Endpoint, engine: Engine) -> Route:
    # An own id may contain any character, including a slash.
    path = endpoint.path.replace("{identifier}", "{identifier:path}")
    route = Route(path, _Served(endpoint, engine), methods=[endpoint.method])
    # Starlette adds HEAD to GET; the API does not have it.
    route.methods = {endpoint.method}
    return route


class _Served:
    """One endpoint as an application: reads the request, calls the endpoint, writes the reply."""

    def __init__(self, endpoint: Endpoint, engine: Engine) -> None:
        self._endpoint = endpoint
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = await _read_body(scope, receive)
        endpoint = self._endpoint
        try:
            reply = self._answer(scope, raw)
        except Invalid as refusal:
            if endpoint.invalid_status == Invalid.status:
                raise
            raise Malformed(refusal.message, code=refusal.code) from None
        if reply is None:
            await _send(send, 204, b"")
        else:
            await _send(send, endpoint.status, documents.dump(reply).encode())

    def _answer(self, scope: Scope, raw: bytes) -> dict[str, Any] | None:
        lenient = self._engine.settings.ignore_unknown_fields
        path: Mapping[str, str] = scope["path_params"]
        if any("\x00" in value for value in path.values()):
            raise Invalid("The path holds a character that no path may hold.")
        sent = documents.parse(raw) if raw else {}
        query = fields.read_fields(
            self._endpoint.query, _query(scope["query_string"]), ignore_unknown=lenient
        )
        body = fields.read_fields(self._endpoint.body, sent, ignore_unknown=lenient)
        return self._engine.answer(self._endpoint, path, query, body)


class _Edge:
    """Checks for every request: faults, then the key, then the budget, then the route.

    All errors are answered here with `{code, message}`, and nowhere else.
    """

    def __init__(self, engine: Engine, inner: ASGIApp) -> None:
        self._engine = engine
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        fault = self._engine.faults.take(method, path) if path.startswith("/v3/") else None
        outcome = await self._outcome(scope, receive, fault)
        if fault is not None and fault.kind == "drop_after_commit":
            raise ConnectionResetError("the connection was cut, as a fault asked for")
        for message in outcome:
            await send(message)

    async def _outcome(
        self, scope: Scope, receive: Receive, fault: Fault | None
    ) -> Iterable[Message]:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        method, path = scope["method"], scope["path"]
        if fault is not None and fault.kind == "delay":
            await anyio.sleep(fault.delay_seconds)
        if fault is not None and fault.kind == "refuse_before":
            await _send(keep, fault.status, _problem("fault", "Refused, as a fault asked for."))
        else:
            try:
                if (method, path) == ("POST", TOKEN_PATH):
                    await self._issue_token(scope, receive, keep)
                else:
                    self._admit(scope)
                    await self._inner(scope, receive, keep)
            except Exception as error:  # noqa: BLE001 - the last place to answer it
                messages.clear()
                await _send_error(keep, error)
        if fault is not None and fault.kind == "status_after_commit":
            messages.clear()
            await _send(keep, fault.status, _problem("fault", "Done, then failed, as asked for."))
        if fault is not None and fault.kind == "malformed":
            messages.clear()
            await _send(keep, 200, b'{"id": "')
        self._tell_budget(scope["path"], messages)
        if messages:
            date = format_datetime(self._engine.store.now(), usegmt=True)
            messages[0]["headers"].append((b"date", date.encode()))
        return messages

    async def _issue_token(self, scope: Scope, receive: Receive, send: Send) -> None:
        form = await _read_body(scope, receive)
        status, body = self._engine.access_tokens.issue(form, self._engine.store.now())
        await _send(send, status, documents.dump(body).encode())

    def _admit(self, scope: Scope) -> None:
        path = scope["path"]
        key, wanted = _header(scope, b"api-key"), self._engine.settings.api_key
        authorization = _header(scope, b"authorization")
        if key == b"" and authorization != b"" and path.startswith("/v3/"):
            self._check_token(scope["method"], path, authorization)
            accepted = True
        elif wanted is None:
            accepted = key != b"" or not path.startswith("/v3/")
        else:
            accepted = hmac.compare_digest(key, wanted.encode())
        if not accepted:
            raise Unauthorized("The header api-key is missing, or its key is not the right one.")
        budget = self._engine.budget_for(path)
        if budget is not None:
            budget.spend(self._engine.store.now())

    def _check_token(self, method: str, path: str, authorization: bytes) -> None:
        """Refuse a request whose access token does not cover it.

        Raises:
            Unauthorized: The token is unknown or has ended.
            Forbidden: It was not granted the scope that the request needs.
        """
        scopes = self._engine.access_tokens.scopes_of(authorization, self._engine.store.now())
        if scopes is None:
            raise Unauthorized("The access token is unknown, or has ended.")
        needed = needed_scope(method, path)
        if needed is not None and needed not in scopes:
            raise Forbidden(f"The access token lacks the scope {needed}.")

    def _tell_budget(self, path: str, messages: list[Message]) -> None:
        budget = self._engine.budget_for(path)
        if budget is not None and messages:
            messages[0]["headers"] += budget.headers(self._engine.store.now())


async def _send_error(send: Send, error: Exception) -> None:
    if isinstance(error, HTTPException):
        absent = error.status_code == 404
        error = (
            NotFound("There is no such path.", code="not_found")
            if absent
            else MethodNotAllowed("The path does not have this method.")
        )
    if isinstance(error, Refusal):
        await _send(send, error.status, _problem(error.code, error.message))
        return
    _LOG.error("The sandbox failed.", exc_info=error)
    await _send(send, 500, _problem("internal_error", "The sandbox failed; its log says why."))


async def _send(send: Send, status: int, body: bytes) -> None:
    headers: _Headers = [(b"content-length", b"%d" % len(body))] if status != 204 else []
    if body:
        headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _problem(code: str, message: str) -> bytes:
    return documents.dump({"code": code, "message": message}).encode()


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    announced = _header(scope, b"content-length")
    if announced.isdigit() and (len(announced) > 15 or int(announced) > LARGEST_BODY):
        raise TooLarge("The body is longer than 1 MiB.")
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Malformed("The client left before its request was complete.")
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > LARGEST_BODY:
            raise TooLarge("The body is longer than 1 MiB.")
        if not message.get("more_body", False):
            return body


def _header(scope: Scope, name: bytes) -> bytes:
    headers: _Headers = scope["headers"]
    return next((value for key, value in headers if key == name), b"")


def _query(raw: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100
        )
    except ValueError:
        raise Malformed("The query cannot be read.") from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if "\x00" in name or "\x00" in value:
            raise Invalid("The query holds a character that no query may hold.")
        # A list may be sent as the same parameter several times.
        values[name] = f"{values[name]},{value}" if name in values else value
    return values
