"""Every snippet is valid, and every link has a target."""

import json
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from docs.client_guides import CLIENTS, KEY, SHOWN_ROLES, START, Client, guide, role_environment
from docs.tool_reference import RISK_MEANINGS
from loyalty_mcp.intents.policy import read_policy
from loyalty_mcp.intents.roles import Role, definition_of
from loyalty_mcp.sandbox.differences import DIFFERENCES
from loyalty_mcp.sandbox.settings import SandboxSettings
from loyalty_mcp.settings import Settings, read_settings, variable_of
from loyalty_mcp.tools.registry import menu
from tests.docs.documents import PAGES, ROOT, Block, blocks, blocks_of

KNOWN: Final = {"sh", "json", "toml", "yaml", "python", "js", "text"}
PLACE: Final = re.compile(r"\$\{[^}]*\}")
LINK: Final = re.compile(r"\]\(([^)#]+)[^)]*\)")
READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
}


@pytest.mark.parametrize("block", blocks("json", "toml", "yaml"), ids=str)
def test_snippet_parses(block: Block) -> None:
    """JSON, TOML and YAML snippets are valid."""
    assert READERS[block.language](block.text)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_compiles(block: Block) -> None:
    """Python snippets compile."""
    compile(block.text, str(block), "exec")


def test_every_block_says_its_language() -> None:
    """Every block states its language, so that no block is skipped by the tests."""
    found = [block for page in PAGES for block in blocks_of(page)]

    assert [str(block) for block in found if block.language not in KNOWN] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every link within the repository has a target."""
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    missing = [
        target
        for target in targets
        if not target.startswith(("http://", "https://")) and not (page.parent / target).exists()
    ]

    assert missing == []


def started(client: Client, environment: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The command and the environment from a client's configuration."""
    assert client.local is not None
    found: Any = READERS[client.language](client.local(environment))
    server = (found.get("mcpServers") or found.get("servers") or found.get("mcp_servers")) or (
        found["extensions"]
    )
    entry = server["loyalty"]
    command = [entry.get("command") or entry["cmd"], *entry["args"]]
    return command, dict(entry.get("env") or entry["envs"])


LOCAL: Final = [client for client in CLIENTS if client.local is not None]


@pytest.mark.parametrize("role", SHOWN_ROLES)
@pytest.mark.parametrize("client", LOCAL, ids=lambda client: client.slug)
def test_a_configuration_publishes_its_role(
    client: Client, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the environment of the snippet, a server starts and publishes the tools of the role."""
    command, environment = started(client, role_environment(role))
    for name, value in environment.items():
        monkeypatch.setenv(name, PLACE.sub("", value))
    settings = read_settings()

    assert command == list(START)
    assert settings.role == role
    assert settings.sandbox
    assert list(menu(settings)) == list(
        menu(read_settings(role=role, member="101" if definition_of(role).needs_member else None))
    )


@pytest.mark.parametrize("client", LOCAL, ids=lambda client: client.slug)
def test_a_guide_says_where_the_key_goes(client: Client) -> None:
    """Each guide names the variable of the key, and contains no key."""
    text = guide(client)

    assert KEY in text
    assert "xkeysib" not in text


@pytest.mark.parametrize("client", LOCAL, ids=lambda client: client.slug)
def test_a_configuration_works_without_a_key(client: Client) -> None:
    """It needs no secret that the reader has not stored yet."""
    assert client.local is not None
    text = client.local({})

    assert "env_keys" not in text
    assert "${env:" not in text


def test_codex_waits_for_the_first_start() -> None:
    """The first start installs packages, which takes longer than Codex's ten seconds."""
    (client,) = [client for client in CLIENTS if client.slug == "codex"]
    assert client.local is not None
    found = tomllib.loads(client.local({}))

    assert found["mcp_servers"]["loyalty"]["startup_timeout_sec"] >= 30


def test_no_command_of_a_guide_installs_the_tools_of_developers() -> None:
    """The guides are for running the server, not for developing it."""
    found = [
        command
        for page in (ROOT / "docs" / "clients").glob("*.md")
        for command in page.read_text(encoding="utf-8").splitlines()
        if command.startswith("uv run") and "--no-dev" not in command
    ]

    assert found == []


@pytest.mark.parametrize(
    "client", [c for c in CLIENTS if c.remote is not None], ids=lambda client: client.slug
)
def test_a_configuration_over_http(client: Client) -> None:
    """It contains the address, and a variable for the token."""
    assert client.remote is not None
    text = client.remote()

    assert READERS[client.language](text)
    assert "/mcp" in text
    assert "LOYALTY_TOKEN" in text or "loyalty-token" in text


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.slug)
def test_a_guide_advises_a_mode_there_is(client: Client) -> None:
    """The confirm mode of a guide is a valid setting."""
    assert read_settings(confirm=client.mode).confirm == client.mode


def test_the_policy_of_the_page_is_a_policy(tmp_path: Path) -> None:
    """The server accepts every rule of the page."""
    (block,) = [block for block in blocks("toml") if block.page == "docs/policy.md"]
    file = tmp_path / "policy.toml"
    file.write_text(block.text, encoding="utf-8")
    tools = menu(read_settings())
    policy = read_policy(file, {name: tool.risk for name, tool in tools.items()})

    assert all(value is not None for value in policy.caps.model_dump().values())
    assert policy.approval.dialog_amount_above == 200
    assert policy.tools.deny == ("delete_program",)


def test_every_setting_has_its_words() -> None:
    """Every setting in the table and in --help has a description."""
    assert all(field.description for field in Settings.model_fields.values())
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{variable_of(name)}` |" in readme for name in Settings.model_fields)


def test_variables_that_documents_set_are_settings() -> None:
    """A misspelled variable would stop the start."""
    known = {variable_of(name) for name in Settings.model_fields} | {"_LOYALTY_MCP_COMPLETE"}
    for page in PAGES:
        said = set(re.findall(r"\b_?LOYALTY_MCP_[A-Z_]+\b", page.read_text(encoding="utf-8")))
        assert said <= known, page


def test_every_risk_has_its_words() -> None:
    """The tool reference describes every risk."""
    assert set(RISK_MEANINGS) == {tool.risk for tool in menu(read_settings()).values()}


def test_switches_are_settings_of_the_sandbox() -> None:
    """Every named switch exists."""
    switches = {item.switch for item in DIFFERENCES if item.switch is not None}

    assert switches <= set(SandboxSettings.__dataclass_fields__)


@pytest.mark.parametrize("page", ["operations.md"])
def test_exported_settings_make_sense(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings that a page exports are valid together."""
    for block in blocks("sh"):
        for line in block.text.splitlines():
            if block.page == f"docs/{page}" and line.startswith("export "):
                name, _, value = line.removeprefix("export ").partition("=")
                given = "0" * 64 if value.startswith("$(") else shlex.split(value)[0]
                monkeypatch.setenv(name, given)
    settings = read_settings()

    assert settings.replicated
    assert settings.oauth_issuer == "https://login.example.com"
