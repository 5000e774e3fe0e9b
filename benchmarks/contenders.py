"""Who is measured: the product and its peers, how they are built and how they are started."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import node

ROOT = Path(__file__).parent.parent
PEERS = Path(__file__).parent / "peers"
BUILD = ROOT / "build"
FASTMCP = "fastmcp==4.1.2"


@dataclass(frozen=True)
class Contender:
    """A server that can be started.

    Args:
        name: as the table says it.
        command: what starts it on standard input and output; a port as last word makes it HTTP.
        environment: what it is told.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def whole_environment(self) -> dict[str, str]:
        """What it is told, on top of what every program needs."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, **self.environment}


def peers_python() -> str:
    """The interpreter of the peers; their packages are installed once, under build/."""
    python = BUILD / "peers" / "bin" / "python"
    if not python.exists():
        _run(sys.executable, "-m", "venv", str(BUILD / "peers"))
        _run(str(python), "-m", "pip", "install", "--quiet", FASTMCP)
    return str(python)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - commands of our own


def openapi() -> Path:
    """The sandbox's own OpenAPI document, with unambiguous names for what it wraps."""
    from loyalty_mcp.sandbox.api import openapi, routes  # noqa: PLC0415 - not for every figure

    path = BUILD / "openapi.json"
    served = [e for e in routes.ENDPOINTS if e.path.startswith("/v3/loyalty/")]
    path.parent.mkdir(exist_ok=True)
    document = openapi.document(served)
    document["paths"] = {key.removeprefix("/v3"): value for key, value in document["paths"].items()}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def peers(upstream: str) -> dict[str, Contender]:
    """The peers, against an upstream; the one in TypeScript only if there is Node.js."""
    variables = {"UPSTREAM": upstream, "OPENAPI": str(openapi())}
    python = peers_python()
    found = {
        name: Contender(name, (python, str(PEERS / f"{name}.py")), variables)
        for name in ("low_level", "high_level", "wrapping")
    }
    try:
        command = node.runnable(PEERS / "typescript.mjs", BUILD)
    except node.NoNode as absent:
        print(absent, file=sys.stderr)
    else:
        found["typescript"] = Contender("typescript", command, variables)
    return found


def product(state: Path, upstream: str | None = None, **settings: str) -> Contender:
    """The product: on its embedded sandbox, or against an upstream.

    Args:
        state: the folder of its journal.
        upstream: the API root; None for the embedded sandbox.
        settings: further settings, by their names without prefix.
    """
    variables = {"XDG_STATE_HOME": str(state), "PYTHONPATH": str(ROOT)}
    variables |= {f"LOYALTY_MCP_{name.upper()}": value for name, value in settings.items()}
    if upstream is not None:
        variables |= {"BREVO_API_KEY": "benchmark", "LOYALTY_MCP_BASE_URL": upstream}
    return Contender("loyalty-mcp", (sys.executable, "-m", "loyalty_mcp"), variables)


@contextmanager
def stub(delay: float = 0.0) -> Iterator[str]:
    """The fast upstream, as a process of its own; gives its API root.

    Args:
        delay: seconds between a request and its answer.
    """
    command = [sys.executable, str(Path(__file__).parent / "stub.py"), str(delay)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(  # noqa: S603 - a command of our own
        command, stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v3"
        finally:
            process.terminate()


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with TemporaryDirectory() as path:
        yield Path(path)
