"""The tools of the npm registry that some tests drive; `.ci/node-tools` installs them."""

import os
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "build" / "node" / "node_modules" / ".bin"


def required(name: str) -> Path:
    """The path of a tool; skips the test where it is not installed, except in CI."""
    found = FOLDER / name
    if not found.exists():
        reason = f"{name} is not installed; .ci/node-tools installs it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def run(
    name: str, *arguments: str, seconds: float = 240, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a tool to its end, with the Node that was installed beside it."""
    path = f"{FOLDER}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [str(required(name)), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        env={**os.environ, **environment, "PATH": path},
    )
