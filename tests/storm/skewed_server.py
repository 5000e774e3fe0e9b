"""The server as it is, on a machine whose clock is wrong by `STORM_CLOCK_AHEAD` seconds."""

import os
from datetime import datetime, timedelta

from loyalty_mcp.brevo import client

AHEAD = timedelta(seconds=float(os.environ.get("STORM_CLOCK_AHEAD", "0")))
right_time = client.utc_now


def wrong_time() -> datetime:
    """What the clock of this machine shows."""
    return right_time() + AHEAD


if __name__ == "__main__":
    client.utc_now = wrong_time

    from loyalty_mcp.cli.commands import main

    main()
