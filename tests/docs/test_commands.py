"""Every command in the documents works."""

import itertools
import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
import yaml
from click.testing import CliRunner

from loyalty_mcp.cli.commands import main
from loyalty_mcp.guard.confirmation import Caller
from loyalty_mcp.intents.lifecycle import State
from loyalty_mcp.server.bootstrap import compose
from loyalty_mcp.server.dispatcher import Answer
from loyalty_mcp.settings import read_settings
from tests.docs.documents import ROOT, Block, blocks, commands
from tests.docs.running import sandbox, service
from tests.node_tools import FOLDER, required
from tests.ports import free_port

IN_A_CLONE: Final = re.compile(r"^uv run (--directory \S+ )?(--no-dev )?(?=loyalty-mcp)")
REMARK: Final = re.compile(r"\s{2,}#.*$")
INTENT: Final = re.compile(r"\b[0-9a-f]{32}\b|(?<= close )[0-9a-f]{8}\b")
SANDBOX: Final = "http://127.0.0.1:8585"
SERVICE: Final = "http://127.0.0.1:8000"
FATE: Final[tuple[State, ...]] = ("proposed", "approved", "sent", "unknown")
DEBIT: Final = {"member": "101", "amount": 5, "reason": "Correction"}

PAIRS: Final = [(block, command) for block in blocks("sh") for command in commands(block)]
ELSEWHERE: Final = {
    "uv run pytest": "this very run",
    "uv run ruff check .": ".ci/run",
    "uv run ruff format --check .": ".ci/run",
    "uv run lint-imports": ".ci/run",
    "uv run mypy": ".ci/run",
    "uv run python -m docs.generate": "test_recipe.py",
    "uv run python benchmarks/run.py --write README.md docs/benchmarks.md": "test_benchmarks.py",
    "uv run python benchmarks/run.py scale --quick": "test_benchmarks.py",
    (
        "UPDATE_SNAPSHOTS=1 uv run pytest tests/tools/test_every_tool.py -k snapshot"
    ): "test_recipe.py",
    "pip install uv && uv run loyalty-mcp demo": "test_packages.py, from the wheel",
    "pip install uv && uv run pytest": "this very run",
}
"""Commands that are run elsewhere, and where."""

INSTALLS: Final = {
    "pip install brevo-python==5.1.0": "pyproject.toml",
    "npm i @getbrevo/brevo@6.0.3": ".ci/node-tools",
}
"""Commands that download something, and the tests that need the same."""


def plain(command: str) -> str:
    """A command without its comment, as called when installed."""
    return IN_A_CLONE.sub("", REMARK.sub("", command))


def kind(command: str) -> str:
    """How a command is tested."""
    said = plain(command)
    if {said, REMARK.sub("", command)} & set(ELSEWHERE):
        return "elsewhere"
    if said in INSTALLS:
        return "installs"
    for begin, found in (
        ("loyalty-mcp sandbox", "sandbox"),
        ("loyalty-mcp serve --http", "service"),
        ("loyalty-mcp ", "command"),
        ("curl --request POST ", "guide"),
        ("curl ", "curl"),
        ("node docs/examples/", "node"),
        ("docker compose ", "container"),
        ("export ", "export"),
        ("python3 -c", "shell"),
        ("eval ", "shell"),
        ("_LOYALTY_MCP_COMPLETE=", "shell"),
    ):
        if said.startswith(begin):
            return found
    return "unknown"


def of_kind(*kinds: str) -> list[object]:
    """The commands that are tested in one way, as parameters of a test."""
    return [
        pytest.param(plain(command), id=f"{block}-{number}")
        for number, (block, command) in enumerate(PAIRS)
        if kind(command) in kinds
    ]


def test_every_command_is_tried() -> None:
    """Every command is of a known kind."""
    unknown = [f"{block}: {command}" for block, command in PAIRS if kind(command) == "unknown"]

    assert unknown == []
    assert len(PAIRS) > 30


def test_what_is_run_elsewhere_is() -> None:
    """CI runs the lint, type and test commands of the documents."""
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()

    assert {step for step, where in ELSEWHERE.items() if where == ".ci/run"} <= set(steps)
    assert "uv run pytest" in steps


@pytest.mark.parametrize(("command", "where"), INSTALLS.items())
def test_what_is_installed_is_what_was_tested(command: str, where: str) -> None:
    """The version in a document is the version that the tests use."""
    assert command.rsplit(maxsplit=1)[-1] in (ROOT / where).read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that commands name."""
    (policy,) = [block for block in blocks("toml") if block.page == "docs/policy.md"]
    (tmp_path / "policy.toml").write_text(policy.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stored_intent(*, unknown: bool) -> str:
    """The id of an intent that waits for an operator, or whose outcome is unknown."""

    async def proposed() -> str:
        runtime = compose(read_settings(confirm="operator"))
        try:
            answer = await runtime.dispatcher.call(
                "debit_points", DEBIT, Caller("support", can_ask=False)
            )
            assert isinstance(answer, Answer)
            assert answer.structured is not None
            assert answer.structured["status"] == "waiting_for_operator"
            intent = str(answer.structured["intent"])
            journal, now = runtime.context.journal.open(), runtime.context.now()
            for was, becomes in itertools.pairwise(FATE) if unknown else ():
                assert await journal.move(intent, was, becomes, now)
            return intent
        finally:
            await runtime.close()

    return anyio.run(proposed)


def in_order() -> list[object]:
    """Blocks of our commands that terminate, in order."""
    found = [
        (block, [plain(c) for c in commands(block) if kind(c) == "command"])
        for block in blocks("sh")
    ]
    return [pytest.param(block, said, id=str(block)) for block, said in found if said]


@pytest.mark.parametrize(("block", "said"), in_order())
def test_our_commands(
    block: Block, said: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command succeeds, in the order of its block, on one journal."""
    if any("reconcile" in command for command in said):
        port = free_port()
        with sandbox(["sandbox"], port, folder, os.environ["PATH"]) as address:
            monkeypatch.setenv("BREVO_API_KEY", "any")
            monkeypatch.setenv("LOYALTY_MCP_BASE_URL", f"{address}/v3")
            run_all(block, said)
    else:
        run_all(block, said)


def run_all(block: Block, said: list[str]) -> None:
    """Run the commands of a block."""
    for command in said:
        named = INTENT.search(command)
        real = command
        if named is not None:
            real = command.replace(named[0], stored_intent(unknown=" close " in command))
        _, *arguments = shlex.split(real)
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, (str(block), command, result.output)
        assert result.output.strip()
        if "--json" in arguments:
            json.loads(result.stdout)


@pytest.mark.parametrize("said", of_kind("container"))
def test_containers_that_commands_name(said: str) -> None:
    """The services and profiles of a command are those of compose.yaml, and so are the flags.

    A machine that runs tests need not run containers, so none is started here.
    """
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    words = shlex.split(said)
    if "--profile" in words:
        profile = words[words.index("--profile") + 1]
        assert any(profile in service.get("profiles", ()) for service in services.values())
    if "run" in words:
        name = next(word for word in words[words.index("run") + 1 :] if not word.startswith("--"))
        entry, *arguments = services[name]["entrypoint"]
        given = [*arguments, *words[words.index(name) + 1 :]]
        assert entry == "loyalty-mcp"
        assert CliRunner().invoke(main, given).exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("said", of_kind("sandbox"))
def test_the_sandbox_starts(said: str, folder: Path) -> None:
    """It answers on its port, with the flags of the document."""
    _, *arguments = shlex.split(said)
    with sandbox(arguments, free_port(), folder, os.environ["PATH"]):
        assert (folder / "shop.db").exists() == ("--database" in arguments)


@pytest.mark.slow
@pytest.mark.parametrize("said", of_kind("service"))
def test_the_service_starts(said: str, folder: Path, state_home: Path) -> None:
    """It serves, with the flags of the document."""
    _, *arguments = shlex.split(said)
    command = [sys.executable, "-m", "loyalty_mcp", *arguments]
    environment = {"PATH": os.environ["PATH"], "XDG_STATE_HOME": str(state_home)}
    with service(command, folder, environment):
        pass


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A sandbox that listens."""
    folder = tmp_path_factory.mktemp("engine")
    with sandbox(["sandbox"], free_port(), folder, os.environ["PATH"]) as address:
        yield address


@pytest.mark.slow
def test_python_of_the_sandbox_page(engine: str) -> None:
    """The official Python SDK reads the seeded program, and the engine accepts a switch."""
    texts = [block.text for block in blocks("python") if block.page == "docs/sandbox.md"]
    for text in texts:
        done = subprocess.run(
            [sys.executable, "-c", text.replace(SANDBOX, engine)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert ("VIP Club" in done.stdout) == ("sdk" in text)

    assert len(texts) == 2


@pytest.mark.slow
@pytest.mark.parametrize("said", of_kind("curl"))
def test_curl(said: str, engine: str, folder: Path, state_home: Path) -> None:
    """The curl commands get the described answers."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    environment = {"PATH": os.environ["PATH"], "XDG_STATE_HOME": str(state_home)}
    if SERVICE not in said:
        assert shell(said.replace(SANDBOX, engine), environment)
        return
    token = CliRunner().invoke(main, ["token", "create", "--name", "curl", "--role", "support"])
    command = [sys.executable, "-m", "loyalty_mcp", "serve", "--http"]
    with service(command, folder, environment) as address:
        known = {**environment, "LOYALTY_TOKEN": token.stdout.strip()}
        answer = shell(said.replace(SERVICE, address), known)
        overview = answer["result"]["structuredContent"]
        assert overview["member"] == 101
        assert answer["result"]["content"][0]["text"].startswith("[sandbox] Member 101")


@pytest.mark.slow
def test_the_set_up_guide_as_printed(folder: Path) -> None:
    """The four commands, with the ids filled in, result in an active program."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    steps = [plain(command) for _, command in PAIRS if kind(command) == "guide"]
    with sandbox(["sandbox", "--empty"], free_port(), folder, os.environ["PATH"]) as address:
        answers: list[dict[str, Any]] = []
        for step in steps:
            said = step.replace(SANDBOX, address)
            for name, answer in zip(("{pid}", "{balanceDefinitionId}"), answers, strict=False):
                said = said.replace(name, answer["id"])
            answers.append(shell(said, {"PATH": os.environ["PATH"]}))

    program, definition, group, published = answers
    assert (program["state"], published["state"]) == ("inactive", "active")
    assert published["id"] == program["id"]
    assert definition["expiryPolicy"] == {"type": "rolling", "duration": 12, "unit": "month"}
    assert [tier["threshold"] for tier in group["tiers"]] == [0, 300, 500]


def shell(command: str, environment: dict[str, str]) -> dict[str, Any]:
    """The JSON that a command of the shell prints."""
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=environment, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    assert "message" not in found, found
    assert "error" not in found, found
    return found


@pytest.mark.parametrize("said", of_kind("shell"))
def test_shell(said: str, folder: Path) -> None:
    """The shell commands work."""
    with closing(sqlite3.connect(folder / "journal.db")) as journal, journal:
        journal.execute("CREATE TABLE kept (word TEXT)")
        journal.execute("INSERT INTO kept VALUES ('this')")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", said], capture_output=True, text=True, env={"PATH": path}, check=False
    )

    assert done.returncode == 0, done.stderr
    if "journal-copy.db" in said:
        with closing(sqlite3.connect(folder / "journal-copy.db")) as copy:
            assert copy.execute("SELECT word FROM kept").fetchall() == [("this",)]


@pytest.mark.slow
@pytest.mark.parametrize("said", of_kind("node"))
def test_the_official_node_sdk_runs(said: str, tmp_path: Path) -> None:
    """50 of 50 operations, and the calls of 4 reference pages, against the sandbox."""
    required("../@getbrevo/brevo/package.json")
    script = tmp_path / "sdk.mjs"
    shutil.copy(ROOT / shlex.split(said)[1], script)
    (tmp_path / "node_modules").symlink_to(FOLDER.parent)
    path = f"{FOLDER}{os.pathsep}{os.environ['PATH']}"
    with sandbox(["sandbox", "--empty"], free_port(), tmp_path, os.environ["PATH"]) as address:
        done = subprocess.run(
            ["node", str(script), address],
            capture_output=True,
            text=True,
            env={"PATH": path},
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(("50 of 50 operations\n", "4 of 4 pages\n"))


def test_the_client_starts_what_the_project_provides() -> None:
    """`loyalty-mcp` is the script of the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["scripts"] == {"loyalty-mcp": "loyalty_mcp.cli.commands:main"}
