"""Serves the sandbox on a port, for any Brevo SDK."""

from collections.abc import Sequence

from loyalty_mcp.sandbox.access import LocalRequestsOnly
from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.sandbox.simulation.dropped_connections import cutting_connections


def serve(
    settings: SandboxSettings,
    host: str = "127.0.0.1",
    port: int = 8585,
    allowed_hosts: Sequence[str] = (),
) -> None:
    """Serve a sandbox until the process is told to stop.

    Args:
        settings: Where the data is kept, and the engine's switches.
        host: The address to listen on.
        port: The port to listen on.
        allowed_hosts: Names to accept in the Host header, besides those of loopback and `host`.

    Raises:
        ValueError: The file was written by another version of the sandbox.
    """
    # The embedded sandbox does not listen, so it does not load a server.
    import uvicorn  # noqa: PLC0415

    app = create_app(settings)
    try:
        uvicorn.run(
            cutting_connections(LocalRequestsOnly(app, (host, *allowed_hosts))),
            host=host,
            port=port,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,  # the engine sends the time of its own clock
        )
    finally:
        app.state.store.close()
