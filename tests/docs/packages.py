"""Built packages, and separate environments to install them."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs.documents import ROOT


def clone(folder: Path) -> Path:
    """A copy of all files in version control, or to be added, in their current state."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = _run(listing, ROOT, os.environ)
    if done.returncode:
        pytest.skip("this is no clone, so nothing tells what belongs to the project")
    for name in filter(None, done.stdout.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def uv(
    *arguments: str, folder: Path | None = None, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run uv from its cache, and over the network only for missing packages."""
    if shutil.which("uv") is None:
        pytest.skip("uv is not installed")
    kept = _clean({**os.environ, **environment})
    done = _run(["uv", *arguments], folder, {**kept, "UV_OFFLINE": "1"})
    if done.returncode:
        done = _run(["uv", *arguments], folder, kept)
    if done.returncode and "error sending request" in done.stderr and not os.environ.get("CI"):
        pytest.skip("the packages are not in uv's cache, and there is no network")
    assert done.returncode == 0, done.stderr
    return done


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what would make another environment the one that is meant."""
    ours = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH")
    return {name: value for name, value in environment.items() if name not in ours}


def _run(
    command: list[str], folder: Path | None, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
