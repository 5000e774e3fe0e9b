"""The least that an application on this server can do: send back what it was sent."""

import sys
from typing import Any

import uvicorn


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the body, or the path where there is none."""
    body = b""
    while (message := await receive()).get("more_body"):
        body += message["body"]
    body = body + message.get("body", b"") or scope["raw_path"]
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
