"""The client guides, generated from one source so that shared text is written once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from loyalty_mcp.intents.roles import Role, definition_of

FOLDER: Final = "/path/to/loyalty-mcp"
"""A placeholder for the folder of the reader's clone."""

START: Final = ("uv", "run", "--directory", FOLDER, "--no-dev", "loyalty-mcp")
"""The command that a client starts."""

ADDRESS: Final = "http://127.0.0.1:8000/mcp"
KEY: Final = "BREVO_API_KEY"
BEARER: Final = "LOYALTY_TOKEN"
"""The variable that holds the token of `loyalty-mcp token create`."""

DOCTOR: Final = " ".join((*START, "doctor"))
Environment = Mapping[str, str]

SHOWN_ROLES: Final = tuple(role for role in Role if not definition_of(role).everything)
SHOWN_MEMBER: Final = "101"


def role_environment(role: Role) -> dict[str, str]:
    """The settings that select a role, and the member for a role that serves one member."""
    member = {"LOYALTY_MCP_MEMBER": SHOWN_MEMBER} if definition_of(role).needs_member else {}
    return {"LOYALTY_MCP_ROLE": role.value, **member}


@dataclass(frozen=True)
class Client:
    """The contents of a client's guide.

    Args:
        slug: the guide's file name.
        name: as its vendor writes it.
        place: where to put the configuration.
        language: of the configuration: `json`, `toml`, `yaml` or `sh`.
        local: the configuration that starts the server; None if the client cannot start one.
        remote: the configuration for a server over HTTP; None if the client uses a form.
        dialogs: whether it shows dialogs.
        resources: whether it can attach resources.
        prompts: how it offers prompts.
        mode: the recommended confirm mode.
        why: why that mode.
        kept: where the API key is stored.
        steps: further instructions, one sentence or more each.
    """

    slug: str
    name: str
    place: str
    language: str
    local: Callable[[Environment], str] | None
    remote: Callable[[], str] | None
    dialogs: str
    resources: str
    prompts: str
    mode: str
    why: str
    kept: str
    steps: tuple[str, ...] = ()


def dumped(value: object) -> str:
    """A configuration in JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def claude_desktop(environment: Environment) -> str:
    """An entry of claude_desktop_config.json."""
    command, *arguments = START
    entry = {"command": command, "args": arguments, "env": {**environment, KEY: ""}}
    return dumped({"mcpServers": {"loyalty": entry}})


def claude_code(environment: Environment) -> str:
    """An entry of .mcp.json."""
    command, *arguments = START
    values = {**environment, KEY: f"${{{KEY}:-}}"}
    entry = {"type": "stdio", "command": command, "args": arguments, "env": values}
    return dumped({"mcpServers": {"loyalty": entry}})


def claude_code_remote() -> str:
    """An entry of .mcp.json that calls a service."""
    headers = {"Authorization": f"Bearer ${{{BEARER}}}"}
    entry = {"type": "http", "url": ADDRESS, "headers": headers}
    return dumped({"mcpServers": {"loyalty": entry}})


def vs_code(environment: Environment) -> str:
    """A .vscode/mcp.json that asks for the key once."""
    command, *arguments = START
    values = {**environment, KEY: "${input:brevo-key}"}
    entry = {"type": "stdio", "command": command, "args": arguments, "env": values}
    question = _asked("brevo-key", "Brevo API key; empty for the sandbox")
    return dumped({"inputs": [question], "servers": {"loyalty": entry}})


def vs_code_remote() -> str:
    """A .vscode/mcp.json that calls a service."""
    headers = {"Authorization": "Bearer ${input:loyalty-token}"}
    entry = {"type": "http", "url": ADDRESS, "headers": headers}
    question = _asked("loyalty-token", "Token of the loyalty service")
    return dumped({"inputs": [question], "servers": {"loyalty": entry}})


def _asked(name: str, text: str) -> dict[str, object]:
    return {"type": "promptString", "id": name, "description": text, "password": True}


def cursor(environment: Environment) -> str:
    """An entry of .cursor/mcp.json without the key: Cursor does not expand unset variables."""
    command, *arguments = START
    entry = {"command": command, "args": arguments, "env": {**environment}}
    return dumped({"mcpServers": {"loyalty": entry}})


def cursor_remote() -> str:
    """An entry of .cursor/mcp.json that calls a service."""
    headers = {"Authorization": f"Bearer ${{env:{BEARER}}}"}
    return dumped({"mcpServers": {"loyalty": {"url": ADDRESS, "headers": headers}}})


def codex(environment: Environment) -> str:
    """A table of config.toml."""
    command, *arguments = START
    lines = [
        "[mcp_servers.loyalty]",
        f'command = "{command}"',
        f"args = {json.dumps(arguments)}",
        f'env_vars = ["{KEY}"]',
        "startup_timeout_sec = 60",
        "",
        "[mcp_servers.loyalty.env]",
        *(f'{name} = "{value}"' for name, value in environment.items()),
    ]
    return "\n".join(lines)


def codex_remote() -> str:
    """A table of config.toml that calls a service."""
    return f'[mcp_servers.loyalty]\nurl = "{ADDRESS}"\nbearer_token_env_var = "{BEARER}"'


def goose(environment: Environment) -> str:
    """An entry of config.yaml."""
    command, *arguments = START
    lines = [
        "extensions:",
        "  loyalty:",
        "    name: Loyalty",
        "    description: Loyalty programs on Brevo",
        "    type: stdio",
        "    enabled: true",
        f"    cmd: {command}",
        f"    args: {json.dumps(arguments)}",
        "    timeout: 300",
        "    envs:",
        *(f'      {name}: "{value}"' for name, value in environment.items()),
    ]
    return "\n".join(lines)


def goose_remote() -> str:
    """An entry of config.yaml that calls a service."""
    lines = [
        "extensions:",
        "  loyalty:",
        "    name: Loyalty",
        "    description: Loyalty programs on Brevo",
        "    type: streamable_http",
        "    enabled: true",
        f"    uri: {ADDRESS}",
        "    timeout: 300",
        "    headers:",
        f"      Authorization: Bearer ${{{BEARER}}}",
        f"    env_keys: [{BEARER}]",
    ]
    return "\n".join(lines)


SANDBOX_NOTE: Final = (
    "Without a key, the server uses the embedded sandbox, and every answer begins with `[sandbox]`."
)

ASKS: Final = "It shows dialogs, so a person agrees to each change. The model cannot."

CLIENTS: Final = (
    Client(
        slug="claude-desktop",
        name="Claude Desktop",
        place="Open `claude_desktop_config.json` under Settings, Developer, Edit Config. Add this, "
        "then quit the application and start it again.",
        language="json",
        local=claude_desktop,
        remote=None,
        dialogs="not documented (2026-11)",
        resources="yes, attached manually",
        prompts="yes",
        mode="ask",
        why="Without dialogs, the preview appears in the conversation, and the model repeats the "
        "call with the confirmation. Use `operator` if the model must not be able to do that.",
        kept="Put the key between the quotes of `BREVO_API_KEY`, or install the bundle, which "
        "stores it in the system's keychain.",
        steps=(
            (
                "The bundle needs no configuration file: create it with "
                "`npx @anthropic-ai/mcpb pack`, and install it under Settings, Extensions, Install "
                "Extension, which asks for key, role and program."
            ),
        ),
    ),
    Client(
        slug="claude-code",
        name="Claude Code",
        place="Put this into `.mcp.json` at the root of a project.",
        language="json",
        local=claude_code,
        remote=claude_code_remote,
        dialogs="yes",
        resources="yes, with `@`",
        prompts="yes, as commands",
        mode="ask",
        why=ASKS,
        kept="The key comes from `BREVO_API_KEY` in the shell that starts Claude Code.",
        steps=(
            (
                "Claude Code asks once whether to use the servers of a project's `.mcp.json`. "
                "Until you approve, there or with `/mcp`, it starts no server and lists no tools."
            ),
            (
                "A hook for elicitation can answer dialogs for the person. Use `operator` if "
                "people can set hooks that you cannot see."
            ),
        ),
    ),
    Client(
        slug="vs-code",
        name="VS Code",
        place="Put this into `.vscode/mcp.json` of a workspace, or open the user configuration "
        "with the command *MCP: Open User Configuration*.",
        language="json",
        local=vs_code,
        remote=vs_code_remote,
        dialogs="yes",
        resources="yes, with *Add Context*",
        prompts="yes, as `/` commands",
        mode="ask",
        why=ASKS,
        kept="The editor asks for the key once and stores it in its secret storage. Leave it "
        "empty for the sandbox.",
        steps=(
            (
                "Sessions outside the editor, such as background and command-line sessions, may "
                "not get servers with `${input:…}`, because they cannot ask anybody. Set "
                "`BREVO_API_KEY` in their environment, and omit that line."
            ),
        ),
    ),
    Client(
        slug="cursor",
        name="Cursor",
        place="Put this into `~/.cursor/mcp.json`, or into `.cursor/mcp.json` of a project.",
        language="json",
        local=cursor,
        remote=cursor_remote,
        dialogs="yes",
        resources="yes",
        prompts="yes",
        mode="ask",
        why=ASKS,
        kept="For a real account, set the variable `BREVO_API_KEY` in the environment in which "
        'Cursor starts, and add `"BREVO_API_KEY": "${env:BREVO_API_KEY}"` to `env`.',
        steps=(
            (
                "Do not add that line while the variable is not set: Cursor would pass the literal "
                "text `${env:BREVO_API_KEY}`. The server would then not start, and say so in the "
                "MCP log."
            ),
        ),
    ),
    Client(
        slug="codex",
        name="Codex",
        place="Put this into `~/.codex/config.toml`, or into `.codex/config.toml` of a trusted "
        "project.",
        language="toml",
        local=codex,
        remote=codex_remote,
        dialogs="yes, since 0.119",
        resources="yes, since 0.119",
        prompts="not stated",
        mode="ask",
        why=ASKS,
        kept="`env_vars` passes on `BREVO_API_KEY` from the shell that starts Codex.",
        steps=(
            (
                "Codex gives a server ten seconds to start. The first start installs the packages "
                "and takes longer, hence `startup_timeout_sec`."
            ),
        ),
    ),
    Client(
        slug="goose",
        name="Goose",
        place="Put this into `~/.config/goose/config.yaml`, or run `goose configure`.",
        language="yaml",
        local=goose,
        remote=goose_remote,
        dialogs="yes, for five minutes",
        resources="yes",
        prompts="yes",
        mode="ask",
        why=ASKS,
        kept="For a real account, run `goose configure` and add `BREVO_API_KEY` to the extension. "
        "Goose asks for the key, stores it in the system's keyring, and adds it to `env_keys`.",
        steps=(
            (
                "Do not add `env_keys` manually before the secret exists: Goose would not load the "
                'extension ("Failed to fetch secret"). The same applies to `LOYALTY_TOKEN`.'
            ),
        ),
    ),
    Client(
        slug="chatgpt",
        name="ChatGPT",
        place="In the browser, open Settings, Apps, Advanced settings and switch Developer mode "
        "on. Then choose Create app, and enter your address ending in `/mcp` and OAuth as "
        "authentication.",
        language="sh",
        local=None,
        remote=None,
        dialogs="yes, according to its documentation",
        resources="no",
        prompts="not stated",
        mode="operator",
        why="This server cannot see the question that ChatGPT asks before a change. On the "
        "approvals page, somebody of your organization decides.",
        kept="ChatGPT reaches the server only over HTTPS, so the key stays on the server.",
        steps=(
            "The server needs a public address and OAuth: see [operations](../operations.md).",
            "The scopes of the access token determine the role, and its claim the member.",
        ),
    ),
)


def guide(client: Client) -> str:
    """The guide of a client, in Markdown."""
    parts = [
        f"# {client.name}",
        client.place,
        client.kept,
        *client.steps,
        SANDBOX_NOTE,
        _shows(client),
        *_locally(client),
        *_remotely(client),
        *_checked(client),
    ]
    return "\n\n".join(parts) + "\n"


def _shows(client: Client) -> str:
    lines = [
        "## What the client supports",
        "",
        "| dialogs | resources | prompts | confirm mode |",
        "| --- | --- | --- | --- |",
        f"| {client.dialogs} | {client.resources} | {client.prompts} | `{client.mode}` |",
        "",
        client.why,
    ]
    return "\n".join(lines)


def _locally(client: Client) -> list[str]:
    if client.local is None:
        return []
    found = [
        (
            f"Replace `{FOLDER}` with the folder of your clone. "
            "If the client does not find `uv`, use its full path, which `which uv` prints."
        )
    ]
    for role in SHOWN_ROLES:
        variables, meaning = role_environment(role), definition_of(role).meaning
        if definition_of(role).needs_member:
            meaning += f" In this example, it is contact {SHOWN_MEMBER}."
        else:
            variables["LOYALTY_MCP_CONFIRM"] = client.mode
        found.append(
            f"## Role {role}\n\n{meaning}\n\n{block(client.language, client.local(variables))}"
        )
    return found


def _remotely(client: Client) -> list[str]:
    if client.local is None:
        return [
            (
                "## Roles\n\n"
                "| role | scope of the access token |\n"
                "| --- | --- |\n"
                "| support, read-only | `loyalty:read` |\n"
                "| support | `loyalty:read loyalty:write` |\n"
                "| full, which includes manager | `loyalty:admin` |\n"
                "| member | any of these, with the claim `loyalty_member` |"
            )
        ]
    if client.remote is None:
        return []
    return [
        (
            "## Over HTTP\n\n"
            f"To use a running service, replace `{ADDRESS}` with its address, and set the variable "
            f"`{BEARER}` to the token that its operator gave you.\n"
            "The token determines the role.\n\n"
            f"{block(client.language, client.remote())}"
        )
    ]


def _checked(client: Client) -> list[str]:
    if client.local is None:
        return []
    return [
        (
            "## Try it\n\n"
            'Ask: *"How many points does member 101 have, and how many more do they need for the '
            'next tier?"*\n'
            "If no answer comes, `doctor` says what is wrong and how to fix it:\n\n"
            f"{block('sh', DOCTOR)}"
        )
    ]


def block(language: str, text: str) -> str:
    """A block of code."""
    return f"```{language}\n{text}\n```"


def overview() -> str:
    """The table of clients."""
    rows = [
        f"| [{client.name}]({client.slug}.md) | {client.dialogs} | {client.resources} "
        f"| {client.prompts} | `{client.mode}` |"
        for client in CLIENTS
    ]
    head = [
        "| client | dialogs | resources | prompts | confirm mode |",
        "| --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*head, *rows])
