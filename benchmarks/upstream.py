"""A sandbox on a port of its own that counts what it is asked."""

import threading
from typing import Any

import httpx2
import uvicorn

from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings


class Upstream:
    """A sandbox without a bound on requests, in a thread of this process."""

    def __init__(self) -> None:
        self._app = create_app(SandboxSettings(rate_limit=0))
        self.requests = 0
        config = uvicorn.Config(
            self._counting,
            port=0,
            interface="asgi3",
            log_config=None,
            access_log=False,
            lifespan="off",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._http = httpx2.Client(base_url=self.url, headers={"api-key": "benchmark"})

    async def _counting(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests += scope["type"] == "http" and scope["path"].startswith("/v3/")
        await self._app(scope, receive, send)

    def get(self, path: str) -> Any:
        """What a path answers."""
        return self._http.get(path).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """What a POST answers."""
        return self._http.post(path, json=body).raise_for_status().json()

    def close(self) -> None:
        """End it."""
        self._http.close()
        self._server.should_exit = True
        self._thread.join()
        self._app.state.store.close()
