"""The Node.js that runs the peer in TypeScript, and the packages of that peer."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PACKAGES: Final[Mapping[str, str]] = {
    "@modelcontextprotocol/server": "2.4.0",
    "@modelcontextprotocol/node": "2.1.2",
    "zod": "4.6.7",
}
NO_NODE: Final = "There is no Node.js with npm, so the peer in TypeScript is left out."


class NoNode(Exception):
    """This machine cannot run it."""


def runnable(script: Path, build: Path) -> tuple[str, str]:
    """The command that runs a script with its packages, which are installed once.

    Args:
        script: imports packages by name, so it is copied beside them.
        build: the folder of what benchmarks and tests build.

    Raises:
        NoNode: there is none.
    """
    tools = build / "node" / "node_modules" / ".bin"
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if node is None or npm is None:
        raise NoNode(NO_NODE)
    folder = build / "node-peers"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = json.dumps({"private": True, "dependencies": PACKAGES})
    listed = folder / "package.json"
    if not listed.exists() or listed.read_text(encoding="utf-8") != wanted:
        listed.write_text(wanted, encoding="utf-8")
        command = (npm, "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock")
        subprocess.run(command, check=True, cwd=folder)  # noqa: S603 - a command of our own
    return node, str(shutil.copy(str(script), str(folder)))
