"""Wheel and source archive: complete, and working in an empty environment."""

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from mcp import Client, StdioServerParameters

from tests.docs.documents import ROOT, blocks
from tests.docs.packages import uv
from tests.docs.running import service

BUILD: Final = "import sys; from hatchling.build import {0}; print({0}(sys.argv[1]))"
PROJECT: Final[Mapping[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))[
    "project"
]
RANDOM: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


@dataclass(frozen=True)
class Installed:
    """An environment with one installed package, and a folder outside the repository.

    Args:
        command: the installed script.
        folder: the working folder.
        environment: of the processes.
    """

    command: Path
    folder: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the package to its end."""
        return subprocess.run(
            [str(self.command), *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )


def built(kind: str, source: Path, folder: Path) -> Path:
    """A package of the sources in `source`."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD.format(f"build_{kind}"), str(folder)],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive."""
    return built("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built only from the unpacked source archive."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return built("wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an empty environment."""
    venv, folder = tmp_path_factory.mktemp("venv"), tmp_path_factory.mktemp("elsewhere")
    uv("venv", "--quiet", "--clear", "--python", sys.executable, str(venv))
    uv("pip", "install", "--quiet", "--python", str(venv), str(wheel))
    environment = {"PATH": os.environ["PATH"], "XDG_STATE_HOME": str(folder), "NO_COLOR": "1"}
    return Installed(venv / "bin" / "loyalty-mcp", folder, environment)


@pytest.mark.slow
def test_the_archive_holds_the_project(archive: Path) -> None:
    """Package, tests, documents, manifests and licence, without temporary files."""
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    for path in (
        "loyalty_mcp/settings/__init__.py",
        "tests/conftest.py",
        "docs/sandbox.md",
        "manifest.json",
    ):
        assert path in names
    for path in ("LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md"):
        assert path in names

    assert not [name for name in names if "__pycache__" in name or name.startswith("build/")]


@pytest.mark.slow
def test_the_wheel_holds_the_package(wheel: Path) -> None:
    """Every file of the package and its types, and nothing else."""
    package = ROOT / "loyalty_mcp"
    wanted = {
        str(path.relative_to(ROOT))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as opened:
        names = {name for name in opened.namelist() if ".dist-info/" not in name}
        (metadata,) = [name for name in opened.namelist() if name.endswith("/METADATA")]
        metadata_text = opened.read(metadata).decode()

    assert names == wanted
    assert "loyalty_mcp/tools/schema_cache.json" in names
    assert f"\nVersion: {PROJECT['version']}\n" in metadata_text
    assert "\nLicense-Expression: MIT\n" in metadata_text


@pytest.mark.slow
@pytest.mark.long
async def test_a_package_works_without_the_repository(installed: Installed) -> None:
    """With only the wheel: version, demo, doctor, and the server over both transports."""
    assert installed.run("--version").stdout == f"loyalty-mcp, version {PROJECT['version']}\n"

    demo = installed.run("demo")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    check_transcript(demo.stdout)

    doctor = installed.run("doctor", "--json")
    assert doctor.returncode == 0, doctor.stdout
    assert all(finding["good"] for finding in json.loads(doctor.stdout))

    parameters = StdioServerParameters(
        command=str(installed.command), cwd=installed.folder, env=dict(installed.environment)
    )
    async with Client(parameters) as client:
        over_stdio = [tool.name for tool in (await client.list_tools()).tools]
    command = [str(installed.command), "serve", "--http"]
    with service(command, installed.folder, installed.environment) as address:
        async with Client(f"{address}/mcp") as client:
            over_http = [tool.name for tool in (await client.list_tools()).tools]
            found = await client.call_tool("get_member_overview", {"member": "101"})

    assert over_stdio == over_http
    assert not found.is_error


def check_transcript(shown: str) -> None:
    """The transcript in the README equals the demo's output, except for random ids."""
    (block,) = [item for item in blocks("text") if item.page == "README.md"]
    printed = RANDOM.sub("…", shown)
    for step in block.text.split("\n\n"):
        assert RANDOM.sub("…", step.rstrip("\n")) in printed
