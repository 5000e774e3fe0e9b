"""The sandbox on a port, for any Brevo SDK."""

from loyalty_mcp.sandbox.app import create_app
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.sandbox.simulation.dropped_connections import cutting_connections


def serve(settings: SandboxSettings, host: str = "127.0.0.1", port: int = 8585) -> None:
    """Serve a sandbox until the process is told to stop.

    Args:
        settings: Where the data are kept, and the engine's choices.
        host: The address that is listened on.
        port: The port that is listened on.

    Raises:
        ValueError: The file was written by another version of the sandbox.
    """
    # The embedded sandbox never listens, and should not pay for a server.
    import uvicorn  # noqa: PLC0415

    app = create_app(settings)
    try:
        uvicorn.run(
            cutting_connections(app),
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
