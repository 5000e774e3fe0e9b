"""A peer: every operation of an OpenAPI document as a tool, wrapped by FastMCP on its own."""

import json
import os
import sys
from pathlib import Path

import httpx2
from fastmcp import FastMCP

http = httpx2.AsyncClient(
    base_url=os.environ["UPSTREAM"],
    headers={"api-key": "benchmark"},
    limits=httpx2.Limits(max_connections=64, max_keepalive_connections=64),
)
document = json.loads(Path(os.environ["OPENAPI"]).read_text(encoding="utf-8"))
server: FastMCP[None] = FastMCP.from_openapi(document, client=http, name="wrapping")
if len(sys.argv) > 1:
    server.run(
        "http",
        host="127.0.0.1",
        port=int(sys.argv[1]),
        show_banner=False,
        stateless_http=True,
        json_response=True,
        log_level="critical",
    )
else:
    server.run("stdio", show_banner=False, log_level="critical")
