"""Cutting connections: how a lost answer reaches a client over a real network."""

from starlette.types import ASGIApp, Receive, Scope, Send


def cutting_connections(app: ASGIApp) -> ASGIApp:
    """Wrap an application so that a `ConnectionResetError` it raises cuts the connection.

    The server is told that a body will follow, and none does: it then has no choice but to close.
    """

    async def cut(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except ConnectionResetError:
            headers = [(b"content-length", b"1")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})

    return cut
