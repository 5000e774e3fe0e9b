"""Dropped connections: a lost answer over a real network."""

from starlette.types import ASGIApp, Receive, Scope, Send


def cutting_connections(app: ASGIApp) -> ASGIApp:
    """Wrap an application so that a `ConnectionResetError` drops the connection.

    It announces a body but does not send it, so that the server has to close the connection.
    """

    async def cut(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except ConnectionResetError:
            headers = [(b"content-length", b"1")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})

    return cut
