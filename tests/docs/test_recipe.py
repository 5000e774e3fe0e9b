"""The recipes of CONTRIBUTING, followed with invented examples on a copy."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.docs.documents import Block, blocks, commands
from tests.docs.packages import clone

GENERATED: Final = {
    *("README.md", "manifest.json", "docs/tools.md", "loyalty_mcp/tools/schema_cache.json"),
}
LEFT: Final = {"__pycache__", ".pytest_cache", ".hypothesis", ".ruff_cache"}
REGISTRY: Final = "loyalty_mcp/tools/registry.py"
LISTED: Final = {
    "get_reward_statistics": {"    rewards.get_reward,\n": "    rewards.get_reward_statistics,\n"},
    "count_rewards": {
        "    get_member_overview,\n": "    count_rewards,\n",
        "from loyalty_mcp.tools.members.find_member import find_member\n": (
            "from loyalty_mcp.tools.members.find_member import count_rewards\n"
        ),
    },
}
"""What the recipe adds to the registry, and after which line."""

IMPORTS: Final = {
    "get_reward_statistics": (
        "from loyalty_mcp.brevo.operations.rewards import RewardStatistics, get_reward_statistics\n"
        "from loyalty_mcp.brevo.request import get\n\n\n"
    ),
    "count_rewards": "from tests.conftest import Connect\n\n\n",
}
PYTHON: Final = [block.text for block in blocks("python") if block.page == "CONTRIBUTING.md"]


def generation() -> list[str]:
    """The commands that write what is generated."""
    return [
        command for block in blocks("sh") for command in commands(block) if written(block, command)
    ]


def written(block: Block, command: str) -> bool:
    """Whether a command of CONTRIBUTING writes something."""
    return block.page == "CONTRIBUTING.md" and ("UPDATE_" in command or "docs.generate" in command)


def run(folder: Path, *arguments: str, **environment: str) -> str:
    """Run a module of Python in the copy, to its good end."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (arguments, done.stdout[-3_000:], done.stderr[-1_000:])
    return done.stdout


def follow(folder: Path) -> None:
    """Run the commands of the recipe that write what is generated."""
    for command in generation():
        words = shlex.split(command)
        environment = dict(word.split("=", 1) for word in words if word.startswith("UPDATE_"))
        arguments = words[words.index("run") + 1 :]
        module = arguments if arguments[0] != "python" else arguments[2:]
        run(folder, *module, **environment)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a copy, except temporary ones."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not LEFT.intersection(path.parts)
    }


def test_the_recipe_shows_what_is_tried() -> None:
    """An operation and its test, a task and its test, and two commands."""
    assert len(PYTHON) == 4
    assert len(generation()) == 2


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "source", "test", "code", "check", "needs"),
    [
        pytest.param(
            "get_reward_statistics",
            "loyalty_mcp/brevo/operations/rewards.py",
            "tests/brevo/operations/test_reward_statistics.py",
            PYTHON[0],
            PYTHON[1],
            "",
            id="operation",
        ),
        pytest.param(
            "count_rewards",
            "loyalty_mcp/tools/members/find_member.py",
            "tests/tools/test_count_rewards.py",
            PYTHON[2],
            PYTHON[3],
            "from loyalty_mcp.brevo.operations.rewards import list_rewards\n",
            id="task",
        ),
    ],
)
def test_recipe(
    tmp_path: Path, name: str, source: str, test: str, code: str, check: str, needs: str
) -> None:
    """One source file, the registry, a test and generated files publish a tool."""
    folder = clone(tmp_path / "copy")
    before = contents(folder)
    file = folder / source
    text = file.read_text(encoding="utf-8")
    if needs and needs not in text:
        text = text.replace(
            "from loyalty_mcp.brevo.operations.", f"{needs}from loyalty_mcp.brevo.operations.", 1
        )
    file.write_text(f"{text}\n\n{code}", encoding="utf-8")
    registry = (folder / REGISTRY).read_text(encoding="utf-8")
    for neighbour, line in LISTED[name].items():
        assert neighbour in registry
        registry = registry.replace(neighbour, neighbour + line, 1)
    (folder / REGISTRY).write_text(registry, encoding="utf-8")
    (folder / test).write_text(f'"""{name}."""\n\n{IMPORTS[name]}{check}', encoding="utf-8")
    follow(folder)

    changed = {path for path, content in contents(folder).items() if content != before.get(path)}
    assert changed == {source, REGISTRY, test, f"tests/tools/snapshots/{name}.json", *GENERATED}
    assert f"\n{name} " in run(folder, "loyalty_mcp", "tools", BREVO_API_KEY="")
    checks = (
        "tests/docs/test_generated.py",
        "tests/test_architecture.py",
        "tests/tools/test_schema.py",
    )
    run(folder, "pytest", "-q", "-m", "not slow", test, *checks)
    run(folder, "ruff", "check", "--select", "E,F", source, test)
